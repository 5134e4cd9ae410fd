#include <bench/reports/circumstances.h>

#include <bench_version.h>
#include <platform/capabilities.h>

#include <fstream>
#include <sstream>

#include <sys/utsname.h>
#include <unistd.h>

namespace zverse::bench {

namespace {

/// What stands behind "name : " in /proc/cpuinfo, of the first CPU.
std::string cpu_fact(const std::string& name) {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const auto colon = line.find(':');
        if (colon == std::string::npos || !line.starts_with(name)) continue;
        return colon + 2 <= line.size() ? line.substr(colon + 2) : "";
    }
    return "unknown";
}

/// Those of the CPU's flags that the engine or its peers may use.
std::string cpu_flags() {
    std::string flags;
    std::istringstream all(cpu_fact("flags"));
    for (std::string flag; all >> flag;) {
        for (const char* wanted :
             {"avx2", "avx512bw", "avx512vl", "bmi2", "clwb", "clflushopt", "sha_ni", "vpclmulqdq"}) {
            if (flag == wanted) flags += (flags.empty() ? "" : " ") + flag;
        }
    }
    return flags;
}

std::string first_line(const std::filesystem::path& path, const std::string& otherwise) {
    std::ifstream file(path);
    std::string line;
    return std::getline(file, line) ? line : otherwise;
}

/// File system and options of the mount that `path` lies in: the longest mount point that begins it.
std::pair<std::string, std::string> mount_of(const std::filesystem::path& path) {
    std::ifstream mounts("/proc/self/mounts");
    std::error_code ignored;
    const std::string place = std::filesystem::weakly_canonical(path, ignored).string() + "/";
    std::string best, type = "unknown", options;
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream words(line);
        std::string device, point, its_type, its_options;
        words >> device >> point >> its_type >> its_options;
        const std::string beginning = point == "/" ? point : point + "/";
        if (!place.starts_with(beginning) || beginning.size() < best.size()) continue;
        best = beginning;
        type = its_type;
        options = its_options;
    }
    return {type, options};
}

std::string memory_text() {
    const auto bytes =
        static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    return std::to_string(bytes >> 20) + " MiB";
}

}  // namespace

const std::string* Circumstances::find(std::string_view name) const noexcept {
    for (const auto& [each, value] : facts) {
        if (each == name) return &value;
    }
    return nullptr;
}

Circumstances circumstances(const BenchRequest& request) {
    Circumstances all;
    const auto add = [&](const char* name, std::string value) { all.facts.emplace_back(name, std::move(value)); };
    utsname system{};
    uname(&system);
    const auto [file_system, mount_options] = mount_of(request.parent);
    // No file system tells of pmem that is not there: tmpfs, and ext4 or xfs without dax, have page granularity.
    const bool dax = (" ," + mount_options + ",").find(",dax") != std::string::npos;
    all.emulated = !request.force_granularity.empty() && request.force_granularity != "page" && !dax;
    add("commit", ZVERSE_BENCH_COMMIT);
    add("compiler", __VERSION__);
    add("cpu", cpu_fact("model name"));
    add("cpu_flags", cpu_flags());
    add("cpus", std::to_string(sysconf(_SC_NPROCESSORS_ONLN)));
    add("governor", first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "not shown"));
    add("memory", memory_text());
    add("numa_nodes", first_line("/sys/devices/system/node/online", "unknown"));
    add("kernel", std::string(system.sysname) + " " + system.release);
    add("load", first_line("/proc/loadavg", "unknown"));
    add("file_system", file_system);
    add("mount_options", mount_options);
    const double record_bytes = Dataset(request.shape, KeyOrder::scattered).record_bytes();
    const double megabytes = record_bytes * static_cast<double>(request.records) / 1e6;
    const double physical =
        static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
    add("records", std::to_string(request.records) + ", " + std::to_string(static_cast<std::uint64_t>(megabytes)) +
                       " MB" + (megabytes < physical ? ", in-memory: fewer than the machine has" : ""));
    add("granularity", request.force_granularity.empty() ? "the medium's" : request.force_granularity + ", forced");
    add("emulated", all.emulated ? "true" : "false");
    for (const Capability& row : platform::machine_capabilities()) add(("platform_" + row.name).c_str(), row.used);
    return all;
}

}  // namespace zverse::bench
