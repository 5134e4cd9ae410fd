// Goal:    keys of any bytes and any length make messages that a terminal shows and a person can read.
// Method:  some of each kind.
#include <platform/in_quotes.h>

#include <gtest/gtest.h>

namespace zverse::platform {
namespace {

using namespace std::string_literals;

TEST(InQuotes, ShowsAnyBytes) {
    EXPECT_EQ(in_quotes(""), R"("")");
    EXPECT_EQ(in_quotes("user/42 ~"), R"("user/42 ~")");
    EXPECT_EQ(in_quotes("a\"b\\c\n\x7f\xff\0"s), R"("a\x22b\x5cc\x0a\x7f\xff\x00")");
}

TEST(InQuotes, EndsSomewhere) {
    const std::string shown(64, 'k');
    EXPECT_EQ(in_quotes(shown), '"' + shown + '"');
    EXPECT_EQ(in_quotes(shown + 'l'), '"' + shown + "\"... (65 bytes)");
}

}  // namespace
}  // namespace zverse::platform
