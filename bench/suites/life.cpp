#include <bench/suites/life.h>

#include <bench/suites/interruption.h>
#include <bench/suites/kill_loop.h>
#include <platform/tick_clock.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

namespace zverse::bench {

namespace {

constexpr std::uint64_t kLoadBatch = 64;

std::vector<PhaseResult::Quantile> quantiles(const LatencyHistogram& latency) {
    std::vector<PhaseResult::Quantile> all{{"p50", 0.5, 0},     {"p90", 0.9, 0},       {"p99", 0.99, 0},
                                           {"p99.9", 0.999, 0}, {"p99.99", 0.9999, 0}, {"max", 1, 0}};
    for (auto& each : all) each.nanoseconds = latency.quantile(each.share);
    return all;
}

/// Counts changes; what they say is checked by the round their values have.
class ChangedRecords final : public EntrySink {
public:
    ChangedRecords(const Dataset& dataset, std::uint64_t round) : dataset_(dataset), round_(round) {}

    void take(std::string_view key, std::string_view value) override {
        right_ = right_ && Dataset::round_of(value) == round_ && dataset_.belongs(value, Dataset::number_of(key));
    }
    [[nodiscard]] bool right() const noexcept { return right_; }

private:
    const Dataset& dataset_;
    const std::uint64_t round_;
    bool right_ = true;
};

}  // namespace

Life::Life(const BenchRequest& request, const Who& who, Report report, Interrupted interrupted)
    : request_(request),
      who_(who),
      report_(std::move(report)),
      interrupted_(std::move(interrupted)),
      directory_(request.parent / ("zverse-bench-" + std::string(who.kind.name) + "-" + process_name())) {}

Life::~Life() {
    engine_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

EngineSetup Life::make_directory(bool versions) {
    engine_.reset();
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    EngineSetup setup;
    setup.directory = directory_;
    setup.promise = who_.promise;
    setup.records = request_.records;
    setup.record_bytes = static_cast<std::uint64_t>(dataset_->record_bytes());
    setup.cache_bytes = request_.cache_bytes;
    setup.threads = who_.threads;
    setup.versions = versions;
    setup.force_granularity = request_.force_granularity;
    return setup;
}

void Life::begin(KeyOrder order, bool versions, std::uint64_t writes_behind) {
    dataset_.emplace(request_.shape, order);
    EngineSetup setup = make_directory(versions);
    setup.writes_behind = writes_behind;
    engine_ = who_.kind.open(setup);
    settings_ = engine_->settings();
    numbers_ = {};
    moments_.clear();
}

void Life::begin_sized(double times_of_memory) {
    const Dataset dataset(request_.shape, KeyOrder::scattered);
    const double records = times_of_memory * static_cast<double>(request_.cache_bytes) / dataset.record_bytes();
    request_.records = std::max<std::uint64_t>(static_cast<std::uint64_t>(records), 2);
    begin();
}

bool Life::wants(std::string_view phase) const {
    return !interrupted() &&
           (request_.phases.empty() || std::ranges::find(request_.phases, phase) != request_.phases.end());
}

void Life::put_all(std::uint64_t records, std::uint64_t round) {
    const auto session = engine_->session();
    std::vector<std::string> keys(kLoadBatch), values(kLoadBatch);
    std::vector<Record> batch;
    for (std::uint64_t number = 0; number < records && !interrupted(); ++number) {
        const std::size_t i = batch.size();
        dataset_->key(number, keys[i]);
        dataset_->value(number, round, values[i]);
        batch.push_back({keys[i], values[i]});
        if (batch.size() == kLoadBatch || number + 1 == records) {
            session->write(batch);
            batch.clear();
        }
    }
}

void Life::load() {
    put_all(request_.records, 0);
    numbers_ = {request_.records, request_.records};
}

void Life::load_rounds(std::uint64_t rounds) {
    const std::uint64_t records = std::max<std::uint64_t>(request_.records / rounds, 1);
    for (std::uint64_t round = 0; round < rounds; ++round) {
        put_all(records, round);
        moments_.push_back(engine_->session()->now());
    }
    numbers_ = {records, records};
}

void Life::settle() {
    if (!interrupted()) engine_->settle();
}

Plan Life::plan() const {
    Plan plan;
    plan.threads = who_.threads;
    plan.warmup_seconds = request_.warmup_seconds;
    plan.seconds = request_.seconds;
    plan.rate = request_.rate;
    plan.seed = test::mix(request_.seed, phases_ + 1);  // the same for every engine and repeat
    plan.moments = moments_;
    return plan;
}

const ZipfLaw* Life::law(Popularity popularity) {
    if (popularity == Popularity::uniform) return nullptr;
    if (!law_ || law_->items() != numbers_.count) law_.emplace(numbers_.count);
    return &*law_;
}

void Life::measure(std::string_view name, const Workload& workload, const Plan& plan) {
    const auto written = engine_->bytes_written();
    const auto counted = request_.perf != nullptr ? request_.perf->read() : std::vector<PerfCounters::Value>{};
    const Outcome outcome = run(*engine_, *dataset_, workload, numbers_, law(workload.popularity), plan, interrupted_);
    numbers_ = after_inserts(numbers_, outcome.inserted);
    if (!wants(name)) return;
    report(name, outcome, written, counters_since(counted, outcome.operations + outcome.warmup_operations));
}

std::vector<PhaseResult::Counter> Life::counters_since(const std::vector<PerfCounters::Value>& before,
                                                       std::uint64_t operations) const {
    std::vector<PhaseResult::Counter> counters;
    if (request_.perf == nullptr || operations == 0) return counters;
    for (const PerfCounters::Value& now : request_.perf->read()) {
        for (const PerfCounters::Value& then : before) {
            if (then.name != now.name) continue;
            counters.push_back(
                {now.name, static_cast<double>(now.count - then.count) / static_cast<double>(operations)});
        }
    }
    return counters;
}

void Life::phase(std::string_view name, const Workload& workload) {
    ++phases_;
    if (wants(name)) measure(name, workload, plan());
}

void Life::fill(std::string_view name, const Workload& workload) {
    ++phases_;
    if (interrupted()) return;
    Plan all = plan();
    all.warmup_seconds = 0;
    all.operations = request_.records;
    measure(name, workload, all);
}

void Life::fill_by_steps(std::string_view name, std::uint64_t steps) {
    ++phases_;
    if (!wants(name)) return;
    const Workload updates{.mix = {{OperationKind::update, 100}}};
    const auto written = engine_->bytes_written();
    Outcome all;
    std::vector<PhaseResult::Step> noted;
    for (std::uint64_t step = 0; step < steps && !interrupted(); ++step) {
        Plan part = plan();
        part.warmup_seconds = 0;
        part.operations = std::max<std::uint64_t>(request_.records / steps, 1);
        part.seed = test::mix(part.seed, step);
        const Outcome outcome = run(*engine_, *dataset_, updates, numbers_, nullptr, part, interrupted_);
        all.operations += outcome.operations;
        all.seconds += outcome.seconds;
        all.latency.add(outcome.latency);
        noted.push_back({all.operations, engine_->bytes_written().value_or(0) - written.value_or(0)});
    }
    if (interrupted()) return;
    all.per_second = static_cast<double>(all.operations) / all.seconds;
    if (!written) noted.clear();
    report(name, all, written, {}, std::move(noted));
}

void Life::phase_changes(std::string_view name) {
    ++phases_;
    if (!wants(name) || moments_.size() < 2) return;
    const platform::TickClock& clock = platform::TickClock::instance();
    const auto session = engine_->session();
    Outcome outcome;
    for (std::uint64_t round = 1; outcome.seconds < request_.seconds && !interrupted(); ++round) {
        const std::size_t upto = 1 + round % (moments_.size() - 1);
        ChangedRecords changed(*dataset_, upto);
        const std::uint64_t begin = clock.now();
        const std::uint64_t found = session->changes(moments_[upto - 1], moments_[upto], changed);
        const double nanoseconds = clock.nanoseconds(clock.now() - begin);
        if (found != numbers_.count || !changed.right()) {
            throw std::runtime_error(std::string(engine_->name()) + " gave a wrong answer: changes of a round were " +
                                     std::to_string(found) + " of " + std::to_string(numbers_.count));
        }
        outcome.operations += found;
        outcome.seconds += nanoseconds * 1e-9;
        outcome.latency.add(static_cast<std::uint64_t>(nanoseconds));
    }
    outcome.per_second = static_cast<double>(outcome.operations) / outcome.seconds;
    if (!interrupted()) report(name, outcome, std::nullopt);
}

/// In a process of its own. Never returns.
void Life::put_each_and_die(const EngineSetup& setup) {
    try {
        const auto engine = who_.kind.open(setup);
        const auto session = engine->session();
        std::string key, value;
        for (std::uint64_t number = 0; number < request_.records && !interrupted(); ++number) {
            dataset_->key(number, key);
            dataset_->value(number, 0, value);
            session->put(key, value);
        }
        std::raise(SIGKILL);
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "zverse-bench: %s\n", failure.what());
    }
    std::_Exit(1);
}

void Life::phase_recovery(std::string_view name) {
    ++phases_;
    if (!wants(name)) return;
    dataset_.emplace(request_.shape, KeyOrder::scattered);
    const EngineSetup setup = make_directory(false);
    const pid_t child = fork();
    if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (child == 0) put_each_and_die(setup);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (interrupted()) return;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        throw std::runtime_error(std::string(who_.kind.name) + " failed before it could be killed");
    std::string key, value;
    dataset_->key(request_.records - 1, key);
    const platform::TickClock& clock = platform::TickClock::instance();
    const std::uint64_t begin = clock.now();
    engine_ = who_.kind.open(setup);
    const auto session = engine_->session();
    const bool found = session->get(key, value);
    const double nanoseconds = clock.nanoseconds(clock.now() - begin);
    settings_ = engine_->settings();
    if (!found || !dataset_->belongs(value, request_.records - 1))
        throw std::runtime_error(std::string(who_.kind.name) +
                                 " lost an acknowledged write when its process was killed");
    Outcome outcome;
    outcome.operations = request_.records;
    outcome.seconds = nanoseconds * 1e-9;
    outcome.per_second = static_cast<double>(request_.records) / outcome.seconds;
    outcome.latency.add(static_cast<std::uint64_t>(nanoseconds));
    report(name, outcome, std::nullopt);
}

void Life::phase_crash(std::string_view name) {
    ++phases_;
    if (!wants(name)) return;
    constexpr std::uint64_t kRecordsMax = 100'000;  // all of them are read after every kill
    dataset_.emplace(request_.shape, KeyOrder::scattered);
    const KillSetting setting{who_.kind,        make_directory(false),
                              *dataset_,        std::min(request_.records, kRecordsMax),
                              request_.seconds, test::mix(plan().seed, who_.repeat)};
    const KillOutcome killed = kill_loop(setting, [this] { return interrupted(); });
    if (interrupted()) return;
    engine_ = who_.kind.open(setting.setup);
    settings_ = engine_->settings() + "; " + std::to_string(killed.kills) + " kills in each repeat, nothing lost";
    Outcome outcome;
    outcome.operations = killed.acknowledged;
    outcome.seconds = killed.seconds;
    outcome.per_second = static_cast<double>(killed.acknowledged) / killed.seconds;
    outcome.latency.add(killed.opening);
    report(name, outcome, std::nullopt);
    engine_.reset();
}

void Life::report(std::string_view name, const Outcome& outcome, std::optional<std::uint64_t> written_before,
                  std::vector<PhaseResult::Counter> counters, std::vector<PhaseResult::Step> steps) {
    PhaseResult result{{request_.label, std::string(who_.suite), std::string(name), std::string(who_.kind.name), false,
                        who_.promise, who_.threads}};
    result.repeat = who_.repeat;
    result.operations = outcome.operations;
    result.seconds = outcome.seconds;
    result.per_second = outcome.per_second;
    result.latency = quantiles(outcome.latency);
    result.counters = std::move(counters);
    result.steps = std::move(steps);
    if (const auto written = engine_->bytes_written(); written && written_before) {
        result.bytes_written = *written - *written_before;
    }
    report_(result);
}

}  // namespace zverse::bench
