// SlabMerge: neighbouring live components of one level -> a live and a history component of the next, part by part.
//
// Only live components are read: what was superseded before is never touched again. Of each key the newest record stays
// live, and each older one is superseded by the one above it. Inputs are read in bulk (cold/bulk_reader.h). Memory is
// bounded by what SlabWriter lets wait, a piece of each input and a value. After each part the caller publishes it, and
// the inputs no longer answer for its keys.
#pragma once

#include <cold/bulk_reader.h>
#include <cold/slab_writer.h>
#include <warm/part_merge.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zverse::warm {

class SlabMerge final : public PartMerge {
public:
    static constexpr std::uint64_t kReadBytesUsual = 4 * cold::BulkReader::kPieceBytesUsual;

    /// `inputs`: newest slab first; they begin where the plan does. `read_bytes`: memory to read them with.
    [[nodiscard]] static Result<std::unique_ptr<SlabMerge>> create(platform::FileIo& io, cold::Tree::Components inputs,
                                                                   cold::SlabPlan plan,
                                                                   std::uint64_t read_bytes = kReadBytesUsual);

    [[nodiscard]] Result<std::optional<cold::SlabPart>> step(std::uint64_t bytes) override;
    void keep_part() noexcept override { writer_.keep_parts(); }
    [[nodiscard]] std::uint64_t bytes_written() const noexcept override { return writer_.bytes_written(); }
    [[nodiscard]] std::uint64_t memory_bytes() const noexcept override {
        return writer_.memory_bytes() + cursors_.size() * piece_bytes_;
    }
    [[nodiscard]] bool done() const noexcept override { return done_; }

private:
    SlabMerge(platform::FileIo& io, cold::Tree::Components inputs, cold::SlabPlan plan)
        : inputs_(std::move(inputs)), writer_(io, std::move(plan)) {}
    [[nodiscard]] bool before(std::size_t a, std::size_t b) const noexcept;
    [[nodiscard]] Result<void> take_key(std::uint64_t& bytes);

    cold::Tree::Components inputs_;
    cold::SlabWriter writer_;
    std::size_t piece_bytes_ = 0;
    std::vector<std::unique_ptr<cold::BulkCursor>> cursors_;
    std::vector<std::size_t> heap_;  ///< of cursors_, by (key, newest slab first)
    std::string key_;
    bool done_ = false;
};

}  // namespace zverse::warm
