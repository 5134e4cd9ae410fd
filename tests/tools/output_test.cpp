// Goal:    a signal ends a tool that writes to a reader who takes nothing, also when it comes just before the write.
// Method:  a pipe with room for one piece; in a child, which an alarm ends if it waits, the signal is there already.
#include <tools/common/interrupt.h>
#include <tools/common/output.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace zverse::tools {
namespace {

/// The exit status of a child that was stopped before it writes more than the pipe takes: 0 when it noticed.
int write_when_stopped(const std::string& path) {
    constexpr unsigned kPatienceSeconds = 20;
    ::alarm(kPatienceSeconds);
    install_interrupt_handlers();
    static_cast<void>(std::raise(SIGINT));
    auto output = Output::open(path);
    if (!output) return 2;
    const auto written = output->write(std::string(std::size_t{1} << 20, 'x'));
    return !written && is_stop(written.error()) ? 0 : 1;
}

TEST(OutputTest, AStopBeforeAWriteThatWouldWaitIsNoticed) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const int bytes = ::fcntl(ends[1], F_GETPIPE_SZ);
    ASSERT_GT(bytes, 2 * PIPE_BUF);
    const std::string taken(static_cast<std::size_t>(bytes - PIPE_BUF), 'x');
    ASSERT_EQ(::write(ends[1], taken.data(), taken.size()), static_cast<ssize_t>(taken.size()));
    const std::string path = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(ends[1]);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(write_when_stopped(path));
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "it waited for the reader";
    EXPECT_EQ(WEXITSTATUS(status), 0);
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace
}  // namespace zverse::tools
