#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/git/git_process.h>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

extern char** environ;  // NOLINT: POSIX gives it no header

namespace zverse::tools {
namespace {

constexpr std::size_t kReadBytes = std::size_t{256} << 10;
constexpr int kAskEveryMs = 200;  // whether a signal came just before the wait
constexpr int kPipeBytes = 1 << 20;  // fewer switches between git and us; refused is fine

/// Of `git rev-parse --local-env-vars`, those that say which repository: set by a git hook around us, they
/// would make git look at the hook's repository whatever path it is told.
constexpr std::array<std::string_view, 12> kRepositoryVariables{
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
};

std::vector<std::string> child_environment() {
    std::vector<std::string> kept;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view text(*variable);
        const std::string_view name = text.substr(0, text.find('='));
        const bool dropped = std::ranges::find(kRepositoryVariables, name) != kRepositoryVariables.end() ||
                             name == "LC_ALL" || name == "GIT_OPTIONAL_LOCKS" || name == "GIT_TERMINAL_PROMPT";
        if (!dropped) kept.emplace_back(text);
    }
    kept.emplace_back("LC_ALL=C");
    kept.emplace_back("GIT_OPTIONAL_LOCKS=0");  // reading must not write into the user's repository
    kept.emplace_back("GIT_TERMINAL_PROMPT=0");
    return kept;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

struct Pipe {
    UniqueFd read, write;
};

Result<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(ErrorCode::io, "A pipe could not be made.", errno);
    Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
    ::fcntl(pipe.read.get(), F_SETPIPE_SZ, kPipeBytes);
    return pipe;
}

/// Returns the error number of posix_spawn, 0 on success.
int spawn_git(std::vector<std::string> arguments, int input, int output, pid_t& pid) {
    std::vector<std::string> environment = child_environment();
    const std::vector<char*> argv = pointers(arguments);
    const std::vector<char*> envp = pointers(environment);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);

    // We ignore SIGPIPE, and ignoring is inherited; git must die of it when we stop reading.
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

    const int error = ::posix_spawnp(&pid, "git", &actions, &attributes, argv.data(), envp.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/// The subcommand, for messages: "git cat-file --batch", without the options that say which repository.
std::string describe(const std::vector<std::string>& arguments) {
    std::string text = "git";
    bool seen = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (!seen && (arguments[i] == "-C" || arguments[i] == "-c")) {
            ++i;
            continue;
        }
        if (!seen && arguments[i].starts_with('-')) continue;
        if (seen) return text + " " + arguments[i];
        text += " " + arguments[i];
        seen = true;
    }
    return text;
}

}  // namespace

Result<GitProcess> GitProcess::start(const std::vector<std::string>& arguments) {
    auto input = make_pipe();
    if (!input) return pass_on(input);
    auto output = make_pipe();
    if (!output) return pass_on(output);

    GitProcess process;
    process.command_ = describe(arguments);
    std::vector<std::string> argv{"git"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const int error = spawn_git(std::move(argv), input->read.get(), output->write.get(), process.pid_);
    if (error != 0) {
        process.pid_ = -1;
        return fail(ErrorCode::io, process.command_ + " could not be started: " + std::strerror(error) + ".", error);
    }
    ::fcntl(input->write.get(), F_SETFL, O_WRONLY | O_NONBLOCK);
    process.input_ = std::move(input->write);
    process.output_ = std::move(output->read);
    return process;
}

GitProcess::GitProcess(GitProcess&& other) noexcept { *this = std::move(other); }

GitProcess& GitProcess::operator=(GitProcess&& other) noexcept {
    if (this == &other) return *this;
    end();
    command_ = std::move(other.command_);
    pid_ = std::exchange(other.pid_, -1);
    input_ = std::move(other.input_);
    output_ = std::move(other.output_);
    unsent_ = std::move(other.unsent_);
    sent_ = std::exchange(other.sent_, 0);
    source_ = std::move(other.source_);
    buffer_ = std::move(other.buffer_);
    begin_ = std::exchange(other.begin_, 0);
    end_ = std::exchange(other.end_, 0);
    return *this;
}

GitProcess::~GitProcess() { end(); }

void GitProcess::end() noexcept {
    input_.reset();
    output_.reset();
    if (pid_ < 0) return;
    if (interrupted()) ::kill(pid_, SIGTERM);  // it may compute for long before it finds its output closed
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
    pid_ = -1;
}

void GitProcess::send(std::string_view bytes) { unsent_ += bytes; }

bool GitProcess::has_input() {
    if (unsent_bytes() > 0) return true;
    unsent_.clear();
    sent_ = 0;
    if (!source_) return false;
    if (source_(unsent_)) return true;
    source_ = nullptr;
    input_.reset();
    return false;
}

void GitProcess::write_queued() {
    while (input_.is_open() && has_input()) {
        const ssize_t wrote = ::write(input_.get(), unsent_.data() + sent_, unsent_bytes());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0 && errno == EAGAIN) return;
        if (wrote < 0) {
            // The child is gone; the end of its output and its exit status tell the caller.
            input_.reset();
            unsent_.clear();
            sent_ = 0;
            return;
        }
        sent_ += static_cast<std::size_t>(wrote);
    }
}

