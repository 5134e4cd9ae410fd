// Figures: gathered from the threads' slots and the parts' own counters, without stopping anybody.
#include <engine/engine.h>
#include <platform/answer.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <utility>

namespace zverse {

namespace {

std::string number_text(double value) {
    char text[40];
    if (std::floor(value) == value && std::abs(value) < 1e15) {
        std::snprintf(text, sizeof text, "%.0f", value);
    } else {
        std::snprintf(text, sizeof text, "%.9g", value);
    }
    return text;
}

std::string json_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
            out += escaped;
        } else {
            out += c;
        }
    }
    return out + '"';
}

/// The family of a counter has no _total, that of a histogram no _bucket.
std::string_view family_of(const Stats::Metric& metric) {
    std::string_view name = metric.name;
    if (metric.histogram) return name.substr(0, name.rfind('_'));
    if (metric.counter && name.ends_with("_total")) name.remove_suffix(6);
    return name;
}

}  // namespace

std::optional<double> Stats::value(std::string_view metric) const {
    for (const Metric& each : metrics_) {
        if (each.name + each.labels == metric || (each.labels.empty() && each.name == metric)) return each.value;
    }
    return std::nullopt;
}

std::string Stats::to_openmetrics() const {
    std::string out;
    std::string_view family;
    for (const Metric& each : metrics_) {
        // Samples of one family follow each other.
        const std::string_view name = family_of(each);
        if (name != family) {
            const char* const type = each.histogram ? " histogram\n" : each.counter ? " counter\n" : " gauge\n";
            out.append("# TYPE ").append(name).append(type);
            out.append("# HELP ").append(name).append(" ").append(each.help).append("\n");
            family = name;
        }
        out.append(each.name).append(each.labels).append(" ").append(number_text(each.value)).append("\n");
    }
    return out + "# EOF\n";
}

std::string Stats::to_json() const {
    std::string out = "{\"schema\":\"zverse.stats/1\",\"metrics\":{";
    for (const Metric& each : metrics_) {
        if (out.back() != '{') out += ',';
        out.append(json_text(each.name + each.labels)).append(":").append(number_text(each.value));
    }
    out += "},\"platform\":[";
    for (const Capability& each : platform_) {
        if (out.back() != '[') out += ',';
        out.append("{\"name\":").append(json_text(each.name)).append(",\"wanted\":").append(json_text(each.wanted));
        out.append(",\"found\":").append(json_text(each.found)).append(",\"used\":").append(json_text(each.used));
        out.append(",\"why_not\":").append(json_text(each.why_not)).append("}");
    }
    return out + "]}";
}

