// zverse stat: the figures of a store that somebody has open, without disturbing it. Usable as a monitoring plugin.
#include <tools/common/interrupt.h>
#include <tools/common/output.h>
#include <tools/common/result.h>
#include <tools/zverse/command.h>
#include <tools/zverse/stat_view.h>

#include <CLI/App.hpp>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace zverse::tools {
namespace {

constexpr int kExitUnreadable = 3;  // of plugins: unknown

struct Stat {
    Common common;
    bool json = false, openmetrics = false, platform = false;
    double watch_seconds = 0;
    std::vector<std::string> sections;

    [[nodiscard]] std::string text(const StatView& view, const StatView* before) const {
        if (json) return view.json + "\n";
        if (openmetrics) return view.openmetrics;
        return stat_screen(view, before, platform ? std::vector<std::string>{"platform"} : sections);
    }

    /// Once, or again and again until a signal or a reader that has gone ends it. The health that was seen last.
    [[nodiscard]] Result<int> show() const {
        Output output = Output::standard();
        std::optional<StatView> before;
        while (true) {
            auto view = read_stat(common.store);
            if (!view) return pass_on(view);
            if (auto written = output.write(text(*view, before ? &*before : nullptr)); !written)
                return pass_on(written);
            const Health health = view->health();
            if (watch_seconds <= 0) {
                if (auto finished = output.finish(); !finished) return pass_on(finished);
                return static_cast<int>(health);
            }
            if (auto flushed = output.flush(); !flushed) return pass_on(flushed);
            before = std::move(*view);
            const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(watch_seconds);
            while (std::chrono::steady_clock::now() < until && !interrupted()) {
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
            }
            if (interrupted()) return static_cast<int>(health);
        }
    }

    [[nodiscard]] int run() const {
        const auto status = show();
        if (status) return *status;
        if (is_closed_pipe(status.error())) return kExitUnreadable;
        std::fprintf(stderr, "zverse stat: %s: %s\n", to_string(status.error().code()),
                     status.error().message().c_str());
        return kExitUnreadable;
    }
};

}  // namespace

Run set_up_stat(CLI::App& command) {
    auto stat = std::make_shared<Stat>();
    stat->common.add_to(command);
    auto* json = command.add_flag("--json", stat->json, "One JSON object, as published");
    auto* metrics =
        command.add_flag("--openmetrics", stat->openmetrics, "OpenMetrics text, as published")->excludes(json);
    command.add_flag("--platform", stat->platform, "What was wanted, found and used of this machine, and why not more");
    command
        .add_option("--section", stat->sections,
                    "These of: health versions space hot warm latency cold readers integrity platform")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(CLI::IsMember(stat_sections()))
        ->excludes(json)
        ->excludes(metrics);
    command.add_option("--watch", stat->watch_seconds, "Again after so many seconds, with rates; ends with Ctrl-C")
        ->check(CLI::Range(0.1, 86400.0));
    command.footer("Exit status: 0 healthy, 1 degraded, 2 read-only, 3 there are no figures");
    return [stat] { return stat->run(); };
}

}  // namespace zverse::tools
