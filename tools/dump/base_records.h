// BaseRecords: what a store keeps of the time up to its floor, the newest record of each key, by version and key. The
// store gives them by key; so each pass over it takes the next ones by version, as many as memory holds.
#pragma once

#include <zverse/store.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace zverse::tools {

class BaseRecords {
public:
    /// `floor` is the store's, pinned by the caller. `bytes_max`: about, for keys; a single one always fits.
    BaseRecords(const Store& store, KeyRange keys, Version floor, std::uint64_t bytes_max)
        : store_(store), keys_(std::move(keys)), floor_(floor), bytes_max_(bytes_max) {}

    /// False at the end. The record's key is valid until the next call.
    [[nodiscard]] Result<bool> next();
    [[nodiscard]] const std::string& key() const noexcept { return places_[at_].key; }
    [[nodiscard]] Version version() const noexcept { return places_[at_].version; }
    [[nodiscard]] std::uint64_t passes() const noexcept { return passes_; }

private:
    struct Place {
        Version version = 0;
        std::string key;
        auto operator<=>(const Place&) const = default;
        [[nodiscard]] std::uint64_t bytes() const noexcept { return sizeof(Place) + key.size(); }
    };
    [[nodiscard]] Result<void> pass();

    const Store& store_;
    const KeyRange keys_;
    const Version floor_;
    const std::uint64_t bytes_max_;
    std::vector<Place> places_;  ///< ascending, once the pass is through
    std::size_t at_ = 0;
    bool more_ = true;  ///< behind these places
    std::uint64_t passes_ = 0;
};

}  // namespace zverse::tools
