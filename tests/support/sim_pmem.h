// SimPmem: memory that loses power.
//
// The engine works on `memory`; `medium` is what a power cut leaves. Dirty lines are found by comparing the two, so no
// store needs to be told. A flush snapshots its lines; a drain writes the snapshots to the medium. What else of the
// memory may have reached the medium by itself (caches evict when they like) is for the explorer to choose:
//
//   cache_line   any subset of the dirty lines, each line torn at any of its eight 8-byte words
//   byte         everything visible is there (eADR)
//   page         any subset of the 512-byte sectors written since their last sync
//
// One thread at a time. A fence is its own thread's: what another thread flushed meanwhile is still on its way.
#pragma once

#include <platform/persist_domain.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <thread>
#include <vector>

namespace zverse::test {

class SimPmem final : public platform::PersistObserver {
public:
    /// `memory`: zeroed, 64-byte aligned, and so is the medium at first.
    SimPmem(std::span<std::byte> memory, platform::Granularity granularity);

    [[nodiscard]] platform::PersistDomain domain() noexcept { return {granularity_, *this}; }
    [[nodiscard]] platform::Granularity granularity() const noexcept { return granularity_; }
    [[nodiscard]] std::span<const std::byte> medium() const noexcept { return medium_; }
    [[nodiscard]] std::span<const std::byte> memory() const noexcept { return memory_; }
    /// The smallest piece that reaches the medium on its own, in bytes.
    [[nodiscard]] std::size_t unit_bytes() const noexcept {
        return granularity_ == platform::Granularity::page ? 512 : 64;
    }
    /// Numbers of the units that differ between memory and medium.
    [[nodiscard]] std::vector<std::size_t> dirty_units() const;

    /// Everything dirty reaches the medium by itself: caches may evict at any time.
    void evict() { medium_.assign(memory_.begin(), memory_.end()); }

    /// Called just before a drain or a sync takes effect: the moment with the most ways to fail.
    std::function<void()> before_drain;
    /// Called after each flush was recorded: others may look at the memory now.
    std::function<void()> after_flush;
    /// page: called before each sync with the offsets of the first and behind the last byte of its pages.
    std::function<void(std::size_t first, std::size_t last)> before_sync;
    /// The next syncs fail with this errno; 0: succeed.
    int fail_syncs_with = 0;
    std::uint64_t flushes = 0;
    std::uint64_t drains = 0;
    std::uint64_t syncs = 0;

    void on_flush(const void* address, std::size_t bytes) noexcept override;
    void on_drain() noexcept override;
    Result<void> on_sync(const void* address, std::size_t bytes) noexcept override;

private:
    struct Snapshot {
        std::size_t offset;
        std::thread::id thread;
        std::byte bytes[64];
    };
    void call(const std::function<void()>& callback);

    std::span<std::byte> memory_;
    std::vector<std::byte> medium_;
    platform::Granularity granularity_;
    std::vector<Snapshot> flushed_;
    bool inside_callback_ = false;
};

/// Builds crash images of a SimPmem: which dirty units, and which words of them, made it.
class CrashImages {
public:
    /// At most 12 dirty units: every subset. More: none, all, each alone, each missing, every prefix and suffix (up to
    /// `cap` of each), and random ones. Then torn ones: units of which only some 8-byte words (sectors are never torn
    /// further) arrived. Calls visit(image) for each; the image is scratch that the visitor may change.
    static void explore(const SimPmem& pmem, std::uint64_t seed, std::size_t cap,
                        const std::function<void(std::span<std::byte>)>& visit);
};

}  // namespace zverse::test
