// Goal:    bytes of any kind survive text and come back the same, by one way only; what --as-of says means one moment.
#include <gtest/gtest.h>
#include <support/results.h>
#include <support/seed.h>
#include <tools/common/encoding.h>
#include <tools/common/moment.h>

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <string>

namespace zverse::test {
namespace {

using namespace tools;  // NOLINT(google-build-using-namespace): this file is about it
using Clock = std::chrono::system_clock;

TEST(Encoding, HexAndBase64AreTheKnownOnesAndComeBack) {
    EXPECT_EQ(to_hex(std::string("\0\xff\x10", 3)), "00ff10");
    EXPECT_EQ(to_base64(""), "");
    EXPECT_EQ(to_base64("f"), "Zg==");
    EXPECT_EQ(to_base64("fo"), "Zm8=");
    EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
    for (const char* bad : {"Z", "Zg=", "Zg", "Zh==", "Zm9=", "Z===", "====", "Zm9v=A==", "Zm9\n", "Zm9v Zm9v"}) {
        EXPECT_FALSE(from_base64(bad)) << bad;
    }
    EXPECT_FALSE(from_hex("0"));
    EXPECT_FALSE(from_hex("0g"));
    const SeedScope seed;
    Random random(seed.seed());
    for (int i = 0; i < 2000; ++i) {
        const std::string bytes = random.bytes(random.below(50));
        ASSERT_EQ(from_hex(to_hex(bytes)), bytes);
        ASSERT_EQ(from_base64(to_base64(bytes)), bytes);
        ASSERT_EQ(must(parse_bytes(shown(bytes, BytesStyle::text), false)), bytes);
        ASSERT_EQ(must(parse_bytes(shown(bytes, BytesStyle::hex), true)), bytes);
        nlohmann::ordered_json json;
        const auto style = random.one_in(2)   ? BytesStyle::text
                           : random.one_in(2) ? BytesStyle::hex
                                              : BytesStyle::base64;
        set_bytes(json, "k", bytes, style);
        ASSERT_EQ(take_bytes(nlohmann::ordered_json::parse(json.dump()), "k"), bytes);
    }
}

TEST(Encoding, OnlyPlainTextIsAString) {
    EXPECT_TRUE(is_plain_text("caf\xc3\xa9\t\r\n"));
    for (const char* bytes :
         {"\x80", "\xc3", "\xc3(", "\xe0\x80\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\x1b[0m", "\x01"}) {
        EXPECT_FALSE(is_plain_text(bytes)) << to_hex(bytes);
        EXPECT_EQ(must(parse_bytes(shown(bytes, BytesStyle::text), false)), bytes);
    }
    nlohmann::ordered_json json{{"k", "a"}, {"k64", "YQ=="}};
    EXPECT_FALSE(take_bytes(json, "k")) << "two ways at once";
    EXPECT_FALSE(take_bytes(json, "v"));
    EXPECT_EQ(must(parse_bytes(R"(C:\dir\x4)", false)), R"(C:\dir\x4)");
    EXPECT_EQ(must(parse_bytes(R"(\x41\X41)", false)), R"(A\X41)");
    EXPECT_EQ(shown("secret", BytesStyle::redacted), "<6 bytes>");
}

TEST(Moment, VersionsAndTimesInEveryForm) {
    ASSERT_EQ(::setenv("TZ", "CET-1", 1), 0);
    ::tzset();
    const Clock::time_point now = Clock::from_time_t(2'000'000'000);
    const auto time = [&](std::string_view text) {
        return Clock::to_time_t(std::get<Clock::time_point>(must(parse_moment(text, now))));
    };
    EXPECT_EQ(std::get<Version>(must(parse_moment("12", now))), 12u);
    EXPECT_EQ(std::get<Version>(must(parse_moment("latest", now))), kLatest);
    EXPECT_EQ(time("@1795168800"), 1'795'168'800);
    EXPECT_EQ(time("2026-11-20T10:00:00Z"), 1'795'168'800);
    EXPECT_EQ(time("2026-11-20t10:00:00.25z"), 1'795'168'800);
    EXPECT_EQ(time("2026-11-20 10:00Z"), 1'795'168'800);
    EXPECT_EQ(time("2026-11-20T12:30:00+02:30"), 1'795'168'800);
    EXPECT_EQ(time("2026-11-20T05:00:00-05:00"), 1'795'168'800);
    EXPECT_EQ(time("2026-11-20T11:00:00"), 1'795'168'800) << "local time";
    EXPECT_EQ(time("2026-11-20"), 1'795'168'800 - 11 * 3600);
    EXPECT_EQ(time("2028-02-29T00:00:00Z"), 1'835'395'200);
    EXPECT_EQ(time("-90s"), 2'000'000'000 - 90);
    EXPECT_EQ(time("-2h"), 2'000'000'000 - 7200);
    EXPECT_EQ(time("3d ago"), 2'000'000'000 - 3 * 86'400);
    EXPECT_EQ(time("1w ago"), 2'000'000'000 - 604'800);
    for (const char* bad : {"",
                            "x",
                            "-",
                            "-2",
                            "-2y",
                            "ago",
                            "2h",
                            "@",
                            "@-1",
                            "@x",
                            "2026-02-30",
                            "2027-02-29",
                            "2026-13-01",
                            "2026-11-20T",
                            "2026-11-20T24:00",
                            "2026-11-20T10:00:00.",
                            "2026-11-20T10:00:00+1",
                            "2026-11-20T10:00:00+24:00",
                            "2026-11-20T10:00:00Zx",
                            "20-11-2026",
                            "-1",
                            "18446744073709551616",
                            "-99999999999w",
                            "4294967295w ago"}) {
        expect_error(parse_moment(bad, now), ErrorCode::invalid_argument, "neither a version");
    }
}

}  // namespace
}  // namespace zverse::test
