// Goal:    whatever records go into a sort, and however often it has to merge, they come out by (version, key) or the
//          reverse, each once; a file that fails or lies is noticed and never makes a wrong answer; nothing is left.
// Method:  random records, small and as large as they get, in a memory so small that there are many runs and several
//          merges; on simulated files, each of whose calls fails once, and on one whose bits are flipped.
#include <support/random.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/sim_file_io.h>

#include <cold/spill_sort.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zverse::test {
namespace {

using cold::SortedRecord;
using cold::SpillSort;
using cold::SpillSpace;

const Result<void> kGoOn;

struct Content {
    std::string value;
    bool tombstone = false;
    std::optional<std::uint64_t> outside;  ///< offset

    [[nodiscard]] bool operator==(const Content&) const = default;
};
using Contents = std::map<std::pair<Version, std::string>, Content>;

/// `largest`: now and then one that is as large as a record can be.
Contents random_contents(Random& random, std::size_t count, bool largest = false) {
    Contents contents;
    while (contents.size() < count) {
        std::string key = std::to_string(random.below(1000));
        Content content{random.bytes(random.below(80)), random.one_in(8), std::nullopt};
        if (random.one_in(10)) content.outside = random.between(1, 1'000'000) * 256;
        if (content.outside) content.value.clear();
        if (largest && random.one_in(50)) {
            key.resize(kKeyBytesMax, 'k');
            content = {random.bytes(cold::kOutsideValueBytes), false, std::nullopt};
        }
        // Some versions are batches.
        contents.emplace(std::pair(random.below(count) / 3 + 1, std::move(key)), std::move(content));
    }
    return contents;
}

SortedRecord record_of(const Contents::value_type& each) {
    const auto& [place, content] = each;
    SortedRecord record;
    record.version = place.first;
    record.key = place.second;
    record.tombstone = content.tombstone;
    record.is_outside = content.outside.has_value();
    record.value = content.value;
    if (content.outside) {
        record.outside = {*content.outside, ~*content.outside};
        record.value_bytes = *content.outside + 1;
        record.segment = 7;
    }
    return record;
}

Result<void> add_all(SpillSort& sort, const Contents& contents, Random& random) {
    std::vector<const Contents::value_type*> shuffled;
    for (const auto& each : contents) shuffled.push_back(&each);
    for (std::size_t i = shuffled.size(); i > 1; --i) std::swap(shuffled[i - 1], shuffled[random.below(i)]);
    for (const auto* each : shuffled) {
        if (auto added = sort.add(record_of(*each)); !added) return added;
    }
    return sort.finish([] { return kGoOn; });
}

/// What comes out is the contents from their begin (reversed: their end) on; how much of it, before an error.
std::size_t expect_order(SpillSort& sort, const Contents& contents, bool reverse) {
    std::vector<const Contents::value_type*> expected;
    for (const auto& each : contents) expected.push_back(&each);
    if (reverse) std::ranges::reverse(expected);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (sort.lost()) return i;
        if (!sort.valid()) {
            ADD_FAILURE() << "it ends after " << i << " of " << expected.size();
            return i;
        }
        const SortedRecord& record = sort.record();
        const SortedRecord wanted = record_of(*expected[i]);
        const bool same = record.version == wanted.version && record.key == wanted.key &&
                          record.value == wanted.value && record.tombstone == wanted.tombstone &&
                          record.is_outside == wanted.is_outside;
        const bool same_place =
            !wanted.is_outside ||
            (record.outside.offset == wanted.outside.offset && record.outside.checksum == wanted.outside.checksum &&
             record.value_bytes == wanted.value_bytes && record.segment == wanted.segment);
        if (!same || !same_place) {
            ADD_FAILURE() << "record " << i << " is " << record.key << " at " << record.version;
            return i;
        }
        if (auto moved = sort.next(); !moved) {
            EXPECT_TRUE(sort.lost());
            return i + 1;
        }
    }
    EXPECT_FALSE(sort.valid());
    return expected.size();
}

class SpillSortTest : public ::testing::Test {
protected:
    SpillSortTest() { must(io_.create_directories("/cold")); }

    void expect_nothing_left() { EXPECT_EQ(must(io_.list("/cold")), std::vector<std::string>{}); }

    const SeedScope seed_;
    Random random_{seed_.seed()};
    SimFileIo io_;
    SpillSpace space_{io_, "/cold"};
};

TEST_F(SpillSortTest, WhatFitsIntoMemoryMakesNoFile) {
    for (const bool reverse : {false, true}) {
        const Contents contents = random_contents(random_, 500);
        SpillSort sort(&space_, reverse, SpillSort::kMemoryBytesMin);
        must(add_all(sort, contents, random_));
        EXPECT_EQ(expect_order(sort, contents, reverse), contents.size());
        EXPECT_FALSE(sort.spilled());
    }
    SpillSort nothing(&space_, false, SpillSort::kMemoryBytesMin);
    must(nothing.finish([] { return kGoOn; }));
    EXPECT_FALSE(nothing.valid());
    EXPECT_EQ(space_.figures().files, 0U);
}

