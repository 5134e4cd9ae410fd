#include <bench/suites/kill_loop.h>

#include <platform/tick_clock.h>
#include <support/random.h>
#include <support/threads.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace zverse::bench {

namespace {

/// What the child tells while it lives, in memory that outlives it.
class Acknowledged {
public:
    explicit Acknowledged(unsigned threads) : bytes_((threads + 1) * sizeof(Word)) {
        void* const memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "shared memory");
        words_ = static_cast<Word*>(memory);
        for (unsigned i = 0; i <= threads; ++i) new (&words_[i]) Word(0);
    }
    ~Acknowledged() { munmap(words_, bytes_); }
    Acknowledged(const Acknowledged&) = delete;
    Acknowledged& operator=(const Acknowledged&) = delete;

    /// Puts that have returned, of one thread: it does them in order.
    [[nodiscard]] std::atomic<std::uint64_t>& puts_of(unsigned thread) noexcept { return words_[thread + 1]; }
    /// Not 0 as soon as the child's store is open.
    [[nodiscard]] std::atomic<std::uint64_t>& ready() noexcept { return words_[0]; }

private:
    using Word = std::atomic<std::uint64_t>;
    static_assert(Word::is_always_lock_free);
    std::size_t bytes_;
    Word* words_;
};

class KillLoop {
public:
    KillLoop(const KillSetting& setting, const Interrupted& interrupted)
        : setting_(setting),
          interrupted_(interrupted),
          threads_(setting.setup.threads),
          records_each_(std::max<std::uint64_t>(setting.records / threads_, 1)),
          acknowledged_(threads_),
          random_(setting.seed) {}

    KillOutcome run() {
        while (outcome_.seconds < setting_.seconds && !interrupted_()) {
            write_until_killed();
            if (interrupted_()) break;
            verify();
            ++outcome_.kills;
        }
        for (unsigned thread = 0; thread < threads_; ++thread)
            outcome_.acknowledged += acknowledged_.puts_of(thread).load(std::memory_order_acquire);
        return outcome_;
    }

private:
    // The put number `put` of a thread is about the record at put % records_each_, whose value is of round
    // put / records_each_.
    [[nodiscard]] std::uint64_t number(unsigned thread, std::uint64_t index) const noexcept {
        return index * threads_ + thread;
    }

    /// In a process of its own. Never returns.
    [[noreturn]] void write_for_ever() {
        prctl(PR_SET_PDEATHSIG, SIGKILL);  // it would write for ever
        try {
            const auto engine = setting_.kind.open(setting_.setup);
            acknowledged_.ready().store(1, std::memory_order_release);
            test::run_threads(threads_,
                              [&](std::size_t thread) { put_for_ever(*engine, static_cast<unsigned>(thread)); });
        } catch (const std::exception& failure) {
            std::fprintf(stderr, "zverse-bench: %s\n", failure.what());
        }
        std::_Exit(1);
    }
    [[noreturn]] void put_for_ever(Engine& engine, unsigned thread) {
        const auto session = engine.session();
        std::atomic<std::uint64_t>& puts = acknowledged_.puts_of(thread);
        std::string key, value;
        // acquire, release: between processes, and only the kill ends it.
        for (std::uint64_t put = puts.load(std::memory_order_acquire);; ++put) {
            const std::uint64_t record = number(thread, put % records_each_);
            setting_.dataset.key(record, key);
            setting_.dataset.value(record, put / records_each_, value);
            session->put(key, value);
            puts.store(put + 1, std::memory_order_release);
        }
    }

    void write_until_killed() {
        acknowledged_.ready().store(0, std::memory_order_release);
        const pid_t child = fork();
        if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
        if (child == 0) write_for_ever();
        const auto step = std::chrono::milliseconds(1);
        bool lives = true;
        const auto look = [&] { lives = lives && waitpid(child, nullptr, WNOHANG) == 0; };
        for (look(); lives && acknowledged_.ready().load(std::memory_order_acquire) == 0; look())
            std::this_thread::sleep_for(step);
        const auto begin = std::chrono::steady_clock::now();
        std::this_thread::sleep_for(std::chrono::microseconds(random_.between(1'000, 200'000)));
        outcome_.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        look();
        if (!lives) throw std::runtime_error(std::string(setting_.kind.name) + " failed before it could be killed");
        kill(child, SIGKILL);
        while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {}
    }

    void verify() {
        const platform::TickClock& clock = platform::TickClock::instance();
        const std::uint64_t begin = clock.now();
        const auto engine = setting_.kind.open(setting_.setup);
        outcome_.opening.add(static_cast<std::uint64_t>(clock.nanoseconds(clock.now() - begin)));
        const auto session = engine->session();
        for (unsigned thread = 0; thread < threads_; ++thread) {
            const std::uint64_t puts = acknowledged_.puts_of(thread).load(std::memory_order_acquire);
            for (std::uint64_t index = 0; index < records_each_; ++index) verify_record(*session, thread, index, puts);
        }
    }

    void verify_record(Session& session, unsigned thread, std::uint64_t index, std::uint64_t puts) {
        const std::uint64_t record = number(thread, index);
        setting_.dataset.key(record, key_);
        const bool found = session.get(key_, value_);
        if (found && !setting_.dataset.belongs(value_, record)) fail(record, "was never written like that");
        // Put so many times over, and perhaps once more: the first put that did not return may have been done.
        const std::uint64_t rounds = puts / records_each_ + (index < puts % records_each_ ? 1 : 0);
        const bool under_way = index == puts % records_each_;
        const std::uint64_t now = found ? Dataset::round_of(value_) + 1 : 0;
        if (now < rounds) fail(record, "lost an acknowledged write");
        if (now > rounds + (under_way ? 1 : 0)) fail(record, "has a value that was never put");
    }
    [[noreturn]] void fail(std::uint64_t record, const char* what) const {
        throw std::runtime_error(std::string(setting_.kind.name) + ": record " + std::to_string(record) + " " + what +
                                 ", after kill " + std::to_string(outcome_.kills + 1) + " with seed " +
                                 std::to_string(setting_.seed));
    }

    const KillSetting& setting_;
    const Interrupted& interrupted_;
    const unsigned threads_;
    const std::uint64_t records_each_;
    Acknowledged acknowledged_;
    test::Random random_;
    KillOutcome outcome_;
    std::string key_, value_;
};

}  // namespace

KillOutcome kill_loop(const KillSetting& setting, const Interrupted& interrupted) {
    return KillLoop(setting, interrupted).run();
}

}  // namespace zverse::bench
