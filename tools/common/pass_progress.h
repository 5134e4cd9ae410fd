// How far a program of several passes is, as `fsck -C` reads it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

namespace zverse::tools {

/// `done` of `total` steps of a size that differs from pass to pass. Passes count from 1.
struct PassProgress {
    unsigned pass;
    std::uint64_t done, total;
    std::string_view name;
};

using PassListener = std::function<void(const PassProgress&)>;

/// Lines "pass current max name" to a descriptor; at most ten a second of each pass.
class ProgressLines {
public:
    explicit ProgressLines(int fd) : fd_(fd) {}
    void operator()(const PassProgress& progress);

private:
    int fd_;
    unsigned pass_ = 0;
    std::chrono::steady_clock::time_point told_;
};

}  // namespace zverse::tools
