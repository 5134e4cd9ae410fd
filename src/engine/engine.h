// Engine: one open store. The public classes forward here.
//
//   opening.h        start-up order: lock, superblock, rings, recovery, index, views, upkeep
//   creation.h       a directory becomes a store
//   close.cpp        the way out, clean or abandoned
//   write_path.cpp   limits and batches, then the hot tier
//   read_path.cpp    pin, view, version; then the hot tier, then the cold one
//   flush.cpp        from the hot tier to the cold one, and merges there: what calls ask of warm/mover.h
//   verify.cpp       a look at every byte
//   checkpoint.h     a copy that opens
//   named_pins.cpp   snapshots with a name, in the manifest
//   load.cpp         commits under versions that another store gave
//   scan_cursor.h, history_cursor.h, changes_cursor.h   ordered reads, a batch at a time
//   transaction.h    a write set over a snapshot
//   upkeep.h         the background threads: clock limit, syncs, time frames, settling, runs, figures
//   stat_page.h      figures where other processes find them
//
// Every public call finds the thread's slot, shows itself there, checks `closed`, works, and leaves. Reads show
// themselves by their epoch pin, other calls by counting themselves active. close() sets `closed`, fences all threads,
// and waits for a grace period and until nobody is active; so a call either sees `closed` or is waited for.
#pragma once

#include <cold/cold_tier.h>
#include <cold/spill_space.h>
#include <engine/event_teller.h>
#include <engine/memory_plan.h>
#include <engine/stat_page.h>
#include <engine/store_access.h>
#include <engine/superblock.h>
#include <engine/upkeep.h>
#include <engine/version_pins.h>
#include <engine/version_times.h>
#include <hot/tier.h>
#include <platform/file_io.h>
#include <platform/lock_file.h>
#include <platform/mapping.h>
#include <platform/topology.h>
#include <warm/run_builder.h>
#include <warm/view.h>
#include <warm/workers.h>
#include <zverse/store.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zverse::engine {

class Engine final : public hot::Host, public UpkeepWork, public std::enable_shared_from_this<Engine> {
public:
    [[nodiscard]] static Result<std::shared_ptr<Engine>> open(const std::filesystem::path& dir, const Options& options,
                                                              const Internals& internals);
    Engine(std::filesystem::path dir, Options options, Internals internals);
    ~Engine() override;

    [[nodiscard]] Result<void> close();
    void abandon() noexcept;
    [[nodiscard]] Result<bool> step();
    [[nodiscard]] Result<Version> drain();
    [[nodiscard]] Result<void> flush();
    [[nodiscard]] Result<void> compact(const KeyRange& range);

    // ---- Writes.
    [[nodiscard]] Result<Version> put(std::string_view key, std::string_view value);
    [[nodiscard]] inline Result<Version> put_now(std::string_view key, std::string_view value);
    [[nodiscard]] Result<Version> put_timed(std::string_view key, std::string_view value);
    [[nodiscard]] Result<Version> erase(std::string_view key);
    [[nodiscard]] Result<Version> write(const WriteBatch& batch);
    [[nodiscard]] Result<Version> put_if(std::string_view key, std::string_view value, Version expected);
    /// A batch that conflicts with anything newer than `snapshot`.
    [[nodiscard]] Result<Version> commit(std::vector<hot::Operation> operations, Version snapshot);

    // ---- Loads.
    [[nodiscard]] Result<void> load_at(const WriteBatch& batch, Version version);
    [[nodiscard]] Result<void> settle_load(Version upto, Version floor);
    [[nodiscard]] Result<void> end_load();
    [[nodiscard]] std::optional<Version> resumed_load() const noexcept { return resumed_load_; }

    // ---- Reads.
    /// What on_entry() throws comes out; nothing else does.
    [[nodiscard]] Result<bool> visit(std::string_view key, Version as_of, void (*on_entry)(void*, const Entry&),
                                     void* context);
    [[nodiscard]] Result<std::optional<std::string>> get(std::string_view key, Version as_of);
    /// get_into() for Store::get_into(), which inlines it, and what it leaves to others.
    [[nodiscard]] inline Result<bool> get_usual(std::string_view key, std::string& value, Version as_of,
                                                Version* version);
    [[nodiscard]] inline Result<bool> get_now(std::string_view key, std::string& value, Version* version);
    [[nodiscard]] Result<bool> get_special(std::string_view key, std::string& value, Version* version);
    [[nodiscard]] Result<bool> get_unusual(std::string_view key, std::string& value, Version as_of, Version* version);
    [[nodiscard]] Result<bool> get_timed(std::string_view key, std::string& value, Version* version);
    [[nodiscard]] Result<bool> get_expected(std::string_view key, std::string& value, Version* version);
    [[nodiscard]] Result<bool> get_settled(std::string_view key, std::string& value, Version* version);
    [[nodiscard]] Result<bool> get_long(std::string_view stored, std::string& value);
    [[nodiscard]] Result<bool> get_into(std::string_view key, std::string& value, Version as_of, Version* version);
    [[nodiscard]] Result<void> multi_get(std::span<const std::string_view> keys,
                                         std::span<std::optional<std::string>> values, Version as_of);
    [[nodiscard]] Result<Cursor> scan(const KeyRange& range, Version as_of, const ScanOptions& options);
    [[nodiscard]] Result<Cursor> history(std::string_view key, VersionRange versions, const ScanOptions& options);
    [[nodiscard]] Result<Cursor> changes(VersionRange versions, const KeyRange& keys, const ScanOptions& options);
    [[nodiscard]] Snapshot snapshot();
    [[nodiscard]] Transaction begin();

