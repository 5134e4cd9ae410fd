// The dictionary of a segment's compressed blocks, trained on a sample of them.
#pragma once

#include <cold/record.h>
#include <zverse/error.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace zverse::cold {

/// What the dictionary is for: records in file order, in blocks of that size.
struct DictionaryPlan {
    Version after = 0;
    std::size_t block_bytes = kRecordsBeginMax;
    std::uint64_t unit_bytes = kUnitBytes;
};

/// A dictionary for blocks of `records` in `order`; empty when none can be trained, or when it would not save what it
/// takes: that is judged by sample blocks it was not trained on. Memory: some MiB. Errors: full (memory).
[[nodiscard]] Result<std::vector<std::byte>> dictionary_for(const std::vector<Record>& records,
                                                            const std::vector<std::uint32_t>& order,
                                                            const DictionaryPlan& plan);

}  // namespace zverse::cold
