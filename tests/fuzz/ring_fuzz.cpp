// Fuzz target: the file of a ring. Frames are any bytes; where the fuzzer asks for it, with the validity word, the
// checksum and the stamp check that make the walk look into them.
#include "fuzz_files.h"

#include <hot/frame.h>
#include <hot/ring_inspection.h>

#include <fuzzer/FuzzedDataProvider.h>
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

using namespace zverse;

constexpr std::uint64_t kRingBytes = std::uint64_t{1} << 16;
constexpr hot::Secret kSecret{3, 5};

/// A ring in memory, so that frames can be made right.
class ForgedRing {
public:
    ForgedRing() : memory_((hot::kHeaderAreaBytes + kRingBytes) / sizeof(std::uint64_t)) {
        const platform::PersistDomain domain(platform::Granularity::byte, platform::FlushKind::none);
        test::harness_must(hot::format_ring(bytes(), identity(), domain).has_value());
        auto ring = hot::Ring::attach(bytes(), identity(), domain, kSecret);
        test::harness_must(ring.has_value());
        ring_ = std::move(*ring);
    }
    [[nodiscard]] static hot::RingIdentity identity() { return {{1, 2}, 0, "/store/ring"}; }
    [[nodiscard]] std::span<std::byte> bytes() { return std::as_writable_bytes(std::span(memory_)); }
    [[nodiscard]] hot::Ring& ring() { return *ring_; }

    /// Makes right what stands there, as far as its lengths allow.
    void seal(std::uint64_t position) {
        hot::FrameHeader& frame = *ring_->frame_at(position);
        frame.validity = ring_->validity_at(position);
        const auto check = [&] { return hot::check_frame(*ring_, position, kRingBytes * 2, kSecret).problem; };
        const auto is = [](const char* problem, const char* what) {
            return problem != nullptr && std::strcmp(problem, what) == 0;
        };
        if (is(check(), "stamp check mismatch")) hot::store_stamp_check(frame, kSecret, {frame.stamp});
        if (is(check(), "frame checksum mismatch")) frame.checksum = hot::frame_checksum(frame, kSecret);
    }

private:
    std::vector<std::uint64_t> memory_;
    std::unique_ptr<hot::Ring> ring_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    ForgedRing forged;
    const hot::RingMarks marks{kRingBytes + hot::kLineBytes * input.ConsumeIntegralInRange<std::uint64_t>(0, 2000),
                               kRingBytes * 2, 0};
    test::harness_must(
        forged.ring().set_marks({marks.head, std::min(marks.settled, marks.head + kRingBytes), 0}).has_value());
    std::uint64_t position = marks.head;
    while (input.remaining_bytes() > 0 && position < marks.head + kRingBytes) {
        const bool seal = input.ConsumeBool();
        const std::uint64_t place = position & (kRingBytes - 1);
        const auto bytes = input.ConsumeBytes<std::uint8_t>(
            input.ConsumeIntegralInRange<std::size_t>(1, std::min<std::size_t>(1024, kRingBytes - place)));
        if (bytes.empty()) break;
        std::memcpy(forged.ring().at(position), bytes.data(), bytes.size());
        const std::uint64_t room = std::min<std::uint64_t>(kRingBytes - place, hot::round_up(bytes.size(), 64));
        if (seal) forged.seal(position);
        position += std::max<std::uint64_t>(hot::kLineBytes, room);
    }
    if (input.ConsumeBool()) forged.bytes()[8] ^= std::byte{1};  // one copy of the header
    test::FuzzFiles files;
    files.put("/store/ring", forged.bytes());
    hot::InspectedRing asked;
    asked.identity = ForgedRing::identity();
    asked.bytes = kRingBytes;
    asked.secret = kSecret;
    asked.clock_limit = 1000;
    platform::Audit audit;
    std::uint64_t read = 0;
    const auto visit = [&](const hot::Ring& ring, std::uint64_t at, const hot::FrameHeader&, Version) {
        hot::for_each_operation(ring, at, [&](const hot::OperationHeader& op, std::uint64_t) {
            for (const char byte : op.key()) read += static_cast<unsigned char>(byte);
            for (const char byte : op.value()) read += static_cast<unsigned char>(byte);
        });
    };
    const hot::RingContents found = hot::inspect_ring(files.io(), asked, visit, audit);
    test::harness_must(found.frames * hot::kLineBytes <= kRingBytes && read < ~std::uint64_t{0});
    return 0;
}
