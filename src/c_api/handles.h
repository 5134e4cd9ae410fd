// What the opaque handles of zverse/c.h hold: the public objects, and what their views need to stay.
#pragma once

#include <zverse/c.h>
#include <zverse/store.h>

#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace zverse::c_api {

/// Named pins as a cursor shows them.
class PinList {
public:
    explicit PinList(std::vector<std::pair<std::string, Version>> pins) noexcept : pins_(std::move(pins)) {}

    /// False at the end. Forgets nothing: entries are views of what lies here.
    [[nodiscard]] bool next() noexcept {
        if (next_ == pins_.size()) return false;
        const auto& [name, version] = pins_[next_++];
        entry_ = {name, {}, version, false};
        return true;
    }
    [[nodiscard]] const Entry& entry() const noexcept { return entry_; }

private:
    std::vector<std::pair<std::string, Version>> pins_;
    std::size_t next_ = 0;
    Entry entry_;
};

[[nodiscard]] zverse_entry shown(const Entry& entry) noexcept;

}  // namespace zverse::c_api

struct zverse_store {
    zverse::Store store;
};

struct zverse_batch {
    zverse::WriteBatch batch;
};

struct zverse_cursor {
    std::variant<zverse::Cursor, zverse::c_api::PinList> source;
    zverse_entry entry{};
};

struct zverse_snapshot {
    zverse::Snapshot snapshot;
};

struct zverse_transaction {
    zverse::Transaction transaction;
};
