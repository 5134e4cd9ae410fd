// Goal:    zverse-bench says what it was told wrong, measures what it says, keeps nothing behind, and its exit status
//          tells what became of it.
// Method:  the program itself, on few records; its JSON read again, changed, and given back as a baseline.
#include <support/run_tool.h>
#include <support/temp_store.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace zverse::test {
namespace {

class BenchProgram : public ::testing::Test {
protected:
    /// With small sizes for all, and what is added.
    [[nodiscard]] ProgramRun bench(const std::vector<std::string>& added, const char* seconds = "0.02") const {
        std::vector<std::string> all{"-q", "--store", directory_.path().string(), "--duration", seconds};
        for (const char* word : {"--granularity", "cache_line", "--num", "2000", "--warmup", "0", "--repeat", "1",
                                 "--cache-size", "64MiB"})
            all.emplace_back(word);
        all.insert(all.end(), added.begin(), added.end());
        return run_tool(std::move(all));
    }
    [[nodiscard]] nlohmann::json read_json(const std::string& name) const {
        std::ifstream file(directory_ / name);
        return nlohmann::json::parse(file);
    }
    /// Nothing but files that were asked for.
    void expect_no_stores() const {
        for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
            EXPECT_FALSE(entry.is_directory()) << entry.path();
    }

