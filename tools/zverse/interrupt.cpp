#include <tools/zverse/exit_status.h>
#include <tools/zverse/interrupt.h>
#include <tools/zverse/result.h>

#include <sys/wait.h>

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

bool note_end_of_child(int status) noexcept {
    const bool ended = WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM);
    if (ended || (WIFEXITED(status) && WEXITSTATUS(status) == kExitCancelled)) interrupt_seen = 1;
    return interrupted();
}

// No job here uses a store after closing it, so the code is free.
std::unexpected<Error> stopped() { return fail(ErrorCode::closed, "Stopped by a signal."); }

bool is_stop(const Error& error) noexcept { return interrupted() && error.code() == ErrorCode::closed; }

}  // namespace zverse::tools
