// Goal:    whatever the kernel answers to a piece of a stream, it is written whole or its failure is told.
// Method:  answers that no disk gives on demand, one after the other.
#include <platform/sent_piece.h>

#include <gtest/gtest.h>

namespace zverse::platform {
namespace {

using Next = SentPiece::Next;
constexpr int kBlock = kStreamBlockBytes;

SentPiece blocks(std::size_t count) { return {.bytes = count * kStreamBlockBytes, .offset = 3 * kStreamBlockBytes}; }

TEST(SentPiece, WholeIsWhole) {
    SentPiece piece = blocks(4);
    EXPECT_EQ(piece.take(4 * kBlock, true), Next::nothing);
}

TEST(SentPiece, InterruptedIsSentAgain) {
    SentPiece piece = blocks(4);
    EXPECT_EQ(piece.take(-EINTR, true), Next::rest);
    EXPECT_EQ(piece.take(-EAGAIN, true), Next::rest);
    EXPECT_EQ(piece.done, 0U);
    EXPECT_EQ(piece.take(4 * kBlock, true), Next::nothing);
}

TEST(SentPiece, ShortIsCompletedFromABlock) {
    SentPiece piece = blocks(4);
    EXPECT_EQ(piece.take(kBlock + 100, true), Next::rest);
    EXPECT_EQ(piece.done, kStreamBlockBytes) << "the block written in part is written again";
    EXPECT_EQ(piece.take(2 * kBlock, true), Next::rest);
    EXPECT_EQ(piece.done, 3 * kStreamBlockBytes);
    EXPECT_EQ(piece.take(kBlock, true), Next::nothing);
}

TEST(SentPiece, ShortThroughThePageCacheIsCompletedFromAnywhere) {
    SentPiece piece = blocks(1);
    EXPECT_EQ(piece.take(100, false), Next::rest);
    EXPECT_EQ(piece.done, 100U);
    EXPECT_EQ(piece.take(kBlock - 100, false), Next::nothing);
}

TEST(SentPiece, WhatDirectWritesCantDoThePageCacheDoes) {
    SentPiece refused = blocks(4);
    EXPECT_EQ(refused.take(-EINVAL, true), Next::buffered);
    EXPECT_EQ(refused.take(-EINVAL, false), Next::failed) << "then it is the write that is wrong";
    EXPECT_EQ(refused.number, EINVAL);
    // Less than a block would be written again and again.
    SentPiece stuck = blocks(4);
    EXPECT_EQ(stuck.take(kBlock, true), Next::rest);
    EXPECT_EQ(stuck.take(100, true), Next::buffered);
    EXPECT_EQ(stuck.done, kStreamBlockBytes);
}

TEST(SentPiece, FailuresAndStandstillEndIt) {
    SentPiece failed = blocks(4);
    EXPECT_EQ(failed.take(-ENOSPC, true), Next::failed);
    EXPECT_EQ(failed.number, ENOSPC);
    SentPiece still = blocks(4);
    EXPECT_EQ(still.take(0, true), Next::failed);
    EXPECT_EQ(still.number, EIO);
}

}  // namespace
}  // namespace zverse::platform
