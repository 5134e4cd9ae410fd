// WriterSlot: what one thread shows the others of a store, on its own cache lines.
//
// The announcement names the frame a writer is working on, from before its space is reserved until it is stamped
// (and, in class power, durable). It answers in O(threads): which frames may still be pending, how to step over an
// unfinished one, what is not yet durable, who holds a head back.
//
// Invariants
//   A1  `announced` is stored before the tail CAS that reserves the space, so whoever reads a tail sees the
//       announcement of everything unfinished below it.
//   A2  `announced_bytes` is stored after that CAS. A walker that reads announced == p, then a length, then
//       announced == p again may step over p by that length: a failed attempt never leaves a length behind, and a
//       thread never announces the same address twice. (tests/model/step.pml)
//   A3  No head passes a live announcement.
//   A4  It is cleared before any wait for space, sync, clock limit or another ring. (tests/model/own.pml)
#pragma once

#include <hot/latency.h>
#include <hot/layout.h>
#include <platform/epoch.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace zverse::hot {

/// What a thread has done; summed up over the slots by stats().
enum class Counter : std::uint8_t {
    puts,
    erases,
    batches,
    operations,
    bytes,
    gets,
    aborts,
    conflicts,
    helped_stamps,
    raised_floors,
    reader_persists,
    space_waits,
    full_errors,
    scan_entries,
    count,
};

struct alignas(64) WriterSlot : platform::EpochSlot {
    /// Address of the reservation, filler included; 0: none.
    std::atomic<Address> announced{0};
    /// Bytes of the reservation; 0 until its tail CAS succeeded.
    std::atomic<std::uint64_t> announced_bytes{0};
    /// API calls this thread is inside of; close() waits for them.
    std::atomic<std::uint32_t> active{0};
    std::uint32_t callbacks = 0;  // owner only: visit() callbacks this thread is inside of
    std::uint32_t admissions = 0; // owner only: writes it may begin before it looks at the clock limit again
    bool rings_missed = false;    // owner only: they did not have what it last looked for; see special_get
    /// Owner only: when so many gets were done, the next one is more than a look into the rings, being timed or
    /// expecting its key in segments; 0 while rings_missed. One comparison for both: a get feels each instruction.
    std::uint64_t special_get = kTimedEvery - 1;
    std::uint64_t paced_bytes = 0;  // owner only: reserved since it was last held back
    std::int64_t credits = 0;  // owner only: index entries it may still create
    std::uint32_t puts_without_jump = 0;  // owner only: how many of its last puts have an unknown jump
    std::array<Address, 16> without_jump{};  // owner only: which; enough that completing them is cheap

    alignas(64) std::array<std::atomic<std::uint64_t>, std::size_t(Counter::count)> counters{};

    ThreadLatencies latencies;

    /// Owner only. Readers of the sum may be a few operations behind.
    void count(Counter counter, std::uint64_t n = 1) noexcept {
        std::atomic<std::uint64_t>& value = counters[std::size_t(counter)];
        // relaxed: a statistic with one writer, so load and store need not be one step.
        value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    /// Owner only.
    [[nodiscard]] std::uint64_t counted(Counter counter) const noexcept {
        // relaxed: as count().
        return counters[std::size_t(counter)].load(std::memory_order_relaxed);
    }
    /// Owner only. Whether the next one is to be timed.
    [[nodiscard]] bool times_next(Counter counter) const noexcept {
        return counted(counter) % kTimedEvery == kTimedEvery - 1;
    }
    /// Owner only. Whether the next get is not simply looked up; prepare_next_get() says when that is so again.
    [[nodiscard]] bool next_get_is_special() const noexcept { return counted(Counter::gets) >= special_get; }
    /// Owner only. After a special get, and whenever rings_missed changes.
    void prepare_next_get() noexcept {
        special_get = rings_missed ? 0 : counted(Counter::gets) / kTimedEvery * kTimedEvery + kTimedEvery - 1;
    }
};

using WriterSlots = platform::ThreadSlots<WriterSlot>;
using HotEpochs = platform::Epochs<WriterSlot>;
using PinGuard = platform::EpochGuard<WriterSlot>;

}  // namespace zverse::hot
