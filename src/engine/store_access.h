// The door tests, benches and tools use to reach inside a store: open it with internals changed, step its worker,
// drain its hot tier. Not installed; nothing here is part of the contract.
#pragma once

#include <cold/curve_choice.h>
#include <platform/capabilities.h>
#include <platform/file_io.h>
#include <zverse/store.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zverse::engine {

/// How a store is opened to be loaded (load.cpp).
enum class Load : std::uint8_t {
    none,
    begin,   ///< read_only is the error where a load was interrupted
    resume,  ///< goes on with an interrupted one, where there is one
};

/// What a test may change. Defaults are production.
struct Internals {
    /// No background thread: step() does one decision of the worker at a time.
    bool stepped_worker = false;
    /// Nothing is flushed or merged but by flush(), so that rings can be full.
    bool flush_by_hand = false;
    /// The figures are published for other processes (stat_page.h), as by Store::open().
    bool publishes_figures = false;
    /// Low bits of an address kept in an index entry (shard bits included), 20 .. 48: fewer bits wrap sooner.
    unsigned index_address_bits = 48;
    /// How far ahead the clock limit is persisted, and how close to it writers wait.
    std::uint64_t clock_block = std::uint64_t{1} << 24;
    std::uint64_t clock_margin = std::uint64_t{1} << 20;
    /// Pretend the machine booted with this id: another id than the store's last one is a power cut.
    std::optional<platform::BootId> boot_id;
    /// Data that stays in the rings is flushed at this age.
    std::chrono::milliseconds flush_age{std::chrono::minutes(10)};
    /// So many queries of history are observed before curves are chosen by them.
    double curve_queries_min = 64;
    /// Places of records that a cursor over changes takes at once, before it sorts; 0: as many as memory allows.
    std::size_t changes_places = 0;
    /// How fast segments are read again, from the moment of opening; else all in some days, and after a minute.
    std::optional<std::uint64_t> scrub_bytes_per_second;
    /// Pretend the machine has these nodes and CPUs (hwloc's synthetic syntax). Empty: what it has.
    std::string topology;
    /// See StoreAccess::open_to_load().
    Load load = Load::none;
    /// What the store does its files' work with, made out of what it would. Empty: that itself.
    std::function<std::unique_ptr<platform::FileIo>(std::unique_ptr<platform::FileIo>)> wrap_io;
};

struct StoreAccess {
    [[nodiscard]] static Result<Store> open(const std::filesystem::path& dir, const Options& options,
                                            const Internals& internals);
    /// One decision of the stepped worker: clock limit, sync, time frame, runs, flush, merge. False when there was
    /// nothing to do.
    [[nodiscard]] static Result<bool> step(Store& store);
    /// As flush(), but forgets: reads answer as if no record with a version <= the returned one had ever been. So a
    /// test can go on without end on few bytes. Any thread.
    [[nodiscard]] static Result<Version> drain(Store& store);
    /// Announces a floor, as retention does before it forgets; nothing is forgotten. Returns how far it got.
    [[nodiscard]] static Version raise_floor(Store& store, Version wanted);
    /// The last histories written, and the curves chosen for them.
    [[nodiscard]] static std::vector<cold::CurveChoice> curve_choices(const Store& store);
    /// Opens a store for load_at(): until end_load() nobody else may open it for writing, and whoever reads it finds
    /// what has been loaded so far as its newest state. Nothing runs in the background.
    [[nodiscard]] static Result<Store> open_to_load(const std::filesystem::path& dir, const Options& options,
                                                    Load load);
    /// Of an interrupted load that this one goes on with: the latest version when it began.
    [[nodiscard]] static std::optional<Version> resumed_load(const Store& store) noexcept;
    /// Commits the batch under `version`, which must be above latest_version(); the versions between are skipped.
    /// Errors: invalid_argument (the version), else as Store::write().
    [[nodiscard]] static Result<void> load_at(Store& store, const WriteBatch& batch, Version version);
    /// Skips the versions up to `upto`, settles everything, and raises the floor to `floor`. May be called again.
    [[nodiscard]] static Result<void> settle_load(Store& store, Version upto, Version floor);
    /// The store is whole: from now on it may be opened for writing. Does not move the latest version.
    [[nodiscard]] static Result<void> end_load(Store& store);
    /// Leaves as a killed process would: no sync, no settling, no clean mark; unmaps and unlocks. Later calls
    /// return `closed`. Acknowledged writes must be there after the next open.
    static void abandon(Store& store) noexcept;
};

}  // namespace zverse::engine
