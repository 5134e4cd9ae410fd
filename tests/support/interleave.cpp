#include <support/interleave.h>

// The schedule itself is made of the real things.
#undef atomic
#undef atomic_ref
#undef mutex
#undef condition_variable
#undef yield

#include <support/random.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <semaphore>

#include <pthread.h>
#include <sched.h>

namespace zverse::test::interleave {

namespace {

constexpr std::uint64_t kShortest = 20;          // points: about a call
constexpr std::uint64_t kFar = 3000;             // farther than any thread goes, unless it waits for another
constexpr std::uint64_t kPointsMax = 5'000'000;  // nobody needs as many: the threads wait for each other

/// The threads of all schedules: tests run thousands of short schedules, and to start threads for each takes longer
/// than what they do. A thread waits for its turn, the first of which brings its work along. Only one of them runs at a
/// time, so they share a processor: a turn is then passed on by one switch there, however busy the others are.
class Threads {
public:
    static Threads& all() {
        static Threads threads;
        return threads;
    }
    void want(std::size_t count) {
        while (each_.size() < count) {
            Thread& thread = each_.emplace_back();
            thread.loop = std::jthread([&thread](const std::stop_token& stop) {
                for (thread.turn.acquire(); !stop.stop_requested(); thread.turn.acquire()) {
                    const std::function<void()> work = std::move(thread.work);
                    work();
                }
            });
        }
    }
    ~Threads() {
        for (Thread& thread : each_) {
            thread.loop.request_stop();
            thread.turn.release();
        }
    }
    /// Brings all threads to where the caller is.
    void gather() {
        const int here = sched_getcpu();
        if (here < 0 || (here == processor_ && gathered_ == each_.size())) return;
        processor_ = here;
        gathered_ = each_.size();
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<unsigned>(here), &one);
        // A wish: without it tests are slower.
        for (Thread& thread : each_) (void)pthread_setaffinity_np(thread.loop.native_handle(), sizeof one, &one);
    }
    std::binary_semaphore& turn(std::size_t i) { return each_[i].turn; }
    void give(std::size_t i, std::function<void()> work) { each_[i].work = std::move(work); }

    std::counting_semaphore<> done{0};  ///< released by each whose work is done

private:
    struct Thread {
        std::binary_semaphore turn{0};
        std::function<void()> work;
        std::jthread loop;
    };
    std::deque<Thread> each_;  // only grows, and nothing in it moves
    int processor_ = -1;
    std::size_t gathered_ = 0;
};

class Schedule {
public:
    Schedule(std::uint64_t seed, std::size_t threads) : seed_(seed), random_(seed), running_(threads, true) {
        static constexpr std::uint64_t kLongest[] = {20, 60, 200, 600};
        longest_ = kLongest[random_.below(4)];
        // Half of the schedules are stairs: each thread but the last is stopped once, somewhere in its first calls, and
        // who comes last runs to its end; so every place to stop meets everything that others may do meanwhile.
        for (std::size_t i = 0; i + 1 < threads && longest_ > 60; ++i)
            stops_.push_back({i, random_.below(3 * kShortest)});
    }

    Schedule(std::vector<Stop> stops, std::size_t threads) : Schedule(1, threads) { stops_ = std::move(stops); }

    void begin() { pass_on(stops_.empty() ? random_.below(running_.size()) : stops_[0].thread); }
    void end(std::size_t me) {
        running_[me] = false;
        if (const auto next = other_than(me)) pass_on(*next);
    }
    void point(std::size_t me) {
        count(1);
        if (budget_-- == 0) give_way(me);
    }
    void give_way(std::size_t me) {
        count(kShortest);  // threads that wait for each other for ever are found out soon
        const auto next = other_than(me);
        if (!next) {
            budget_ = longest_;
            return;
        }
        pass_on(*next);
        threads_.turn(me).acquire();
    }

private:
    void count(std::uint64_t points) {
        points_ += points;
        if (points_ < kPointsMax) return;
        std::fprintf(stderr, "interleave: no progress under schedule seed %llu\n",
                     static_cast<unsigned long long>(seed_));
        std::abort();
    }
    std::optional<std::size_t> other_than(std::size_t me) {
        std::vector<std::size_t> others;
        for (std::size_t i = 0; i < running_.size(); ++i) {
            if (i != me && running_[i]) others.push_back(i);
        }
        if (others.empty()) return std::nullopt;
        if (stopped_ < stops_.size() && running_[stops_[stopped_].thread]) return stops_[stopped_].thread;
        if (stopped_ <= stops_.size() && !stops_.empty()) return others.back();
        return others[random_.below(others.size())];
    }
    void pass_on(std::size_t next) {
        // One is stopped soon, the next may come far: that finds more than an even exchange, in which all make the same
        // step at the same time.
        budget_ = random_.below(random_.one_in(2) ? kShortest : longest_);
        if (stopped_ < stops_.size() && next == stops_[stopped_].thread) {
            budget_ = stops_[stopped_].points;
        } else if (!stops_.empty()) {
            budget_ = kFar;
        }
        ++stopped_;
        threads_.turn(next).release();
    }

    const std::uint64_t seed_;
    Random random_;
    Threads& threads_ = Threads::all();
    std::vector<bool> running_;
    std::uint64_t longest_ = 1;
    std::vector<Stop> stops_;
    std::size_t stopped_ = 0;  ///< turns so far
    std::uint64_t budget_ = 0;
    std::uint64_t points_ = 0;
};

struct Here {
    Schedule* schedule = nullptr;
    std::size_t thread = 0;
    unsigned undisturbed = 0;
    std::uint64_t points = 0;
};
thread_local Here here;

}  // namespace

void point() noexcept {
    ++here.points;
    if (here.schedule != nullptr && here.undisturbed == 0) here.schedule->point(here.thread);
}

std::uint64_t points() noexcept { return here.points; }

void give_way() noexcept {
    if (here.schedule != nullptr) {
        here.schedule->give_way(here.thread);
    } else {
        std::this_thread::yield();
    }
}

Undisturbed::Undisturbed() noexcept { ++here.undisturbed; }
Undisturbed::~Undisturbed() { --here.undisturbed; }

namespace {

std::vector<std::uint64_t> run_on(Schedule& schedule, const std::vector<std::function<void()>>& bodies) {
    Threads& threads = Threads::all();
    std::vector<std::uint64_t> points(bodies.size());
    threads.want(bodies.size());
    threads.gather();
    for (std::size_t i = 0; i < bodies.size(); ++i) {
        threads.give(i, [&, i] {
            here = {&schedule, i};
            bodies[i]();
            points[i] = here.points;
            here = {};
            schedule.end(i);
            threads.done.release();
        });
    }
    schedule.begin();
    for (std::size_t i = 0; i < bodies.size(); ++i) threads.done.acquire();
    return points;
}

}  // namespace

void run(std::uint64_t seed, const std::vector<std::function<void()>>& bodies) {
    Schedule schedule(seed, bodies.size());
    run_on(schedule, bodies);
}

std::vector<std::uint64_t> run_with_stops(const std::vector<Stop>& stops,
                                          const std::vector<std::function<void()>>& bodies) {
    Schedule schedule(stops, bodies.size());
    return run_on(schedule, bodies);
}

}  // namespace zverse::test::interleave
