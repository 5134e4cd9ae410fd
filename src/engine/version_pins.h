// VersionPins: versions that snapshots, cursors and transactions hold against the floor. O(1) to pin and to release;
// blocks no writer and no reader of data.
#pragma once

#include <zverse/types.h>

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <utility>

namespace zverse::engine {

class VersionPins {
public:
    /// Holds one version until released. Move-only; must be released before the VersionPins dies.
    class Pin {
    public:
        Pin() noexcept = default;
        Pin(Pin&& other) noexcept : pins_(std::exchange(other.pins_, nullptr)), place_(other.place_) {}
        Pin& operator=(Pin&& other) noexcept {
            if (this != &other) {
                release();
                pins_ = std::exchange(other.pins_, nullptr);
                place_ = other.place_;
            }
            return *this;
        }
        ~Pin() { release(); }
        [[nodiscard]] Version version() const noexcept { return pins_ != nullptr ? *place_ : 0; }

    private:
        friend class VersionPins;
        Pin(VersionPins& pins, std::list<Version>::iterator place) noexcept : pins_(&pins), place_(place) {}
        void release() noexcept {
            if (pins_ == nullptr) return;
            const std::scoped_lock lock(pins_->mutex_);
            pins_->versions_.erase(place_);
            pins_ = nullptr;
        }
        VersionPins* pins_ = nullptr;
        std::list<Version>::iterator place_;
    };

    [[nodiscard]] Pin pin(Version version) {
        const std::scoped_lock lock(mutex_);
        return Pin(*this, versions_.insert(versions_.end(), version));
    }
    [[nodiscard]] std::optional<Version> oldest() const {
        const std::scoped_lock lock(mutex_);
        std::optional<Version> least;
        for (const Version version : versions_) {
            if (!least || version < *least) least = version;
        }
        return least;
    }
    [[nodiscard]] std::size_t count() const {
        const std::scoped_lock lock(mutex_);
        return versions_.size();
    }

private:
    mutable std::mutex mutex_;
    std::list<Version> versions_;
};

}  // namespace zverse::engine
