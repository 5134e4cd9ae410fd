#include <bench/suites/interruption.h>

#include <csignal>

#include <unistd.h>

namespace zverse::bench {

namespace {

volatile std::sig_atomic_t asked = 0;

void on_signal(int signal) {
    asked = 1;
    std::signal(signal, SIG_DFL);
}

}  // namespace

void watch_for_interruption() {
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
}

bool interruption_asked() noexcept { return asked != 0; }

std::string process_name() { return std::to_string(::getpid()); }

}  // namespace zverse::bench
