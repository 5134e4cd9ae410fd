// One small hot tier, a few threads that work on it under a schedule, and what all of it must add up to.
//
// Every call is noted with what it returned and when it began and ended. Afterwards the versions tell the one order of
// all commits, and each note is held against it: reads, snapshots read again, put_if, transactions, what was taken up
// by a drain, what was on the medium when something promised so.
#pragma once

#include <support/hot_parts.h>
#include <support/interleave.h>
#include <support/random.h>
#include <support/sim_pmem.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace zverse::test {

struct InterleaveShape {
    platform::Granularity granularity;
    Durability durability;
    unsigned rings;
};

/// The simulated medium, with a point in front of all that it is told: others may come between a stamp and its flush.
class PointedPmem final : public platform::PersistObserver {
public:
    explicit PointedPmem(SimPmem& pmem) noexcept : pmem_(pmem) {}
    void on_flush(const void* address, std::size_t bytes) noexcept override;
    void on_drain() noexcept override;
    Result<void> on_sync(const void* address, std::size_t bytes) noexcept override;

private:
    SimPmem& pmem_;
};

/// Remembers what drains took out of the rings.
class LowerHost final : public hot::Host {
public:
    std::atomic<Version> cut_value{0};
    hot::Tier* tier = nullptr;
    std::map<std::string, Newest, std::less<>> taken;

    [[nodiscard]] Version cut() const noexcept override { return cut_value.load(std::memory_order_acquire); }
    [[nodiscard]] Result<Newest> newest_below(std::string_view key) const override;
    [[nodiscard]] Result<void> extend_limit(Version wanted) override;
};

struct Note {
    enum class Kind { write, put_if, transaction, conflict, read, scan, promise, taken };
    Kind kind = Kind::write;
    std::uint64_t began = 0, ended = 0;   ///< places in the one order in which things happen under a schedule
    Version version = 0;                  ///< written; found; promised durable; read as of
    Version as_of = 0;                    ///< read, scan: the snapshot; put_if: expected; transaction: its start
    Version cut = 0;                      ///< what lower tiers answer
    std::string key, value;
    std::map<std::string, std::string> records;  ///< written; an empty value is a tombstone
    std::set<Version> versions;           ///< scan, promise, taken: what was there
    bool shown = true;                    ///< read: on the medium when it was shown
};

class InterleaveWorld {
public:
    InterleaveWorld(InterleaveShape shape, std::uint64_t seed);
    /// Runs the threads, then checks everything; failures name the seed.
    void run(std::size_t threads, std::size_t calls);
    /// A thread of a scenario; each is stopped where it is told, see interleave::run_with_stops().
    using Script = std::function<void(InterleaveWorld&)>;
    std::vector<std::uint64_t> run_with_stops(const std::vector<interleave::Stop>& stops,
                                              const std::vector<Script>& scripts);

    // Calls; each notes itself.
    void put(const std::string& key, std::size_t bytes = 10);
    void batch(std::map<std::string, std::string> records, bool transaction);
    void put_if(std::string key);
    void read(std::string key);
    void scan();
    void sync();
    void seal();
    void settle();
    void drain();
    /// Writes until there is no space left.
    void fill();
    /// Whoever has published on top of the key's chain and still has it announced is pinned (tier.h W2).
    void expect_publisher_pinned(const std::string& key);

    [[nodiscard]] std::uint64_t helped() const { return tier_->counter(hot::Counter::helped_stamps); }
    /// Stamps by threads that only read and wrote keys of other chains.
    [[nodiscard]] std::uint64_t helped_by_readers() const noexcept { return helped_by_readers_; }
    [[nodiscard]] std::uint64_t conflicts() const { return tier_->counter(hot::Counter::conflicts); }
    [[nodiscard]] std::uint64_t raised() const { return tier_->counter(hot::Counter::raised_floors); }

private:
    [[nodiscard]] bool per_write() const noexcept;
    [[nodiscard]] std::uint64_t hash_of(std::string_view key) const noexcept;
    [[nodiscard]] hot::Operation operation(const std::string& key, const std::string& value) const noexcept;
    [[nodiscard]] std::string random_key(Random& random) const;
    [[nodiscard]] std::string random_value(Random& random);

    void call(Random& random);
    void watch(Random& random);
    void put(Random& random, const std::string& key);
    void put_value(const std::string& key, const std::string& value);
    void batch(Random& random, bool transaction);
    void check();

    Note& begin(Note& note) noexcept;
    void end(Note note);
    void refused(const Error& error);
    [[nodiscard]] bool lasts(Version version);
    [[nodiscard]] std::set<Version> versions_on_medium(Version cut);
    [[nodiscard]] std::set<Version> walk(hot::WriterSlot& slot, Version s, Version cut, bool take);

    // Afterwards.
    void collect_commits();
    void check_order() const;
    void check_read(const Note& note) const;
    void check_versions(const Note& note) const;
    void check_write(const Note& note) const;
    void check_chains();
    void check_empty_after_drain();
    [[nodiscard]] Version newest(const std::string& key, Version upto) const;

    const InterleaveShape shape_;
    const std::uint64_t seed_;
    Random random_;
    AlignedMemory memory_, scratch_;
    SimPmem pmem_;
    PointedPmem pointed_;
    NoObserver nobody_;
    LowerHost host_;
    std::unique_ptr<hot::Tier> tier_;

    std::uint64_t now_ = 0;
    std::uint64_t values_ = 0;
    std::uint64_t helped_by_readers_ = 0;
    bool narrow_ = false;
    bool preparing_ = true;  ///< alone: not worth looking at the medium after each call
    bool draining_ = false;
    bool full_ = false;  ///< a write was refused since the last drain
    std::vector<Note> notes_;
    std::map<Version, std::map<std::string, std::string>> commits_;
};

}  // namespace zverse::test
