// HistoryMerge: history components of any slabs and levels -> one, part by part; for compactions.
//
// A history lies along its curve, so it has no cursor by key. A part is a range of keys instead: first its end is
// guessed, by the columns of the inputs, so that its records fit the memory for what waits; then the blocks that may
// hold keys of the range are read, in bulk, and their records wait in the writer, which sorts them along a curve of
// their own. Where the guess was too bold, the range ends at the middle of the keys read so far and is read again.
//
// A key with more versions than there is memory for has a part of its own, by key: its records come in order out of all
// inputs at once (cold/key_history.h), and none waits.
//
// What retention allows to forget is left out. With `if_expired` nothing is written before such a record was seen.
#pragma once

#include <cold/bulk_reader.h>
#include <cold/key_history.h>
#include <cold/slab_writer.h>
#include <warm/part_merge.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace zverse::warm {

/// Memory that the records of a history take, about, until they are written along another curve.
[[nodiscard]] double waiting_bytes(const cold::Component& history) noexcept;

class HistoryMerge final : public PartMerge {
public:
    HistoryMerge(platform::FileIo& io, cold::Tree::Components inputs, cold::SlabPlan plan, bool if_expired);

    [[nodiscard]] Result<std::optional<cold::SlabPart>> step(std::uint64_t bytes) override;
    void keep_part() noexcept override { writer_.keep_parts(); }
    [[nodiscard]] bool done() const noexcept override { return done_; }
    [[nodiscard]] std::uint64_t bytes_written() const noexcept override { return writer_.bytes_written(); }
    [[nodiscard]] std::uint64_t memory_bytes() const noexcept override { return writer_.memory_bytes(); }

private:
    void begin_range();
    [[nodiscard]] std::optional<std::string> guess_end() const;
    void go_back() noexcept;
    [[nodiscard]] bool enter_next_part();
    [[nodiscard]] Result<std::uint64_t> read_block();
    [[nodiscard]] Result<void> take_block();
    [[nodiscard]] Result<void> take_record(const cold::StoredRecord& stored, bool& expired);
    [[nodiscard]] Result<void> narrow();
    [[nodiscard]] Result<void> begin_key(std::string key);
    [[nodiscard]] Result<std::uint64_t> take_of_key();
    [[nodiscard]] Result<cold::SlabPart> end_range();

    platform::FileIo& io_;
    const cold::Tree::Components inputs_;
    const cold::Tree tree_;  ///< of them
    const Version floor_;
    cold::SlabWriter writer_;
    double record_share_;  ///< of a part that a record takes, as far as is known
    bool looking_;  ///< whether anything is expired; nothing is written yet
    bool done_ = false;

    // The range of the next part, and how far it is read.
    bool begun_ = false;
    std::string begin_;
    std::optional<std::string> end_;
    std::optional<cold::KeyHistory> history_;  ///< of key_, which is all of the range
    std::uint64_t history_bytes_ = 0;  ///< at most about
    std::size_t input_ = 0, part_ = 0, block_ = 0;
    bool in_part_ = false;
    std::unique_ptr<cold::BulkReader> reader_;  ///< of the part
    std::string key_;
};

}  // namespace zverse::warm
