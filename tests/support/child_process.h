// ChildProcess: this program again, with other arguments and a pipe back. For tests that need a process to kill.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace zverse::test {

class ChildProcess {
public:
    /// Starts /proc/self/exe with `arguments`; the child finds the write end of the pipe as descriptor kPipe. It dies
    /// with its parent.
    static constexpr int kPipe = 3;
    explicit ChildProcess(const std::vector<std::string>& arguments);
    /// Kills it if it still runs.
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    /// Waits up to `milliseconds` for bytes from the child and returns what is there; empty at the time's end, and at
    /// the end of the pipe (then ended() is true).
    [[nodiscard]] std::string read(int milliseconds);
    [[nodiscard]] bool ended() const noexcept { return ended_; }
    /// SIGKILL, and waits until it is gone.
    void kill();
    /// Waits for its own end; the exit status, or -signal.
    int wait();

private:
    pid_t pid_ = -1;
    int pipe_ = -1;
    bool ended_ = false;
};

/// Forks, runs body() in the child and returns its exit status, or -signal. Only before this process has threads of
/// its own, or when body() does no more than system calls and plain code.
int run_in_fork(const std::function<int()>& body);

}  // namespace zverse::test
