// EntryBatch: the entries that a cursor read together, and the memory that they lie in.
//
// What comes from a ring is copied, since a ring's space is used again. What has settled may stay where it lies, in the
// mapping of a segment: then the cursor holds the tree that holds the segment, until the batch is cleared.
#pragma once

#include <hot/small_bytes.h>
#include <zverse/types.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace zverse::engine {

class EntryBatch {
public:
    /// Lets go of everything but some memory.
    void clear() noexcept {
        count_ = next_ = 0;
        copied_ = 0;
        if (chunks_.empty()) return;
        std::swap(chunks_.front(), chunks_.back());
        chunks_.resize(1);
        left_ = chunks_.front().bytes;
    }
    /// Room for `entries` entries of about `bytes_each` copied bytes, as far as one batch goes.
    void reserve(std::size_t entries, std::size_t bytes_each) {
        if (entries > entries_.size()) entries_.resize(entries);
        if (const std::size_t bytes = std::min(entries * bytes_each, kChunkBytesMax); bytes > left_) add_chunk(bytes);
    }
    /// Copies key and value.
    void add(std::string_view key, std::string_view value, Version version, bool tombstone) {
        char* const copy = take_bytes(key.size() + value.size());
        hot::copy_bytes(copy, key.data(), key.size());
        if (!value.empty()) std::memcpy(copy + key.size(), value.data(), value.size());
        add_entry({{copy, key.size()}, {copy + key.size(), value.size()}, version, tombstone});
    }
    /// Copies the key; the value stays where it lies.
    void add_settled(std::string_view key, std::string_view value, Version version) {
        char* const copy = take_bytes(key.size());
        hot::copy_bytes(copy, key.data(), key.size());
        add_entry({{copy, key.size()}, value, version, false});
    }

    [[nodiscard]] bool take(Entry& entry) noexcept {
        if (next_ == count_) return false;
        entry = entries_[next_++];
        return true;
    }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    /// Of what was copied.
    [[nodiscard]] std::size_t bytes() const noexcept { return copied_; }
    [[nodiscard]] const Entry& last() const noexcept { return entries_[count_ - 1]; }

private:
    static constexpr std::size_t kChunkBytesMin = 512, kChunkBytesMax = 64 << 10;

    struct Chunk {
        std::unique_ptr<char[]> memory;
        std::size_t bytes = 0;
    };

    void add_entry(const Entry& entry) {
        if (count_ == entries_.size()) [[unlikely]]
            entries_.resize(std::max<std::size_t>(2 * count_, 4));
        entries_[count_++] = entry;
    }
    [[nodiscard]] char* take_bytes(std::size_t bytes) {
        if (bytes > left_ || chunks_.empty()) [[unlikely]] {
            const std::size_t twice = chunks_.empty() ? 0 : 2 * chunks_.back().bytes;
            add_chunk(std::max(bytes, std::clamp(twice, kChunkBytesMin, kChunkBytesMax)));
        }
        char* const begin = chunks_.back().memory.get() + (chunks_.back().bytes - left_);
        left_ -= bytes;
        copied_ += bytes;
        return begin;
    }
    void add_chunk(std::size_t bytes) {
        chunks_.push_back({std::make_unique_for_overwrite<char[]>(bytes), bytes});
        left_ = bytes;
    }

    std::vector<Entry> entries_;  ///< the first count_ of them; more would be built one by one, out of line
    std::size_t count_ = 0, next_ = 0;
    std::vector<Chunk> chunks_;
    std::size_t left_ = 0;  ///< at the end of the last chunk
    std::size_t copied_ = 0;
};

}  // namespace zverse::engine
