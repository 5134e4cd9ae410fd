// The scalar kernels, and the choice among the tables.
#include <platform/kernel_search.h>
#include <platform/kernel_tables.h>

#include <array>
#include <bit>

namespace zverse::platform {

std::size_t count_less_scalar(const std::uint64_t* ascending, std::size_t count, std::uint64_t bound) noexcept {
    if (count == 0) return 0;
    const SearchBlock block = narrow(ascending, count, bound, 1);
    return static_cast<std::size_t>(block.first - ascending) + (*block.first < bound ? 1 : 0);
}

BitSpread make_spread(std::uint64_t mask) noexcept {
    BitSpread spread{.spread = mask};
    unsigned source = 0;
    for (std::uint64_t rest = mask; rest != 0;) {
        const auto target = static_cast<unsigned>(std::countr_zero(rest));
        const auto length = static_cast<unsigned>(std::countr_one(rest >> target));
        const std::uint64_t ones = ~std::uint64_t{0} >> (64 - length);
        spread.runs[spread.count++] = {ones << source, target - source};
        source += length;
        rest &= ~(ones << target);
    }
    return spread;
}

void merge_bits_scalar(const std::uint64_t* x, const std::uint64_t* y, std::uint64_t* merged, std::size_t count,
                       const BitSpread& xs, const BitSpread& ys) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
        std::uint64_t code = 0;
        for (unsigned run = 0; run < xs.count; ++run) code |= (x[i] & xs.runs[run].bits) << xs.runs[run].shift;
        for (unsigned run = 0; run < ys.count; ++run) code |= (y[i] & ys.runs[run].bits) << ys.runs[run].shift;
        merged[i] = code;
    }
}

namespace {

constexpr std::array kTables{
#if defined(__x86_64__)
    Kernels{KernelLevel::avx512, count_less_avx512, merge_bits_avx512},
    Kernels{KernelLevel::avx2, count_less_avx2, merge_bits_bmi2},
#elif defined(__aarch64__)
    Kernels{KernelLevel::neon, count_less_neon, merge_bits_neon},
#endif
    Kernels{KernelLevel::scalar, count_less_scalar, merge_bits_scalar},
};

}  // namespace

std::span<const Kernels> all_kernels() noexcept { return kTables; }

const Kernels& kernels_for(KernelLevel level) noexcept {
#if !defined(__SANITIZE_THREAD__)
    for (const Kernels& table : kTables) {
        if (table.level <= level && kernel_level_supported(table.level)) return table;
    }
#else
    static_cast<void>(level);
#endif
    return kTables.back();
}

}  // namespace zverse::platform
