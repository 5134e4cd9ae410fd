// Goal:    every kernel this CPU has answers as the scalar one does, and the scalar one as the definition says.
// Method:  all lengths 0..300 at all alignments, at every bound that matters; random index lines and each single entry.
//          The kernels that ran are printed, and ZVERSE_EXPECT_KERNELS ("avx512,avx2,scalar") makes it an error when
//          one of them did not: a skipped kernel must not look like a tested one.
#include <platform/kernels.h>
#include <platform/match_tags.h>
#include <platform/match_words.h>

#include <support/seed.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

namespace zverse::platform {
namespace {

constexpr unsigned kTagShift = 48;
constexpr std::uint64_t kTagMask = 0x7FFF;
constexpr std::uint64_t kTentative = std::uint64_t{1} << 63;

std::vector<Kernels> supported_kernels() {
    std::vector<Kernels> tables;
    for (const Kernels& table : all_kernels()) {
        if (kernel_level_supported(table.level)) tables.push_back(table);
    }
    return tables;
}

struct alignas(64) Line {
    std::array<std::atomic<std::uint64_t>, 8> words{};
};

/// The definition, word by word.
unsigned expected_matches(const Line& line, std::uint64_t tag) {
    unsigned matches = 0;
    for (unsigned i = 0; i < 7; ++i) {
        const std::uint64_t entry = line.words[i];
        if (((entry >> kTagShift) & kTagMask) == tag && (entry & kTentative) == 0) matches |= 1U << i;
    }
    return matches;
}

void expect_match(const Line& line, std::uint64_t tag) {
    const unsigned expected = expected_matches(line, tag);
    ASSERT_EQ(match_tags_scalar(line.words.data(), tag), expected) << "scalar, tag " << tag;
    ASSERT_EQ(match_tags(line.words.data(), tag), expected) << "this architecture's, tag " << tag;
}

TEST(Kernels, TheExpectedOnesRan) {
    std::set<std::string> ran;
    std::string text;
    for (const Kernels& table : supported_kernels()) {
        ran.insert(to_string(table.level));
        text += std::string(" ") + to_string(table.level);
    }
    std::printf("kernels run:%s\n", text.c_str());
    EXPECT_TRUE(ran.contains("scalar"));
    const char* expected = std::getenv("ZVERSE_EXPECT_KERNELS");
    std::istringstream names(expected == nullptr ? "" : expected);
    for (std::string name; std::getline(names, name, ',');) {
        EXPECT_TRUE(ran.contains(name)) << name << " is expected to run on this machine and did not";
    }
}

TEST(Kernels, TablesAreBestFirstAndChosenByLevel) {
    const auto tables = all_kernels();
    EXPECT_TRUE(std::ranges::is_sorted(tables, std::ranges::greater(), &Kernels::level));
    EXPECT_EQ(tables.back().level, KernelLevel::scalar);
    EXPECT_EQ(kernels_for(KernelLevel::scalar).level, KernelLevel::scalar);
#if defined(__SANITIZE_THREAD__)
    EXPECT_EQ(kernels_for(best_kernel_level()).level, KernelLevel::scalar);
#else
    EXPECT_EQ(kernels_for(best_kernel_level()).level, best_kernel_level());
    for (const Kernels& table : supported_kernels()) EXPECT_EQ(kernels_for(table.level).level, table.level);
#endif
}

TEST(MatchTags, EachEntryAlone) {
    for (unsigned place = 0; place < 7; ++place) {
        for (const std::uint64_t tag : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x4000}, kTagMask}) {
            for (const std::uint64_t tentative : {std::uint64_t{0}, kTentative}) {
                for (const std::uint64_t address : {std::uint64_t{0}, std::uint64_t{1}, (std::uint64_t{1} << 48) - 1}) {
                    Line line;
                    line.words[place] = tentative | tag << kTagShift | address;
                    line.words[7] = address;  // a link
                    for (const std::uint64_t wanted : {tag, tag ^ 3, tag ^ 0x4000}) {
                        if (wanted != 0) expect_match(line, wanted);
                    }
                }
            }
        }
    }
}

TEST(MatchTags, RandomLines) {
    const test::SeedScope seed;
    test::Random random(seed.seed());
    for (int round = 0; round < 200'000; ++round) {
        Line line;
        const std::uint64_t tag = random.below(4) == 0 ? 1 + random.below(3) : (random.next() & kTagMask) | 1;
        for (auto& word : line.words) {
            const std::uint64_t near = random.one_in(3) ? tag ^ (std::uint64_t{1} << random.below(15)) : tag;
            word = random.one_in(4) ? 0 : (near << kTagShift) | (random.next() & ~(kTagMask << kTagShift));
        }
        line.words[7] = random.next() >> 16;  // a link
        expect_match(line, tag);
        if (::testing::Test::HasFatalFailure()) return;
    }
}

