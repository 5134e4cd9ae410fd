// wait_until(): for what workers do by themselves and nothing signals.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace zverse::test {

/// Fails the test after a minute.
template <class Reached>
void wait_until(Reached&& reached) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!reached()) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

}  // namespace zverse::test
