// Goal:    Entries are ordered as their keys are, byte by byte and by length, whatever lies in the first 16 bytes and
//          behind them; they know the sizes that they have room for, and the record's header the others; a trim keeps
//          exactly what is above the cut.
// Method:  Keys of all lengths around 16 over an alphabet of the difficult bytes, every pair compared with the order of
//          std::string; random keys beside them.
#include <warm/run.h>

#include <support/hot_parts.h>
#include <support/seed.h>

namespace zverse::test {
namespace {

using warm::RunEntry;

class RunTest : public ::testing::Test {
protected:
    RunEntry put(const std::string& key, std::string_view value = "v", bool tombstone = false) {
        const auto version = tier_->put({key, value, tier_->hash(key), tombstone});
        EXPECT_TRUE(version) << version.error().message();
        const auto ref = tier_->chain(tier_->hash(key));
        return warm::make_entry(*ref.op, *version, ref.ring->shard(), ref.position);
    }
    static int sign(std::strong_ordering order) { return order < 0 ? -1 : order > 0 ? 1 : 0; }
    static int sign(int order) { return order < 0 ? -1 : order > 0 ? 1 : 0; }

    void compare_all(const std::vector<std::string>& keys) {
        std::vector<RunEntry> entries;
        for (const std::string& key : keys) entries.push_back(put(key));
        const hot::PinGuard pin(tier_->epochs(), tier_->slots().mine());
        for (std::size_t i = 0; i < keys.size(); ++i) {
            ASSERT_EQ(warm::resolve(tier_->rings(), entries[i]).key(), keys[i]);
            ASSERT_EQ(warm::record_of(tier_->rings(), entries[i]).key, keys[i]);
            const warm::Probe probe(keys[i]);
            for (std::size_t j = 0; j < keys.size(); ++j) {
                const int wanted = sign(keys[i].compare(keys[j]));
                ASSERT_EQ(sign(warm::compare_keys(tier_->rings(), entries[i], entries[j])), wanted)
                    << ::testing::PrintToString(keys[i]) << " and " << ::testing::PrintToString(keys[j]);
                ASSERT_EQ(sign(warm::compare_to_probe(tier_->rings(), entries[j], probe)), -wanted)
                    << ::testing::PrintToString(keys[j]) << " and probe " << ::testing::PrintToString(keys[i]);
                ASSERT_EQ(warm::entry_less(tier_->rings(), entries[i], entries[j]),
                          wanted < 0 || (wanted == 0 && entries[i].version > entries[j].version));
            }
        }
    }

    PlainTier tier_{2, 1 << 20};
};

TEST_F(RunTest, OrderIsByteOrderForEveryLengthAroundThePrefix) {
    std::vector<std::string> keys;
    for (const std::size_t length : {1, 2, 7, 8, 9, 15, 16, 17, 18, 24, 32, 33}) {
        for (const char last : {'\0', '\1', 'a', '\x7f', '\x80', '\xff'}) {
            for (const char fill : {'\0', 'a', '\xff'}) {
                std::string key(length, fill);
                key.back() = last;
                keys.push_back(key);
            }
        }
    }
    compare_all(keys);
}

TEST_F(RunTest, ZerosAtTheEndAreLength) {
    std::vector<std::string> keys;
    for (std::size_t length = 1; length <= 20; ++length) {
        keys.emplace_back(length, '\0');
        keys.push_back(std::string("key") + std::string(length, '\0'));
    }
    compare_all(keys);
}

TEST_F(RunTest, OrderIsByteOrderForRandomKeys) {
    const SeedScope scope;
    Random random(scope.seed());
    std::vector<std::string> keys;
    for (int i = 0; i < 200; ++i) {
        std::string key(random.between(1, 40), 'a');
        // Few different bytes, late differences.
        for (char& letter : key) {
            if (random.one_in(6)) letter = "\0\xff\x80z"[random.below(4)];
        }
        keys.push_back(key);
    }
    keys.push_back(std::string(65535, 'k'));
    keys.push_back(std::string(65535, 'k'));
    compare_all(keys);
}

TEST_F(RunTest, RecordsOfAllSizesAreReadAsTheyAre) {
    // Around the key that fits the prefix, and the largest value that an entry has a number for.
    for (const std::size_t key_bytes : {1, 15, 16, 17, 18, 31, 32, 33, 400}) {
        const std::string key(key_bytes, 'k');
        for (const std::size_t value_bytes : {0, 1, 8, 100, 2044, 2045, 2046, 2047, 2048, 4095, 4096, 9000}) {
            const std::string value(value_bytes, 'v');
            const RunEntry entry = put(key, value);
            const hot::PinGuard pin(tier_->epochs(), tier_->slots().mine());
            warm::prefetch_record(tier_->rings(), entry);
            const warm::Record record = warm::record_of(tier_->rings(), entry);
            ASSERT_EQ(record.key, key);
            ASSERT_EQ(record.value, value) << "of " << key_bytes << " bytes of key";
            ASSERT_FALSE(record.tombstone) << value_bytes;
        }
        const RunEntry erased = put(key, "", true);
        const hot::PinGuard pin(tier_->epochs(), tier_->slots().mine());
        const warm::Record record = warm::record_of(tier_->rings(), erased);
        ASSERT_EQ(record.key, key);
        ASSERT_EQ(record.value, "");
        ASSERT_TRUE(record.tombstone);
    }
}

TEST_F(RunTest, VersionsOfAKeyAreDescending) {
    std::vector<RunEntry> entries;
    for (int i = 0; i < 5; ++i) entries.push_back(put("key"));
    for (std::size_t i = 1; i < entries.size(); ++i) {
        EXPECT_TRUE(warm::entry_less(tier_->rings(), entries[i], entries[i - 1]));
        EXPECT_FALSE(warm::entry_less(tier_->rings(), entries[i - 1], entries[i]));
    }
}

TEST_F(RunTest, ATrimKeepsExactlyWhatIsAboveTheCut) {
    std::vector<RunEntry> entries;
    for (int i = 0; i < 10; ++i) entries.push_back(put("key" + std::to_string(i)));
    const Version first = entries[0].version;
    const warm::Run run(7, entries, {{0, 0, 100, first, first + 4}, {0, 100, 200, first + 5, first + 9}});
    EXPECT_EQ(run.newest(), first + 9);
    for (Version cut = first - 1; cut < first + 9; ++cut) {
        const auto trimmed = run.trimmed(cut);
        ASSERT_NE(trimmed, nullptr) << cut;
        EXPECT_EQ(trimmed->id(), 7U) << "a merge must find its input again";
        ASSERT_EQ(trimmed->entries().size(), first + 9 - cut);
        EXPECT_EQ(trimmed->entries()[0].version, cut + 1);
        EXPECT_EQ(trimmed->newest(), first + 9);
        EXPECT_EQ(trimmed->spans().size(), cut < first + 4 ? 2U : 1U) << cut << ": a span is needed while any of it is";
    }
    EXPECT_EQ(run.trimmed(first + 9), nullptr);
}

}  // namespace
}  // namespace zverse::test