Result<void> GitProcess::wait_for_output() {
    for (;;) {
        write_queued();
        // A negative descriptor is not watched.
        const int input = unsent_bytes() > 0 ? input_.get() : -1;
        std::array<pollfd, 2> watched{pollfd{output_.get(), POLLIN, 0}, pollfd{input, POLLOUT, 0}};
        const int ready = ::poll(watched.data(), watched.size(), kAskEveryMs);
        if (ready < 0 && errno != EINTR) return fail(ErrorCode::io, "Waiting for " + command_ + " failed.", errno);
        if (interrupted()) return stopped();
        if (ready > 0 && watched[0].revents != 0) return {};
    }
}

Result<std::size_t> GitProcess::read_some(char* target, std::size_t bytes) {
    for (;;) {
        if (auto waited = wait_for_output(); !waited) return pass_on(waited);
        const ssize_t got = ::read(output_.get(), target, bytes);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno != EINTR) return fail(ErrorCode::io, "Reading from " + command_ + " failed.", errno);
    }
}

Result<bool> GitProcess::fill() {
    if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(kReadBytes);
    begin_ = end_ = 0;
    auto got = read_some(buffer_.get(), kReadBytes);
    if (!got) return pass_on(got);
    end_ = *got;
    return end_ > 0;
}

std::string_view GitProcess::take(std::size_t bytes) {
    const std::string_view taken = buffered().substr(0, bytes);
    begin_ += taken.size();
    return taken;
}

Result<bool> GitProcess::read_until(char delimiter, std::string& piece) {
    piece.clear();
    for (;;) {
        const std::size_t at = buffered().find(delimiter);
        piece += take(at);  // all of it when there is no delimiter yet
        if (at != std::string_view::npos) {
            begin_ += 1;
            return true;
        }
        auto more = fill();
        if (!more) return pass_on(more);
        if (*more) continue;
        if (piece.empty()) return false;
        return ended("in the middle of a record");
    }
}

Result<void> GitProcess::read_exactly(std::size_t bytes, std::string& target) {
    const std::size_t whole = target.size() + bytes;
    target += take(bytes);
    std::size_t at = target.size();
    target.resize(whole);
    // Large objects go straight to their place; the rest of a small one comes with what follows it.
    while (at < whole && whole - at >= kReadBytes) {
        auto got = read_some(target.data() + at, whole - at);
        if (!got) return pass_on(got);
        if (*got == 0) return ended_early(whole - at);
        at += *got;
    }
    while (at < whole) {
        auto more = fill();
        if (!more) return pass_on(more);
        if (!*more) return ended_early(whole - at);
        at += take(whole - at).copy(target.data() + at, whole - at);
    }
    return {};
}

Result<std::string> GitProcess::read_all() {
    std::string all;
    for (;;) {
        all += take(std::string_view::npos);
        auto more = fill();
        if (!more) return pass_on(more);
        if (!*more) return all;
    }
}

std::unexpected<Error> GitProcess::ended(const std::string& how) {
    if (auto finished = finish(); !finished && is_stop(finished.error())) return pass_on(finished);
    return fail(ErrorCode::io, "The output of " + command_ + " ended " + how + ".");
}

std::unexpected<Error> GitProcess::ended_early(std::size_t missing) {
    return ended(std::to_string(missing) + " bytes early");
}

Result<void> GitProcess::finish() {
    if (pid_ < 0) return {};
    input_.reset();
    output_.reset();
    int status = 0;
    pid_t waited = -1;
    while ((waited = ::waitpid(pid_, &status, 0)) < 0 && errno == EINTR) {}
    pid_ = -1;
    if (waited < 0) return fail(ErrorCode::io, "Waiting for " + command_ + " failed.", errno);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (note_end_of_child(status)) return stopped();
    if (WIFEXITED(status))
        return fail(ErrorCode::io, command_ + " failed with exit status " + std::to_string(WEXITSTATUS(status)) + ".");
    return fail(ErrorCode::io, command_ + " was ended by signal " + std::to_string(WTERMSIG(status)) + ".");
}

}  // namespace zverse::tools
