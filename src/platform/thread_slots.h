// ThreadSlots<Slot>: one Slot per thread and registry, found again in about a nanosecond, visible to all.
//
// Nouns
//   node   a Slot on its own cache lines in a list that only grows; owned by one thread at a time, adopted by a
//          later thread when its owner has ended
//   state  the list; shared by the registry and by every thread that has a node in it, so that neither the end of
//          a thread nor the end of the registry leaves the other with a dangling pointer
//
// Invariants
//   S1  A node is linked before mine() first returns it, and stays linked until the state dies: whoever walks the
//       list after a thread published something through its slot finds that slot.
//   S2  Only the owner writes the plain members of a Slot; anybody may read its atomics.
//
// Orders: a node is linked by a release CAS on the list head, walked from an acquire load of it; ownership passes
// by an acquire CAS on `owned`, given back by a release store.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace zverse::platform {

namespace detail {

/// The last registry this thread used: plain data, so that reading it needs no initialisation guard.
struct LastSlot {
    std::uint64_t registry = 0;
    void* slot = nullptr;
};
extern thread_local constinit LastSlot last_slot [[gnu::tls_model("initial-exec")]];

[[nodiscard]] std::uint64_t next_registry_id() noexcept;

/// What a thread holds on to: released, and so open for adoption, when the thread ends.
struct HeldSlot {
    std::uint64_t registry;
    void* slot;
    std::shared_ptr<void> state;
    std::atomic<bool>* owned;
    const std::atomic<bool>* closed;
};
[[nodiscard]] HeldSlot* find_held(std::uint64_t registry) noexcept;
/// Before hold(), so that a thread never owns a node that nothing gives back: the room for one more; allocates.
void make_room_to_hold();
void hold(HeldSlot held) noexcept;

}  // namespace detail

template <class Slot>
class ThreadSlots {
public:
    ThreadSlots() : state_(std::make_shared<State>()) {}
    ~ThreadSlots() {
        // release: a thread that sees it drops its node at its next visit to any registry.
        state_->closed.store(true, std::memory_order_release);
    }
    ThreadSlots(const ThreadSlots&) = delete;
    ThreadSlots& operator=(const ThreadSlots&) = delete;

    /// This thread's slot. Allocates on a thread's first call only. A thread that comes back after it ended (from the
    /// destructor of a static or thread_local object) gets a slot again, and gives it back again: per_thread.h.
    [[nodiscard]] Slot& mine() {
        if (detail::last_slot.registry == id_) [[likely]]
            return *static_cast<Slot*>(detail::last_slot.slot);
        return mine_slow();
    }

    /// The same without allocating: null before a thread's first call.
    [[nodiscard]] Slot* find_mine() noexcept {
        const detail::HeldSlot* held = detail::find_held(id_);
        return held != nullptr ? static_cast<Slot*>(held->slot) : nullptr;
    }

    /// Whether this is the registry that the thread used last, so that mine() is no call.
    [[nodiscard]] bool used_last() const noexcept { return detail::last_slot.registry == id_; }
    [[nodiscard]] static Slot& last() noexcept { return *static_cast<Slot*>(detail::last_slot.slot); }

    /// Calls visit(Slot&) for every slot, also those of ended threads, until it returns false.
    template <class Visit>
    bool for_each(Visit&& visit) const {
        // acquire: pairs with the release CAS in link(), S1.
        for (Node* node = state_->first.load(std::memory_order_acquire); node != nullptr; node = node->next) {
            if (!visit(node->slot)) return false;
        }
        return true;
    }

private:
    struct alignas(128) Node {
        Slot slot;
        std::atomic<bool> owned{true};
        Node* next = nullptr;
    };
    struct State {
        std::atomic<Node*> first{nullptr};
        std::atomic<bool> closed{false};
        ~State() {
            // relaxed: nobody else is left.
            for (Node* node = first.load(std::memory_order_relaxed); node != nullptr;) {
                delete std::exchange(node, node->next);
            }
        }
    };

    Slot& mine_slow() {
        if (detail::HeldSlot* held = detail::find_held(id_)) {
            detail::last_slot = {id_, held->slot};
            return *static_cast<Slot*>(held->slot);
        }
        detail::make_room_to_hold();
        Node* node = adopt();
        if (node == nullptr) node = link(new Node);
        detail::hold({id_, &node->slot, state_, &node->owned, &state_->closed});
        detail::last_slot = {id_, &node->slot};
        return node->slot;
    }

    Node* adopt() {
        // acquire: pairs with the release CAS in link().
        for (Node* node = state_->first.load(std::memory_order_acquire); node != nullptr; node = node->next) {
            bool free = false;
            // acquire: pairs with the former owner's release; its plain members are ours now (S2).
            if (node->owned.compare_exchange_strong(free, true, std::memory_order_acquire)) return node;
        }
        return nullptr;
    }

    Node* link(Node* node) {
        // relaxed: a first guess, the CAS decides.
        node->next = state_->first.load(std::memory_order_relaxed);
        // release: whoever finds the node finds it initialised (S1).
        while (!state_->first.compare_exchange_weak(node->next, node, std::memory_order_release,
                                                    std::memory_order_relaxed)) {}
        return node;
    }

    const std::uint64_t id_ = detail::next_registry_id();
    std::shared_ptr<State> state_;
};

}  // namespace zverse::platform
