// ReadySet: a bounded lock-free queue of at most 64 jobs, the most urgent first.
//
// Each kind of job has a place, in order of urgency, and its bit is set while the job waits for somebody to do its next
// step. One word is enough because a job is one thing: nobody posts it twice, and who takes it has it alone until it
// posts it again.
//
// Invariant W1: between take() and post() of a place only the taker touches its job. post() is a release and take() an
// acquire, so what the last step wrote is seen by the next one, whichever thread does it.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <optional>

namespace zverse::platform {

class ReadySet {
public:
    static constexpr unsigned kPlaces = 64;
    static constexpr std::uint64_t kAll = ~std::uint64_t{0};

    void post(unsigned place) noexcept {
        // release: W1.
        ready_.fetch_or(std::uint64_t{1} << place, std::memory_order_release);
    }

    /// The most urgent job that is ready and in `allowed`.
    [[nodiscard]] std::optional<unsigned> take(std::uint64_t allowed = kAll) noexcept {
        // relaxed: a guess; the CAS decides.
        std::uint64_t seen = ready_.load(std::memory_order_relaxed);
        while ((seen & allowed) != 0) {
            const int place = std::countr_zero(seen & allowed);
            // acquire: W1; relaxed on failure: only a new guess.
            if (ready_.compare_exchange_weak(seen, seen & ~(std::uint64_t{1} << place), std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
                return static_cast<unsigned>(place);
            }
        }
        return std::nullopt;
    }

private:
    std::atomic<std::uint64_t> ready_{0};
};

}  // namespace zverse::platform
