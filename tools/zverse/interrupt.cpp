#include <tools/zverse/interrupt.h>

#include <csignal>

namespace zverse::tools {
namespace {

volatile std::sig_atomic_t interrupt_seen = 0;

void on_signal(int /*signal*/) { interrupt_seen = 1; }

}  // namespace

void install_interrupt_handlers() {
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESETHAND | SA_RESTART;  // once: a second signal is not asked to be patient
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() noexcept { return interrupt_seen != 0; }

}  // namespace zverse::tools
