// Fuzz target: the manifest, as any bytes and as any edits under right checksums. Whatever opens is audited.
#include "fuzz_files.h"

#include <cold/manifest.h>
#include <cold/segment_checksum.h>

#include <fuzzer/FuzzedDataProvider.h>
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

using namespace zverse;

constexpr std::uint64_t kStore[2] = {1, 2};

/// An edit's two copies as manifest.h says, behind what is there.
void append_edit(std::vector<std::byte>& file, std::uint32_t sequence, const std::vector<std::uint8_t>& payload) {
    for (int copy = 0; copy < 2; ++copy) {
        const std::size_t at = file.size();
        const cold::EditHeader header{0, static_cast<std::uint32_t>(payload.size()), sequence};
        file.resize(at + sizeof header + (payload.size() + 7) / 8 * 8);
        std::memcpy(&file[at], &header, sizeof header);
        if (!payload.empty()) std::memcpy(&file[at + sizeof header], payload.data(), payload.size());
        const std::span<const std::byte> covered(&file[at + 8], sizeof(header) - 8 + payload.size());
        const std::uint64_t sum = cold::piece_checksum(covered, cold::segment_seed(kStore, 1), at);
        std::memcpy(&file[at], &sum, sizeof sum);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    std::vector<std::byte> file;
    const auto edits = input.ConsumeIntegralInRange<std::uint32_t>(0, 5);
    for (std::uint32_t sequence = 0; sequence < edits; ++sequence) {
        append_edit(file, sequence,
                    input.ConsumeBytes<std::uint8_t>(input.ConsumeIntegralInRange<std::size_t>(0, 300)));
    }
    if (!file.empty() && input.ConsumeBool()) {
        file[input.ConsumeIntegralInRange<std::size_t>(0, file.size() - 1)] ^=
            std::byte{input.ConsumeIntegral<std::uint8_t>()};
    }
    for (const std::uint8_t byte : input.ConsumeRemainingBytes<std::uint8_t>()) file.push_back(std::byte{byte});
    test::FuzzFiles files;
    files.put("/store/MANIFEST-1", file);
    auto manifest = cold::Manifest::open(files.io(), "/store", kStore);
    if (!manifest) return 0;
    platform::Audit audit;
    manifest->audit(audit);
    const cold::ManifestState state = manifest->state();
    // ColdTier::open() refuses what has components without segments, so nobody writes it again.
    const auto is_empty = [](const auto& component) { return component.second.segments.empty(); };
    if (std::ranges::any_of(state.components, is_empty)) return 0;
    // What was read can be written, and read again.
    if (!manifest->start_writing()) return 0;
    const auto again = cold::Manifest::open(files.io(), "/store", kStore);
    test::harness_must(again.has_value() && again->state().cut == state.cut && again->state().pins == state.pins);
    return 0;
}
