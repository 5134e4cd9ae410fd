// Goal:    the table says what is so: every row is complete, a shortfall has its reason, forcing is exact.
// Method:  against the kernel's own files and the compiler's own cpuid answers.
#include <platform/capabilities.h>
#include <platform/file_io.h>
#include <platform/mapping_facts.h>

#include <support/results.h>

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace zverse::platform {
namespace {

const Capability& row(const std::vector<Capability>& rows, const std::string& name) {
    for (const Capability& one : rows) {
        if (one.name == name) return one;
    }
    throw std::runtime_error("no row " + name);
}

TEST(Capabilities, EveryRowIsComplete) {
    std::set<std::string> names;
    for (const Capability& one : machine_capabilities()) {
        std::printf("%-22s wanted %-5s found %-28s used %-32s %s\n", one.name.c_str(), one.wanted.c_str(),
                    one.found.c_str(), one.used.c_str(), one.why_not.c_str());
        EXPECT_TRUE(names.insert(one.name).second) << one.name << " twice";
        EXPECT_FALSE(one.wanted.empty()) << one.name;
        EXPECT_FALSE(one.found.empty()) << one.name;
        EXPECT_FALSE(one.used.empty()) << one.name;
    }
    for (const char* expected : {"cpu_kernels", "line_flush", "libpmem2", "io_uring", "huge_pages_anonymous",
                                 "huge_pages_tmpfs", "membarrier", "rseq", "numa"}) {
        EXPECT_TRUE(names.contains(expected)) << expected;
    }
}

TEST(Capabilities, UringRowAgreesWithWhatIsMade) {
    const Capability uring = row(machine_capabilities(), "io_uring");
    const FileIoChoice choice = test::must(make_file_io(""));
    EXPECT_EQ(uring.used, choice.io->name());
    EXPECT_EQ(uring.why_not.empty(), choice.why_not.empty());
}

#if defined(__x86_64__)
TEST(CpuFeatures, AgreeWithTheKernel) {
    std::ifstream file("/proc/cpuinfo");
    std::set<std::string> flags;
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("flags")) continue;
        std::istringstream words(line);
        for (std::string word; words >> word;) flags.insert(word);
        break;
    }
    if (flags.empty()) GTEST_SKIP() << "no flags in /proc/cpuinfo";
    EXPECT_EQ(cpu_features().clwb, flags.contains("clwb"));
    EXPECT_EQ(cpu_features().clflushopt, flags.contains("clflushopt"));
    EXPECT_EQ(cpu_features().clflush, flags.contains("clflush"));
    EXPECT_EQ(cpu_features().avx2, flags.contains("avx2"));
    EXPECT_EQ(cpu_features().bmi2, flags.contains("bmi2"));
    EXPECT_EQ(cpu_features().avx512, flags.contains("avx512f") && flags.contains("avx512bw") &&
                                         flags.contains("avx512vl") && flags.contains("avx512dq"));
    EXPECT_FALSE(cpu_features().neon);
}
#endif

TEST(KernelLevels, ForcingIsExactOrAnError) {
    EXPECT_EQ(test::must(choose_kernel_level("")), best_kernel_level());
    EXPECT_EQ(test::must(choose_kernel_level("scalar")), KernelLevel::scalar);
    for (const KernelLevel level : {KernelLevel::avx512, KernelLevel::avx2, KernelLevel::neon}) {
        const auto chosen = choose_kernel_level(to_string(level));
        if (kernel_level_supported(level)) {
            EXPECT_EQ(test::must(chosen), level);
        } else {
            test::expect_error(chosen, ErrorCode::invalid_argument, to_string(level));
        }
    }
    test::expect_error(choose_kernel_level("AVX2"), ErrorCode::invalid_argument, "AVX2");
    test::expect_error(choose_kernel_level("sse9"), ErrorCode::invalid_argument, "sse9");
}

TEST(BootIdentity, IsTheKernels) {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string text;
    file >> text;
    if (text.empty()) GTEST_SKIP() << "no boot_id";
    const BootId id = current_boot_id();
    char formatted[64] = {};
    std::snprintf(formatted, sizeof formatted, "%08llx-%04llx-%04llx-%04llx-%012llx",
                  static_cast<unsigned long long>(id.high >> 32),
                  static_cast<unsigned long long>(id.high >> 16 & 0xFFFF),
                  static_cast<unsigned long long>(id.high & 0xFFFF), static_cast<unsigned long long>(id.low >> 48),
                  static_cast<unsigned long long>(id.low & 0xFFFF'FFFF'FFFF));
    EXPECT_EQ(text, formatted);
    EXPECT_EQ(id, current_boot_id());
}

// What smaps looks like on a DAX mapping; this machine may have none.
TEST(MappingFacts, ReadSmaps) {
    const std::string text =
        "7f0000000000-7f0000200000 rw-s 00000000 103:00 12 /mnt/ring-0\n"
        "Size:               2048 kB\nFilePmdMapped:         0 kB\nVmFlags: rd wr sh mr mw me ms nh\n"
        "7f0000400000-7f0000800000 rw-s 00000000 103:00 13 /mnt/ring-1\n"
        "Size:               4096 kB\nAnonHugePages:         0 kB\nFilePmdMapped:      2048 kB\n"
        "ShmemPmdMapped:     2048 kB\nVmFlags: rd wr sh mr mw me ms sf hg\n"
        "7fff00000000-7fff00001000 rw-p 00000000 00:00 0 [stack]\nVmFlags: rd wr\n";
    const auto facts = [&](std::uintptr_t address) {
        std::istringstream smaps(text);
        return mapping_facts_from(smaps, reinterpret_cast<const void*>(address));
    };
    EXPECT_TRUE(facts(0x7f0000000000).known);
    EXPECT_FALSE(facts(0x7f0000000000).synchronous);
    EXPECT_EQ(facts(0x7f0000000000).huge_bytes, 0U);
    EXPECT_TRUE(facts(0x7f00007fffff).known);
    EXPECT_TRUE(facts(0x7f00007fffff).synchronous);
    EXPECT_EQ(facts(0x7f0000400000).huge_bytes, std::size_t{4} << 20);
    EXPECT_FALSE(facts(0x7f0000800000).known) << "the end is not part of the range";
    EXPECT_FALSE(facts(0x10).known);
}

}  // namespace
}  // namespace zverse::platform
