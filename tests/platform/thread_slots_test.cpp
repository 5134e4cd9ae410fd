// Goal:    Each thread has one slot of a registry, also after its thread_local objects are gone, and gives it back.
// Method:  Threads one after the other, with thread_local objects that are destroyed before and after the slots.
#include <platform/thread_slots.h>

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <thread>

namespace zverse::test {
namespace {

struct Slot {
    int uses = 0;
};
using Slots = platform::ThreadSlots<Slot>;

std::size_t slots_of(const Slots& slots) {
    std::size_t count = 0;
    slots.for_each([&count](const Slot&) {
        ++count;
        return true;
    });
    return count;
}

/// Calls when its thread ends.
struct AtThreadEnd {
    std::function<void()> call;
    ~AtThreadEnd() {
        if (call) call();
    }
};

TEST(ThreadSlots, AThreadFindsItsSlotAgain) {
    Slots first;
    Slots second;
    EXPECT_EQ(first.find_mine(), nullptr);
    Slot& mine = first.mine();
    EXPECT_NE(&mine, &second.mine());
    EXPECT_EQ(&mine, &first.mine());
    EXPECT_EQ(first.find_mine(), &mine);
}

TEST(ThreadSlots, ALaterThreadAdoptsTheSlotOfAnEndedOne) {
    Slots slots;
    for (int i = 0; i < 10; ++i) std::thread([&] { ++slots.mine().uses; }).join();
    EXPECT_EQ(slots_of(slots), 1U);
    EXPECT_EQ(slots.mine().uses, 10);
}

TEST(ThreadSlots, AThreadThatComesBackAfterItsEndGetsASlotAndGivesItBack) {
    Slots slots;
    for (int i = 0; i < 10; ++i) {
        std::thread([&] {
            static thread_local AtThreadEnd later;  // made before the slots are held, so destroyed after them
            later.call = [&] {
                Slot& mine = slots.mine();
                ++mine.uses;
                EXPECT_EQ(&mine, &slots.mine());
            };
            ++slots.mine().uses;
        }).join();
    }
    EXPECT_EQ(slots_of(slots), 1U);
    EXPECT_EQ(slots.mine().uses, 20);
}

TEST(ThreadSlots, ARegistryMayDieBeforeTheThreadThatComesBack) {
    std::optional<Slots> slots(std::in_place);
    Slots other;
    std::thread([&] {
        static thread_local AtThreadEnd later;
        later.call = [&] {
            slots.reset();
            ++other.mine().uses;
        };
        ++slots->mine().uses;
        ++other.mine().uses;
    }).join();
    EXPECT_EQ(other.mine().uses, 2);
}

}  // namespace
}  // namespace zverse::test
