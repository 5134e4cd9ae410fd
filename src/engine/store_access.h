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
    /// Leaves as a killed process would: no sync, no settling, no clean mark; unmaps and unlocks. Later calls
    /// return `closed`. Acknowledged writes must be there after the next open.
    static void abandon(Store& store) noexcept;
};

}  // namespace zverse::engine
