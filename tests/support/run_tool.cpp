#include <support/run_tool.h>

#include <fcntl.h>
#include <spawn.h>
#include <support/temp_store.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace zverse::test {
namespace {

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

std::string tool_path() {
    const char* tool = std::getenv("ZVERSE_TOOL");
    if (tool == nullptr) throw std::runtime_error("ZVERSE_TOOL names no program; run this test through meson");
    return tool;
}

/// Takes the actions.
int spawn_tool(std::vector<std::string> arguments, posix_spawn_file_actions_t& actions) {
    arguments.insert(arguments.begin(), tool_path());
    std::vector<char*> argv = pointers(arguments);
    pid_t pid = -1;
    const int error = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error(arguments[0] + ": " + std::strerror(error));
    return pid;
}

}  // namespace

ProgramRun run_and_wait(const std::vector<std::string>& arguments, std::string_view input) {
    // Files instead of pipes: nothing here can wait for anything but the program's end.
    const TempDirectory files;
    std::ofstream(files / "in", std::ios::binary) << input;
    std::vector<std::string> owned = arguments;
    std::vector<char*> argv = pointers(owned);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const int created = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, (files / "in").c_str(), O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, (files / "out").c_str(), created, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (files / "err").c_str(), created, 0600);
    pid_t pid = -1;
    const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error(arguments[0] + ": " + std::strerror(error));
    const int status = wait_for(pid);
    return {status, read_file(files / "out"), read_file(files / "err")};
}

ProgramRun run_tool(std::vector<std::string> arguments, std::string_view input) {
    arguments.insert(arguments.begin(), tool_path());
    return run_and_wait(arguments, input);
}

int start_tool(std::vector<std::string> arguments, int input, int extra) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, extra, 3);
    return spawn_tool(std::move(arguments), actions);
}

int start_tool_between(std::vector<std::string> arguments, int input, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    return spawn_tool(std::move(arguments), actions);
}

int wait_for(int pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace zverse::test
