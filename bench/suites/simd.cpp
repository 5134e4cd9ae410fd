// Suite simd: every kernel that this CPU can execute, beside the scalar one that each is tested against.
#include <bench/suites/hardware.h>
#include <bench/suites/suites.h>
#include <platform/flush_kernels.h>
#include <platform/kernels.h>
#include <support/random.h>

#include <array>
#include <vector>

namespace zverse::bench {

namespace {

constexpr std::size_t kNumbers = 64;
constexpr std::size_t kMerged = 256;

void search(HardwareRun& run, const platform::Kernels& kernels) {
    std::array<std::uint64_t, kNumbers> ascending;
    for (std::size_t i = 0; i < ascending.size(); ++i) ascending[i] = i * 1000;
    test::Random random(62);
    run.row("search_of_64", to_string(kernels.level), [&](std::uint64_t count) {
        std::size_t sum = 0;
        for (std::uint64_t i = 0; i < count; ++i)
            sum += kernels.count_less(ascending.data(), kNumbers, random.below(kNumbers * 1000));
        keep(sum);
    });
}

void merge(HardwareRun& run, const platform::Kernels& kernels, std::string_view phase, std::uint64_t mask) {
    std::vector<std::uint64_t> keys(kMerged), versions(kMerged), merged(kMerged);
    test::Random random(63);
    for (std::size_t i = 0; i < kMerged; ++i) {
        keys[i] = random.next();
        versions[i] = random.next();
    }
    const platform::BitSpread xs = platform::make_spread(mask), ys = platform::make_spread(~mask);
    run.row(phase, to_string(kernels.level), [&](std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) {
            kernels.merge_bits(keys.data(), versions.data(), merged.data(), kMerged, xs, ys);
            keep(merged.data());
        }
    });
}

}  // namespace

void measure_simd(HardwareRun& run) {
    for (const platform::Kernels& kernels : platform::all_kernels()) {
        if (!platform::kernel_level_supported(kernels.level)) {
            run.skip("search_of_64",
                     std::string("this CPU can't execute kernels of level ") + to_string(kernels.level));
            continue;
        }
        search(run, kernels);
        merge(run, kernels, "curve_keys_of_256_in_turns", 0x9249'2492'4924'9249);  // version, version, key
        merge(run, kernels, "curve_keys_of_256_in_halves", 0x0000'0000'ffff'ffff);
    }
    alignas(64) static std::array<std::byte, 4096> source{}, target{};
    for (const char* level : {"avx512", "avx2", "sse2"}) {
        const platform::CopyLines copy = platform::streaming_copy_named(level);
        if (copy == nullptr) continue;
        run.row("streaming_copy_of_4096", level, [&](std::uint64_t count) {
            for (std::uint64_t i = 0; i < count; ++i) copy(target.data(), source.data(), source.size());
            keep(target.data());
        });
    }
}

}  // namespace zverse::bench
