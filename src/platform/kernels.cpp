// The scalar kernels, and the choice among the tables.
#include <platform/kernel_search.h>
#include <platform/kernel_tables.h>

#include <array>

namespace zverse::platform {

std::size_t count_less_scalar(const std::uint64_t* ascending, std::size_t count, std::uint64_t bound) noexcept {
    if (count == 0) return 0;
    const SearchBlock block = narrow(ascending, count, bound, 1);
    return static_cast<std::size_t>(block.first - ascending) + (*block.first < bound ? 1 : 0);
}

namespace {

constexpr std::array kTables{
#if defined(__x86_64__)
    Kernels{KernelLevel::avx512, count_less_avx512},
    Kernels{KernelLevel::avx2, count_less_avx2},
#elif defined(__aarch64__)
    Kernels{KernelLevel::neon, count_less_neon},
#endif
    Kernels{KernelLevel::scalar, count_less_scalar},
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
