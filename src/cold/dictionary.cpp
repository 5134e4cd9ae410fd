// Order: sample blocks, evenly spread -> train on the records of every other one -> weigh by the blocks between.
#include <cold/block.h>
#include <cold/compressed_block.h>
#include <cold/dictionary.h>

#include <algorithm>
#include <utility>

namespace zverse::cold {

namespace {

constexpr std::size_t kSamples = 64;
constexpr std::size_t kSamplesMin = 32;  ///< with fewer whole blocks there is little to learn, and to save
constexpr std::size_t kDictionaryBytes = std::size_t{8} << 10;
static_assert(kDictionaryBytes <= kDictionaryBytesMax);

struct Sample {
    std::vector<std::byte> block;
    std::vector<std::size_t> record_bytes;
};

/// The block that would begin with a record; empty when it is not full before `end`.
Sample sample_at(const std::vector<Record>& records, const std::vector<std::uint32_t>& order, std::size_t begin,
                 std::size_t end, const DictionaryPlan& plan) {
    constexpr OutsideValue kSomewhere{};
    Sample sample;
    BlockBuilder builder(plan.after, plan.block_bytes);
    std::uint32_t before = sizeof(BlockHeader);
    for (std::size_t i = begin; i < end && !builder.full(); ++i) {
        const Record& record = records[order[i]];
        const std::uint32_t at = builder.add(record, record.value.size() > kOutsideValueBytes ? &kSomewhere : nullptr);
        if (i > begin) sample.record_bytes.push_back(at - before);
        before = at;
    }
    if (!builder.full()) return {};
    const auto block = builder.finish();
    sample.block.assign(block.begin(), block.end());
    return sample;
}

std::vector<std::byte> train(const std::vector<Sample>& samples) {
    std::vector<std::byte> bytes;
    std::vector<std::size_t> sizes;
    for (std::size_t i = 0; i < samples.size(); i += 2) {
        std::size_t at = sizeof(BlockHeader);
        for (const std::size_t size : samples[i].record_bytes) {
            const auto begin = samples[i].block.begin() + static_cast<std::ptrdiff_t>(at);
            bytes.insert(bytes.end(), begin, begin + static_cast<std::ptrdiff_t>(size));
            sizes.push_back(size);
            at += size;
        }
    }
    return sizes.empty() ? std::vector<std::byte>{} : platform::train_dictionary(bytes, sizes, kDictionaryBytes);
}

/// Bytes that the samples it was not trained on take, in whole units.
Result<std::uint64_t> weigh(std::vector<Sample>& samples, std::span<const std::byte> dictionary,
                            std::uint64_t unit_bytes) {
    auto compressor = BlockCompressor::create(dictionary, unit_bytes);
    if (!compressor) return std::unexpected(std::move(compressor.error()));
    std::uint64_t units = 0;
    for (std::size_t i = 1; i < samples.size(); i += 2) {
        units += (compressor->compress(samples[i].block).size() + unit_bytes - 1) / unit_bytes;
    }
    return units * unit_bytes;
}

}  // namespace

Result<std::vector<std::byte>> dictionary_for(const std::vector<Record>& records,
                                              const std::vector<std::uint32_t>& order, const DictionaryPlan& plan) {
    std::vector<Sample> samples;
    std::size_t sampled = 0;
    for (std::size_t i = 0; i < kSamples; ++i) {
        const std::size_t begin = order.size() * i / kSamples, end = order.size() * (i + 1) / kSamples;
        Sample sample = sample_at(records, order, begin, end, plan);
        if (sample.block.empty()) continue;
        sampled += sample.record_bytes.size() + 1;
        samples.push_back(std::move(sample));
    }
    if (samples.size() < kSamplesMin) return std::vector<std::byte>{};
    const std::uint64_t blocks = order.size() * samples.size() / sampled;
    std::vector<std::byte> dictionary = train(samples);
    if (dictionary.empty()) return dictionary;
    auto without = weigh(samples, {}, plan.unit_bytes);
    if (!without) return std::unexpected(std::move(without.error()));
    auto with = weigh(samples, dictionary, plan.unit_bytes);
    if (!with) return std::unexpected(std::move(with.error()));
    const std::uint64_t saved = (*without - std::min(*without, *with)) * blocks / (samples.size() / 2);
    // It is a section, and takes memory of who opens the segment.
    if (saved < 2 * dictionary.size() + kSegmentHeaderBytes) dictionary.clear();
    return dictionary;
}

}  // namespace zverse::cold
