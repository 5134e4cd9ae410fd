// Goal:    a batch deeper than the ring does every operation once, and each has its own result.
// Method:  batches around the ring's depth on a memory file, with operations that fail among them.
#include <platform/unique_descriptor.h>
#include <platform/uring_queue.h>

#include <support/results.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>

namespace zverse::platform {
namespace {

using test::must;

UringOperation write_of(int file, const std::string& text, std::uint64_t offset) {
    return {.what = UringOperation::What::write,
            .descriptor = file,
            .source = text.data(),
            .bytes = text.size(),
            .offset = offset};
}

UringOperation read_of(int file, std::string& text, std::uint64_t offset) {
    return {.what = UringOperation::What::read,
            .descriptor = file,
            .target = text.data(),
            .bytes = text.size(),
            .offset = offset};
}

class UringQueueTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto made = UringQueue::create();
        if (!made) GTEST_SKIP() << made.error().message();
        queue = std::move(*made);
        ASSERT_TRUE(file.valid());
    }
    std::unique_ptr<UringQueue> queue;
    UniqueDescriptor file{memfd_create("zverse-uring-test", MFD_CLOEXEC)};
};

TEST_F(UringQueueTest, BatchesOfEveryDepthAreDone) {
    for (const std::size_t count : {0U, 1U, 2U, 63U, 64U, 65U, 128U, 300U}) {
        std::vector<std::string> texts, back(count, std::string(16, '?'));
        for (std::size_t i = 0; i < count; ++i) {
            texts.push_back(std::to_string(count) + ":" + std::to_string(i));
            texts.back().resize(16, '.');
        }
        std::vector<UringOperation> operations;
        for (std::size_t i = 0; i < count; ++i) operations.push_back(write_of(file.get(), texts[i], i * 16));
        must(queue->run(operations));
        for (const UringOperation& one : operations) ASSERT_EQ(one.result, 16);

        UringOperation sync{.what = UringOperation::What::data_sync, .descriptor = file.get()};
        must(queue->run({&sync, 1}));
        EXPECT_EQ(sync.result, 0);

        operations.clear();
        for (std::size_t i = 0; i < count; ++i) operations.push_back(read_of(file.get(), back[i], i * 16));
        must(queue->run(operations));
        for (const UringOperation& one : operations) ASSERT_EQ(one.result, 16);
        EXPECT_EQ(back, texts) << count << " operations";
    }
}

TEST_F(UringQueueTest, AFailureIsItsOwnOnly) {
    const std::string text = "whole";
    std::vector<UringOperation> operations;
    for (std::size_t i = 0; i < 100; ++i) operations.push_back(write_of(i % 10 == 7 ? -1 : file.get(), text, i * 8));
    must(queue->run(operations));
    for (std::size_t i = 0; i < operations.size(); ++i) {
        EXPECT_EQ(operations[i].result, i % 10 == 7 ? -EBADF : 5) << i;
    }
    std::string end(4, '?');
    UringOperation short_read = read_of(file.get(), end, 99 * 8 + 3);
    must(queue->run({&short_read, 1}));
    EXPECT_EQ(short_read.result, 2) << "the file ends there";
    EXPECT_EQ(end, "le??");
}

TEST_F(UringQueueTest, ThreadsTakeTurns) {
    const auto work = [&](std::size_t which) {
        for (std::size_t round = 0; round < 200; ++round) {
            std::string text = std::to_string(which) + ":" + std::to_string(round), back(text.size(), '?');
            UringOperation write = write_of(file.get(), text, which * 4096);
            must(queue->run({&write, 1}));
            UringOperation read = read_of(file.get(), back, which * 4096);
            must(queue->run({&read, 1}));
            ASSERT_EQ(back, text);
        }
    };
    std::vector<std::jthread> threads;
    for (std::size_t which = 0; which < 4; ++which) threads.emplace_back(work, which);
}

}  // namespace
}  // namespace zverse::platform
