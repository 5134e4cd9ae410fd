#include <cold/curve_choice.h>
#include <cold/curve_order.h>

#include <algorithm>
#include <cmath>

namespace zverse::cold {

namespace {

constexpr std::size_t kSampledMax = std::size_t{1} << 16;
constexpr std::size_t kClassesMax = 24;
constexpr int kPlacements = 12;  ///< of the queries of a class
constexpr std::size_t kRankedAgain = 3;

std::size_t first_of_key(std::span<const Record> by_key, std::size_t record) {
    const auto same = std::ranges::lower_bound(by_key.first(record + 1), by_key[record].key, {}, &Record::key);
    return static_cast<std::size_t>(same - by_key.begin());
}

}  // namespace

// ---- The sample.

CurveSample::CurveSample(const CurveTask& task, const Curve& curve, const platform::Kernels& kernels)
    : task_(task), curve_(curve) {
    const std::span<const Record> by_key = task.by_key;
    const CurveGrid grid(curve, task.after, task.upto, {});
    for (std::uint64_t column = 1; column < curve.columns(); ++column) {
        fences_.push_back(first_of_key(by_key, column * by_key.size() / curve.columns()));
    }
    const std::size_t stride = by_key.size() / kSampledMax + 1;
    std::vector<std::uint64_t> columns, rows;
    std::size_t column = 0;
    for (std::size_t i = 0; i < by_key.size(); i += stride) {
        while (column < fences_.size() && fences_[column] <= i) ++column;
        columns.push_back(column);
        rows.push_back(grid.row_of(by_key[i].version));
    }
    std::vector<std::uint64_t>& codes = columns;  // each is read before it is written
    curve.encode(kernels, columns.data(), rows.data(), codes.data(), codes.size());
    std::vector<Place> places(codes.size());
    for (std::size_t i = 0; i < places.size(); ++i) places[i] = {codes[i], static_cast<std::uint32_t>(i * stride)};
    std::ranges::sort(places);
    cut(places);
}

void CurveSample::cut(const std::vector<Place>& places) {
    const double block_records = std::max(1.0, static_cast<double>(places.size()) / task_.blocks);
    double left = 0;  // of the block
    for (std::size_t i = 0; i < places.size(); ++i, --left) {
        if (left < 0.5 || curve_.leaps(places[i - 1].code, places[i].code)) {
            blocks_.push_back({places[i], ~std::uint32_t{0}, 0, kOpen, 0, 0});
            left = left < 0.5 ? left + block_records : block_records;
        }
        Block& block = blocks_.back();
        const Record& record = task_.by_key[places[i].record];
        block.record_min = std::min(block.record_min, places[i].record);
        block.record_max = std::max(block.record_max, places[i].record);
        block.version_min = std::min(block.version_min, record.version);
        block.version_max = std::max(block.version_max, record.version);
        block.superseded_max = std::max(block.superseded_max, record.superseded);
    }
}

std::size_t CurveSample::column_of(std::size_t record) const {
    return static_cast<std::size_t>(std::ranges::upper_bound(fences_, record) - fences_.begin());
}

std::size_t CurveSample::blocks_of_key(std::size_t first, Version after, Version upto) const {
    const CurveGrid grid(curve_, task_.after, task_.upto, {});
    const std::size_t column = column_of(first);
    std::vector<std::size_t> found;
    for (std::size_t i = first; i < task_.by_key.size() && task_.by_key[i].key == task_.by_key[first].key; ++i) {
        const Version version = task_.by_key[i].version;
        if (version <= after || version > upto) continue;
        const Place place{curve_.encode(column, grid.row_of(version)), static_cast<std::uint32_t>(i)};
        const auto behind = std::ranges::upper_bound(blocks_, place, {}, &Block::first);
        const auto block = static_cast<std::size_t>(behind - blocks_.begin());
        found.push_back(block == 0 ? 0 : block - 1);
    }
    std::ranges::sort(found);
    return found.size() - std::ranges::unique(found).size();
}

std::size_t CurveSample::blocks_of_box(std::size_t begin, std::size_t end, Version after, Version upto,
                                       Version alive_at) const noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(blocks_, [&](const Block& block) {
        return block.record_max >= begin && block.record_min < end && block.version_max > after &&
               block.version_min <= upto && block.superseded_max > alive_at;
    }));
}

// ---- The choice.

std::vector<SlabQuery> queries_of_slab(const QueryMix& mix, const CurveTask& task, double keys) {
    const auto slab = static_cast<double>(task.upto - task.after);
    const double all = std::max(slab, static_cast<double>(task.upto - std::min(task.floor, task.after)));
    std::vector<SlabQuery> queries;
    for (const QueryClass& each : mix.classes) {
        if (queries.size() == kClassesMax) break;
        const double width = std::min(each.versions, all);
        const double met = each.kind == QueryKind::as_of ? slab / all : std::min(1.0, (width + slab) / all);
        SlabQuery query;
        query.box.kind = each.kind;
        query.box.keys = each.kind == QueryKind::as_of ? std::min(1.0, each.keys / keys) : each.share;
        query.box.versions = std::min(1.0, width / all / met);
        query.versions = width;
        query.weight = each.weight * met;
        queries.push_back(query);
    }
    return queries;
}