TEST(MatchWords, AsTheReferenceSays) {
    const test::SeedScope seed;
    test::Random random(seed.seed());
    for (int round = 0; round < 100'000; ++round) {
        std::uint16_t words[10];
        for (std::uint16_t& word : words)
            word = static_cast<std::uint16_t>(random.below(random.one_in(2) ? 3 : 65'536));
        const auto wanted = random.one_in(2) ? words[random.below(10)] : static_cast<std::uint16_t>(random.next());
        ASSERT_EQ(match_ten_words(words, wanted), match_ten_words_scalar(words, wanted));
    }
}

/// Numbers that end right before a page nobody may touch: reading behind the array kills the test.
class NumbersBeforeAWall {
public:
    explicit NumbersBeforeAWall(std::size_t capacity) : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
        bytes_ = (capacity * sizeof(std::uint64_t) + page_ - 1) / page_ * page_;
        void* all = mmap(nullptr, bytes_ + page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED) std::abort();
        base_ = static_cast<std::byte*>(all);
        mprotect(base_ + bytes_, page_, PROT_NONE);
    }
    NumbersBeforeAWall(const NumbersBeforeAWall&) = delete;
    NumbersBeforeAWall& operator=(const NumbersBeforeAWall&) = delete;
    ~NumbersBeforeAWall() { munmap(base_, bytes_ + page_); }
    [[nodiscard]] std::uint64_t* last(std::size_t count) const {
        return reinterpret_cast<std::uint64_t*>(base_ + bytes_) - count;
    }

private:
    std::size_t page_, bytes_;
    std::byte* base_;
};

void expect_all_count(const std::uint64_t* numbers, std::size_t count, std::uint64_t bound) {
    const auto expected = static_cast<std::size_t>(std::lower_bound(numbers, numbers + count, bound) - numbers);
    for (const Kernels& table : supported_kernels()) {
        ASSERT_EQ(table.count_less(numbers, count, bound), expected)
            << to_string(table.level) << ", " << count << " numbers, bound " << bound;
    }
}

TEST(CountLess, EveryLengthAlignmentAndBound) {
    // Ends of the number range included: AVX2 has only signed comparisons.
    const NumbersBeforeAWall wall(400);
    for (std::size_t count = 0; count <= 300; ++count) {
        std::uint64_t* numbers = wall.last(count);  // every alignment in turn: 8 bytes less each time
        for (std::size_t i = 0; i < count; ++i) numbers[i] = (std::uint64_t{1} << 63) - 3 * (count / 2) + 3 * i;
        for (std::size_t i = 0; i < count; ++i) {
            for (const std::uint64_t bound : {numbers[i] - 1, numbers[i], numbers[i] + 1}) {
                expect_all_count(numbers, count, bound);
            }
        }
        expect_all_count(numbers, count, 0);
        expect_all_count(numbers, count, ~std::uint64_t{0});
        if (::testing::Test::HasFatalFailure()) return;
    }
}

TEST(CountLess, RandomNumbersWithRepeats) {
    const test::SeedScope seed;
    test::Random random(seed.seed());
    for (int round = 0; round < 20'000; ++round) {
        std::vector<std::uint64_t> numbers(random.below(301));
        const bool narrow = random.one_in(2);  // few different values: runs of equal numbers
        for (auto& number : numbers) number = narrow ? random.below(20) : random.next();
        std::ranges::sort(numbers);
        for (int i = 0; i < 10; ++i) {
            const std::uint64_t bound = narrow                                ? random.below(22)
                                        : numbers.empty() || random.one_in(2) ? random.next()
                                                                              : numbers[random.below(numbers.size())];
            expect_all_count(numbers.data(), numbers.size(), bound);
        }
        if (::testing::Test::HasFatalFailure()) return;
    }
}

/// The definition: the set bits of the mask, from below, take the source's bits, from below.
std::uint64_t spread_by_bits(std::uint64_t source, std::uint64_t mask) {
    std::uint64_t spread = 0;
    for (; mask != 0; mask &= mask - 1, source >>= 1) spread |= (source & 1) != 0 ? mask & -mask : 0;
    return spread;
}

TEST(MergeBits, EveryKernelSpreadsAsTheMaskSays) {
    const test::SeedScope seed;
    test::Random random(seed.seed());
    const NumbersBeforeAWall xs(32), ys(32), merged(32);
    for (int round = 0; round < 20'000; ++round) {
        // Full, empty and alternating masks, and sparse ones with few and many runs.
        std::uint64_t mask = random.next();
        if (random.one_in(3)) mask &= random.next();
        if (random.one_in(8))
            mask = std::array<std::uint64_t, 3>{0, ~std::uint64_t{0}, 0x5555555555555555}[random.below(3)];
        const BitSpread x_spread = make_spread(mask), y_spread = make_spread(~mask);
        const std::size_t count = random.below(33);
        std::uint64_t *const x = xs.last(count), *const y = ys.last(count), *const codes = merged.last(count);
        for (std::size_t i = 0; i < count; ++i) x[i] = random.next(), y[i] = random.next();
        for (const Kernels& table : supported_kernels()) {
            std::fill_n(codes, count, 0);
            table.merge_bits(x, y, codes, count, x_spread, y_spread);
            for (std::size_t i = 0; i < count; ++i) {
                ASSERT_EQ(codes[i], spread_by_bits(x[i], mask) | spread_by_bits(y[i], ~mask)) << to_string(table.level);
            }
        }
    }
}

}  // namespace
}  // namespace zverse::platform
