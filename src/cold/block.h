// Blocks: records packed in file order, as layout.h says.
//
// A BlockBuilder packs them; a BlockReader takes them out again and trusts nothing: every length is held against the
// block's end, because a checksum tells what was written, not that it was right.
#pragma once

#include <cold/record.h>
#include <platform/prefetch.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace zverse::cold {

/// Keeps a decompressed block, and with it what was read from it; null for a block that lies in a mapping.
using BlockHold = std::shared_ptr<const std::byte[]>;

/// Where a value lies outside its block.
struct OutsideValue {
    std::uint64_t offset;
    std::uint64_t checksum;
};

class BlockBuilder {
public:
    /// `after`: what versions are counted from. `target_bytes`: a block is full once it has that many; at most 16 KiB.
    BlockBuilder(Version after, std::size_t target_bytes);

    /// Whether another record begins a new block. A block holds at least one.
    [[nodiscard]] bool full() const noexcept { return bytes_.size() >= target_bytes_; }
    [[nodiscard]] bool empty() const noexcept { return records_ == 0; }
    [[nodiscard]] std::uint32_t records() const noexcept { return records_; }
    /// Appends a record; not full(). Returns its offset in the block. `outside`: where its value is, if not here.
    std::uint32_t add(const Record& record, const OutsideValue* outside);
    /// The finished block, its checksum not set; valid until clear().
    [[nodiscard]] std::span<std::byte> finish();
    void clear();

private:
    const Version after_;
    const std::size_t target_bytes_;
    std::vector<std::byte> bytes_;
    std::vector<std::uint16_t> restarts_;
    std::string restart_key_;
    std::uint32_t restart_at_ = 0;
    std::uint32_t records_ = 0;
};

/// A record as it lies in a block, which must stay: see BlockReader::hold().
struct StoredRecord {
    std::string_view suffix;  ///< of the key, behind what it shares
    std::string_view value;  ///< empty when outside
    std::uint64_t shared = 0;  ///< bytes of the key that are the restart record's
    std::uint32_t restart = 0;  ///< offset of the restart record; of this one when nothing is shared
    Version version = 0;
    Version superseded = kOpen;
    std::uint64_t value_bytes = 0;
    OutsideValue outside{};  ///< when `is_outside`
    bool tombstone = false;
    bool is_outside = false;
    std::uint32_t next = 0;  ///< offset of the record behind it; end of the records for the last
};

class BlockReader {
public:
    BlockReader() = default;
    /// Over a whole block whose checksum is right, and which is not compressed.
    BlockReader(const std::byte* block, Version after, BlockHold hold = {}) noexcept
        : block_(block), after_(after), hold_(std::move(hold)) {
        bound_ = block_ + end();
    }
    /// For a single record: nothing is read from `bound` on, which is not the block's end but that of all blocks, so
    /// that to read a record is not to read the header, which lies in another line.
    BlockReader(const std::byte* block, const std::byte* bound, Version after) noexcept
        : block_(block), bound_(bound), after_(after) {}

    /// Who keeps a record's key and value must keep this too.
    [[nodiscard]] const BlockHold& hold() const noexcept { return hold_; }
    /// Whether the header makes sense for a block that is stored in at most `bytes_max` bytes.
    [[nodiscard]] static bool plausible(const BlockHeader& header, std::uint64_t bytes_max) noexcept;
    [[nodiscard]] const BlockHeader& header() const noexcept { return *reinterpret_cast<const BlockHeader*>(block_); }
    [[nodiscard]] std::uint32_t begin() const noexcept { return sizeof(BlockHeader); }
    [[nodiscard]] std::uint32_t end() const noexcept {
        return header().bytes - static_cast<std::uint32_t>(header().restarts * sizeof(std::uint16_t));
    }
    [[nodiscard]] std::uint32_t restarts() const noexcept { return header().restarts; }
    /// Offset of a restart record.
    [[nodiscard]] std::uint32_t restart(std::uint32_t i) const noexcept;
    /// Starts loading what lies there; any offset will do.
    void prefetch(std::uint32_t offset) const noexcept { platform::prefetch(block_ + offset); }
    void prefetch_restarts() const noexcept {
        for (std::uint32_t i = 0; i < restarts(); ++i) prefetch(restart(i));
    }
    /// Decodes the record at `offset`; false when it is none.
    [[nodiscard]] bool read(std::uint32_t offset, StoredRecord& record) const noexcept;
    /// Whether a record's key is `key`; false, too, when its restart record is none.
    [[nodiscard]] bool has_key(const StoredRecord& record, std::string_view key) const noexcept;
    /// Puts a record's whole key into `key`; false when its restart record is none.
    [[nodiscard]] bool read_key(const StoredRecord& record, std::string& key) const;
    /// The key of the restart record that a record shares bytes with; false when that is none.
    [[nodiscard]] bool restart_key(const StoredRecord& record, std::string_view& key) const noexcept;
    /// Finds in a block in (key, version descending) order: the offset of the last restart record whose key is below
    /// `key`, or begin(). False when the block is damaged.
    [[nodiscard]] bool seek(std::string_view key, std::uint32_t& offset) const noexcept;
    /// Moves `record`, of `key` and above version `as_of`, down to the last restart record behind it that is so too.
    /// False when the block is damaged.
    [[nodiscard]] bool skip_down(std::string_view key, Version as_of, std::uint32_t offset,
                                 StoredRecord& record) const noexcept;

private:
    /// Behind the flags, at `at`.
    [[nodiscard]] bool read_usual(std::uint32_t offset, const std::byte* at, StoredRecord& record) const noexcept;
    [[nodiscard]] bool end_record(const std::byte* at, StoredRecord& record) const noexcept;

    const std::byte* block_ = nullptr;
    const std::byte* bound_ = nullptr;
    Version after_ = 0;
    BlockHold hold_;
};

/// Whole keys of records that are read one behind the other: it decodes a restart record once for all that share its
/// key. Of one block at a time.
class KeyReader {
public:
    /// Before the first record of each block.
    void enter_block() noexcept { restart_ = 0; }
    /// A view of the block, or of memory that lives until the next call. False when the restart record is none.
    [[nodiscard]] bool read(const BlockReader& block, const StoredRecord& record, std::string_view& key) {
        if (record.shared == 0) {
            key = record.suffix;
            return true;
        }
        if (record.restart != restart_ || record.shared > restart_key_.size()) {
            if (!block.restart_key(record, restart_key_)) return false;
            restart_ = record.restart;
        }
        const std::size_t bytes = record.shared + record.suffix.size();
        if (bytes > whole_.size()) whole_.resize(bytes);
        std::memcpy(whole_.data(), restart_key_.data(), record.shared);
        std::memcpy(whole_.data() + record.shared, record.suffix.data(), record.suffix.size());
        key = {whole_.data(), bytes};
        return true;
    }

private:
    std::uint32_t restart_ = 0;  ///< offset of the restart record; 0, where no record lies: none yet
    std::string_view restart_key_;
    std::string whole_;
};

}  // namespace zverse::cold
