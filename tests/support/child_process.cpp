#include <support/child_process.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <system_error>

namespace zverse::test {

namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

int wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) fail("waitpid");
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
    std::vector<const char*> words{"/proc/self/exe"};
    for (const std::string& argument : arguments) words.push_back(argument.c_str());
    words.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) fail("fork");
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        // dup2 to itself would keep the close-on-exec flag.
        if (ends[1] == kPipe) {
            ::fcntl(kPipe, F_SETFD, 0);
        } else {
            ::dup2(ends[1], kPipe);
        }
        ::execv(words[0], const_cast<char* const*>(words.data()));
        ::_exit(127);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
}

ChildProcess::~ChildProcess() {
    if (pid_ > 0) kill();
    ::close(pipe_);
}

std::string ChildProcess::read(int milliseconds) {
    pollfd ready{.fd = pipe_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, milliseconds) <= 0) return {};
    std::array<char, 65536> buffer;
    const ssize_t count = ::read(pipe_, buffer.data(), buffer.size());
    if (count <= 0) ended_ = true;
    return {buffer.data(), static_cast<std::size_t>(count > 0 ? count : 0)};
}

void ChildProcess::kill() {
    ::kill(pid_, SIGKILL);
    static_cast<void>(wait());
}

int ChildProcess::wait() {
    const pid_t pid = pid_;
    pid_ = -1;
    return wait_for(pid);
}

int run_in_fork(const std::function<int()>& body) {
    const pid_t pid = ::fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
        int status = 125;
        try {
            status = body();
        } catch (const std::exception& exception) {
            ::dprintf(STDERR_FILENO, "in the forked child: %s\n", exception.what());
        }
        ::_exit(status);
    }
    return wait_for(pid);
}

}  // namespace zverse::test
