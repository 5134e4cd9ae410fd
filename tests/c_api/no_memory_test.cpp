// Goal:    Nothing throws across the C API: without memory a call returns a code, its outputs are empty, its error can
//          be read and freed, and what it says it has not done is not done.
// Method:  operator new fails at the n-th allocation of a call, for every n that it comes to, in threads of their own.
#include <support/failing_memory.h>
#include <support/temp_store.h>

#include <zverse/c.h>

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <functional>
#include <string>

namespace zverse::test {
namespace {

class CNoMemoryTest : public ::testing::Test {
protected:
    CNoMemoryTest() {
        is_test_thread = true;
        zverse_options options;
        EXPECT_EQ(zverse_options_init(&options, sizeof options, nullptr), ZVERSE_OK);
        options.ring_bytes = 1 << 20;
        options.shards = 1;
        options.force_granularity = "cache_line";
        EXPECT_EQ(zverse_open((dir_ / "store").c_str(), &options, &store_, nullptr), ZVERSE_OK);
        EXPECT_EQ(zverse_put(store_, "key", 3, "value", 5, &version_, nullptr), ZVERSE_OK);
    }
    ~CNoMemoryTest() override { zverse_store_free(store_); }

    /// `call` returns its code and fills the error; every allocation of it fails once.
    void without_memory(const char* what, const std::function<int(zverse_error**)>& call) {
        without_each_allocation(what, [&] {
            zverse_error* error = nullptr;
            const int code = call(&error);
            const bool failed = disarm();
            if (code != ZVERSE_OK) {
                EXPECT_TRUE(code == ZVERSE_FULL || code == ZVERSE_IO) << what << ": " << code;
                EXPECT_TRUE(error != nullptr && error->code == code) << what;
                EXPECT_TRUE(error != nullptr && std::strstr(error->message, "no memory") != nullptr) << what;
            }
            zverse_error_free(error);
            return failed;
        });
    }

    TempDirectory dir_;
    zverse_store* store_ = nullptr;
    std::uint64_t version_ = 0;
};

TEST_F(CNoMemoryTest, CopiesOfValues) {
    without_memory("get", [&](zverse_error** error) {
        char* value = nullptr;
        std::size_t bytes = 9;
        const int code = zverse_get(store_, "key", 3, ZVERSE_LATEST, &value, &bytes, nullptr, error);
        EXPECT_EQ(value != nullptr, code == ZVERSE_OK);
        EXPECT_EQ(bytes, code == ZVERSE_OK ? 5U : 0U);
        zverse_free(value);
        return code;
    });
    without_memory("multi_get", [&](zverse_error** error) {
        const std::array<zverse_bytes, 1> keys{{{"key", 3}}};
        std::array<zverse_bytes, 1> values{};
        void* memory = nullptr;
        const int code = zverse_multi_get(store_, keys.data(), 1, ZVERSE_LATEST, values.data(), &memory, error);
        EXPECT_EQ(memory != nullptr, code == ZVERSE_OK);
        EXPECT_EQ(values[0].data != nullptr, code == ZVERSE_OK);
        zverse_free(memory);
        return code;
    });
    without_memory("stats", [&](zverse_error** error) {
        char* text = nullptr;
        const int code = zverse_stats(store_, ZVERSE_JSON, &text, nullptr, error);
        EXPECT_EQ(text != nullptr, code == ZVERSE_OK);
        zverse_free(text);
        return code;
    });
}

TEST_F(CNoMemoryTest, Handles) {
    without_memory("scan", [&](zverse_error** error) {
        zverse_cursor* cursor = nullptr;
        const int code = zverse_scan(store_, nullptr, &cursor, error);
        EXPECT_EQ(cursor != nullptr, code == ZVERSE_OK);
        zverse_cursor_free(cursor);
        return code;
    });
    without_memory("pins", [&](zverse_error** error) {
        zverse_cursor* cursor = nullptr;
        const int code = zverse_pins(store_, &cursor, error);
        EXPECT_EQ(cursor != nullptr, code == ZVERSE_OK);
        zverse_cursor_free(cursor);
        return code;
    });
    without_memory("snapshot", [&](zverse_error** error) {
        zverse_snapshot* snapshot = nullptr;
        const int code = zverse_snapshot_new(store_, &snapshot, error);
        EXPECT_EQ(snapshot != nullptr, code == ZVERSE_OK);
        zverse_snapshot_free(snapshot);
        return code;
    });
    without_memory("verify", [&](zverse_error** error) {
        zverse_verification* verification = nullptr;
        const int code = zverse_verify(store_, &verification, error);
        EXPECT_EQ(verification != nullptr, code == ZVERSE_OK);
        zverse_verification_free(verification);
        return code;
    });
}

TEST_F(CNoMemoryTest, BatchesSayAtOnceWhatTheyLack) {
    without_memory("batch", [&](zverse_error** error) {
        zverse_batch* batch = nullptr;
        int code = zverse_batch_new(&batch, error);
        EXPECT_EQ(batch != nullptr, code == ZVERSE_OK);
        if (code == ZVERSE_OK) {
            code = zverse_batch_put(batch, "a key of some length", 20, "and a value of some more", 24, error);
            std::size_t operations = 9;
            zverse_batch_size(batch, &operations, nullptr);
            EXPECT_EQ(operations, code == ZVERSE_OK ? 1U : 0U);
        }
        zverse_batch_free(batch);
        return code;
    });
}

TEST_F(CNoMemoryTest, AnErrorWithoutMemoryKeepsItsCode) {
    // The error of a conflict allocates its own text first; whichever allocation fails, some code comes with an error.
    bool bare = false;
    without_each_allocation("put_if", [&] {
        zverse_error* error = nullptr;
        const int code = zverse_put_if(store_, "key", 3, "", 0, version_ + 1, nullptr, &error);
        const bool failed = disarm();
        EXPECT_NE(code, ZVERSE_OK);
        EXPECT_TRUE(error != nullptr && error->code == code);
        if (error != nullptr && std::strstr(error->message, "no memory for the message") != nullptr) bare = true;
        zverse_error_free(error);  // a static one stays
        return failed;
    });
    EXPECT_TRUE(bare) << "the error itself was never without memory";
}

}  // namespace
}  // namespace zverse::test
