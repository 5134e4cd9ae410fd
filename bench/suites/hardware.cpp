#include <bench/suites/hardware.h>

#include <bench/suites/interruption.h>
#include <platform/tick_clock.h>

#include <algorithm>
#include <utility>

namespace zverse::bench {

HardwareRun::HardwareRun(const BenchRequest& request, std::string_view suite, unsigned repeat, Report report,
                         Interrupted interrupted)
    : request_(request),
      suite_(suite),
      repeat_(repeat),
      report_(std::move(report)),
      interrupted_(std::move(interrupted)) {}

HardwareRun::~HardwareRun() {
    std::error_code ignored;
    if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

const std::filesystem::path& HardwareRun::directory() {
    if (directory_.empty()) {
        const std::filesystem::path path =
            request_.parent / ("zverse-bench-" + std::string(suite_) + "-" + process_name());
        std::filesystem::create_directories(path);
        directory_ = path;
    }
    return directory_;
}

bool HardwareRun::wants(std::string_view phase) const {
    return !(interrupted_ && interrupted_()) &&
           (request_.phases.empty() || std::ranges::find(request_.phases, phase) != request_.phases.end());
}

void HardwareRun::skip(std::string_view phase, std::string reason) {
    if (wants(phase)) skipped_.push_back(std::string(suite_) + " " + std::string(phase) + ": " + std::move(reason));
}

void HardwareRun::row(std::string_view phase, std::string_view variant,
                      const std::function<void(std::uint64_t count)>& work) {
    constexpr double kChunkNanoseconds = 5e6;
    if (!wants(phase)) return;
    const platform::TickClock& clock = platform::TickClock::instance();
    const auto timed = [&](std::uint64_t count) {
        const std::uint64_t begin = clock.now();
        work(count);
        return clock.nanoseconds(clock.now() - begin);
    };
    std::uint64_t count = 1;
    double nanoseconds = timed(count);
    while (nanoseconds < kChunkNanoseconds / 2 && count < std::uint64_t{1} << 40) {
        count *= nanoseconds > kChunkNanoseconds / 16 ? 2 : 8;
        nanoseconds = timed(count);
    }
    PhaseResult result{{request_.label, std::string(suite_), std::string(phase), std::string(variant), true}};
    result.repeat = repeat_;
    std::vector<double> each;
    while (result.seconds < request_.seconds && !(interrupted_ && interrupted_())) {
        nanoseconds = timed(count);
        each.push_back(nanoseconds / static_cast<double>(count));
        result.operations += count;
        result.seconds += nanoseconds * 1e-9;
    }
    if (each.empty()) return;
    std::ranges::sort(each);
    const auto quantile = [&](double share) {
        return each[std::min(static_cast<std::size_t>(share * static_cast<double>(each.size())), each.size() - 1)];
    };
    result.per_second = 1e9 / quantile(0.5);
    result.latency = {{"p50", 0.5, quantile(0.5)}, {"p99", 0.99, quantile(0.99)}, {"max", 1, each.back()}};
    ++rows_;
    report_(result);
}

}  // namespace zverse::bench
