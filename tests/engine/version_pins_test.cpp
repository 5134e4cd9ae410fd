// Goal:    the floor never passes a pin, and no pin is made below the floor, whoever comes first.
// Method:  each rule by itself; then threads that pin the latest version while others raise the floor to it.
#include <support/threads.h>

#include <engine/version_pins.h>

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <utility>

namespace zverse::test {
namespace {

using engine::VersionPins;

TEST(VersionPinsTest, TheFloorStopsAtTheOldestPin) {
    VersionPins pins;
    auto eight = pins.try_pin(8);
    auto five = pins.try_pin(5);
    auto also_five = pins.pin_from(5);
    EXPECT_EQ(pins.count(), 3U);
    EXPECT_EQ(pins.oldest(), 5U);
    EXPECT_EQ(pins.raise_floor(3), 3U);
    EXPECT_EQ(pins.raise_floor(9), 5U);
    five.reset();
    EXPECT_EQ(pins.raise_floor(9), 5U) << "two pins held it";
    also_five = {};
    EXPECT_EQ(pins.raise_floor(9), 8U);
    VersionPins::Pin moved = std::move(*eight);
    eight.reset();
    EXPECT_EQ(pins.raise_floor(9), 8U) << "a pin that moved holds on";
    moved = {};
    EXPECT_EQ(pins.raise_floor(9), 9U);
    EXPECT_EQ(pins.oldest(), std::nullopt);
}

TEST(VersionPinsTest, TheFloorNeverFalls) {
    VersionPins pins;
    EXPECT_EQ(pins.raise_floor(9), 9U);
    EXPECT_EQ(pins.raise_floor(4), 9U);
    EXPECT_EQ(pins.floor(), 9U);
}

TEST(VersionPinsTest, BelowTheFloorNothingIsPinned) {
    VersionPins pins;
    (void)pins.raise_floor(9);
    EXPECT_FALSE(pins.try_pin(8));
    EXPECT_EQ(pins.count(), 0U);
    const auto nine = pins.try_pin(9);
    ASSERT_TRUE(nine);
    EXPECT_EQ(nine->version(), 9U);
    EXPECT_EQ(pins.pin_from(3).version(), 9U) << "the floor has come by since it was the latest";
    EXPECT_EQ(pins.pin_from(12).version(), 12U);
}

TEST(VersionPinsTest, PinsAndTheFloorRace) {
    VersionPins pins;
    std::atomic<Version> latest{1};
    std::atomic<std::uint64_t> refused{0};
    run_threads(4, [&](std::size_t index) {
        for (int i = 0; i < 20'000; ++i) {
            if (index == 0) {
                const Version next = ++latest;
                ASSERT_LE(pins.raise_floor(next), next);
                continue;
            }
            const Version version = latest.load();
            auto pin = index == 1 ? pins.pin_from(version) : pins.try_pin(version);
            if (!pin) {
                ++refused;
                continue;
            }
            ASSERT_LE(pins.floor(), pin->version());
            ASSERT_LE(pins.raise_floor(latest.load()), pin->version());
        }
    });
    EXPECT_EQ(pins.count(), 0U);
    EXPECT_EQ(pins.raise_floor(latest), latest);
}

}  // namespace
}  // namespace zverse::test