    // ---- Named pins.
    [[nodiscard]] Result<Version> pin(std::string_view name, Version version);
    [[nodiscard]] Result<void> unpin(std::string_view name);
    [[nodiscard]] Result<std::vector<std::pair<std::string, Version>>> named_pins();

    [[nodiscard]] Result<Verification> verify();
    [[nodiscard]] Result<Verification> scrubbed();
    [[nodiscard]] Result<void> checkpoint(const std::filesystem::path& directory);

    // ---- Versions.
    [[nodiscard]] Version latest_version() const noexcept;
    [[nodiscard]] Version durable_version();
    [[nodiscard]] Version floor() const;
    [[nodiscard]] Result<Version> version_at(std::chrono::system_clock::time_point time);
    [[nodiscard]] Result<void> sync();
    [[nodiscard]] Result<void> wait_durable(Version version);
    [[nodiscard]] Result<Version> wait_newer(Version after, std::chrono::milliseconds timeout);
    [[nodiscard]] Stats stats();

    // ---- For cursors and transactions.
    [[nodiscard]] hot::Tier& tier() noexcept { return *tier_; }
    [[nodiscard]] warm::Views& views() noexcept { return *views_; }
    [[nodiscard]] warm::RunBuilder& runs() noexcept { return *runs_; }
    [[nodiscard]] VersionPins& pins() noexcept { return pins_; }
    [[nodiscard]] cold::QueryCounts& queries() noexcept { return queries_; }
    [[nodiscard]] const cold::CurveLog& curves() const noexcept { return curves_; }
    [[nodiscard]] const MemoryPlan& memory() const noexcept { return memory_; }
    [[nodiscard]] platform::FileIo& file_io() noexcept { return *io_; }
    /// For sorts beyond memory; null in a store that was opened read-only.
    [[nodiscard]] cold::SpillSpace* spills() noexcept { return spills_.get(); }
    [[nodiscard]] bool closed() const noexcept {
        // acquire: pairs with the release in close().
        return closed_.load(std::memory_order_acquire);
    }
    [[nodiscard]] static Error closed_error();
    [[nodiscard]] static Error too_old_error(Version version, Version floor);
    /// Checks a version to read as of, pinned, with the view loaded: floor, latest, lost windows. Resolves kLatest.
    [[nodiscard]] Result<Version> resolve_version(Version as_of, const warm::View& view) const;
    [[nodiscard]] static bool good_key(std::string_view key) noexcept {
        return hot::usual_key(key.size()) || (!key.empty() && key.size() <= kKeyBytesMax);
    }
    [[nodiscard]] static Error bad_key(std::string_view key);
    [[nodiscard, gnu::cold, gnu::noinline]] static Result<bool> refuse_key(std::string_view key);
    [[nodiscard, gnu::cold, gnu::noinline]] static Result<bool> refuse_closed();
    /// The same for a range of versions, clipped to the latest.
    [[nodiscard]] Result<VersionRange> resolve_range(VersionRange versions, const warm::View& view) const;

    // ---- hot::Host.
    [[nodiscard]] Version cut() const noexcept override;
    [[nodiscard]] Result<Newest> newest_below(std::string_view key) const override;
    [[nodiscard]] Result<void> extend_limit(Version wanted) override;
    [[nodiscard]] Result<void> write_superblock(const SuperblockFields& fields, const char* what);
    [[nodiscard]] Result<void> note_settled(Version cut);
    void want_space() noexcept override;
    [[nodiscard]] std::string why_no_space() const override;

    // ---- UpkeepWork.
    [[nodiscard]] UpkeepState upkeep_state() override;
    [[nodiscard]] Result<bool> do_upkeep(UpkeepTask task) override;

private:
    friend class Opening;