    TempDirectory directory_;
};

TEST_F(BenchProgram, EverySuiteOfEnginesRunsAndLeavesNothing) {
    const std::string report = (directory_ / "report.json").string();
    const ProgramRun run = bench(
        {"--suite", "micro,ycsb,versions,durability,recovery,crash", "--threads", "2", "--perf", "--json", report});
    EXPECT_EQ(run.status, 0) << run.errors;
    EXPECT_NE(run.output.find("ycsb e, 2 threads, writes survive the loss of process"), std::string::npos)
        << run.output;
    EXPECT_NE(run.output.find("EMULATED"), std::string::npos);
    const nlohmann::json json = read_json("report.json");
    EXPECT_EQ(json["schema"], "zverse.bench/1");
    EXPECT_EQ(json["emulated"], true);
    EXPECT_FALSE(json["circumstances"]["file_system"].get<std::string>().empty());
    std::size_t rows = 0;
    for (const auto& result : json["results"]) {
        EXPECT_GT(result["per_second"].get<double>(), 0) << result["row"];
        EXPECT_EQ(result["per_second_of_repeats"].size(), 1U);
        EXPECT_GE(result["latency_ns"]["p99"].get<double>(), result["latency_ns"]["p50"].get<double>());
        const auto& interval = result["interval"];
        EXPECT_LE(interval["low"].get<double>(), result["per_second"].get<double>());
        EXPECT_GE(interval["high"].get<double>(), result["per_second"].get<double>());
        EXPECT_EQ(result["steps"].size(), result["phase"].get<std::string>().starts_with("update_") ? 20U : 0U);
        const bool counted = result["per_operation"].contains("cpu_nanoseconds");
        const bool by_run = result["suite"] != "recovery" && result["suite"] != "crash" && result["steps"].empty() &&
                            !result["phase"].get<std::string>().starts_with("changes");
        EXPECT_EQ(counted, by_run) << result["row"];
        ++rows;
    }
    EXPECT_EQ(rows, (13U + 7U + 11U + 3U + 1U + 1U) * 2U);
    expect_no_stores();
}

TEST_F(BenchProgram, AnOpenLoopKeepsItsRate) {
    const std::string report = (directory_ / "report.json").string();
    const ProgramRun run = bench(
        {"--suite", "ycsb", "--workload", "c", "--rate", "5000", "--durability", "power", "--json", report}, "0.2");
    ASSERT_EQ(run.status, 0) << run.errors;
    const double rate = read_json("report.json")["results"][0]["per_second"];
    EXPECT_LT(rate, 5500);
    EXPECT_GT(rate, 500);
}

TEST_F(BenchProgram, ABaselineIsHeldAgainstIt) {
    const std::string report = (directory_ / "report.json").string();
    const std::vector<std::string> measured{"--suite", "ycsb", "--workload", "c", "--durability", "power"};
    auto arguments = measured;
    arguments.insert(arguments.end(), {"--json", report});
    ASSERT_EQ(bench(arguments).status, 0);
    nlohmann::json json = read_json("report.json");
    const auto with_baseline = [&](const std::string& percent) {
        std::ofstream(directory_ / "baseline.json") << json;
        auto against = measured;
        against.insert(against.end(),
                       {"--baseline", (directory_ / "baseline.json").string(), "--fail-if-worse", percent});
        return bench(against);
    };
    json["results"][0]["per_second"] = 1.0;
    EXPECT_EQ(with_baseline("10").status, 0);
    json["results"][0]["per_second"] = 1e15;
    const ProgramRun worse = with_baseline("10");
    EXPECT_EQ(worse.status, 1) << worse.output << worse.errors;
    EXPECT_NE(worse.output.find("ycsb/c/1/power"), std::string::npos);
    EXPECT_EQ(with_baseline("101").status, 0);
    json["emulated"] = false;
    const ProgramRun other_medium = with_baseline("10");
    EXPECT_EQ(other_medium.status, 8);
    EXPECT_NE(other_medium.errors.find("emulated"), std::string::npos) << other_medium.errors;
    json["emulated"] = true;
    json["request"]["records"] = 1999;
    const ProgramRun other_records = with_baseline("10");
    EXPECT_EQ(other_records.status, 8);
    EXPECT_NE(other_records.errors.find("another records"), std::string::npos) << other_records.errors;
    json["request"]["records"] = 2000;
    json["results"][0]["row"] = "ycsb/c/7/power";
    const ProgramRun nothing = with_baseline("10");
    EXPECT_EQ(nothing.status, 8) << "it would pass whatever was measured";
    EXPECT_NE(nothing.errors.find("nothing of the baseline"), std::string::npos) << nothing.errors;
    json["results"][0]["row"] = 5;
    EXPECT_EQ(with_baseline("10").status, 8);
    json["schema"] = "else";
    EXPECT_EQ(with_baseline("10").status, 8);
}

TEST_F(BenchProgram, WhatIsWrongIsNamed) {
    struct Case {
        std::vector<std::string> arguments;
        std::string word;
    };
    const std::vector<Case> cases{
        {{"--suite", "none"}, "none"},          {{"--suite", "ycsb", "--workload", "z"}, "\"z\""},
        {{"--engine", "oracle"}, "\"oracle\""}, {{"--value-size", "10"}, "24 bytes"},
        {{"--value-size", "9x"}, "\"9x\""},     {{"--value-size", "50-40"}, "24 bytes"},
        {{"--threads", "0"}, "--threads"},      {{"--baseline", "/none"}, "/none"},
        {{"--min-dataset", "1GiB"}, "232000"},
    };
    for (const Case& each : cases) {
        const ProgramRun run = bench(each.arguments);
        EXPECT_EQ(run.status, 16) << each.word;
        EXPECT_NE((run.errors + run.output).find(each.word), std::string::npos) << run.errors;
    }
    const ProgramRun no_directory = run_tool({"--store", (directory_ / "none").string()});
    EXPECT_EQ(no_directory.status, 16);
    EXPECT_NE(no_directory.errors.find("no directory"), std::string::npos) << no_directory.errors;
    expect_no_stores();
}

TEST_F(BenchProgram, FewRecordsAreMeasuredWhereThatIsMeant) {
    const ProgramRun run = bench({"--suite", "ycsb", "--workload", "c", "--min-dataset", "1GiB", "--in-memory"});
    EXPECT_EQ(run.status, 0) << run.errors;
    EXPECT_NE(run.output.find("in-memory"), std::string::npos) << run.output;
}

TEST_F(BenchProgram, WhatIsSaidLastCounts) {
    const std::string report = (directory_ / "report.json").string();
    ASSERT_EQ(
        bench({"--suite", "simd", "--seed", "5", "--json", "/none/report", "--seed", "7", "--json", report}).status, 0);
    EXPECT_EQ(read_json("report.json")["request"]["seed"], 7);
}

TEST_F(BenchProgram, SuitesOfTheMachineSayWhatIsNotThere) {
    const ProgramRun simd = bench({"--suite", "simd"});
    EXPECT_EQ(simd.status, 0) << simd.errors;
    EXPECT_NE(simd.output.find("scalar"), std::string::npos);
    const ProgramRun numa = bench({"--suite", "numa", "--workload", "read_line_chained"});
    EXPECT_TRUE(numa.status == 0 || (numa.status == 77 && numa.output.find("Not measured") != std::string::npos))
        << numa.status << numa.output << numa.errors;
    expect_no_stores();
}

TEST_F(BenchProgram, AnInterruptedRunShowsWhatItHasAndLeavesNothing) {
    const int input = ::open("/dev/null", O_RDWR);
    ASSERT_GE(input, 0);
    const int pid = start_tool({"--store", directory_.path().string(), "--granularity", "cache_line", "-q", "--num",
                                "2000", "--suite", "ycsb", "--duration", "60", "--cache-size", "64MiB"},
                               input, input);
    ::close(input);
    const auto began = [&] {
        for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) return entry.is_directory();
        return false;
    };
    while (!began()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ::kill(pid, SIGINT);
    EXPECT_EQ(wait_for(pid), 32);
    expect_no_stores();
}

}  // namespace
}  // namespace zverse::test
