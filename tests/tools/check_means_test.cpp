// Goal:    a check takes what it may take: threads, memory, descriptors, bytes a second; goes on where one was stopped;
//          and tells what a second look at damage shows.
// Method:  the check behind zverse-fsck over a small store, with calls that are counted and failed.
#include "store_check_fixture.h"

#include <support/failing_file_io.h>

#include <cold/layout.h>
#include <engine/superblock.h>
#include <tools/common/rate_limited_io.h>
#include <tools/fsck/second_look.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace zverse::test {
namespace {

using tools::FileBit;
using tools::Reread;
using tools::SecondLook;

class CheckMeansTest : public StoreCheckTest {
protected:
    static std::vector<std::string> told(const CheckReport& report) {
        std::vector<std::string> all;
        for (const Finding& each : report.seen.findings) {
            all.push_back(each.code + each.file + std::to_string(each.offset) + each.what);
        }
        return all;
    }
    static cold::SegmentHeader header_of(const fs::path& file) {
        cold::SegmentHeader header;
        std::memcpy(&header, read_file(file).data(), sizeof(header));
        return header;
    }
    static std::size_t open_files() {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
    }
    /// Many small segments.
    void grow() {
        internals.flush_by_hand = true;
        Store store = must(StoreAccess::open(path, options, internals));
        for (int round = 0; round < 40; ++round) {
            for (int i = 0; i < 20; ++i) must(store.put("more" + std::to_string(random.below(500)), random.bytes(100)));
            must(store.flush());
        }
        must(store.close());
    }
    /// Of the one finding that there is.
    SecondLook second_look() const {
        CheckRequest asked = request();
        asked.look_twice = true;
        const CheckReport report = must(tools::check_store(*io, asked));
        if (report.second_looks.size() == 1) return report.second_looks.begin()->second;
        ADD_FAILURE() << report.second_looks.size() << " second looks, " << report.seen.findings.size() << " findings";
        return {};
    }
};

TEST_F(CheckMeansTest, ManyThreadsFindTheSameInTheSameOrder) {
    grow();
    for (const fs::path& file : segments()) flip_bit(file, 8 * 4200);
    const CheckReport one = check();
    EXPECT_GE(one.seen.findings.size(), segments().size());
    for (const unsigned threads : {2U, 7U, 64U}) {
        CheckRequest asked = request();
        asked.threads = threads;
        const CheckReport many = must(tools::check_store(*io, asked));
        EXPECT_EQ(told(many), told(one)) << threads;
        EXPECT_EQ(many.seen.bytes, one.seen.bytes);
        EXPECT_EQ(many.seen.records, one.seen.records);
        EXPECT_EQ(many.seen.segments, one.seen.segments);
    }
}

TEST_F(CheckMeansTest, ASegmentIsOpenOnlyWhileItIsLookedAt) {
    grow();
    ASSERT_GT(segments().size(), 8U);
    const auto failures = std::make_shared<Failures>();
    std::size_t most = 0;
    failures->before_call = [&](const fs::path&) { most = std::max(most, open_files()); };
    FailingFileIo counting(platform::make_posix_file_io(), failures);
    const std::size_t before = open_files();
    expect_clean(must(tools::check_store(counting, request())), "counted");
    EXPECT_LT(most, before + 6);
}

TEST_F(CheckMeansTest, SegmentsWaitForMemoryAndOneThatIsTooLargeIsNamed) {
    CheckRequest asked = request();
    asked.threads = 8;
    std::uint64_t largest = 0;
    for (const fs::path& file : segments()) {
        const cold::SegmentHeader header = header_of(file);
        const std::uint64_t bytes =
            header.index.bytes + 2 * (header.zones.bytes + header.keys.bytes + header.dictionary.bytes);
        largest = std::max(largest, bytes + (std::uint64_t{2} << 20));
    }
    asked.memory_bytes = largest;
    expect_clean(must(tools::check_store(*io, asked)), "one after the other");
    asked.memory_bytes = largest - 1;
    expect_error(tools::check_store(*io, asked), ErrorCode::full, ".zseg takes");
}

TEST_F(CheckMeansTest, ACheckThatWasStoppedGoesOnBehindWhatWasWhole) {
    grow();
    const std::size_t count = segments().size();
    const fs::path damaged = segments().front();
    flip_bit(damaged, 8 * 4200);
    CheckRequest asked = request();
    asked.resume = directory / "resume";
    std::uint64_t passed = 0;
    std::size_t runs = 0;
    for (bool ended = false; !ended; ++runs) {
        ASSERT_LT(runs, 100U);
        std::uint64_t files = 0;
        bool stop = false;
        asked.stopped = [&] { return stop; };
        asked.progress = [&](const tools::PassProgress& progress) {
            stop = progress.pass == 7 && ++files > 4;  // the beginning is told, too
        };
        const CheckReport report = must(tools::check_store(*io, asked));
        ended = !report.cancelled;
        const bool found = codes_of(report) == std::set<std::string>{std::string(codes::kBlockChecksum)};
        EXPECT_TRUE(found || !ended);
        EXPECT_GE(report.segments_passed_over, passed);
        passed = report.segments_passed_over;
        EXPECT_EQ(fs::exists(asked.resume), !ended);
    }
    EXPECT_GT(runs, count / 5);
    EXPECT_GT(passed, count / 2);
    EXPECT_LT(passed, count) << "the damaged one is never passed over";

    asked.progress = [](const tools::PassProgress&) {};
    asked.stopped = [] { return false; };
    write_file(asked.resume, "{}");
    expect_error(tools::check_store(*io, asked), ErrorCode::invalid_argument, "resume does not say how far");
    const std::string other = R"({"schema":"zverse.fsck.resume/1","uuid":"00","level":"full","segments":[]})";
    write_file(asked.resume, other);
    expect_error(tools::check_store(*io, asked), ErrorCode::invalid_argument, "of store");
    EXPECT_EQ(read_file(asked.resume), other) << "it is somebody else's";
}

TEST_F(CheckMeansTest, ASegmentThatWasLookedAtInPartIsNotNotedAsWhole) {
    for (const fs::path& file : segments()) {
        // In the last block, which the check comes to last.
        const cold::SegmentHeader header = header_of(file);
        const auto last = static_cast<std::uint64_t>(header.index.offset - 1);
        std::string image = read_file(file);
        for (std::uint64_t at = last; at > last - 4096; --at) image[at] = static_cast<char>(image[at] ^ 0x40);
        write_file(file, image);
    }
    ASSERT_GE(check().seen.findings.size(), segments().size());
    CheckRequest asked = request();
    asked.resume = directory / "resume";
    std::uint64_t stopped_runs = 0;
    for (std::uint64_t questions = 1;; ++questions) {
        std::uint64_t times = 0;
        asked.stopped = [&] { return ++times > questions; };
        const CheckReport report = must(tools::check_store(*io, asked));
        if (!report.cancelled) break;
        if (!fs::exists(asked.resume)) continue;
        ++stopped_runs;
        EXPECT_EQ(read_file(asked.resume).find(R"("segments":[])") == std::string::npos, false)
            << "stopped at question " << questions << ": " << read_file(asked.resume);
        fs::remove(asked.resume);
    }
    EXPECT_GT(stopped_runs, 3U);
}

TEST_F(CheckMeansTest, WhatWasWrittenInASegmentsPlaceIsLookedAt) {
    CheckRequest asked = request();
    asked.resume = directory / "resume";
    bool stop = false;
    asked.stopped = [&] { return stop; };
    asked.progress = [&](const tools::PassProgress& progress) { stop = progress.pass == 7 && progress.done > 0; };
    ASSERT_TRUE(must(tools::check_store(*io, asked)).cancelled);
    std::string text = read_file(asked.resume);
    const std::size_t checksum = text.rfind("\"]");
    ASSERT_NE(checksum, std::string::npos);
    text[checksum - 1] = text[checksum - 1] == '0' ? '1' : '0';
    write_file(asked.resume, text);
    asked.stopped = [] { return false; };
    asked.progress = [](const tools::PassProgress&) {};
    EXPECT_EQ(must(tools::check_store(*io, asked)).segments_passed_over, 0U);
}

TEST_F(CheckMeansTest, WhereNothingCanBeNotedTheReportIsThereAllTheSame) {
    flip_bit(segments().front(), 8 * 4200);
    CheckRequest asked = request();
    asked.resume = directory / "no such directory" / "resume";
    bool stop = false;
    asked.stopped = [&] { return stop; };
    asked.progress = [&](const tools::PassProgress& progress) { stop = progress.pass == 7 && progress.done > 0; };
    const CheckReport report = must(tools::check_store(*io, asked));
    EXPECT_TRUE(report.cancelled);
    EXPECT_EQ(codes_of(report), std::set<std::string>{std::string(codes::kBlockChecksum)});
    ASSERT_FALSE(report.failures.empty());
    EXPECT_EQ(report.failures.front().os_errno(), ENOENT);
}

TEST_F(CheckMeansTest, TheResumeFileGoesOnlyAtTheEndOfAll) {
    CheckRequest asked = request(CheckLevel::paranoid);
    asked.resume = directory / "resume";
    bool stop = false;
    asked.stopped = [&] { return stop; };
    asked.progress = [&](const tools::PassProgress& progress) { stop = progress.pass == 8; };
    const CheckReport stopped = must(tools::check_store(*io, asked));
    EXPECT_TRUE(stopped.cancelled) << "in its last pass";
    EXPECT_FALSE(stopped.answers.has_value());
    EXPECT_TRUE(fs::exists(asked.resume));
    stop = false;
    asked.progress = [](const tools::PassProgress&) {};
    asked.only = CheckPart::catalog;
    EXPECT_TRUE(must(tools::check_store(*io, asked)).clean());
    EXPECT_TRUE(fs::exists(asked.resume)) << "no segment was looked at";
    const auto failures = std::make_shared<Failures>();
    FailingFileIo failing(platform::make_posix_file_io(), failures);
    failures->only = ".zseg";
    failures->fail_call(3, EMFILE, true);
    asked.only = CheckPart::all;
    expect_error(tools::check_store(failing, asked), ErrorCode::full);
    EXPECT_TRUE(fs::exists(asked.resume)) << "it did not see all";
    EXPECT_EQ(must(tools::check_store(*io, asked)).segments_passed_over, segments().size());
    EXPECT_FALSE(fs::exists(asked.resume));
}

TEST_F(CheckMeansTest, AHostileResumeFileIsRefused) {
    CheckRequest asked = request();
    asked.resume = directory / "resume";
    const std::string deep(2'000'000, '[');
    for (const std::string& text :
         {R"({"schema":)" + deep, R"({"schema":)" + deep + std::string(deep.size(), ']') + "}", deep, std::string("[]"),
          std::string(R"({"schema":"zverse.fsck.resume/1","uuid":1,"level":null,"segments":{}})"), std::string()}) {
        write_file(asked.resume, text);
        expect_error(tools::check_store(*io, asked), ErrorCode::invalid_argument, "resume");
    }
}

TEST_F(CheckMeansTest, WhoIsStoppedBehindTheBlocksIsToldSo) {
    const cold::SegmentHeader header = header_of(segments().front());
    flip_bit(segments().front(), (header.index.offset + 100) * 8);
    CheckRequest asked = request();
    bool stop = false;
    asked.stopped = [&] { return stop; };
    asked.progress = [&](const tools::PassProgress& progress) { stop = progress.pass == 7 && progress.name.empty(); };
    const CheckReport report = must(tools::check_store(*io, asked));
    EXPECT_TRUE(report.cancelled) << "what can be made again was not looked for";
    EXPECT_TRUE(report.rebuildable.empty());
}

TEST_F(CheckMeansTest, ReadsGoNoFasterThanTheyMay) {
    const std::uint64_t bytes = check().seen.bytes;
    ASSERT_GT(bytes, 100'000U);
    const auto began = std::chrono::steady_clock::now();
    const auto slow = tools::limit_rate(platform::make_posix_file_io(), 4 * bytes, [] { return false; });
    expect_clean(must(tools::check_store(*slow, request())), "slowly");
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_GE(took, std::chrono::milliseconds(200)) << bytes << " bytes, four times as many a second";

    bool stop = false;
    const auto hardly = tools::limit_rate(platform::make_posix_file_io(), 1, [&] { return stop; });
    CheckRequest asked = request();
    asked.stopped = [&] { return stop; };
    stop = true;
    EXPECT_TRUE(must(tools::check_store(*hardly, asked)).cancelled) << "nobody waits once he is told to stop";
}

TEST_F(CheckMeansTest, OneFlippedBitIsNamed) {
    const fs::path file = segments().front();
    const cold::SegmentHeader header = header_of(file);
    const std::vector<FileBit> bits = {{4096 + 3, 5},  // of a block's checksum
                                       {4096 + 200, 0},  // and of what it covers
                                       {header.index.offset + 7, 7},
                                       {header.index.offset + 9'000, 1},
                                       {50, 3},  // a header's
                                       {4'090, 2}};
    for (const FileBit& bit : bits) {
        flip_bit(file, bit.byte * 8 + bit.bit);
        const SecondLook look = second_look();
        EXPECT_EQ(look.reread, Reread::same) << bit.byte;
        ASSERT_TRUE(look.flipped.has_value()) << bit.byte;
        EXPECT_EQ(look.flipped->byte, bit.byte);
        EXPECT_EQ(look.flipped->bit, bit.bit);
        flip_bit(file, bit.byte * 8 + bit.bit);
    }
    flip_bit(file, (4096 + 200) * 8);
    flip_bit(file, (4096 + 300) * 8);
    EXPECT_FALSE(second_look().flipped.has_value()) << "two are no explanation";
    flip_bit(file, (4096 + 200) * 8);
    flip_bit(file, (4096 + 300) * 8);
    // Another segment's header is whole, and wrong all the same.
    std::string image = read_file(file);
    image.replace(image.size() - 4096, 4096, read_file(segments().back()), 0, 4096);
    write_file(file, image);
    EXPECT_EQ(second_look().reread, Reread::same);
    EXPECT_FALSE(second_look().flipped.has_value());
}

TEST_F(CheckMeansTest, WhatASecondReadGivesIsTold) {
    const fs::path file = segments().front();
    const auto superblock = must(engine::Superblock::open(*io, path / "SUPERBLOCK", platform::OpenMode::read));
    const std::uint64_t store[2] = {superblock.fields().store[0], superblock.fields().store[1]};
    const auto segment =
        must(cold::Segment::open(*io, file, store, header_of(file).segment, nullptr, cold::SegmentReads::copied));
    const tools::SeenSegment seen(*segment);
    const Finding finding{std::string(codes::kIndexPage), file.string(), "", seen.header.index.offset};
    const auto failures = std::make_shared<Failures>();
    FailingFileIo failing(platform::make_posix_file_io(), failures);
    const auto look = [&] { return tools::look_again(failing, seen, store, finding, [] { return false; }).value(); };
    EXPECT_EQ(look().reread, Reread::good) << "nothing is damaged now";
    const std::uint64_t bit = 8 * (seen.header.index.offset + 100);
    flip_bit(file, bit);
    // Opened, read, and read again.
    std::uint64_t calls = 0;
    failures->before_call = [&](const fs::path&) {
        if (++calls == 3) flip_bit(file, bit + 1);
    };
    EXPECT_EQ(look().reread, Reread::differs);
    failures->before_call = {};
    failures->fail_call(3, EIO, true);
    EXPECT_EQ(look().reread, Reread::failed);
}

}  // namespace
}  // namespace zverse::test