namespace engine {

namespace {

/// What the cold tier holds, as of a view.
template <class Gauge>
void add_settled(const warm::View& view, const Gauge& gauge) {
    gauge("zverse_cut_version", "Versions up to it are in segments.", static_cast<double>(view.cut));
    double segments = 0, compressed = 0, bytes = 0, records = 0;
    std::map<std::string, double> levels;
    const cold::Tree::Components components = view.tree != nullptr ? view.tree->all() : cold::Tree::Components{};
    for (const auto& component : components) {
        segments += static_cast<double>(component->parts().size());
        compressed += static_cast<double>(std::ranges::count_if(component->parts(), [](const auto& part) {
            return (part->header().features & cold::features::kZstd) != 0;
        }));
        bytes += static_cast<double>(component->bytes());
        records += static_cast<double>(component->records());
        const bool live = component->kind() == cold::SegmentKind::live;
        const std::string curve = live ? "" : component->parts().front()->curve().name();
        levels["{kind=\"" + std::string(live ? "live" : "history") + "\",level=\"" +
               std::to_string(component->level()) + "\",curve=\"" + curve + "\"}"] += 1;
    }
    for (const auto& [labels, count] : levels) {
        gauge("zverse_level_components", "Components by kind, level, and the curve of a history's first part.", count,
              labels);
    }
    gauge("zverse_components", "Live runs and history components.", static_cast<double>(components.size()));
    gauge("zverse_live_components", "Live runs among them, which reads of the latest state look into.",
          static_cast<double>(view.tree != nullptr ? view.tree->live().size() : 0));
    gauge("zverse_segments", "Segment files that reads look into.", segments);
    gauge("zverse_compressed_segments", "Those with compressed blocks.", compressed);
    gauge("zverse_segment_bytes", "Bytes of those files.", bytes);
    gauge("zverse_settled_records", "Records in them, tombstones included.", records);
}

/// What the movers did.
template <class Counter, class Gauge>
void add_moves(const warm::MoverFigures& figures, const Counter& counter, const Gauge& gauge) {
    gauge("zverse_merges_running", "Merges at work, of live runs and of histories.",
          static_cast<double>(figures.merging));
    counter("zverse_flushes_total", "Flushes of the rings.", static_cast<double>(figures.flushes));
    counter("zverse_merges_total", "Merges of live runs.", static_cast<double>(figures.merges));
    counter("zverse_packs_total", "Times that small histories became one.", static_cast<double>(figures.packs));
    counter("zverse_move_failures_total", "Flushes and merges that failed.", static_cast<double>(figures.failures));
    counter("zverse_settled_bytes_total", "Of keys and values that flushes moved.",
            static_cast<double>(figures.settled_bytes));
    counter("zverse_flushed_segment_bytes_total", "Written by flushes.", static_cast<double>(figures.flushed_bytes));
    counter("zverse_merged_segment_bytes_total", "Written by merges.", static_cast<double>(figures.merged_bytes));
}

/// What histories are asked, and the curves that they got for it.
void add_curves(const cold::QueryMix& mix, const cold::CurveLog& log, std::vector<Stats::Metric>& metrics) {
    constexpr std::array kKinds{"history", "as_of", "changes"};
    static_assert(kKinds.size() == cold::kQueryKinds);
    for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
        metrics.push_back({"zverse_history_queries", "Lately observed queries of what is settled and superseded.",
                           "{kind=\"" + std::string(kKinds[kind]) + "\"}",
                           mix.queries(static_cast<cold::QueryKind>(kind)), false});
    }
    for (const auto& [curve, count] : log.counts()) {
        metrics.push_back({"zverse_curve_choices_total", "History segments of several blocks written, by curve.",
                           "{curve=\"" + curve + "\"}", static_cast<double>(count), true});
    }
    const std::vector<cold::CurveChoice> recent = log.recent();
    const auto last = std::ranges::find_if(recent.rbegin(), recent.rend(), &cold::CurveChoice::adapted);
    if (last == recent.rend()) return;
    const char* const help = "Blocks that a query was expected to read in the last history that was adapted to them.";
    metrics.push_back({"zverse_curve_expected_blocks", help, "{curve=\"chosen\"}", last->expected, false});
    metrics.push_back({"zverse_curve_expected_blocks", help, "{curve=\"default\"}", last->expected_by_default, false});
}

/// What the scrub read again, and found.
template <class Counter, class Gauge>
void add_scrub(const warm::ScrubFigures& figures, const Counter& counter, const Gauge& gauge) {
    counter("zverse_scrubbed_bytes_total", "Of segments that the scrub read.", static_cast<double>(figures.bytes));
    counter("zverse_scrub_findings_total", "What it found, each time that it did.",
            static_cast<double>(figures.findings));
    gauge("zverse_corrupt_segments", "Segments in which the last look of the scrub found something.",
          static_cast<double>(figures.corrupt_segments));
}

/// What cursors over changes put on the disk.
template <class Counter>
void add_spills(const cold::SpillSpace::Figures& figures, const Counter& counter) {
    counter("zverse_spill_files_total", "Files without a name in which cursors over changes sorted.",
            static_cast<double>(figures.files));
    counter("zverse_spilled_runs_total", "Sorted runs written to them.", static_cast<double>(figures.runs));
    counter("zverse_spilled_bytes_total", "Bytes of those runs.", static_cast<double>(figures.bytes));
    counter("zverse_spill_failures_total", "Sorts given up because such a file failed.",
            static_cast<double>(figures.failures));
}

using MemoryUses = std::vector<std::pair<MemoryPlan::PartNumber, std::uint64_t>>;

/// What the budget was divided into, and what is taken of it, as far as it is counted.
template <class Gauge>
void add_memory(const MemoryPlan& plan, const MemoryUses& uses, const Gauge& gauge) {
    const auto label = [&](std::size_t part) { return "{part=\"" + std::string(plan.parts[part].name) + "\"}"; };
    for (std::size_t part = 0; part < MemoryPlan::kParts; ++part) {
        gauge("zverse_memory_planned_bytes", "Shares of Options::memory_bytes_max.",
              static_cast<double>(plan.parts[part].bytes), label(part));
    }
    for (const auto& [part, bytes] : uses) {
        gauge("zverse_memory_bytes", "Memory in use, by those parts.", static_cast<double>(bytes), label(part));
    }
}

/// Of the state of the cold tier, and of its segments.
std::uint64_t settled_memory(const cold::ColdTier::Moment& moment, const VersionTimes& times) {
    constexpr std::uint64_t kComponentBytes = 256, kNodeBytes = 64;  // about, with what leads there
    std::uint64_t bytes = moment.state->times.bytes() + times.bytes();
    for (const auto& component : moment.tree->all()) {
        bytes += kComponentBytes;
        for (const auto& part : component->parts()) bytes += part->memory_bytes() + kNodeBytes;
    }
    return bytes + moment.state->pins.size() * kNodeBytes;
}

/// Of the parts that are counted; what cursors take is not.
MemoryUses memory_in_use(hot::Tier& tier, const cold::ColdTier& cold, const VersionTimes& times,
                         const warm::Mover* mover, std::uint64_t run_bytes) {
    return {{MemoryPlan::kIndex, tier.index().bytes() + tier.index().overflow_bytes()},
            {MemoryPlan::kRuns, run_bytes},
            {MemoryPlan::kCache, cold.cache().memory_bytes()},
            {MemoryPlan::kSettled, settled_memory(cold.moment(), times)},
            {MemoryPlan::kMoves, mover != nullptr ? mover->figures().memory_bytes : 0},
            {MemoryPlan::kScrub, mover != nullptr ? mover->scrubber().figures().memory_bytes : 0}};
}

struct HistogramName {
    const char* name;
    const char* help;
    std::string label;  ///< of all samples, beside the bound's; may be empty
};

/// A histogram of seconds whose bounds double. `count(i)`, `bound(i)`: of a bucket, in nanoseconds.
template <class Count, class Bound>
void add_histogram(const HistogramName& of, unsigned buckets, const Count& count, const Bound& bound,
                   double sum_nanoseconds, std::vector<Stats::Metric>& metrics) {
    const auto add = [&](const char* suffix, const std::string& more, double value) {
        std::string labels = of.label + (of.label.empty() || more.empty() ? "" : ",") + more;
        if (!labels.empty()) labels = "{" + labels + "}";
        metrics.push_back({std::string(of.name) + suffix, of.help, std::move(labels), value, true, true});
    };
    double below = 0;
    for (unsigned bucket = 0; bucket < buckets; ++bucket) {
        below += static_cast<double>(count(bucket));
        const bool last = bucket + 1 == buckets;
        const std::string upto = last ? "+Inf" : number_text(static_cast<double>(bound(bucket)) * 1e-9);
        add("_bucket", "le=\"" + upto + "\"", below);
    }
    add("_sum", "", sum_nanoseconds * 1e-9);
    add("_count", "", below);
}

/// How writers were held back.
void add_delays(const hot::Pace& pace, std::vector<Stats::Metric>& metrics) {
    constexpr double kNanosecondsOfBucket = 1000;
    add_histogram(
        {"zverse_delay_seconds", "Times that writers were held back.", ""}, hot::Pace::kBuckets,
        [&](unsigned bucket) { return pace.delays(bucket); },
        [](unsigned bucket) { return kNanosecondsOfBucket * static_cast<double>(std::uint64_t{1} << bucket); },
        static_cast<double>(pace.delayed_nanoseconds()), metrics);
}

/// How long operations took.
void add_latencies(hot::Tier& tier, std::vector<Stats::Metric>& metrics) {
    using Histogram = hot::LatencyHistogram;
    const bool power = tier.options().durability == Durability::power;
    const std::string durability = power ? "class=\"power\"" : "class=\"process\"";
    const auto add_timed = [&](const HistogramName& of, hot::Timed what) {
        std::array<std::uint64_t, Histogram::kBuckets> counts{};
        std::uint64_t sum = 0;
        tier.slots().for_each([&](const hot::WriterSlot& slot) {
            const Histogram& each = slot.latencies[std::size_t(what)];
            for (unsigned bucket = 0; bucket < Histogram::kBuckets; ++bucket) counts[bucket] += each.count(bucket);
            sum += each.sum_nanoseconds();
            return true;
        });
        add_histogram(
            of, Histogram::kBuckets, [&](unsigned bucket) { return counts[bucket]; }, Histogram::bound_nanoseconds,
            static_cast<double>(sum), metrics);
    };
    add_timed({"zverse_put_seconds", "Of every 256th put of a thread: how long it took.", durability}, hot::Timed::put);
    add_timed({"zverse_write_seconds", "How long writes of batches took.", durability}, hot::Timed::write);
    add_timed({"zverse_get_seconds", "Of every 256th get of a thread: how long it took.", ""}, hot::Timed::get);
    const Histogram& syncs = tier.sync_latencies();
    add_histogram(
        {"zverse_sync_seconds", "How long syncs and group commits of the rings took.", durability}, Histogram::kBuckets,
        [&](unsigned bucket) { return syncs.count(bucket); }, Histogram::bound_nanoseconds,
        static_cast<double>(syncs.sum_nanoseconds()), metrics);
}

/// What the rings hold.
void add_rings(const hot::RingSet& rings, std::vector<Stats::Metric>& metrics) {
    const auto add = [&](const char* name, const char* help, auto&& value) {
        for (const auto& ring : rings) {
            metrics.push_back({name, help, "{ring=\"" + std::to_string(ring->shard()) + "\"}",
                               static_cast<double>(value(*ring)), false});
        }
    };
    add("zverse_ring_used_bytes", "Bytes of the ring in use.",
        [](const hot::Ring& ring) { return hot::Tier::used_bytes_of(ring); });
    add("zverse_ring_bytes", "Size of the ring.", [](const hot::Ring& ring) { return ring.bytes(); });
}

}  // namespace

