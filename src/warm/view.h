// View: what a reader may reach, as one immutable value behind one pointer.
//
// A reader pins its epoch, loads the view, and everything the view names stays until it unpins. Publishing replaces the
// pointer; the old view is freed after a grace period. One publisher at a time.
//
// Invariant V1: a record with version > cut is in a ring, one with version <= cut is in a lower tier, and whatever a
// ring or run still holds of it is ignored. No exception: comparing both brings deleted keys back.
//
// Orders: the pointer is stored with release and loaded with acquire; `Views::publish` retires the old view behind an
// epoch (platform/epoch.h E2).
#pragma once

#include <hot/slot.h>
#include <warm/run.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace zverse::cold {
class Tree;
}

namespace zverse::warm {

struct View {
    Version cut = 0;
    Version floor = 0;
    std::shared_ptr<const cold::Tree> tree;  ///< null: nothing has settled yet
    std::vector<std::shared_ptr<const Run>> runs;
    /// Per ring: frames that begin below it are in the runs (or at or below the cut).
    std::vector<std::uint64_t> coverage;
};

class Views {
public:
    Views(hot::HotEpochs& epochs, std::unique_ptr<const View> first) : epochs_(epochs), current_(first.release()) {}
    ~Views();
    Views(const Views&) = delete;
    Views& operator=(const Views&) = delete;

    /// The current view; valid while pinned.
    [[nodiscard]] const View& current() const noexcept {
        // acquire: pairs with the release in publish().
        return *current_.load(std::memory_order_acquire);
    }
    /// Held by whoever computes and publishes the next view.
    [[nodiscard]] std::mutex& publisher() noexcept { return publisher_; }
    /// So much that a replaced view is freed as soon as its readers have left.
    static constexpr std::uint64_t kFreedSoon = 1 << 20;
    /// Replaces the view; publisher() is held. Frees earlier views whose readers have left, some of them later: a grace
    /// period interrupts every thread, so it is begun for many views or when they hold much. `freed`: bytes that only
    /// the replaced view still holds.
    void publish(std::unique_ptr<const View> next, std::uint64_t freed);
    /// Frees replaced views that hold another tree than the current one, and so files that were replaced. False while
    /// some are left, whose readers may still be there.
    [[nodiscard]] bool free_old_trees();

private:
    using Replaced = std::vector<std::unique_ptr<const View>>;
    void begin_aging();

    hot::HotEpochs& epochs_;
    std::atomic<const View*> current_;
    std::mutex publisher_;
    Replaced replaced_;  ///< not yet behind a grace period
    std::uint64_t replaced_bytes_ = 0;
    Replaced aging_;  ///< free once `aging_epoch_` has passed
    std::uint64_t aging_epoch_ = 0;
};

}  // namespace zverse::warm
