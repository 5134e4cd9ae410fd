// What this machine can do, asked once per process, and what a store makes of it.
#pragma once

#include <zverse/error.h>
#include <zverse/stats.h>

#include <cstdint>
#include <string>
#include <vector>

namespace zverse::platform {

/// Instruction sets as the running CPU and operating system offer them. cpuid traps to the hypervisor on virtual
/// machines (microseconds), so it is asked once.
struct CpuFeatures {
    bool avx2 = false;
    bool avx512 = false;  ///< F, BW, VL, DQ and saved by the operating system
    bool bmi2 = false;
    bool neon = false;
    bool clwb = false;
    bool clflushopt = false;
    bool clflush = false;
    bool dc_cvap = false;
};
[[nodiscard]] const CpuFeatures& cpu_features() noexcept;

/// Which kernels to use: the best the CPU has, or a forced level. Each kernel table takes its best entry whose
/// level is at most this one.
enum class KernelLevel : std::uint8_t { scalar, neon, avx2, avx512 };
[[nodiscard]] const char* to_string(KernelLevel level) noexcept;
[[nodiscard]] KernelLevel best_kernel_level() noexcept;
[[nodiscard]] bool kernel_level_supported(KernelLevel level) noexcept;
/// `force`: "", "avx512", "avx2", "neon", "scalar". invalid_argument when unknown or not supported here.
[[nodiscard]] Result<KernelLevel> choose_kernel_level(const std::string& force);

/// The rows that do not depend on a store: CPU, io_uring, huge pages, NUMA, membarrier, rseq.
[[nodiscard]] std::vector<Capability> machine_capabilities();

/// Identifies this boot of the machine (/proc/sys/kernel/random/boot_id); 16 bytes, zero if unknown.
struct BootId {
    std::uint64_t high = 0, low = 0;
    friend bool operator==(const BootId&, const BootId&) = default;
};
[[nodiscard]] BootId current_boot_id();

}  // namespace zverse::platform