Stats Engine::stats() {
    const hot::ActiveCall call(*tier_);
    return closed() ? Stats{} : gather_stats();
}

void Engine::publish_figures(bool closing) noexcept {
    if (!stat_page_) return;
    static_cast<void>(platform::answer("publishing figures", [&]() -> Result<void> {
        const Stats stats = gather_stats();
        const auto process = closing ? 0 : static_cast<std::uint64_t>(::getpid());
        return stat_page_->publish(process, wall_clock_nanoseconds(), stats.to_json(), stats.to_openmetrics());
    }));
}

Stats Engine::gather_stats() {
    std::vector<Stats::Metric> metrics;
    const auto counter = [&](const char* name, const char* help, double value) {
        metrics.push_back({name, help, {}, value, true});
    };
    const auto gauge = [&](const char* name, const char* help, double value, std::string labels = {}) {
        metrics.push_back({name, help, std::move(labels), value, false});
    };
    const auto sum = [&](hot::Counter which) { return static_cast<double>(tier_->counter(which)); };

    counter("zverse_puts_total", "Single puts committed.", sum(hot::Counter::puts));
    counter("zverse_erases_total", "Single erases committed.", sum(hot::Counter::erases));
    counter("zverse_batches_total", "Batches and transactions committed.", sum(hot::Counter::batches));
    counter("zverse_batch_operations_total", "Operations in committed batches.", sum(hot::Counter::operations));
    counter("zverse_written_bytes_total", "Bytes of keys and values written.", sum(hot::Counter::bytes));
    counter("zverse_gets_total", "Keys looked up.", sum(hot::Counter::gets));
    counter("zverse_conflicts_total", "put_if and transactions that lost.", sum(hot::Counter::conflicts));
    counter("zverse_aborted_frames_total", "Frames that took space and committed nothing.", sum(hot::Counter::aborts));
    counter("zverse_helped_stamps_total", "Frames stamped by another thread than their writer.",
            sum(hot::Counter::helped_stamps));
    counter("zverse_raised_floors_total", "Pending frames that a reader stepped past.",
            sum(hot::Counter::raised_floors));
    counter("zverse_reader_persists_total", "Frames made durable by a reader.", sum(hot::Counter::reader_persists));
    counter("zverse_space_waits_total", "Writes that waited for space.", sum(hot::Counter::space_waits));
    counter("zverse_full_errors_total", "Writes that failed with full.", sum(hot::Counter::full_errors));
    counter("zverse_scan_ring_entries_total", "Entries of rings that scans looked at.",
            sum(hot::Counter::scan_entries));
    counter("zverse_syncs_total", "Syncs and group commits of the rings.",
            static_cast<double>(tier_->group_commit_count()));
    counter("zverse_run_entries_merged_total", "Run entries written by merging runs.",
            static_cast<double>(runs_->merged_entries()));
    if (mover_ != nullptr) add_moves(mover_->figures(), counter, gauge);
    const warm::ScrubFigures scrub = mover_ != nullptr ? mover_->scrubber().figures() : warm::ScrubFigures{};
    add_scrub(scrub, counter, gauge);
    add_spills(spills_ != nullptr ? spills_->figures() : cold::SpillSpace::Figures{}, counter);
    add_delays(tier_->pace(), metrics);
    add_latencies(*tier_, metrics);
    add_curves(queries_.look(), curves_, metrics);

    gauge("zverse_latest_version", "Newest version that reads can see.", static_cast<double>(tier_->latest()));
    gauge("zverse_durable_version", "Every version up to it survives power loss.",
          static_cast<double>(tier_->durable_mark()));
    gauge("zverse_clock_limit_version", "The clock is persisted up to here.", static_cast<double>(tier_->limit()));
    gauge("zverse_pins", "Snapshots, named pins, cursors and transactions alive.", static_cast<double>(pins_.count()));
    gauge("zverse_index_entries", "Hash index entries in use or reserved.",
          static_cast<double>(tier_->index().capacity() - tier_->index().credits()));
    gauge("zverse_index_capacity_entries", "Hash index entries there are.",
          static_cast<double>(tier_->index().capacity()));
    gauge("zverse_index_bytes", "Memory of the hash index.", static_cast<double>(tier_->index().bytes()));
    gauge("zverse_recovered_records", "Operations found in the rings at open.",
          static_cast<double>(recovered_records_));
    gauge("zverse_recovery_seconds", "Time to judge, repair and link the rings at open.", recovery_seconds_);
    gauge("zverse_read_only", "1 when writes are refused.", tier_->refusal() ? 1 : 0);
    std::uint64_t run_bytes = 0;
    {
        const hot::PinGuard pin(tier_->epochs(), tier_->slots().mine());
        const warm::View& view = views_->current();
        double bytes = 0;
        for (const auto& run : view.runs) bytes += static_cast<double>(run->bytes());
        run_bytes = static_cast<std::uint64_t>(bytes);
        gauge("zverse_floor_version", "Oldest version still answerable.", static_cast<double>(pins_.floor()));
        add_settled(view, gauge);
        gauge("zverse_runs", "Sorted runs over the rings.", static_cast<double>(view.runs.size()));
        gauge("zverse_run_bytes", "Memory of the sorted runs.", bytes);
    }
    add_memory(memory_, memory_in_use(*tier_, *cold_, times_, mover_.get(), run_bytes), gauge);
    add_rings(tier_->rings(), metrics);
    return Stats(std::move(metrics), platform_rows());
}

/// How segments are written shows when one is; everything else was known when the store was opened.
std::vector<Capability> Engine::platform_rows() const {
    std::vector<Capability> rows = platform_rows_;
    const platform::StreamMethod method = io_->stream_method();
    rows.push_back({"segment writes", options_.force_io.empty() ? "best" : options_.force_io, io_->name(), method.used,
                    method.why_not});
    return rows;
}

}  // namespace engine
}  // namespace zverse
