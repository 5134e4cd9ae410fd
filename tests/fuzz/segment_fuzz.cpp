// Fuzz target: a segment whose bytes are changed at will, in the places that the fuzzer names, with all checksums made
// right again. Whatever opens is read in every way that there is.
#include "fuzz_files.h"

#include <support/cold_parts.h>
#include <support/segment_forge.h>
#include <support/segment_reader.h>

#include <fuzzer/FuzzedDataProvider.h>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace zverse;

constexpr std::uint64_t kStore[2] = {7, 8};
constexpr const char* kPath = "/store/segment";

/// A good segment of each shape, made once.
struct GoodSegment {
    explicit GoodSegment(std::string_view shape) {
        test::Random random(17);
        test::RecordWorld world;
        world.records = 150;
        const cold::SegmentPlan plan = test::plan_of_shape(shape, kStore, random, world);
        const std::vector<test::OwnRecord> records = test::random_records(random, world);
        test::FuzzFiles files;
        test::harness_must(files.io().create_directories("/store").has_value());
        (void)test::write_segment(files.io(), kPath, plan, records);
        for (const test::OwnRecord& record : records) keys.push_back({record.key, record.version});
        auto file = files.io().open(kPath, platform::OpenMode::read);
        bytes.resize((*file)->size().value());
        test::harness_must((*file)->read_exact(std::as_writable_bytes(std::span(bytes)), 0).has_value());
    }
    std::string bytes;
    std::vector<test::SegmentReader::Sought> keys;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const GoodSegment good[] = {GoodSegment(""), GoodSegment("kv")};
    FuzzedDataProvider input(data, size);
    const GoodSegment& base = good[input.ConsumeIntegralInRange<std::size_t>(0, std::size(good) - 1)];
    std::string bytes = base.bytes;
    const bool cut = input.ConsumeBool();
    while (input.remaining_bytes() >= 4) {
        auto at = input.ConsumeIntegralInRange<std::size_t>(0, bytes.size() - 1);
        const auto length = input.ConsumeIntegralInRange<std::size_t>(1, 8);
        for (const std::uint8_t byte : input.ConsumeBytes<std::uint8_t>(length)) {
            if (at < bytes.size()) bytes[at++] = static_cast<char>(byte);
        }
    }
    if (cut) bytes.resize(bytes.size() / 2 / cold::kSegmentHeaderBytes * cold::kSegmentHeaderBytes);
    if (bytes.size() < 2 * cold::kSegmentHeaderBytes) return 0;
    test::SegmentForge forge(std::move(bytes), kStore, 1);
    forge.seal();
    test::FuzzFiles files;
    files.put(kPath, forge.bytes());
    auto segment = cold::Segment::open(files.io(), kPath, kStore, 1, nullptr, cold::SegmentReads::copied);
    if (!segment) return 0;
    test::Random random(1);
    test::SegmentReader(files.io(), *segment, kStore, base.keys, [](const Error&) {}).read_in_every_way(random);
    return 0;
}
