// Suite pmem: what it costs to make bytes survive on this medium, by every means that it has: rows are how many bytes
// and how many such writes share a fence; variants are the instructions, or the call where there is none.
#include <bench/must.h>
#include <bench/suites/hardware.h>
#include <bench/suites/suites.h>
#include <platform/file_io.h>
#include <platform/flush_kernels.h>
#include <platform/mapping.h>

#include <cstring>
#include <string>
#include <vector>

namespace zverse::bench {

namespace {

using platform::FlushKind;
using platform::Granularity;

constexpr std::uint64_t kFileBytes = std::uint64_t{256} << 20;  // more than any cache

/// Writes of `bytes` one behind the other, round and round.
class Places {
public:
    Places(std::span<std::byte> memory, std::size_t bytes) : memory_(memory), bytes_((bytes + 63) / 64 * 64) {}
    [[nodiscard]] std::byte* next() noexcept {
        if (at_ + bytes_ > memory_.size()) at_ = 0;
        std::byte* const place = memory_.data() + at_;
        at_ += bytes_;
        return place;
    }

private:
    std::span<std::byte> memory_;
    std::size_t bytes_;
    std::size_t at_ = 0;
};

std::string phase_name(std::size_t bytes, std::uint64_t per_fence) {
    return std::to_string(bytes) + "_bytes_" + std::to_string(per_fence) + "_per_fence";
}

void flushes(HardwareRun& run, std::span<std::byte> memory, FlushKind kind, std::size_t bytes,
             std::uint64_t per_fence) {
    const platform::PersistDomain domain(kind == FlushKind::none ? Granularity::byte : Granularity::cache_line, kind);
    const std::vector<std::byte> record(bytes, std::byte{1});
    Places places(memory, bytes);
    run.row(phase_name(bytes, per_fence), kind == FlushKind::none ? "stores" : to_string(kind),
            [&](std::uint64_t count) {
                for (std::uint64_t i = 0; i < count; ++i) {
                    std::byte* const place = places.next();
                    std::memcpy(place, record.data(), bytes);
                    domain.flush(place, bytes);
                    if (i % per_fence == per_fence - 1) domain.drain();
                }
                domain.drain();
            });
}

void streams(HardwareRun& run, std::span<std::byte> memory, std::size_t bytes, std::uint64_t per_fence) {
    const platform::PersistDomain domain(Granularity::cache_line, platform::best_flush_kind());
    const std::vector<std::byte> record(bytes, std::byte{1});
    for (const char* level : {"avx512", "avx2", "sse2"}) {
        const platform::CopyLines copy = platform::streaming_copy_named(level);
        if (copy == nullptr) continue;
        Places places(memory, bytes);
        run.row(phase_name(bytes, per_fence), std::string("stream ") + level, [&](std::uint64_t count) {
            for (std::uint64_t i = 0; i < count; ++i) {
                copy(places.next(), record.data(), bytes);
                if (i % per_fence == per_fence - 1) domain.drain();
            }
            domain.drain();
        });
    }
}

void syncs(HardwareRun& run, const platform::Mapping& mapping, std::size_t bytes) {
    const platform::PersistDomain domain = mapping.domain();
    const std::vector<std::byte> record(bytes, std::byte{1});
    Places places(mapping.bytes(), bytes);
    run.row(phase_name(bytes, 1), "msync", [&](std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) {
            std::byte* const place = places.next();
            std::memcpy(place, record.data(), bytes);
            must(domain.sync(place, bytes));
        }
    });
}

}  // namespace

void measure_pmem(HardwareRun& run) {
    const std::filesystem::path path = run.directory() / "ring";
    const auto io = platform::make_posix_file_io();
    const auto file = must(io->create_zeroed(path, kFileBytes));
    const auto mapping = must(platform::Mapping::map({.path = path,
                                                      .descriptor = file->descriptor(),
                                                      .bytes = kFileBytes,
                                                      .force_granularity = run.request().force_granularity}));
    if (mapping.used() == Granularity::page) {
        run.skip("192_bytes_1_per_fence", "this medium has page granularity (" + mapping.why_not() +
                                              "); --granularity cache_line measures the instructions");
        for (const std::size_t bytes : {std::size_t{192}, std::size_t{4096}, std::size_t{65536}})
            syncs(run, mapping, bytes);
        return;
    }
    for (const std::size_t bytes :
         {std::size_t{64}, std::size_t{192}, std::size_t{1024}, std::size_t{4096}, std::size_t{65536}}) {
        for (const std::uint64_t per_fence : {1, 8, 32}) {
            flushes(run, mapping.bytes(), FlushKind::none, bytes, per_fence);
            for (const FlushKind kind : {FlushKind::clwb, FlushKind::clflushopt, FlushKind::clflush, FlushKind::dc_cvap,
                                         FlushKind::dc_civac}) {
                if (platform::flush_kind_supported(kind)) flushes(run, mapping.bytes(), kind, bytes, per_fence);
            }
            streams(run, mapping.bytes(), bytes, per_fence);
        }
    }
}

}  // namespace zverse::bench
