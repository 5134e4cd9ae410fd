// PartMerge: a merge of components part by part; see slab_merge.h and history_merge.h.
#pragma once

#include <cold/slab_writer.h>
#include <zverse/error.h>

#include <cstdint>
#include <optional>

namespace zverse::warm {

/// One thread at a time.
class PartMerge {
public:
    virtual ~PartMerge() = default;
    /// Reads about `bytes` of the inputs; the part, when one ended. Errors: corrupt, io, full.
    [[nodiscard]] virtual Result<std::optional<cold::SlabPart>> step(std::uint64_t bytes) = 0;
    /// The files of the part that step() returned are somebody else's now.
    virtual void keep_part() noexcept = 0;
    /// Whether the last part ended.
    [[nodiscard]] virtual bool done() const noexcept = 0;
    [[nodiscard]] virtual std::uint64_t bytes_written() const noexcept = 0;
    [[nodiscard]] virtual std::uint64_t memory_bytes() const noexcept = 0;
};

}  // namespace zverse::warm
