// Fuzz target: dumps, as any bytes and as any records in frames with right checksums. What is read to its end is what a
// second reading finds; nothing is allocated that the input does not pay for.
#include "fuzz_files.h"

#include <tools/common/input.h>
#include <tools/dump/dump_reader.h>
#include <tools/dump/dump_writer.h>

#include <fuzzer/FuzzedDataProvider.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cstdint>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace zverse;
using namespace zverse::tools;

void add_frame(std::string& dump, char kind, std::string_view key, std::string_view value, Version version) {
    const FrameHead head = frame_head(kind, key, value, version);
    const FrameCheck check = frame_check(head, key, value);
    dump.append(head.data(), head.size()).append(key).append(value).append(check.data(), check.size());
}

/// Frames that are whole each, whatever they say.
std::string sealed_dump(FuzzedDataProvider& input) {
    DumpHeader header;
    header.kind = static_cast<DumpKind>(input.ConsumeIntegralInRange(0, 2));
    header.floor = input.ConsumeIntegral<Version>();
    header.since = input.ConsumeIntegral<Version>();
    header.until = input.ConsumeIntegral<Version>();
    header.values = input.ConsumeBool();
    const std::string text = input.ConsumeBool() ? header_text(header) : input.ConsumeRandomLengthString();
    std::string dump(kBinaryMagic);
    add_frame(dump, 'H', {}, text, 0);
    DumpHash hash;
    hash.add_header(text);
    while (input.remaining_bytes() > 8) {
        static constexpr char kKinds[] = {'R', 'E', 'P', 'T', 'H', 'x'};
        const char kind = kKinds[input.ConsumeIntegralInRange<std::size_t>(0, sizeof kKinds - 1)];
        const std::string key = input.ConsumeRandomLengthString(40), value = input.ConsumeRandomLengthString(80);
        const auto version = input.ConsumeIntegralInRange<Version>(0, 99);
        if (kind == 'R' || kind == 'E' || kind == 'P')
            hash.add({static_cast<DumpRecordKind>(kind), key, value, version});
        add_frame(dump, kind, key, value, version);
    }
    add_frame(dump, 'T', {}, hash.trailer_text(), 0);
    return dump;
}

/// How many records were read; -1: it is no whole dump.
std::int64_t records_of(int file) {
    auto input = Input::open("/proc/self/fd/" + std::to_string(file));
    test::harness_must(input.has_value());
    auto reader = DumpReader::open(*input);
    if (!reader) return -1;
    for (DumpRecord record;;) {
        const auto more = (*reader)->next(record);
        if (!more) return -1;
        if (!*more) return static_cast<std::int64_t>((*reader)->records());
        test::harness_must(record.key.size() <= kKeyBytesMax);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    const std::string dump = input.ConsumeBool() ? sealed_dump(input) : input.ConsumeRemainingBytesAsString();
    const int file = ::memfd_create("dump", 0);
    test::harness_must(file >= 0 && ::write(file, dump.data(), dump.size()) == static_cast<ssize_t>(dump.size()));
    test::harness_must(records_of(file) == records_of(file));
    ::close(file);
    return 0;
}
