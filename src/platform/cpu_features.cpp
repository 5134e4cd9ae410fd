// cpuid and HWCAP answers, and the kernel levels that follow from them; nothing else.
#include <platform/capabilities.h>
#include <platform/flush_kernels.h>

#include <array>
#include <cstddef>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace zverse::platform {

namespace {

#if defined(__x86_64__)

CpuFeatures detect() noexcept {
    CpuFeatures features;
    // The builtins also ask whether the operating system saves the wide registers (xgetbv).
    __builtin_cpu_init();
    features.avx2 = __builtin_cpu_supports("avx2") != 0;
    features.bmi2 = __builtin_cpu_supports("bmi2") != 0;
    features.avx512 = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                      __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0;

    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0) features.clflush = (edx & (1U << 19)) != 0;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0) {
        features.clflushopt = (ebx & (1U << 23)) != 0;
        features.clwb = (ebx & (1U << 24)) != 0;
    }
    return features;
}

#elif defined(__aarch64__)

CpuFeatures detect() noexcept {
    const unsigned long capabilities = getauxval(AT_HWCAP);
    CpuFeatures features;
    features.neon = (capabilities & HWCAP_ASIMD) != 0;
    // qemu-user announces DCPOP and then dies of `dc cvap`, so the announcement alone is not believed.
    features.dc_cvap = (capabilities & HWCAP_DCPOP) != 0 && dc_cvap_executes();
    return features;
}

#else

CpuFeatures detect() noexcept { return {}; }

#endif

constexpr std::array kLevelsBestFirst{KernelLevel::avx512, KernelLevel::avx2, KernelLevel::neon, KernelLevel::scalar};

}  // namespace

const CpuFeatures& cpu_features() noexcept {
    static const CpuFeatures features = detect();
    return features;
}

const char* to_string(KernelLevel level) noexcept {
    switch (level) {
        case KernelLevel::scalar: return "scalar";
        case KernelLevel::neon: return "neon";
        case KernelLevel::avx2: return "avx2";
        case KernelLevel::avx512: return "avx512";
    }
    return "unknown";
}

bool kernel_level_supported(KernelLevel level) noexcept {
    switch (level) {
        case KernelLevel::scalar: return true;
        case KernelLevel::neon: return cpu_features().neon;
        case KernelLevel::avx2: return cpu_features().avx2 && cpu_features().bmi2;
        case KernelLevel::avx512: return cpu_features().avx512 && kernel_level_supported(KernelLevel::avx2);
    }
    return false;
}

KernelLevel best_kernel_level() noexcept {
    for (const KernelLevel level : kLevelsBestFirst) {
        if (kernel_level_supported(level)) return level;
    }
    return KernelLevel::scalar;
}

Result<KernelLevel> choose_kernel_level(const std::string& force) {
    if (force.empty()) return best_kernel_level();
    for (const KernelLevel level : kLevelsBestFirst) {
        if (force != to_string(level)) continue;
        if (kernel_level_supported(level)) return level;
        return std::unexpected(Error(ErrorCode::invalid_argument,
                                     "options.force_kernel is \"" + force + "\", which this CPU can't execute"));
    }
    return std::unexpected(Error(
        ErrorCode::invalid_argument,
        "options.force_kernel is \"" + force + "\"; it may be empty, \"avx512\", \"avx2\", \"neon\" or \"scalar\""));
}

}  // namespace zverse::platform
