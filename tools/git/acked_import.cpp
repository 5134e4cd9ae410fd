#include <tools/common/exit_status.h>
#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/common/unique_fd.h>
#include <tools/git/acked_import.h>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string_view>

extern char** environ;  // NOLINT: POSIX gives it no header

namespace zverse::tools {
namespace {

constexpr int kAckFdOfChild = 3;
constexpr int kAskEveryMs = 200;  // whether a signal came just before the wait
constexpr std::uint64_t kCommitsBeyond = 8;  // that the child may write while the signal is on its way

struct Pipe {
    UniqueFd read, write;
};

/// Both ends above the child's descriptors: duplicating one onto itself would leave it to be closed by exec.
Result<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(ErrorCode::io, "A pipe could not be made.", errno);
    const UniqueFd low_read(ends[0]);
    const UniqueFd low_write(ends[1]);
    Pipe pipe{UniqueFd(::fcntl(ends[0], F_DUPFD_CLOEXEC, kAckFdOfChild + 1)),
              UniqueFd(::fcntl(ends[1], F_DUPFD_CLOEXEC, kAckFdOfChild + 1))};
    if (!pipe.read.is_open() || !pipe.write.is_open()) return fail(ErrorCode::io, "A pipe could not be made.", errno);
    return pipe;
}

std::vector<std::string> import_arguments(const ImportRequest& request) {
    const StoreSetup& setup = request.setup;
    std::vector<std::string> arguments{"zverse",
                                       "import-git",
                                       "--quiet",
                                       "--rev",
                                       request.revision,
                                       "--limit",
                                       std::to_string(request.limit),
                                       "--ack-fd",
                                       std::to_string(kAckFdOfChild),
                                       "--durability",
                                       setup.durability == Durability::power ? "power" : "process"};
    if (!setup.granularity.empty()) arguments.insert(arguments.end(), {"--granularity", setup.granularity});
    if (setup.rings.ring_bytes != 0)
        arguments.insert(arguments.end(), {"--ring-bytes", std::to_string(setup.rings.ring_bytes)});
    if (setup.rings.shards != 0) arguments.insert(arguments.end(), {"--shards", std::to_string(setup.rings.shards)});
    arguments.insert(arguments.end(), {"--", setup.store.string(), request.repository.string()});
    return arguments;
}

Result<pid_t> spawn_self(std::vector<std::string> arguments, int input, int ack_fd) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ack_fd, kAckFdOfChild);
    pid_t pid = -1;
    const int error = ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        return fail(ErrorCode::io, std::string("The importing child could not be started: ") + std::strerror(error),
                    error);
    return pid;
}

/// Takes the whole lines off the front of `text`.
Result<void> take_acknowledgements(std::string& text, std::vector<Acknowledgement>& acknowledged) {
    std::size_t taken = 0;
    for (std::size_t end = 0; (end = text.find('\n', taken)) != std::string::npos; taken = end + 1) {
        const std::string_view line = std::string_view(text).substr(taken, end - taken);
        const std::size_t space = line.find(' ');
        Acknowledgement one;
        one.commit = line.substr(0, space);
        const std::string_view digits = space == std::string_view::npos ? "" : line.substr(space + 1);
        if (std::from_chars(digits.data(), digits.data() + digits.size(), one.version).ec != std::errc{})
            return fail(ErrorCode::io, "The importing child acknowledged something unreadable: " + std::string(line));
        acknowledged.push_back(std::move(one));
    }
    text.erase(0, taken);
    return {};
}

/// Reads until the child's end of the pipe is closed, which its death does.
Result<void> collect(int fd, pid_t child, std::uint64_t kill_after, KilledImport& import) {
    std::string text;
    std::array<char, 4096> buffer{};
    bool killed = false, told = false;
    for (;;) {
        pollfd ready{fd, POLLIN, 0};
        const bool readable = ::poll(&ready, 1, kAskEveryMs) > 0;
        if (interrupted() && !told) told = ::kill(child, SIGTERM) == 0;  // Ctrl-C may have reached us alone
        if (!readable) continue;
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(ErrorCode::io, "Reading acknowledgements failed.", errno);
        if (got == 0) return {};
        text.append(buffer.data(), static_cast<std::size_t>(got));
        if (auto taken = take_acknowledgements(text, import.acknowledged); !taken) return pass_on(taken);
        if (!killed && import.acknowledged.size() >= kill_after) killed = ::kill(child, SIGKILL) == 0;
    }
}

}  // namespace

Result<KilledImport> import_and_kill(const ImportRequest& request, std::uint64_t kill_after,
                                     std::uint64_t commits_left) {
    auto hold = make_pipe();
    if (!hold) return pass_on(hold);
    auto acks = make_pipe();
    if (!acks) return pass_on(acks);
    std::vector<std::string> arguments = import_arguments(request);
    const std::uint64_t hold_after = std::min(kill_after + kCommitsBeyond, commits_left);
    arguments.insert(arguments.begin() + 2, {"--hold-after", std::to_string(hold_after)});
    auto child = spawn_self(std::move(arguments), hold->read.get(), acks->write.get());
    if (!child) return pass_on(child);
    hold->read.reset();
    acks->write.reset();

    KilledImport import;
    auto collected = collect(acks->read.get(), *child, kill_after, import);
    if (!collected) ::kill(*child, SIGKILL);
    int status = 0;
    while (::waitpid(*child, &status, 0) < 0 && errno == EINTR) {}
    if (!collected) return pass_on(collected);
    if (note_end_of_child(status)) return stopped();
    import.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (import.killed || (WIFEXITED(status) && WEXITSTATUS(status) == kExitDone)) return import;
    if (WIFEXITED(status) && WEXITSTATUS(status) == kExitFailed) return fail(ErrorCode::io, {});  // it said why
    return fail(ErrorCode::io,
                WIFSIGNALED(status)
                    ? "The importing child was ended by signal " + std::to_string(WTERMSIG(status)) + "."
                    : "The importing child ended with exit status " + std::to_string(WEXITSTATUS(status)) + ".");
}

}  // namespace zverse::tools
