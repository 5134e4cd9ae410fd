// The table of what this machine can do: wanted, found, used, and why not.
#include <platform/capabilities.h>
#include <platform/epoch.h>
#include <platform/os_error.h>
#include <platform/persist_domain.h>
#include <platform/topology.h>
#include <platform/uring_file_io.h>

#include <zverse_config.h>

#include <array>
#include <cerrno>
#include <fstream>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

namespace zverse::platform {

namespace {

void append(std::string& list, const char* item) {
    if (!list.empty()) list += ", ";
    list += item;
}

std::string or_none(const std::string& list) { return list.empty() ? "none" : list; }

std::string first_line(const char* path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

Capability cpu_row() {
    std::string found;
    for (const KernelLevel level : {KernelLevel::avx512, KernelLevel::avx2, KernelLevel::neon, KernelLevel::scalar}) {
        if (kernel_level_supported(level)) append(found, to_string(level));
    }
    if (cpu_features().bmi2) append(found, "bmi2");
    const KernelLevel best = best_kernel_level();
    return {"cpu_kernels", "best", found, to_string(best),
            best == KernelLevel::scalar ? "the CPU has none of avx512, avx2 and neon" : ""};
}

Capability flush_row() {
    std::string found;
    for (const FlushKind kind :
         {FlushKind::clwb, FlushKind::clflushopt, FlushKind::clflush, FlushKind::dc_cvap, FlushKind::dc_civac}) {
        if (flush_kind_supported(kind)) append(found, to_string(kind));
    }
    const FlushKind best = best_flush_kind();
    const bool keeps_the_line = best == FlushKind::clwb || best == FlushKind::dc_cvap;
    return {"line_flush", "best", or_none(found), to_string(best),
            keeps_the_line ? "" : "the CPU has neither clwb nor dc cvap, which leave the line readable"};
}

Capability pmem_row() {
    const bool built_in = ZVERSE_HAVE_PMEM2 != 0;
    return {"libpmem2", "best", built_in ? "built in" : "not built in", built_in ? "asked for each ring" : "no",
            built_in ? "" : "built without libpmem2: every file has page granularity"};
}

Capability uring_row() {
    const auto probed = make_uring_file_io();
    if (probed) return {"io_uring", "best", "write, sync and read work", "uring", ""};
    return {"io_uring", "best", "no", "posix", probed.error().message()};
}

/// The chosen word of a line such as "always [madvise] never".
std::string bracketed(const std::string& line) {
    const std::size_t open = line.find('['), close = line.find(']');
    if (open == std::string::npos || close == std::string::npos || close < open) return {};
    return line.substr(open + 1, close - open - 1);
}

Capability huge_page_row(const char* name, const char* file, const char* without) {
    const std::string path = std::string("/sys/kernel/mm/transparent_hugepage/") + file;
    const std::string setting = bracketed(first_line(path.c_str()));
    if (setting.empty()) return {name, "best", "unknown", without, path + " can't be read"};
    const bool given = setting == "always" || setting == "madvise" || setting == "advise" || setting == "within_size" ||
                       setting == "force";
    return {name, "best", setting, given ? "by madvise" : without, given ? "" : path + " is " + setting};
}

Capability membarrier_row() {
    if (asymmetric_fences()) {
        return {"membarrier", "best", "private expedited", "private expedited", ""};
    }
    const long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    std::string why_not;
    if (commands < 0) {
        why_not = "membarrier failed: " + describe_errno(errno);
    } else if ((commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0) {
        why_not = "the kernel's membarrier has no private expedited command";
    } else {
        why_not = "this build does without it, so that ThreadSanitizer sees the fences";
    }
    return {"membarrier", "best", commands > 0 ? "present" : "no", "a full fence in each read", why_not};
}

Capability rseq_row() {
#if defined(RSEQ_SIG)
    if (__rseq_size > 0) return {"rseq", "best", "registered by the C library", "CPU number by thread-local load", ""};
    return {"rseq", "best", "no", "sched_getcpu", "the kernel or a tunable of the C library refused rseq"};
#else
    return {"rseq", "best", "no", "sched_getcpu", "the C library does not register rseq"};
#endif
}

Capability numa_row() {
    const Topology topology = Topology::detect();
    const std::string nodes = std::to_string(topology.nodes.size());
    const std::string found = nodes + (topology.nodes.size() == 1 ? " node, " : " nodes, ") +
                              std::to_string(topology.cpu_count()) + " CPUs" +
                              (topology.synthetic ? ", synthetic" : "");
    return {
        "numa", "best", found, topology.synthetic ? "placement without binding" : "placement and binding",
        topology.synthetic ? "the topology is synthetic (HWLOC_SYNTHETIC or HWLOC_XMLFILE is set)" : topology.why_not};
}

}  // namespace

std::vector<Capability> machine_capabilities() {
    static const std::vector<Capability> rows{
        cpu_row(),
        flush_row(),
        pmem_row(),
        uring_row(),
        huge_page_row("huge_pages_anonymous", "enabled", "4 KiB pages"),
        huge_page_row("huge_pages_tmpfs", "shmem_enabled", "by MADV_COLLAPSE where the kernel has it"),
        membarrier_row(),
        rseq_row(),
        numa_row(),
    };
    return rows;
}

BootId current_boot_id() {
    // "4f3c2b1a-0000-1111-2222-333344445555"
    const std::string text = first_line("/proc/sys/kernel/random/boot_id");
    constexpr unsigned kDigits = 32;
    std::array<std::uint64_t, 2> words{};
    unsigned digits = 0;
    for (const char letter : text) {
        if (letter == '-') continue;
        const bool decimal = letter >= '0' && letter <= '9', hexadecimal = letter >= 'a' && letter <= 'f';
        if ((!decimal && !hexadecimal) || digits == kDigits) return {};
        std::uint64_t& word = words[digits++ / 16];
        word = word << 4 | static_cast<std::uint64_t>(decimal ? letter - '0' : letter - 'a' + 10);
    }
    if (digits != kDigits) return {};
    return {words[0], words[1]};
}

}  // namespace zverse::platform
