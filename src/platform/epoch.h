// Epochs: readers never wait, and what they can reach is not reused before they left.
//
// A reader pins: one store to its own cache line. Whoever wants to reuse something first makes it unreachable,
// then asks for a grace period: it has passed once every reader pinned before it began has left. (Epoch-based
// reclamation: K. Fraser, "Practical lock-freedom", 2004; the asymmetric fence is membarrier(2).)
//
// Invariants
//   E1  epoch == 0 outside pins. Pins nest; inner ones leave the number as it is.
//   E2  Either passed() sees a pin, or the pinned reader sees everything that was stored before begin_grace().
//
// Orders: E2 is a store-load pair (reader: store epoch, load data; writer: store data, load epochs), the only kind
// that acquire and release can't order. The writer's side runs membarrier(2), which puts a full fence into every
// running thread of the process, so the reader needs only a compiler fence. Without membarrier the pin is a seq_cst
// exchange. unpin() releases to the acquire in passed(): what the reader read was read before it left.
#pragma once

#include <platform/thread_slots.h>

#include <atomic>
#include <cstdint>
#include <thread>

namespace zverse::platform {

/// Puts a full memory fence into every running thread of this process; false when the kernel can't, or not now.
bool fence_all_threads() noexcept;
/// Whether fence_all_threads() works here; asked once.
[[nodiscard]] bool asymmetric_fences() noexcept;

struct EpochSlot {
    std::atomic<std::uint64_t> epoch{0};

    /// Owner only.
    [[nodiscard]] bool pinned() const noexcept {
        // relaxed: our own store.
        return epoch.load(std::memory_order_relaxed) != 0;
    }
};

/// Slot derives from EpochSlot.
template <class Slot>
class Epochs {
public:
    explicit Epochs(ThreadSlots<Slot>& slots) noexcept : slots_(slots), asymmetric_(asymmetric_fences()) {}

    /// Whether begin_grace() fences all threads, so that others may leave their fences to it too.
    [[nodiscard]] bool asymmetric() const noexcept { return asymmetric_; }

    /// Returns what unpin() must put back: pins nest, and the outermost one's number stays.
    [[nodiscard]] std::uint64_t pin(EpochSlot& slot) const noexcept {
        // relaxed: our own store.
        const std::uint64_t outer = slot.epoch.load(std::memory_order_relaxed);
        if (outer == 0) pin_outermost(slot);
        return outer;
    }
    /// pin() of a slot that is not pinned; unpin() puts 0 back.
    void pin_outermost(EpochSlot& slot) const noexcept {
        // relaxed: an old number only makes a grace period wait for this reader.
        const std::uint64_t now = now_.load(std::memory_order_relaxed);
        if (asymmetric_) [[likely]] {
            // relaxed: ordered before the reads that follow by membarrier in begin_grace() (E2).
            slot.epoch.store(now, std::memory_order_relaxed);
            std::atomic_signal_fence(std::memory_order_seq_cst);  // compiler only; the other half is membarrier
        } else {
            // seq_cst: the fence of E2 itself; pairs with the seq_cst in begin_grace().
            slot.epoch.exchange(now, std::memory_order_seq_cst);
        }
    }

    static void unpin(EpochSlot& slot, std::uint64_t outer) noexcept {
        // release: our reads happen before a grace period that sees us gone.
        slot.epoch.store(outer, std::memory_order_release);
    }

    /// Begins a grace period. What was stored before is seen by every reader that passed() does not wait for.
    [[nodiscard]] std::uint64_t begin_grace() noexcept {
        // seq_cst: pairs with the exchange in pin() where there is no membarrier.
        const std::uint64_t epoch = now_.fetch_add(1, std::memory_order_seq_cst) + 1;
        // It may fail for want of memory; pins without their half of the fence would not be seen (E2).
        while (asymmetric_ && !fence_all_threads()) std::this_thread::yield();
        return epoch;
    }

    /// Whether every reader pinned before begin_grace() returned `epoch` has left.
    [[nodiscard]] bool passed(std::uint64_t epoch) const noexcept {
        return slots_.for_each([epoch](const Slot& slot) {
            // acquire: pairs with the release in unpin(); seq_cst for the fallback of E2.
            const std::uint64_t pinned = slot.epoch.load(std::memory_order_seq_cst);
            return pinned == 0 || pinned >= epoch;
        });
    }

private:
    ThreadSlots<Slot>& slots_;
    std::atomic<std::uint64_t> now_{1};
    const bool asymmetric_;
};

/// Pins for a scope.
template <class Slot>
class EpochGuard {
public:
    EpochGuard(const Epochs<Slot>& epochs, EpochSlot& slot) noexcept : slot_(slot), outer_(epochs.pin(slot)) {}
    /// Takes over what pin_outermost() did.
    explicit EpochGuard(EpochSlot& slot) noexcept : slot_(slot), outer_(0) {}
    ~EpochGuard() { Epochs<Slot>::unpin(slot_, outer_); }
    EpochGuard(const EpochGuard&) = delete;
    EpochGuard& operator=(const EpochGuard&) = delete;

private:
    EpochSlot& slot_;
    const std::uint64_t outer_;
};

}  // namespace zverse::platform
