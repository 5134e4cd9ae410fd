// Goal:    a stream that was finished is there after any power cut, whole and no byte longer; one that failed says so,
//          and has no head that says otherwise.
// Method:  the simulated disk, whose streams have three pieces of a block in flight and write the newest first; after
//          each step many cuts, and each call fails once.
#include <platform/stream_writer.h>

#include <support/results.h>
#include <support/seed.h>
#include <support/sim_file_io.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

namespace zverse::test {
namespace {

using platform::kStreamBlockBytes;
using platform::OpenMode;
using platform::StreamWriter;

constexpr std::size_t kHead = kStreamBlockBytes;
const std::string kHeadText(kHead, 'h');

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string contents(SimFileIo& io, const std::string& path) {
    auto file = must(io.open(path, OpenMode::read));
    std::string text(must(file->size()), '?');
    must(file->read_exact(std::as_writable_bytes(std::span(text)), 0));
    return text;
}

Result<void> write_stream(SimFileIo& io, std::string_view body) {
    auto writer = StreamWriter::create(io, "/file", kHead);
    if (!writer) return std::unexpected(std::move(writer.error()));
    for (; !body.empty(); body.remove_prefix(std::min<std::size_t>(1000, body.size()))) {
        if (auto done = writer->append(bytes_of(body.substr(0, 1000))); !done) return done;
    }
    return writer->finish(bytes_of(kHeadText));
}

TEST(StreamCrash, WhatIsFinishedSurvivesWholeAndNoLonger) {
    const SeedScope seed;
    Random random(seed.seed());
    for (const std::size_t bytes :
         {std::size_t{0}, std::size_t{1}, kHead - 1, kHead, kHead + 1, 2 * kHead, 9 * kHead + 77}) {
        SimFileIo io;
        const std::string body = random.bytes(bytes);
        must(write_stream(io, body));
        must(io.sync_directory("/"));
        EXPECT_EQ(io.doubts(), 0U) << bytes;
        for (int cut = 0; cut < 50; ++cut) ASSERT_TRUE(contents(*io.crash(random.next()), "/file") == kHeadText + body);
    }
}

TEST(StreamCrash, PiecesInFlightAreEachThereOrNot) {
    SimFileIo io;
    auto file = must(io.create_stream("/file"));
    must(io.sync_directory("/"));
    const std::string a(kHead, 'a'), b(kHead, 'b'), none(kHead, '\0');
    std::uint64_t offset = 0;
    for (const std::string& piece : {a, b}) {
        std::ranges::copy(bytes_of(piece), must(file->buffer()).begin());
        must(file->send(kHead, offset));
        offset += kHead;
    }
    // The size in doubt is asked for first, then each sector; here all of a piece have the same answer.
    const auto cut = [&](bool first, bool second) {
        std::size_t asked = 0;
        return contents(*io.crash([&](std::size_t options) {
            const std::size_t sector = asked++;
            const bool there = sector == 0 || (sector <= kHead / SimFileIo::kSectorBytes ? first : second);
            return there ? options - 1 : 0;
        }),
                        "/file");
    };
    EXPECT_EQ(cut(false, false), none + none);
    EXPECT_EQ(cut(true, false), a + none);
    EXPECT_EQ(cut(false, true), none + b);
    EXPECT_EQ(cut(true, true), a + b);
    must(file->sync(2 * kHead));
    EXPECT_EQ(cut(false, false), a + b);
}

TEST(StreamCrash, EachCallThatFailsIsToldAndLeavesNoHead) {
    const std::string body(9 * kHead + 77, 'b');
    SimFileIo counting;
    must(write_stream(counting, body));
    // Creation, ten pieces, the head, the truncation behind the last byte, the sync.
    ASSERT_EQ(counting.calls(), 14U);
    for (const auto& [number, code] : {std::pair{EIO, ErrorCode::io}, std::pair{ENOSPC, ErrorCode::full}}) {
        for (std::uint64_t nth = 1; nth <= counting.calls(); ++nth) {
            SimFileIo io;
            io.fail_call(nth, number);
            const auto written = write_stream(io, body);
            const bool sync = nth == counting.calls();
            expect_error(written, sync ? ErrorCode::io : code, "/file");
            EXPECT_EQ(io.failures(), 1U);
            if (written || nth == 1 || nth >= 12) continue;
            expect_error(written, code, "at " + std::to_string((nth - 1) * kHead) + " in /file");
            const std::string left = contents(io, "/file").substr(0, kHead);
            EXPECT_EQ(left.find('h'), std::string::npos) << "piece " << nth << " failed, and there is a head";
        }
    }
}

}  // namespace
}  // namespace zverse::test
