// VersionPins: versions that snapshots, named pins, cursors and transactions hold against the floor, and the floor that
// they are held against. Blocks no writer and no reader of data. Cost: O(log n) of all pins, O(1) for the newest.
//
// Protocol: who wants to forget calls raise_floor() and forgets only what the version it returns allows, after it has
// published that version (manifest, then view). Under one mutex either a pin is seen by raise_floor(), which then
// stops at it, or it is refused because it came too late. So the floor here is never below the published one, and may
// stay above it when publishing failed: what lies between is still read, but not pinned any more.
//
// Invariant P1: no pin is below floor().
#pragma once

#include <zverse/types.h>

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <optional>
#include <set>
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
        Pin(VersionPins& pins, std::multiset<Version>::iterator place) noexcept : pins_(&pins), place_(place) {}
        void release() noexcept {
            if (pins_ == nullptr) return;
            const std::scoped_lock lock(pins_->mutex_);
            pins_->versions_.erase(place_);
            pins_ = nullptr;
        }
        VersionPins* pins_ = nullptr;
        std::multiset<Version>::iterator place_;
    };

    /// Nothing when the version is below the floor.
    [[nodiscard]] std::optional<Pin> try_pin(Version version) {
        const std::scoped_lock lock(mutex_);
        if (version < floor_) return std::nullopt;
        return insert(version);
    }
    /// Pins the version, or the floor where that is higher: for a version that was the latest when it was looked up.
    [[nodiscard]] Pin pin_from(Version version) {
        const std::scoped_lock lock(mutex_);
        return insert(std::max(version, floor_));
    }
    /// Moves the floor to `wanted`, or as far as the oldest pin allows; never back. `wanted` is at most the latest
    /// version that reads can see. Returns where the floor is now: what may be forgotten, once that is published.
    Version raise_floor(Version wanted) {
        const std::scoped_lock lock(mutex_);
        if (!versions_.empty()) wanted = std::min(wanted, *versions_.begin());
        floor_ = std::max(floor_, wanted);
        return floor_;
    }
    /// The floor that pins are held against.
    [[nodiscard]] Version floor() const {
        const std::scoped_lock lock(mutex_);
        return floor_;
    }
    [[nodiscard]] std::optional<Version> oldest() const {
        const std::scoped_lock lock(mutex_);
        if (versions_.empty()) return std::nullopt;
        return *versions_.begin();
    }
    [[nodiscard]] std::size_t count() const {
        const std::scoped_lock lock(mutex_);
        return versions_.size();
    }

private:
    [[nodiscard]] Pin insert(Version version) {
        // Most pins are of the latest version: the hint makes those O(1).
        return Pin(*this, versions_.insert(versions_.end(), version));
    }

    mutable std::mutex mutex_;
    std::multiset<Version> versions_;
    Version floor_ = 0;
};

}  // namespace zverse::engine
