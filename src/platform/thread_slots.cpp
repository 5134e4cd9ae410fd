// Orders: see thread_slots.h.
#include <platform/per_thread.h>
#include <platform/thread_slots.h>

#include <algorithm>

namespace zverse::platform::detail {

thread_local constinit LastSlot last_slot [[gnu::tls_model("initial-exec")]] = {};

std::uint64_t next_registry_id() noexcept {
    static std::atomic<std::uint64_t> last{0};
    // relaxed: only uniqueness matters.
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

namespace {

struct HeldSlots {
    std::vector<HeldSlot> slots;

    ~HeldSlots() {
        last_slot = {};
        // release: pairs with the acquire CAS of the adopting thread.
        for (HeldSlot& held : slots) held.owned->store(false, std::memory_order_release);
    }
};

using HeldByThread = PerThread<HeldSlots>;

}  // namespace

HeldSlot* find_held(std::uint64_t registry) noexcept {
    HeldSlots* held = HeldByThread::find();
    if (held == nullptr) return nullptr;
    for (HeldSlot& each : held->slots) {
        if (each.registry == registry) return &each;
    }
    return nullptr;
}

void make_room_to_hold() {
    std::vector<HeldSlot>& slots = HeldByThread::mine().slots;
    // Forget registries that are gone: the last holder frees their nodes.
    std::erase_if(slots, [](const HeldSlot& old) {
        // acquire: pairs with the release in ~ThreadSlots().
        return old.closed->load(std::memory_order_acquire);
    });
    if (slots.size() == slots.capacity()) slots.reserve(2 * slots.size() + 4);
}

void hold(HeldSlot held) noexcept { HeldByThread::find()->slots.push_back(std::move(held)); }

}  // namespace zverse::platform::detail
