// Life: one engine's store from its making to its removal, and the figures of its phases.
#pragma once

#include <bench/engines/engine.h>
#include <bench/load/key_choice.h>
#include <bench/suites/suite.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zverse::bench {

class Life {
public:
    struct Who {
        std::string_view suite;
        const EngineKind& kind;
        Promise promise;
        unsigned threads;
        unsigned repeat;
    };
    using Report = std::function<void(const PhaseResult&)>;

    Life(const BenchRequest& request, const Who& who, Report report, Interrupted interrupted);
    ~Life();
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;

    /// Makes the store anew and empty. A life begins without one.
    /// With `versions`, all old ones are kept, or those of the last `writes_behind` writes.
    void begin(KeyOrder order = KeyOrder::scattered, bool versions = false, std::uint64_t writes_behind = 0);
    /// The same with as many records as take so many times the engine's memory.
    void begin_sized(double times_of_memory);
    [[nodiscard]] Abilities abilities() const noexcept { return engine_->abilities(); }
    [[nodiscard]] std::string settings() const { return engine_ ? engine_->settings() : settings_; }

    /// Puts all records, in batches and untimed.
    void load();
    /// Puts records so many times over, as many puts as there would be records; each round ends with a moment.
    void load_rounds(std::uint64_t rounds);
    /// Everything flushed, merged and compacted; untimed.
    void settle();
    /// One phase by time, unless it is not wanted.
    void phase(std::string_view name, const Workload& workload);
    /// As many operations as there are records, without warm-up, wanted or not: what follows needs them. Shown only if
    /// it is wanted.
    void fill(std::string_view name, const Workload& workload);
    /// The same by uniform updates, in so many steps, of which each is noted with what was written until its end.
    void fill_by_steps(std::string_view name, std::uint64_t steps);
    /// Times what was changed between the moments of neighbouring rounds, per record.
    void phase_changes(std::string_view name);
    /// Times the opening of a store whose process was killed after putting all records, per record. Begins itself.
    void phase_recovery(std::string_view name);
    /// Kills a process that writes, again and again, and looks for all that was acknowledged. Begins itself. Throws
    /// when something is missing. The rate is of acknowledged writes, the latency that of opening.
    void phase_crash(std::string_view name);
    [[nodiscard]] bool wants(std::string_view phase) const;
    [[nodiscard]] const BenchRequest& request() const noexcept { return request_; }
    [[nodiscard]] std::uint64_t records() const noexcept { return numbers_.count; }

private:
    [[nodiscard]] EngineSetup make_directory(bool versions);
    void put_all(std::uint64_t records, std::uint64_t round);
    void put_each_and_die(const EngineSetup& setup);
    [[nodiscard]] Plan plan() const;
    [[nodiscard]] const ZipfLaw* law(Popularity popularity);
    [[nodiscard]] bool interrupted() const { return interrupted_ && interrupted_(); }
    void measure(std::string_view name, const Workload& workload, const Plan& plan);
    void report(std::string_view name, const Outcome& outcome, std::optional<std::uint64_t> written_before,
                std::vector<PhaseResult::Counter> counters = {}, std::vector<PhaseResult::Step> steps = {});
    [[nodiscard]] std::vector<PhaseResult::Counter> counters_since(const std::vector<PerfCounters::Value>& before,
                                                                   std::uint64_t operations) const;

    BenchRequest request_;
    const Who who_;
    const Report report_;
    const Interrupted interrupted_;
    const std::filesystem::path directory_;
    std::optional<Dataset> dataset_;
    std::unique_ptr<Engine> engine_;
    std::string settings_;
    RecordNumbers numbers_;
    std::vector<Moment> moments_;
    std::optional<ZipfLaw> law_;
    std::uint64_t phases_ = 0;
};

}  // namespace zverse::bench
