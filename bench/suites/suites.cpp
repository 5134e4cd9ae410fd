#include <bench/suites/suites.h>

#include <bench/suites/suite.h>

namespace zverse::bench {

namespace {

constexpr std::string_view kMicro[] = {
    "fillseq",      "fillbatch", "fillrandom",       "readrandom",         "readmissing",         "multireadrandom",
    "seekrandom",   "overwrite", "readwhilewriting", "readrandom_settled", "readmissing_settled", "seekrandom_settled",
    "deleterandom",
};
constexpr std::string_view kYcsb[] = {"a", "b", "c", "f", "d", "e_aged", "e"};
constexpr std::string_view kVersions[] = {
    "get_as_of",         "scan_as_of",         "history",           "changes",
    "get_as_of_settled", "scan_as_of_settled", "history_settled",   "changes_settled",
    "snapshot_churn",    "update_all_kept",    "update_tenth_kept",
};
constexpr std::string_view kDurability[] = {"put", "put_batch", "read_modify_write"};
constexpr std::string_view kScale[] = {
    "fill_quarter", "read_quarter",    "update_quarter",  "fill_once",         "read_once",
    "update_once",  "fill_four_times", "read_four_times", "update_four_times",
};
constexpr std::string_view kRecovery[] = {"reopen"};
constexpr std::string_view kCrash[] = {"kill"};
constexpr Suite kSuites[] = {
    {"micro", "single kinds of operations, by db_bench's names", live_micro, nullptr, kMicro},
    {"ycsb", "YCSB's core workloads A to F", live_ycsb, nullptr, kYcsb},
    {"versions", "reads of old versions, history, changes, snapshots, retention", live_versions, nullptr, kVersions},
    {"durability", "the same writes under each promise", live_durability, nullptr, kDurability},
    {"scale", "data of a quarter, all and four times of the memory", live_scale, nullptr, kScale},
    {"recovery", "opening after a kill, per record put before", live_recovery, nullptr, kRecovery},
    {"crash", "kills of a process that writes; all that it acknowledged must be there", live_crash, nullptr, kCrash},
    {"pmem", "what makes bytes survive on this medium, by every means", nullptr, measure_pmem, {}},
    {"simd", "every kernel this CPU can execute", nullptr, measure_simd, {}},
    {"numa", "memory of each node from each node", nullptr, measure_numa, {}},
    {"uring", "io_uring by depth, beside pread and pwrite with fdatasync", nullptr, measure_uring, {}},
};

}  // namespace

std::string Measured::row() const {
    const std::string name = (label.empty() ? "" : label + " ") + suite + "/" + phase;
    if (of_machine) return name;
    return name + "/" + std::to_string(threads) + "/" + std::string(to_string(promise));
}

std::span<const Suite> suites() noexcept { return kSuites; }

}  // namespace zverse::bench
