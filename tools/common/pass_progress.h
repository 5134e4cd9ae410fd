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

/// From then on SIGUSR1 makes every PassMeter without a descriptor write to standard error, and SIGUSR2 ends that.
void install_progress_signals();

/// Lines "pass current max name" to a descriptor, at most ten a second of each pass; a bar where that is a terminal.
class PassMeter {
public:
    /// `fd` -1: to none, until SIGUSR1.
    explicit PassMeter(int fd) : fd_(fd) {}
    PassMeter(const PassMeter&) = delete;
    PassMeter& operator=(const PassMeter&) = delete;
    ~PassMeter() { clear_bar(); }

    void operator()(const PassProgress& progress);
    /// Before something else is written to the terminal.
    void clear_bar();

private:
    void draw_bar(int fd, const PassProgress& progress);

    const int fd_;
    int bar_fd_ = -1;  ///< where a bar stands now
    unsigned pass_ = 0;
    std::chrono::steady_clock::time_point told_;
};

}  // namespace zverse::tools