    [[nodiscard]] bool good_value(std::string_view value) const noexcept { return value.size() <= value_bytes_max_; }
    [[nodiscard]] Error bad_value(std::string_view value) const;
    [[nodiscard]] Error bad_frame(std::uint64_t bytes, const char* what) const;
    [[nodiscard]] Result<void> prepare(const WriteBatch& batch, std::vector<hot::Operation>& operations) const;
    [[nodiscard]] Result<Version> write_prepared(const std::vector<hot::Operation>& operations,
                                                 std::optional<Version> unless_newer);
    void after_write() noexcept;
    [[nodiscard]] Result<void> check_loading() const;
    /// Whether a batch is one that write() would take.
    [[nodiscard]] Result<void> check_batch(const WriteBatch& batch) const;
    [[nodiscard]] Result<void> skip_versions(Version upto);
    [[nodiscard]] Result<VersionPins::Pin> pin_resolved(Version version);
    /// Opening: what the manifest has pinned.
    [[nodiscard]] Result<void> load_pins(const cold::ManifestState& state, Version clock_limit);
    [[nodiscard]] Result<void> check_pin_change(const char* call, std::string_view name) const;
    /// What pin(), or a read of several steps, is asked for, held against the floor.
    [[nodiscard]] Result<VersionPins::Pin> hold(Version version);
    [[nodiscard]] bool is_lost(Version version) const noexcept;
    /// `hit` keeps the value.
    [[nodiscard]] static Result<bool> find_settled(const warm::View& view, std::string_view key,
                                                   std::uint64_t settled_hash, Version as_of, cold::Tree::Hit& hit);
    /// Writes a time frame: the versions so far were taken by now.
    [[nodiscard]] Result<Version> note_time();
    [[nodiscard]] Result<void> note_last_time();
    [[nodiscard]] Result<void> leave_clean();
    void make_mover();
    [[nodiscard]] Version wanted_floor() const;
    /// The newest version known to have been committed at or before a time; nothing before the store.
    [[nodiscard]] std::optional<Version> newest_at(std::int64_t nanoseconds) const;
    /// Whether a call that moves data may be made here. `call` is its name.
    [[nodiscard]] Result<void> check_maintenance(const char* call) const;
    /// closed, or invalid_argument inside a visit callback, where waiting could be for ever.
    [[nodiscard]] Result<void> check_waiting(const char* call) const;
    [[nodiscard]] static Result<void> check_range(const KeyRange& range);
    void stop_movers() noexcept;
    [[nodiscard]] Stats gather_stats();
    /// Publishes the figures; `closing`: the last time. What fails is tried again a second later.
    void publish_figures(bool closing) noexcept;
    /// Of the durability thread, which begins behind the mover and ends before it, or of close().
    void tell_events(std::optional<Error> refusal) noexcept;
    [[nodiscard]] std::vector<Capability> platform_rows() const;
    void wait_for_calls();
    void release_memory() noexcept;

    const std::filesystem::path dir_;
    const Options options_;
    const Internals internals_;
    const std::uint64_t value_bytes_max_;
    MemoryPlan memory_;  ///< fixed after open

    platform::LockFile lock_;
    std::unique_ptr<platform::FileIo> io_;
    std::string io_why_not_;
    std::mutex superblock_mutex_;
    std::optional<Superblock> superblock_;
    std::optional<StatPage> stat_page_;  ///< of opening, then of the durability thread, then of close()
    std::atomic<bool> publishing_{false};  ///< the second of these begins
    EventTeller events_;  ///< of the durability thread, then of close()
    std::vector<LostWindow> lost_;  ///< fixed after open
    std::vector<VersionLeap> leaps_;  ///< fixed after open
    std::optional<Version> resumed_load_;  ///< fixed after open

    std::vector<platform::Mapping> mappings_;
    platform::Topology topology_;
    std::vector<Capability> platform_rows_;
    std::unique_ptr<cold::ColdTier> cold_;
    std::unique_ptr<cold::SpillSpace> spills_;
    std::unique_ptr<hot::Tier> tier_;
    std::unique_ptr<warm::Views> views_;
    std::unique_ptr<warm::RunBuilder> runs_;
    VersionPins pins_;
    std::mutex named_pins_mutex_;  ///< one change at a time; guards named_pins_
    std::map<std::string, VersionPins::Pin, std::less<>> named_pins_;  ///< as the manifest has them
    VersionTimes times_;
    std::unique_ptr<Upkeep> upkeep_;
    const platform::Kernels* kernels_ = nullptr;
    cold::QueryCounts queries_;
    cold::CurveLog curves_;
    std::unique_ptr<warm::Mover> mover_;
    std::atomic<warm::Mover*> mover_to_wake_{nullptr};
    std::unique_ptr<warm::Workers> workers_;

    Error closing_ = closed_error(),
          stopping_ = closed_error();  ///< made beforehand: closing needs no memory to turn writers away
    std::atomic<bool> closed_{false};
    std::atomic<std::uint32_t> newer_waiters_{0};
    std::mutex newer_mutex_;
    std::condition_variable newer_;

    std::mutex upkeep_mutex_;  ///< guards what upkeep remembers
    UpkeepState::Clock::time_point last_sync_{}, last_time_frame_{}, last_settle_{}, last_publication_{};
    UpkeepState::Clock::time_point last_telling_{}, last_failed_limit_{};
    Version last_time_version_ = 0;
    Version last_settled_version_ = 0;
    std::uint64_t recovered_records_ = 0;
    double recovery_seconds_ = 0;
};

}  // namespace zverse::engine