TEST_F(SpillSortTest, WhatDoesNotIsMergedInSeveralPasses) {
    for (const bool reverse : {false, true}) {
        const Contents contents = random_contents(random_, 20'000);
        SpillSort sort(&space_, reverse, SpillSort::kMemoryBytesMin);
        const auto before = space_.figures();
        must(add_all(sort, contents, random_));
        std::uint64_t packed = 0;
        for (const auto& each : contents) packed += cold::packed_bytes(record_of(each));
        EXPECT_GT(space_.figures().runs, before.runs + 15) << "so few are read side by side";
        // Not more runs are merged than has to be.
        const std::uint64_t written = space_.figures().bytes - before.bytes;
        EXPECT_GT(written, packed * 6 / 5);
        EXPECT_LT(written, packed * 3 / 2);
        EXPECT_EQ(expect_order(sort, contents, reverse), contents.size());
        EXPECT_TRUE(sort.spilled());
        expect_nothing_left();
    }
    EXPECT_EQ(space_.figures().files, 2U);
    EXPECT_EQ(space_.figures().failures, 0U);
}

TEST_F(SpillSortTest, TheLargestRecordsFit) {
    const Contents contents = random_contents(random_, 600, true);
    for (const bool reverse : {false, true}) {
        SpillSort sort(&space_, reverse, SpillSort::kMemoryBytesMin);
        must(add_all(sort, contents, random_));
        EXPECT_EQ(expect_order(sort, contents, reverse), contents.size());
    }
    EXPECT_GT(space_.figures().runs, 4U);
}

TEST_F(SpillSortTest, WithoutSpaceOnlyMemoryIsUsed) {
    const Contents few = random_contents(random_, 200), many = random_contents(random_, 5000);
    SpillSort small(nullptr, false, SpillSort::kMemoryBytesMin);
    must(add_all(small, few, random_));
    EXPECT_EQ(expect_order(small, few, false), few.size());
    SpillSort large(nullptr, false, SpillSort::kMemoryBytesMin);
    expect_error(add_all(large, many, random_), ErrorCode::full);
    EXPECT_TRUE(large.lost());
    EXPECT_FALSE(large.valid());
}

TEST_F(SpillSortTest, AnInterruptEndsIt) {
    const Contents contents = random_contents(random_, 20'000);
    SpillSort sort(&space_, false, SpillSort::kMemoryBytesMin);
    for (const auto& each : contents) must(sort.add(record_of(each)));
    const auto interrupt = [] { return Result<void>(std::unexpected(Error(ErrorCode::closed, "enough"))); };
    expect_error(sort.finish(interrupt), ErrorCode::closed);
    EXPECT_FALSE(sort.lost()) << "the file did not fail";
}

TEST_F(SpillSortTest, EachCallMayFail) {
    const Contents contents = random_contents(random_, 4000);
    std::uint64_t nth = 1, early = 0, late = 0;
    for (;; ++nth) {
        SpillSort sort(&space_, false, SpillSort::kMemoryBytesMin);
        const std::uint64_t failures = io_.failures();
        io_.fail_call(nth, nth % 2 == 0 ? ENOSPC : EIO, random_.one_in(2));
        const auto added = add_all(sort, contents, random_);
        std::size_t right = 0;
        if (added) right = expect_order(sort, contents, false);
        io_.fail_no_more();
        if (io_.failures() == failures) {
            EXPECT_EQ(right, contents.size());
            break;
        }
        EXPECT_TRUE(sort.lost());
        EXPECT_FALSE(sort.valid());
        (added ? late : early) += 1;
        for (const std::string& name : must(io_.list("/cold"))) {
            EXPECT_TRUE(name.ends_with(cold::kSpillSuffix));  // where the removal failed
            must(io_.remove("/cold/" + name));
        }
    }
    EXPECT_GT(early, 4U);
    EXPECT_GT(late, 4U);
    EXPECT_EQ(space_.figures().failures, nth - 1);
}

TEST_F(SpillSortTest, AfterACrashAtMostAnEmptyFileHasAName) {
    SpillSort sort(&space_, false, SpillSort::kMemoryBytesMin);
    for (const auto& each : random_contents(random_, 5000)) must(sort.add(record_of(each)));
    EXPECT_TRUE(sort.spilled());
    for (std::uint64_t cut = 0; cut < 50; ++cut) {
        const auto after = io_.crash(seed_.seed() + cut);
        for (const std::string& name : must(after->list("/cold"))) EXPECT_TRUE(name.ends_with(cold::kSpillSuffix));
    }
}

TEST_F(SpillSortTest, ADamagedRunIsNoticed) {
    constexpr std::size_t kPiece = 4096;
    const auto file = must(space_.make_file());
    cold::SpillRunWriter writer(*file, kPiece, kPiece);
    std::uint64_t records = 0;
    for (const auto& each : random_contents(random_, 300)) {
        std::vector<std::byte> packed(cold::packed_bytes(record_of(each)));
        cold::pack(record_of(each), packed.data());
        must(writer.add(packed));
        ++records;
    }
    const cold::SpillRun run = must(writer.finish());
    const auto read_all = [&]() -> Result<std::uint64_t> {
        cold::SpillRunReader reader(*file, run, kPiece);
        for (std::uint64_t count = 0;; ++count) {
            auto there = reader.next();
            if (!there) return std::unexpected(there.error());
            if (!*there) return count;
        }
    };
    EXPECT_EQ(must(read_all()), records);
    const std::uint64_t bytes = must(file->size());
    std::uint64_t noticed = 0;
    for (int flip = 0; flip < 500; ++flip) {
        const std::uint64_t at = random_.between(run.begin, bytes - 1);
        std::byte byte{};
        must(file->read_exact({&byte, 1}, at));
        const std::byte wrong = byte ^ static_cast<std::byte>(1U << random_.below(8));
        must(file->write({&wrong, 1}, at));
        auto read = read_all();
        if (!read) expect_error(read, ErrorCode::corrupt);
        noticed += read ? 0 : 1;
        if (read) {
            EXPECT_EQ(*read, records);  // between two pieces
        }
        must(file->write({&byte, 1}, at));
    }
    EXPECT_GT(noticed, 400U);
    must(file->truncate(run.begin + kPiece + 100));
    expect_error(read_all(), ErrorCode::corrupt);
}

}  // namespace
}  // namespace zverse::test
