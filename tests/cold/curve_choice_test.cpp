// Goal:    the cost model says about how many blocks a query reads, the sample nearly exactly; so the curve that is
//          chosen for a mix of queries is about the best one; and without queries, or with a fixed rule, it is that.
// Method:  stripes of uniform and Zipf distributed writes, really put in the order of each curve, cut into blocks, and
//          queries counted by their zone map; single classes and random mixes of them. Extremes by hand.
#include <support/seed.h>
#include <support/stripe.h>
#include <support/threads.h>

#include <cold/curve_choice.h>

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace zverse::cold {
namespace {

using test::Random;
using test::SeedScope;
using test::Stripe;
using test::StripeBlocks;

constexpr std::size_t kBlockRecords = 32;

const platform::Kernels& kernels() { return platform::kernels_for(platform::best_kernel_level()); }

/// Queries of the study's kinds: widths as shares of the slab's versions and keys.
struct Asked {
    QueryKind kind;
    double versions, keys;
};
constexpr Asked kAsked[] = {
    {QueryKind::history, 1, 0},      {QueryKind::history, 0.1, 0},     {QueryKind::as_of, 0, 0.002},
    {QueryKind::as_of, 0, 0.05},     {QueryKind::as_of, 0, 1},         {QueryKind::changes, 0.001, 1},
    {QueryKind::changes, 0.01, 1},   {QueryKind::changes, 0.1, 1},     {QueryKind::changes, 0.01, 0.015625},
    {QueryKind::changes, 0.1, 0.25}, {QueryKind::changes, 0.01, 0.25},
};

double factor(double a, double b) { return std::max(a / b, b / a); }

double quantile(std::vector<double> values, double share) {
    std::ranges::sort(values);
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

/// A stripe in all orders.
class Laid {
public:
    Laid(Random& random, std::size_t writes, std::size_t keys, bool zipf)
        : stripe(random, writes, keys, zipf),
          profile(profile_of(stripe.by_key)),
          blocks(std::ceil(static_cast<double>(stripe.by_key.size()) / kBlockRecords)),
          bits(static_cast<unsigned>(std::log2(blocks))) {
        for (const std::string_view rule : kCurveRules) {
            laid_.push_back(std::make_unique<StripeBlocks>(stripe, Curve::by_rule(rule, bits), kBlockRecords));
        }
    }

    [[nodiscard]] CurveTask task() const { return {stripe.by_key, 0, stripe.upto, 0, blocks, 0}; }

    /// What queries of the kind read on average.
    [[nodiscard]] double count(std::size_t rule, const Asked& asked, Random& random, int queries) const {
        double sum = 0;
        for (int i = 0; i < queries; ++i) {
            const auto share = static_cast<double>(stripe.starts.size()) * asked.keys;
            const auto wide = std::max<std::size_t>(1, static_cast<std::size_t>(share));
            const std::size_t from = random.below(stripe.starts.size() - wide + 1), to = from + wide;
            const auto window = static_cast<Version>(static_cast<double>(stripe.upto) * asked.versions);
            const Version after = random.below(stripe.upto - window + 1), v = random.between(1, stripe.upto);
            const StripeBlocks& blocks_of = *laid_[rule];
            if (asked.kind == QueryKind::history) {
                sum += static_cast<double>(
                    blocks_of.count(stripe, stripe.starts[from], stripe.end_of(from), after, after + window));
                continue;
            }
            Box box{stripe.by_key[stripe.starts[from]].key,
                    to == stripe.starts.size() ? "" : stripe.by_key[stripe.starts[to]].key, after, after + window, 0};
            if (asked.kind == QueryKind::as_of) box.after = 0, box.upto = box.alive_at = v;
            sum += static_cast<double>(blocks_of.count(box));
        }
        return sum / queries;
    }

    Stripe stripe;
    KeyProfile profile;
    double blocks;
    unsigned bits;

private:
    std::vector<std::unique_ptr<StripeBlocks>> laid_;
};

struct World {
    const char* name;
    std::size_t writes, keys;
    bool zipf;
};
void PrintTo(const World& world, std::ostream* out) { *out << world.name; }

class CurveWorld : public ::testing::TestWithParam<World> {
protected:
    const SeedScope seed_;
    Random random_{seed_.seed()};
    const Laid laid_{random_, GetParam().writes, GetParam().keys, GetParam().zipf};
};

TEST_P(CurveWorld, TheModelIsAboutRight) {
    // So many that the few keys of a Zipf distribution that have most versions do not make the mean: of 100 queries,
    // one test in some hundreds met one key too often.
    constexpr int kCounted = test::kSanitized ? 400 : 1000;
    std::vector<double> factors;
    for (std::size_t rule = 0; rule < kCurveRules.size(); ++rule) {
        const Curve curve = Curve::by_rule(kCurveRules[rule], laid_.bits);
        for (const Asked& asked : kAsked) {
            const double counted = laid_.count(rule, asked, random_, kCounted);
            const double expected =
                expected_blocks(curve, laid_.profile, laid_.blocks, {asked.kind, asked.keys, asked.versions});
            // A history's window may be empty for a key; the model counts a block then.
            factors.push_back(factor(std::max(1.0, counted), expected));
            EXPECT_LT(factors.back(), 3) << kCurveRules[rule] << ' ' << static_cast<int>(asked.kind) << ' '
                                         << asked.versions << ' ' << asked.keys << ": " << counted << " counted, "
                                         << expected << " expected";
        }
    }
    std::printf("  model, %s: error factor median %.2f, nine tenths %.2f, most %.2f\n", GetParam().name,
                quantile(factors, 0.5), quantile(factors, 0.9), quantile(factors, 1));
    // The study's: 1.09 and 1.52 at worst, over more masks and larger components.
    EXPECT_LT(quantile(factors, 0.5), 1.25);
    EXPECT_LT(quantile(factors, 0.9), test::kSanitized ? 2 : 1.7);  // of few queries there
}

TEST_P(CurveWorld, TheChoiceIsAboutTheBest) {
    // Cost of each rule for each class of queries, really counted; then random mixes.
    std::vector<std::vector<double>> counted(kCurveRules.size());
    for (std::size_t rule = 0; rule < kCurveRules.size(); ++rule) {
        // The same queries for each: a hot key among them must not decide between curves.
        Random same(seed_.seed());
        for (const Asked& asked : kAsked) counted[rule].push_back(laid_.count(rule, asked, same, 200));
    }
    const auto versions = static_cast<double>(laid_.stripe.upto), keys = laid_.profile.keys;
    constexpr int kMixes = test::kSanitized ? 20 : 60;
    double regret = 0, default_over = 0;
    int close = 0;
    for (int round = 0; round < kMixes; ++round) {
        QueryMix mix;
        std::vector<double> weights(std::size(kAsked));
        for (std::size_t i = 0; i < weights.size(); ++i) {
            if (random_.one_in(2)) continue;
            const Asked& asked = kAsked[i];
            weights[i] = std::exp2(static_cast<double>(random_.below(12)));
            mix.classes.push_back({asked.kind, asked.versions * versions, asked.keys * keys, asked.keys, weights[i]});
        }
        if (mix.classes.empty()) continue;
        const CurveChoice choice = choose_curve(laid_.task(), {.rule = "", .queries_min = 0}, mix, kernels());
        double best = 1e300, chosen = 0;
        for (std::size_t rule = 0; rule < kCurveRules.size(); ++rule) {
            double sum = 0, weight = 0;
            for (std::size_t i = 0; i < weights.size(); ++i) {
                sum += weights[i] * counted[rule][i];
                weight += weights[i];
            }
            best = std::min(best, sum / weight);
            if (kCurveRules[rule] == choice.rule) chosen = sum / weight;
            if (rule == 0) default_over += sum / weight;
        }
        ASSERT_GT(chosen, 0) << choice.rule;
        regret += chosen / best - 1;
        default_over -= chosen;
        close += chosen < 1.1 * best ? 1 : 0;
    }
    std::printf("  choice, %s: mean regret %.1f %%, within 10 %% of the best %.0f %%, %.0f blocks less than vvk\n",
                GetParam().name, 100 * regret / kMixes, 100.0 * close / kMixes, default_over / kMixes);
    EXPECT_LT(regret / kMixes, 0.05);
    EXPECT_GT(close, kMixes * 85 / 100);
    EXPECT_GT(default_over, 0);
}

TEST_P(CurveWorld, TheSampleIsNearlyExact) {
    for (const std::size_t rule : {std::size_t{0}, std::size_t{3}, std::size_t{5}}) {
        const CurveTask task = laid_.task();
        const CurveSample sample(task, Curve::by_rule(kCurveRules[rule], laid_.bits), kernels());
        const StripeBlocks exact(laid_.stripe, Curve::by_rule(kCurveRules[rule], laid_.bits), kBlockRecords);
        double sampled_sum = 0, exact_sum = 0;
        for (int i = 0; i < 300; ++i) {
            const std::size_t key = random_.below(laid_.stripe.starts.size());
            const Version after = random_.below(laid_.stripe.upto), upto = random_.between(after, laid_.stripe.upto);
            const std::size_t begin = laid_.stripe.starts[key], end = laid_.stripe.end_of(key);
            sampled_sum += static_cast<double>(sample.blocks_of_key(begin, after, upto));
            exact_sum += static_cast<double>(exact.count(laid_.stripe, begin, end, after, upto));
        }
        EXPECT_LT(factor(sampled_sum, exact_sum), 1.1) << "histories along " << kCurveRules[rule];
        sampled_sum = exact_sum = 0;
        for (int i = 0; i < 300; ++i) {
            std::size_t from = random_.below(laid_.stripe.starts.size()),
                        to = random_.below(laid_.stripe.starts.size());
            if (from > to) std::swap(from, to);
            if (from == to) continue;
            const std::size_t begin = laid_.stripe.starts[from], end = laid_.stripe.starts[to];
            const Version after = random_.below(laid_.stripe.upto), upto = random_.between(after, laid_.stripe.upto);
            const Version alive_at = random_.one_in(2) ? upto : 0;
            sampled_sum += static_cast<double>(sample.blocks_of_box(begin, end, after, upto, alive_at));
            exact_sum += static_cast<double>(
                exact.count(Box{laid_.stripe.by_key[begin].key, laid_.stripe.by_key[end].key, after, upto, alive_at}));
        }
        EXPECT_LT(factor(sampled_sum, exact_sum), 1.15) << "boxes along " << kCurveRules[rule];
    }
}

constexpr std::size_t kWrites = test::kSanitized ? 30'000 : 120'000;
INSTANTIATE_TEST_SUITE_P(Worlds, CurveWorld,
                         ::testing::Values(World{"uniform_40", kWrites, kWrites / 40, false},
                                           World{"uniform_4", kWrites, kWrites / 4, false},
                                           World{"zipf_40", kWrites, kWrites / 40, true},
                                           World{"zipf_4", kWrites, kWrites / 4, true}),
                         [](const auto& test) { return test.param.name; });

// ---- Extremes.

QueryMix only(QueryClass each) {
    each.weight = 1000;
    return {{each}};
}

class CurveExtremes : public ::testing::Test {
protected:
    const SeedScope seed_;
    Random random_{seed_.seed()};
    const Stripe stripe_{random_, 40'000, 1000, false};

    [[nodiscard]] CurveTask task(double blocks) const { return {stripe_.by_key, 0, stripe_.upto, 0, blocks, 0}; }
    [[nodiscard]] std::string chosen(double blocks, const QueryMix& mix) const {
        return choose_curve(task(blocks), {}, mix, kernels()).rule;
    }
};

TEST_F(CurveExtremes, HistoriesAloneWantKeyOrder) {
    EXPECT_EQ(chosen(1000, only({.kind = QueryKind::history, .versions = 40'000})), "k");
}

TEST_F(CurveExtremes, ChangesAloneWantVersionOrder) {
    for (const double width : {1, 40, 400}) {
        EXPECT_EQ(chosen(1000, only({.kind = QueryKind::changes, .versions = width})), "vvvvvvk") << width;
    }
}

TEST_F(CurveExtremes, NarrowChangesOfFewKeysWantBoth) {
    const std::string rule = chosen(1000, only({.kind = QueryKind::changes, .versions = 40, .share = 0.015625}));
    EXPECT_TRUE(rule != "k" && rule != "vk" && rule != "kkkkv") << rule;
}

TEST_F(CurveExtremes, OneBlockHasNoOrder) {
    const CurveChoice choice =
        choose_curve(task(1), {}, only({.kind = QueryKind::history, .versions = 40'000}), kernels());
    EXPECT_EQ(choice.curve, Curve());
    EXPECT_FALSE(choice.adapted);
}

TEST_F(CurveExtremes, TwoBlocksAreSplitByWhatIsAsked) {
    EXPECT_EQ(
        choose_curve(task(2), {}, only({.kind = QueryKind::history, .versions = 40'000}), kernels()).curve.pattern(),
        "k");
    EXPECT_EQ(choose_curve(task(2), {}, only({.kind = QueryKind::changes, .versions = 40}), kernels()).curve.pattern(),
              "v");
}

TEST_F(CurveExtremes, FewQueriesSayNothing) {
    const CurvePolicy policy{.rule = "", .queries_min = 1001};
    const auto mix = only({.kind = QueryKind::history, .versions = 40'000});
    EXPECT_EQ(choose_curve(task(1000), policy, mix, kernels()).rule, kDefaultCurve);
    EXPECT_EQ(choose_curve(task(1000), {.rule = "", .queries_min = 1000}, mix, kernels()).rule, "k");
    EXPECT_EQ(choose_curve(task(1000), {}, {}, kernels()).rule, kDefaultCurve);
    EXPECT_EQ(choose_curve(task(1000), {.rule = "", .queries_min = 0}, {}, kernels()).rule, kDefaultCurve);
}

TEST_F(CurveExtremes, AFixedRuleWins) {
    const auto mix = only({.kind = QueryKind::history, .versions = 40'000});
    const CurveChoice choice = choose_curve(task(1000), {.rule = "kv"}, mix, kernels());
    EXPECT_EQ(choice.curve.pattern(), "kvkvkvkvk");
    EXPECT_FALSE(choice.adapted);
}

TEST_F(CurveExtremes, WhatWasExpectedIsTold) {
    const CurveChoice choice =
        choose_curve(task(1000), {}, only({.kind = QueryKind::history, .versions = 40'000}), kernels());
    EXPECT_TRUE(choice.adapted);
    EXPECT_LT(choice.expected, choice.expected_by_default);
    EXPECT_NEAR(choice.expected, 2, 1) << "40 versions in blocks of 40";
    EXPECT_NEAR(choice.expected_by_default, 5, 1.5) << "a block or two in each quarter";
    EXPECT_DOUBLE_EQ(choice.shares[0], 1);
    EXPECT_DOUBLE_EQ(choice.queries, 1000);
}

/// By hand, after the formulas of curve_cost.h: C = R = 4; the two lower bits straddle, the two upper ones leap.
TEST(CurveCost, IsAsItsFormulasSay) {
    const Curve curve = Curve::by_rule("kv", 4);
    const CurveBox quarter{QueryKind::changes, 0.25, 0.25};
    KeyProfile even{.keys = 1000, .records = 2000, .groups = {}};
    even.groups[1] = {1000, 2000};
    EXPECT_DOUBLE_EQ(expected_blocks(curve, even, 16, quarter), 16 * (0.75 * 0.5 * 0.75 + 0.25 * 0.5 * 0.5));
    KeyProfile heavy{.keys = 1, .records = 100, .groups = {}};
    heavy.groups[6] = {1, 100};
    EXPECT_DOUBLE_EQ(expected_blocks(curve, heavy, 16, quarter), 0.25 * 4 * (3 * (0.25 + 1.0 / 16) + 0.5));
}

TEST(SlabQueries, MeetTheSlabAsWidelyAsTheyAreAsked) {
    // A tenth of all versions.
    const CurveTask task{.by_key = {}, .after = 900, .upto = 1000, .floor = 0, .blocks = 1, .slab_keys = 0};
    QueryMix mix;
    mix.classes = {{QueryKind::history, 5000, 0, 1, 8},
                   {QueryKind::changes, 100, 0, 0.25, 8},
                   {QueryKind::changes, 1, 0, 1, 8},
                   {QueryKind::as_of, 0, 50, 1, 8}};
    const std::vector<SlabQuery> queries = queries_of_slab(mix, task, 200);
    ASSERT_EQ(queries.size(), 4U);
    EXPECT_DOUBLE_EQ(queries[0].weight, 8) << "a whole history asks every slab";
    EXPECT_DOUBLE_EQ(queries[0].box.versions, 1);
    EXPECT_DOUBLE_EQ(queries[1].weight, 8 * 0.2);
    EXPECT_DOUBLE_EQ(queries[1].box.versions, 0.5) << "as wide as the slab, it covers half of it when it meets it";
    EXPECT_DOUBLE_EQ(queries[1].box.keys, 0.25);
    EXPECT_NEAR(queries[2].weight, 8 * 0.1, 0.1);
    EXPECT_NEAR(queries[2].box.versions, 0.01, 0.001);
    EXPECT_DOUBLE_EQ(queries[3].weight, 8 * 0.1) << "a version lies in one slab";
    EXPECT_DOUBLE_EQ(queries[3].box.keys, 0.25);
}

// ---- What is observed.

TEST(QueryCounts, RemembersKindsAndWidths) {
    QueryCounts counts;
    EXPECT_EQ(counts.mix().queries(), 0);
    for (int i = 0; i < 3; ++i) counts.note_history(1000);
    counts.note_as_of(0);
    counts.note_as_of(1);
    counts.note_changes(4096, 1);
    counts.note_changes(4096, 0.06);
    counts.note_changes(~std::uint64_t{0}, 0);
    const QueryMix mix = counts.mix();
    EXPECT_EQ(mix.queries(), 8);
    EXPECT_EQ(mix.queries(QueryKind::history), 3);
    EXPECT_EQ(mix.queries(QueryKind::as_of), 2);
    EXPECT_EQ(mix.queries(QueryKind::changes), 3);
    ASSERT_EQ(mix.classes.size(), 5U);
    EXPECT_EQ(mix.classes[0].versions, 1024) << "the heaviest first";
    EXPECT_EQ(mix.classes[1].kind, QueryKind::as_of);
    EXPECT_EQ(mix.classes[1].keys, 1);
    EXPECT_EQ(mix.classes[2].versions, 4096);
    EXPECT_EQ(mix.classes[2].share, 1);
    EXPECT_EQ(mix.classes[3].share, 1.0 / 16);
    EXPECT_EQ(mix.classes[4].share, std::exp2(-14)) << "the narrowest there is";
}

TEST(QueryCounts, ForgetsWhatIsLongAgoButNotWhatIsLittle) {
    QueryCounts counts;
    for (int i = 0; i < 100; ++i) counts.note_history(10);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(counts.mix().queries(), 100) << "looking forgets nothing";
    for (std::uint64_t i = 0; i < 10 * QueryCounts::kRemembered; ++i) counts.note_as_of(10);
    (void)counts.mix();
    for (std::uint64_t i = 0; i < 2 * QueryCounts::kRemembered; ++i) counts.note_changes(10, 1);
    (void)counts.mix();
    const QueryMix mix = counts.look();
    EXPECT_LE(mix.queries(), QueryCounts::kRemembered);
    EXPECT_GT(mix.queries(), QueryCounts::kRemembered / 4);
    EXPECT_LT(mix.queries(QueryKind::history), 10);
    EXPECT_GT(mix.queries(QueryKind::changes), mix.queries(QueryKind::as_of));
}

TEST(QueryCounts, CountsOfThreadsAddUpWhileTheyFade) {
    QueryCounts counts;
    constexpr std::uint64_t kEach = 20'000;
    test::run_threads(4, [&](std::size_t thread) {
        for (std::uint64_t i = 0; i < kEach; ++i) {
            counts.note_history(i);
            if (i % 500 == 0 && thread < 2) (void)counts.mix();
        }
    });
    const double left = counts.look().queries();
    EXPECT_LE(left, 4 * kEach);
    EXPECT_GT(left, 0);
}

// ---- What is told.

TEST(CurveLog, KeepsTheLastChoicesAndCountsAll) {
    CurveLog log;
    CurveChoice choice;
    for (std::uint64_t i = 0; i < CurveLog::kKept + 10; ++i) {
        choice.segment = i;
        choice.curve = Curve::by_rule(i % 2 == 0 ? "vvk" : "kv", 6);
        log.note(choice);
    }
    const std::vector<CurveChoice> recent = log.recent();
    ASSERT_EQ(recent.size(), CurveLog::kKept);
    EXPECT_EQ(recent.front().segment, 10U);
    EXPECT_EQ(recent.back().segment, CurveLog::kKept + 9);
    EXPECT_EQ(log.counts()["kv.."], (CurveLog::kKept + 10) / 2);
}

}  // namespace
}  // namespace zverse::cold
