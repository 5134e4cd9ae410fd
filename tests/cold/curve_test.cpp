// Goal:    a curve's codes merge the bits they say, bigmin finds exactly the next code of a box, and rules go on.
// Method:  every pattern of up to 6 bits against a bit by bit definition, with every box and every code; random
//          patterns of up to 48 bits against the definition, and boxes of larger ones against a search through all
//          their codes.
#include <cold/curve.h>

#include <support/bigmin.h>
#include <support/results.h>
#include <support/seed.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace zverse::cold {
namespace {

using test::must;

std::uint64_t merge_by_bits(std::string_view pattern, std::uint64_t column, std::uint64_t row) {
    auto columns = static_cast<unsigned>(std::ranges::count(pattern, 'k'));
    auto rows = static_cast<unsigned>(std::ranges::count(pattern, 'v'));
    std::uint64_t code = 0;
    for (const char letter : pattern) {
        const std::uint64_t bit = letter == 'k' ? column >> --columns & 1 : row >> --rows & 1;
        code = code << 1 | bit;
    }
    return code;
}

std::string pattern_of(unsigned bits, std::uint64_t versions) {
    std::string pattern;
    for (unsigned bit = bits; bit-- > 0;) pattern += (versions >> bit & 1) != 0 ? 'v' : 'k';
    return pattern;
}

/// The codes of a box, ascending.
std::vector<std::uint64_t> codes_of(const Curve& curve, std::uint64_t x0, std::uint64_t x1, std::uint64_t y0,
                                    std::uint64_t y1) {
    std::vector<std::uint64_t> codes;
    for (std::uint64_t x = x0; x <= x1; ++x) {
        for (std::uint64_t y = y0; y <= y1; ++y) codes.push_back(curve.encode(x, y));
    }
    std::ranges::sort(codes);
    return codes;
}

void expect_steps(const Curve& curve, const std::vector<std::uint64_t>& codes, std::uint64_t code) {
    const auto next = std::ranges::lower_bound(codes, code);
    const auto expected_next = next == codes.end() ? std::nullopt : std::optional(*next);
    ASSERT_EQ(test::bigmin(curve, code, codes.front(), codes.back()), expected_next) << curve.pattern() << ' ' << code;
}

TEST(Curve, StepsThroughEveryBoxOfEverySmallPattern) {
    for (unsigned bits = 0; bits <= 6; ++bits) {
        for (std::uint64_t versions = 0; versions < std::uint64_t{1} << bits; ++versions) {
            const Curve curve = must(Curve::parse(pattern_of(bits, versions)));
            for (std::uint64_t x0 = 0; x0 < curve.columns(); ++x0) {
                for (std::uint64_t x1 = x0; x1 < curve.columns(); ++x1) {
                    for (std::uint64_t y0 = 0; y0 < curve.rows(); ++y0) {
                        for (std::uint64_t y1 = y0; y1 < curve.rows(); ++y1) {
                            const auto codes = codes_of(curve, x0, x1, y0, y1);
                            for (std::uint64_t code = 0; code < std::uint64_t{1} << bits; ++code) {
                                expect_steps(curve, codes, code);
                                if (HasFatalFailure()) return;
                            }
                        }
                    }
                }
            }
        }
    }
}

TEST(Curve, StepsThroughRandomBoxes) {
    const test::SeedScope seed;
    test::Random random(seed.seed());
    for (int round = 0; round < 3000; ++round) {
        const auto bits = static_cast<unsigned>(random.between(7, 20));
        const Curve curve = must(Curve::parse(pattern_of(bits, random.below(std::uint64_t{1} << bits))));
        const std::uint64_t x0 = random.below(curve.columns()), y0 = random.below(curve.rows());
        const std::uint64_t x1 = std::min(curve.columns() - 1, x0 + random.below(30));
        const std::uint64_t y1 = std::min(curve.rows() - 1, y0 + random.below(30));
        const auto codes = codes_of(curve, x0, x1, y0, y1);
        for (int i = 0; i < 100; ++i) {
            expect_steps(curve, codes, random.below(std::uint64_t{1} << bits));
            if (HasFatalFailure()) return;
        }
    }
}

TEST(Curve, MergesAsThePatternSays) {
    const test::SeedScope seed;
    test::Random random(seed.seed());
    for (int round = 0; round < 2000; ++round) {
        const auto bits = static_cast<unsigned>(random.below(Curve::kBitsMax + 1));
        const std::string pattern = pattern_of(bits, random.next());
        const Curve curve = must(Curve::parse(pattern));
        EXPECT_EQ(curve.pattern(), pattern);
        EXPECT_EQ(curve.bits(), bits);
        std::vector<std::uint64_t> xs, ys, codes(random.below(30));
        for (std::size_t i = 0; i < codes.size(); ++i) {
            xs.push_back(random.below(curve.columns()));
            ys.push_back(random.below(curve.rows()));
        }
        for (const platform::Kernels& kernels : platform::all_kernels()) {
            if (!platform::kernel_level_supported(kernels.level)) continue;
            curve.encode(kernels, xs.data(), ys.data(), codes.data(), codes.size());
            for (std::size_t i = 0; i < codes.size(); ++i) {
                ASSERT_EQ(codes[i], merge_by_bits(pattern, xs[i], ys[i])) << pattern << to_string(kernels.level);
                ASSERT_EQ(codes[i], curve.encode(xs[i], ys[i])) << pattern;
            }
        }
    }
}

TEST(Curve, KnowsItsShape) {
    EXPECT_EQ(Curve().columns(), 1U);
    EXPECT_EQ(Curve().rows(), 1U);
    EXPECT_EQ(must(Curve::parse("vkv")).rows(), 4U);
    EXPECT_EQ(must(Curve::parse("vkv")).columns(), 2U);
}

TEST(Curve, GoesOnAsItsRuleSays) {
    EXPECT_EQ(Curve::by_rule("vvk", 5).pattern(), "vvkkk");
    EXPECT_EQ(Curve::by_rule("vvk", 1).pattern(), "v");
    EXPECT_EQ(Curve::by_rule("vvk", 0), Curve());
    EXPECT_EQ(Curve::by_rule("k", 3).pattern(), "kkk");
    EXPECT_EQ(Curve::by_rule("v", 3).pattern(), "vvv");
    EXPECT_EQ(Curve::by_rule("kv", 5).pattern(), "kvkvk");
    EXPECT_EQ(Curve::by_rule("vkv", 5).pattern(), "vkvkv");
    EXPECT_EQ(Curve::by_rule("vkkv", 8).pattern(), "vkkvkkvk");
    EXPECT_EQ(Curve::by_rule("kv", Curve::kBitsMax).version_bits(), Curve::kBitsMax / 2);
}

TEST(Curve, IsCalledByItsShortestRule) {
    for (const char* rule : {"vvk", "k", "vk", "vvvvk", "vvvvvvk", "kv", "kkv", "kkkkv", "vkkv", "v"}) {
        for (const unsigned bits : {12U, 17U, 48U}) {
            EXPECT_EQ(Curve::by_rule(rule, bits).name(), rule + std::string(".."));
        }
    }
    EXPECT_EQ(Curve().name(), "k..");
    EXPECT_EQ(Curve::by_rule("vvk", 1).name(), "v..");
}

TEST(Curve, LeapsWhereTheOtherDimensionStartsAnew) {
    // 16 blocks: four slabs, and within them from column to column.
    const Curve slabs = Curve::by_rule("vvk", 4);
    EXPECT_TRUE(slabs.leaps(0b0011, 0b0100));
    EXPECT_TRUE(slabs.leaps(0b0111, 0b1000));
    EXPECT_FALSE(slabs.leaps(0b0100, 0b0101));
    EXPECT_FALSE(slabs.leaps(0b0101, 0b0110));
    EXPECT_FALSE(slabs.leaps(0b0101, 0b0101));
    // Only in the upper half of the bits, so that there are few.
    const Curve thin = Curve::by_rule("vvvk", 4);
    EXPECT_TRUE(thin.leaps(0b0011, 0b0100));
    EXPECT_FALSE(thin.leaps(0b0001, 0b0010));
    const Curve z = Curve::by_rule("kv", 4);
    EXPECT_TRUE(z.leaps(0b0111, 0b1000));
    EXPECT_TRUE(z.leaps(0b0011, 0b0100));
    EXPECT_FALSE(z.leaps(0b0001, 0b0010));
    for (const char* rule : {"k", "v"}) EXPECT_FALSE(Curve::by_rule(rule, 4).leaps(0, 0b1000)) << rule;
}

TEST(Curve, KnowsRules) {
    EXPECT_TRUE(is_curve_rule("vvk"));
    EXPECT_TRUE(is_curve_rule(std::string(Curve::kBitsMax, 'v')));
    EXPECT_FALSE(is_curve_rule(std::string(Curve::kBitsMax + 1, 'v')));
    EXPECT_FALSE(is_curve_rule(""));
    EXPECT_FALSE(is_curve_rule("vvK"));
}

TEST(Curve, RefusesOtherPatterns) {
    EXPECT_EQ(Curve::parse("kvx").error().code(), ErrorCode::corrupt);
    EXPECT_EQ(Curve::parse(std::string(Curve::kBitsMax + 1, 'k')).error().code(), ErrorCode::corrupt);
}

}  // namespace
}  // namespace zverse::cold
