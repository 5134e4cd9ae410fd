// Running a program to its end: what it said, what it complained about, how it ended.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::test {

struct ProgramRun {
    int status = 0;  ///< exit status, or minus the signal
    std::string output;
    std::string errors;
};

/// Runs a program of the PATH, or one given by its path, with `input` on standard input.
[[nodiscard]] ProgramRun run_and_wait(const std::vector<std::string>& arguments, std::string_view input = {});

/// Runs the zverse tool that was built with these tests; its path is in ZVERSE_TOOL.
[[nodiscard]] ProgramRun run_tool(std::vector<std::string> arguments, std::string_view input = {});

/// The same tool left running; returns its process id. It reads `input` and finds `extra` as descriptor 3.
[[nodiscard]] int start_tool(std::vector<std::string> arguments, int input, int extra);

/// The same tool left running between two descriptors; its errors go where ours do.
[[nodiscard]] int start_tool_between(std::vector<std::string> arguments, int input, int output);

/// Waits for a program: its exit status, or minus the signal.
int wait_for(int pid);

}  // namespace zverse::test
