// WriteClock: numbers for writes, for engines that keep versions by timestamps which their caller gives.
//
// A moment must name a state that has every write that returned before and that never changes again. So a write takes
// its number before the engine has it and is under way until the engine has answered; now() takes the last number given
// and waits until no write with that number or a lower one is under way. What begins meanwhile has a higher number.
#pragma once

#include <bench/engines/engine.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <vector>

namespace zverse::bench {

class WriteClock {
public:
    /// The first write will be number last + 1.
    explicit WriteClock(Moment last) : last_(last) {}

    /// One write, under way as long as this object lives.
    class Write {
    public:
        explicit Write(WriteClock& clock) : clock_(clock), number_(clock.begin()) {}
        ~Write() { clock_.end(number_); }
        Write(const Write&) = delete;
        Write& operator=(const Write&) = delete;
        [[nodiscard]] Moment number() const noexcept { return number_; }

    private:
        WriteClock& clock_;
        const Moment number_;
    };

    [[nodiscard]] Moment now() {
        std::unique_lock lock(mutex_);
        const Moment moment = last_;
        ended_.wait(lock, [&] { return under_way_.empty() || under_way_.front() > moment; });
        return moment;
    }

private:
    Moment begin() {
        const std::lock_guard lock(mutex_);
        under_way_.push_back(++last_);
        return last_;
    }
    void end(Moment number) {
        {
            const std::lock_guard lock(mutex_);
            under_way_.erase(std::ranges::find(under_way_, number));
        }
        ended_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable ended_;
    Moment last_;
    std::vector<Moment> under_way_;  // ascending; one for each thread at most
};

}  // namespace zverse::bench
