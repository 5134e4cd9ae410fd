// Goal:    The index that recovery rebuilds has every chain once, whatever the number of threads, and what was written
//          can always be opened again.
// Method:  Rings of small records in plain memory, rebuilt with other numbers of threads and other sizes of the index.
#include <support/hot_parts.h>

#include <string>
#include <vector>

namespace zverse::test {
namespace {

constexpr std::uint64_t kRingBytes = 1 << 20;

class RebuildTest : public ::testing::Test {
protected:
    /// A tier over the rings as they are, recovered.
    void open(unsigned threads, std::uint64_t index_bytes) {
        tier_.reset();
        std::string problem;
        auto rings = attach_rings(memory_.span(), 1, domain_, problem);
        ASSERT_EQ(problem, "");
        const auto judgement = hot::judge(rings, {kTestSecret, 0, false, threads});
        ASSERT_TRUE(judgement);
        ASSERT_TRUE(hot::repair(rings, *judgement, kTestSecret));
        hot::TierOptions options;
        options.secret = kTestSecret;
        options.index_bytes = index_bytes;
        options.write_timeout = std::chrono::milliseconds(0);
        auto tier = hot::Tier::create(std::move(rings), options, host_, clock_);
        ASSERT_TRUE(tier);
        tier_ = std::move(*tier);
        host_.tier = tier_.get();
        tier_->raise_limit(Version{1} << 40);
        const auto rebuilt = hot::rebuild_index(*tier_, *judgement, threads);
        ASSERT_TRUE(rebuilt) << rebuilt.error().message();
    }
    [[nodiscard]] Result<Version> put(const std::string& key) {
        auto version = tier_->put({key, "", tier_->hash(key), false});
        clock_ = tier_->clock();
        return version;
    }
    [[nodiscard]] std::size_t missing(const std::vector<std::string>& keys) {
        hot::WriterSlot& slot = tier_->slots().mine();
        const hot::PinGuard pin(tier_->epochs(), slot);
        std::size_t count = 0;
        for (const std::string& key : keys) {
            if (!tier_->find(slot, key, tier_->hash(key), clock_, 0)) ++count;
        }
        return count;
    }

    NoObserver nobody_;
    const platform::PersistDomain domain_{platform::Granularity::byte, nobody_};
    AlignedMemory memory_{hot::kHeaderAreaBytes + kRingBytes};
    LonelyHost host_;
    Version clock_ = 0;
    std::unique_ptr<hot::Tier> tier_;
};

/// Partitions must not share a bucket: chains are inserted there without a look at other threads.
TEST_F(RebuildTest, AnyNumberOfThreadsFindsEveryKey) {
    constexpr std::uint64_t kIndexBytes = 64 << 10;  // 1024 buckets
    format_rings(memory_.span(), 1, domain_);
    open(1, kIndexBytes);
    // Keys of the bucket that holds the first of three equal parts' end.
    const std::uint64_t border = ~std::uint64_t{0} / 3;
    std::vector<std::string> keys;
    for (int i = 0; keys.size() < 4000; ++i) {
        std::string key = "key-" + std::to_string(i) + "-------";
        if (tier_->hash(key) >> 54 == border >> 54) keys.push_back(std::move(key));
    }
    for (const std::string& key : keys) ASSERT_TRUE(put(key));
    for (int round = 0; round < 20; ++round) {
        for (const unsigned threads : {3U, 5U, 7U}) {
            ASSERT_NO_FATAL_FAILURE(open(threads, kIndexBytes));
            ASSERT_EQ(missing(keys), 0U) << threads << " threads, round " << round;
        }
    }
}

/// Overwrites take no entries of the index, neither when written nor when recovered.
TEST_F(RebuildTest, ARingFullOfOverwritesIsOpenedAgain) {
    format_rings(memory_.span(), 1, domain_);
    constexpr std::uint64_t kIndexBytes = 4 << 10;  // 448 entries
    open(1, kIndexBytes);
    const std::int64_t empty = tier_->index().credits();
    std::vector<std::string> keys;
    for (int i = 0; i < 200; ++i) keys.push_back("key" + std::to_string(i));
    std::size_t written = 0;
    while (put(keys[written % keys.size()])) ++written;
    ASSERT_GT(written, 5000U);
    open(2, kIndexBytes);
    EXPECT_EQ(missing(keys), 0U);
    EXPECT_EQ(tier_->index().credits(), empty - 200) << "each key has one entry";
}

/// It says full until it has more memory again, or heads have moved; what is there is read meanwhile.
TEST_F(RebuildTest, AnIndexSmallerThanBeforeIsOpenedAndRefusesWrites) {
    format_rings(memory_.span(), 1, domain_);
    open(1, 64 << 10);
    std::vector<std::string> keys;
    for (int i = 0; i < 300; ++i) keys.push_back("key" + std::to_string(i));
    for (const std::string& key : keys) ASSERT_TRUE(put(key));
    open(1, 1 << 10);  // 112 entries
    EXPECT_EQ(missing(keys), 0U);
    EXPECT_LT(tier_->index().credits(), 0);
    const auto refused = put("another");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::full);
    open(1, 64 << 10);
    EXPECT_TRUE(put("another"));
}

}  // namespace
}  // namespace zverse::test
