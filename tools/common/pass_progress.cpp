#include <tools/common/pass_progress.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>

namespace zverse::tools {

namespace {

volatile std::sig_atomic_t meter_wanted = 0;

void on_progress_signal(int signal) { meter_wanted = signal == SIGUSR1 ? 1 : 0; }

}  // namespace

void install_progress_signals() {
    struct sigaction action{};
    action.sa_handler = on_progress_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGUSR1, &action, nullptr);
    ::sigaction(SIGUSR2, &action, nullptr);
}

// Who does not listen does not keep a job from going on, so nobody asks what became of a line.

void PassMeter::operator()(const PassProgress& progress) {
    const int fd = fd_ >= 0 || meter_wanted == 0 ? fd_ : STDERR_FILENO;
    if (fd < 0) return clear_bar();
    const auto now = std::chrono::steady_clock::now();
    const bool edge = progress.pass != pass_ || progress.done == progress.total;
    if (!edge && now - told_ < std::chrono::milliseconds(100)) return;
    pass_ = progress.pass;
    told_ = now;
    if (::isatty(fd) == 1) return draw_bar(fd, progress);
    static_cast<void>(dprintf(fd, "%u %lu %lu %.*s\n", progress.pass, static_cast<unsigned long>(progress.done),
                              static_cast<unsigned long>(progress.total), static_cast<int>(progress.name.size()),
                              progress.name.data()));
}

void PassMeter::draw_bar(int fd, const PassProgress& progress) {
    constexpr std::size_t kWidth = 40;
    const double part = progress.total == 0
                            ? 0.0
                            : std::min(1.0, static_cast<double>(progress.done) / static_cast<double>(progress.total));
    const auto full = static_cast<std::size_t>(part * kWidth);
    const std::string bar = std::string(full, '=') + std::string(kWidth - full, ' ');
    static_cast<void>(dprintf(fd, "\rpass %u [%s] %3.0f %%", progress.pass, bar.c_str(), part * 100));
    bar_fd_ = fd;
}

void PassMeter::clear_bar() {
    if (bar_fd_ >= 0) static_cast<void>(dprintf(bar_fd_, "\r\033[K"));
    bar_fd_ = -1;
}

}  // namespace zverse::tools
