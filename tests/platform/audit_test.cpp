// Goal:    an audit keeps what is found, in order and in bounded memory, and takes what can't be read for a finding.
#include <support/results.h>
#include <support/sim_file_io.h>

#include <platform/audit.h>

#include <gtest/gtest.h>

#include <array>
#include <cerrno>

namespace zverse::test {
namespace {

using platform::Audit;
namespace codes = platform::codes;

TEST(AuditTest, EndsTheListWhenItIsTooLong) {
    Audit audit;
    for (std::size_t i = 0; i < Audit::kFindingsMax + 100; ++i) audit.find(codes::kZone, "/file", i, "wrong");
    const Verification found = audit.take();
    ASSERT_EQ(found.findings.size(), Audit::kFindingsMax + 1);
    EXPECT_EQ(found.findings[7].code, "ZV-SEG-022");
    EXPECT_EQ(found.findings[7].offset, 7U);
    EXPECT_EQ(found.findings.back().code, "ZV-ALL-001");
    EXPECT_FALSE(found.clean());
}

TEST(AuditTest, WhatCannotBeReadIsFound) {
    SimFileIo io;
    const std::array<std::byte, 100> bytes{};
    must(must(io.open("/file", platform::OpenMode::create))->write(bytes, 0));
    Audit audit;
    EXPECT_EQ(audit.open(io, "/none", 100, codes::kRingSize), nullptr);
    EXPECT_EQ(audit.open(io, "/file", 101, codes::kRingSize), nullptr);
    const auto longer = audit.open(io, "/file", 99, codes::kRingSize);
    ASSERT_NE(longer, nullptr) << "what should be there is";
    std::array<std::byte, 100> into;
    EXPECT_TRUE(audit.read(*longer, into, 0));
    EXPECT_FALSE(audit.read(*longer, into, 1));
    io.fail_call(1, EIO);
    EXPECT_FALSE(audit.read(*longer, into, 0));
    const Verification found = audit.take();
    EXPECT_EQ(found.bytes, 100U);
    std::vector<std::string> all;
    for (const Finding& finding : found.findings) all.push_back(finding.code);
    EXPECT_EQ(all, (std::vector<std::string>{"ZV-IO-002", "ZV-RING-001", "ZV-RING-001", "ZV-IO-001", "ZV-IO-001"}));
}

TEST(AuditTest, IsToldToStop) {
    bool stop = false;
    const Audit audit([&] { return stop; });
    EXPECT_FALSE(audit.stopped());
    stop = true;
    EXPECT_TRUE(audit.stopped());
    EXPECT_FALSE(Audit().stopped());
}

}  // namespace
}  // namespace zverse::test
