// Opening, the end: views, times and pins as the manifest has them, then the threads, each where its node is.
//
// Orders: the figures' page is handed to the durability thread by one flag, stored with release when all is there.
#include <engine/opening.h>
#include <engine/thread_home.h>
#include <engine/worker_home.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace zverse::engine {

/// A page cache has no node of its own, so of files without DAX nothing is known.
std::vector<std::optional<unsigned>> Opening::medium_nodes() const {
    std::vector<std::optional<unsigned>> nodes;
    for (const platform::Mapping& mapping : engine_.mappings_) {
        nodes.push_back(mapping.dax() ? platform::node_of_memory(mapping.bytes().data()) : std::nullopt);
    }
    return nodes;
}

Result<void> Opening::place_parts() {
    static const platform::Topology machine = platform::Topology::detect();  // takes milliseconds; does not change
    const std::string& pretended = engine_.internals_.topology;
    if (pretended.empty()) {
        engine_.topology_ = machine;
    } else if (auto topology = platform::Topology::synthetic_of(pretended)) {
        engine_.topology_ = std::move(*topology);
    } else {
        return std::unexpected(std::move(topology.error()));
    }
    placement_ = platform::place(engine_.topology_, fields_.shards, worker_count(), medium_nodes());
    return {};
}

Result<void> Opening::start() {
    auto view = std::make_unique<warm::View>();
    const std::shared_ptr<const cold::ManifestState> settled = engine_.cold_->state();
    view->cut = settled->cut;
    view->floor = settled->floor;
    view->tree = engine_.cold_->settled().tree;
    if (auto loaded = engine_.load_pins(*settled, fields_.clock_limit); !loaded) return loaded;
    for (const auto& ring : engine_.tier_->rings()) view->coverage.push_back(ring->marks().head);
    engine_.views_ = std::make_unique<warm::Views>(engine_.tier_->epochs(), std::move(view));
    engine_.runs_ = std::make_unique<warm::RunBuilder>(*engine_.tier_, *engine_.views_);
    engine_.times_.add(static_cast<std::int64_t>(fields_.created), 0);
    // A clock that was set back is held at the latest time seen, so that one is needed.
    if (!settled->times.empty()) engine_.times_.add(settled->times.back().nanoseconds, settled->times.back().version);
    std::vector<hot::RecoveredTime> times;
    for (const auto& ring : judgement_.rings) times.insert(times.end(), ring.times.begin(), ring.times.end());
    std::sort(times.begin(), times.end(), [](const auto& a, const auto& b) { return a.version < b.version; });
    for (const auto& time : times) engine_.times_.add(time.nanoseconds, time.version);
    engine_.times_.add(wall_clock_nanoseconds(), engine_.tier_->clock());
    engine_.last_time_version_ = engine_.tier_->clock();
    describe_platform();
    if (options_.read_only) {
        engine_.tier_->refuse_writes(Error(ErrorCode::read_only, "the store was opened read-only"));
    }
    if (!options_.read_only) engine_.make_mover();
    if (auto started = start_upkeep(); !started) return started;
    if (auto started = start_workers(); !started) return started;
    begin_publishing();
    return {};
}

/// Figures are for people: a store that can't publish them works as well. Comes last: the figures name all that was
/// started.
void Opening::begin_publishing() {
    if (options_.read_only || !engine_.internals_.publishes_figures) return;
    auto page = StatPage::open(io(), dir_, fields_.boot);
    engine_.platform_rows_.push_back({"published figures", "once a second", page ? "file" : "none",
                                      page ? kStatPageName : "none", page ? "" : page.error().message()});
    if (!page) return;
    engine_.stat_page_.emplace(std::move(*page));
    engine_.publish_figures(false);
    // release: pairs with upkeep_state(); from here on the page is the durability thread's.
    engine_.publishing_.store(true, std::memory_order_release);
}

Result<void> Opening::start_workers() {
    const Internals& internals = engine_.internals_;
    if (options_.read_only || internals.stepped_worker || internals.flush_by_hand) {
        engine_.platform_rows_.push_back(WorkerHome::describe_none(
            options_.read_only ? "the store was opened read-only" : "each step of the workers is asked for"));
        return {};
    }
    std::vector<WorkerHome> homes;
    for (const unsigned node : placement_.node_of_worker) homes.emplace_back(engine_.topology_, node);
    try {
        engine_.workers_ = std::make_unique<warm::Workers>(*engine_.mover_, static_cast<unsigned>(homes.size()),
                                                           [&](unsigned i) { homes[i].move_in(i); });
    } catch (const std::system_error& refused) {
        return std::unexpected(no_thread(refused));
    }
    for (std::size_t i = 0; i < homes.size(); ++i) engine_.platform_rows_.push_back(homes[i].describe(i));
    return {};
}

Error Opening::no_thread(const std::system_error& refused) const {
    return Error(ErrorCode::io,
                 "a thread of the store in " + dir_.string() + " could not be started: " + refused.code().message(),
                 refused.code().value());
}

Result<void> Opening::start_upkeep() {
    const ThreadHome home(engine_.topology_, placement_.home);
    if (options_.read_only || engine_.internals_.stepped_worker) {
        engine_.platform_rows_.push_back(home.describe_none(
            options_.read_only ? "the store was opened read-only" : "each step of the upkeep is asked for"));
        return {};
    }
    const bool soon = options_.durability == Durability::process;
    const auto every = options_.sync.every.count() > 0 ? options_.sync.every : std::chrono::milliseconds(100);
    const auto tick = options_.sync.every_writes > 0
                          ? std::chrono::milliseconds(1)
                          : std::clamp(every, std::chrono::milliseconds(1), std::chrono::milliseconds(100));
    try {
        engine_.upkeep_ = std::make_unique<Upkeep>(engine_, soon ? tick : std::chrono::milliseconds(100), home);
    } catch (const std::system_error& refused) {
        return std::unexpected(no_thread(refused));
    }
    engine_.platform_rows_.push_back(home.describe(engine_.upkeep_->moved_in()));
    return {};
}

void Opening::describe_platform() {
    engine_.platform_rows_ = platform::machine_capabilities();
    engine_.platform_rows_.push_back({"kernels", options_.force_kernel.empty() ? "best" : options_.force_kernel,
                                      platform::to_string(platform::best_kernel_level()), platform::to_string(kernels_),
                                      ""});
    engine_.platform_rows_.push_back({"file io", options_.force_io.empty() ? "best" : options_.force_io,
                                      engine_.io_why_not_.empty() ? "uring" : "posix", engine_.io_->name(),
                                      engine_.io_why_not_});
    for (std::size_t i = 0; i < engine_.mappings_.size(); ++i) {
        const platform::Mapping& mapping = engine_.mappings_[i];
        engine_.platform_rows_.push_back({"persistence of ring " + std::to_string(i),
                                          options_.force_granularity.empty() ? "best" : options_.force_granularity,
                                          platform::to_string(mapping.found()),
                                          std::string(platform::to_string(mapping.used())) + " by " +
                                              platform::to_string(mapping.domain().flush_kind()) +
                                              (mapping.dax() ? ", DAX" : ""),
                                          mapping.why_not()});
    }
}

}  // namespace zverse::engine
