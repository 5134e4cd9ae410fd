// Oracle: one thread of random operations on a Store and on a ModelStore side by side; the first difference throws.
//
// What it holds over other operations: snapshots (re-read later), transactions (with their writes), cursors (stepped
// between writes). What it survives: reopening after close(), after abandon() (a killed process) and after abandon()
// with another boot id (a power cut: class process may lose a suffix of versions, never more).
#pragma once

#include <support/model_store.h>
#include <support/random.h>
#include <support/shapes.h>

#include <engine/store_access.h>
#include <zverse/zverse.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace zverse::test {

struct OracleConfig {
    std::string name;
    Options options;
    engine::Internals internals;
    friend void PrintTo(const OracleConfig& config, std::ostream* out) { *out << config.name; }
};

class Oracle {
public:
    using Counts = std::map<std::string, std::uint64_t>;

    Oracle(OracleConfig config, std::filesystem::path directory, std::uint64_t seed);
    /// Runs that many operations and one last full comparison. Throws at the first difference; the message carries the
    /// number of the operation.
    void run(std::uint64_t operations);
    [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

private:
    struct HeldTransaction {
        Transaction transaction;
        std::map<std::string, std::optional<std::string>> writes;
        bool drained = false;  // a drain came after begin(): what it forgot may or may not make the commit lose
    };
    struct HeldCursor {
        Cursor cursor;
        ModelCursor model;
        bool seekable;
    };
    /// Versions shown once and lost to a power cut: reads as of them are version_unknown.
    struct LostWindow {
        Version first, last;  // certainly lost; first > last: none is
        Version opened;  // between `last` and this nothing was ever shown
        Version kept;  // the newest version that survived
    };

    // Writes: oracle_writes.cpp.
    void put();
    void erase();
    void write_batch();
    void put_if();
    void begin_transaction();
    void use_transaction();
    void commit_transaction();
    [[nodiscard]] std::string new_value(std::string_view key);
    /// Calls write(), and when the ring is full flushes and calls it again.
    template <class Write>
    Result<Version> with_space(Write write);
    void accept(Version version, const std::vector<Change>& changes);
    void check_conflict(const HeldTransaction& held, const Error& error);
    void check_transaction_read(HeldTransaction& held);
    void check_transaction_scan(HeldTransaction& held);

    // Reads: oracle_reads.cpp.
    void get();
    void get_as_of();
    void get_into();
    void visit();
    void multi_get();
    void scan();
    void history();
    void changes();
    void take_snapshot();
    void read_snapshot();
    void open_cursor();
    void step_cursor();
    void check_get(std::string_view key, Version as_of);
    void check_cursor(Result<Cursor> cursor, const std::vector<ModelEntry>& expected);
    void check_step(HeldCursor& held, const Result<bool>& moved, const ModelEntry* expected);
    [[nodiscard]] KeyRange any_range();
    [[nodiscard]] ScanOptions any_scan_options();
    [[nodiscard]] Version oldest_version();
    /// kLatest, a version that was handed out, or any number up to the latest; never one lost to a power cut.
    [[nodiscard]] Version any_version();
    /// Any bounds in order, both outside lost windows.
    [[nodiscard]] VersionRange any_versions();

    // Lifecycle: oracle_lifecycle.cpp.
    void open(bool first);
    void check_versions();
    void check_lost_versions();
    void check_version_at();
    void sync();
    void wait_durable();
    void flush();
    void drain();
    void step();
    void reopen();
    void leave(bool clean);
    void accept_power_cut(Version durable_before, Version latest_before);
    void change_options();
    void check_closed();
    void compare_everything();
    [[nodiscard]] const LostWindow* lost_window_of(Version version) const;

    void operation();
    /// `what`: text, or a function that makes it, so that right answers cost no string.
    template <class What>
    static void check(bool right, const What& what) {
        if (right) return;
        if constexpr (std::is_invocable_v<What>) {
            throw std::runtime_error(what());
        } else {
            throw std::runtime_error(what);
        }
    }
    void count(const char* what) { ++counts_[what]; }

    OracleConfig config_;
    std::filesystem::path directory_;
    Random random_;
    KeyPool pool_;
    std::optional<Store> store_;
    ModelStore model_;
    std::vector<Version> versions_;  // some that were handed out
    Version last_write_ = 0;  // the newest version that a write returned
    Version latest_ = 0;  // the largest latest_version() seen
    Version durable_ = 0;  // the largest durable_version() seen since the store was opened
    std::vector<LostWindow> lost_;
    std::vector<Snapshot> snapshots_;
    std::vector<HeldTransaction> transactions_;
    std::vector<HeldCursor> cursors_;
    std::uint64_t number_ = 0;
    std::uint64_t counted_segment_ = 0;  ///< whose curve was counted last
    Counts counts_;
};

}  // namespace zverse::test