namespace {

/// Where a query of a class lies, by two numbers in [0, 1).
struct Placed {
    QueryKind kind;
    std::size_t begin, end;  ///< of the records
    Version after, upto, alive_at;
    double weight;
};

/// Placements that are spread evenly, the same ones each time: the sequence of the plastic number (M. Roberts, "The
/// Unreasonable Effectiveness of Quasirandom Sequences", 2018).
std::vector<Placed> place_queries(const std::vector<SlabQuery>& queries, const CurveTask& task) {
    std::vector<std::size_t> keys;  // first record of each
    for (std::size_t i = 0; i < task.by_key.size(); ++i) {
        if (i == 0 || task.by_key[i].key != task.by_key[i - 1].key) keys.push_back(i);
    }
    const auto slab = static_cast<double>(task.upto - task.after);
    const auto count = static_cast<double>(keys.size());
    std::vector<Placed> placed;
    for (const SlabQuery& query : queries) {
        for (int i = 1; i <= kPlacements; ++i) {
            double unused = 0;
            const double u = std::modf(0.5 + i * 0.7548776662466927, &unused);
            const double t = std::modf(0.5 + i * 0.5698402909980532, &unused);
            Placed each{query.box.kind, 0, task.by_key.size(), 0, kOpen, 0, query.weight};
            const double wide = query.box.kind == QueryKind::history ? 0 : std::max(1.0, query.box.keys * count);
            const auto from = static_cast<std::size_t>(u * std::max(0.0, count - wide));
            const auto to = from + static_cast<std::size_t>(std::ceil(wide));
            each.begin = keys[std::min(from, keys.size() - 1)];
            if (to < keys.size()) each.end = keys[to];
            if (query.box.kind == QueryKind::as_of) {
                each.upto = each.alive_at = task.after + 1 + static_cast<Version>(t * (slab - 1));
            } else if (query.box.versions < 1) {
                const double begin = t * (slab + query.versions) - query.versions;
                each.after = task.after + static_cast<Version>(std::max(0.0, begin));
                each.upto = task.after + static_cast<Version>(std::max(0.0, begin + query.versions));
                each.upto = std::max(each.upto, each.after + 1);
            }
            placed.push_back(each);
        }
    }
    return placed;
}

double blocks_by_sample(const CurveSample& sample, const std::vector<Placed>& queries) {
    double blocks = 0, weight = 0;
    for (const Placed& query : queries) {
        const std::size_t read =
            query.kind == QueryKind::history
                ? sample.blocks_of_key(query.begin, query.after, query.upto)
                : sample.blocks_of_box(query.begin, query.end, query.after, query.upto, query.alive_at);
        blocks += query.weight * static_cast<double>(read);
        weight += query.weight;
    }
    return blocks / weight;
}

unsigned bits_for(double blocks) noexcept {
    const double bits = std::floor(std::log2(std::max(1.0, blocks)));
    return std::min(static_cast<unsigned>(bits), Curve::kBitsMax);
}

void adapt(CurveChoice& choice, const CurveTask& task, const QueryMix& mix, const platform::Kernels& kernels) {
    const KeyProfile profile = profile_of(task.by_key);
    const std::vector<SlabQuery> queries = queries_of_slab(mix, task, std::max(task.slab_keys, profile.keys));
    double all = 0;
    for (const SlabQuery& query : queries) all += query.weight;
    for (const SlabQuery& query : queries) {
        choice.shares[static_cast<std::size_t>(query.box.kind)] += query.weight / all;
    }
    struct Candidate {
        std::string_view rule;
        double blocks;
    };
    std::vector<Candidate> candidates;
    for (const std::string_view rule : kCurveRules) {
        double blocks = 0;
        for (const SlabQuery& query : queries) {
            blocks += query.weight *
                      expected_blocks(Curve::by_rule(rule, choice.curve.bits()), profile, task.blocks, query.box);
        }
        candidates.push_back({rule, blocks});
    }
    std::ranges::stable_sort(candidates, {}, &Candidate::blocks);
    const std::vector<Placed> placed = place_queries(queries, task);
    const unsigned bits = choice.curve.bits();
    choice.expected_by_default = choice.expected = blocks_by_sample(CurveSample(task, choice.curve, kernels), placed);
    for (std::size_t i = 0; i < kRankedAgain; ++i) {
        const Curve curve = Curve::by_rule(candidates[i].rule, bits);
        if (curve == choice.curve) continue;
        const double blocks = blocks_by_sample(CurveSample(task, curve, kernels), placed);
        if (blocks >= choice.expected) continue;
        choice.expected = blocks;
        choice.rule = candidates[i].rule;
        choice.curve = curve;
    }
    choice.adapted = true;
}

}  // namespace

CurveChoice choose_curve(const CurveTask& task, const CurvePolicy& policy, const QueryMix& mix,
                         const platform::Kernels& kernels) {
    CurveChoice choice;
    choice.rule = policy.rule.empty() ? kDefaultCurve : policy.rule;
    choice.blocks = task.blocks;
    choice.curve = Curve::by_rule(choice.rule, bits_for(task.blocks));
    choice.queries = mix.queries();
    const bool asked = policy.rule.empty() && choice.queries > 0 && choice.queries >= policy.queries_min;
    if (asked && choice.curve.bits() > 0) adapt(choice, task, mix, kernels);
    return choice;
}

// ---- The log.

void CurveLog::note(const CurveChoice& choice) {
    const std::scoped_lock lock(mutex_);
    ++counts_[choice.curve.name()];
    recent_.push_back(choice);
    if (recent_.size() > kKept) recent_.pop_front();
}

std::vector<CurveChoice> CurveLog::recent() const {
    const std::scoped_lock lock(mutex_);
    return {recent_.begin(), recent_.end()};
}

std::map<std::string, std::uint64_t> CurveLog::counts() const {
    const std::scoped_lock lock(mutex_);
    return counts_;
}

}  // namespace zverse::cold
