#include <tools/common/exit_status.h>
#include <tools/common/interrupt.h>
#include <tools/common/result.h>

#include <sys/wait.h>

#include <csignal>
#include <ctime>

namespace zverse::tools {
namespace {

// timeout(1), and a child of ours, send one stop twice in a row; only a later signal is out of patience.
constexpr std::time_t kPatienceSeconds = 2;

volatile std::sig_atomic_t interrupt_seen = 0;
volatile std::sig_atomic_t seen_at = 0;  // seconds of the monotonic clock

void on_signal(int signal) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    if (interrupt_seen == 0) {
        seen_at = static_cast<std::sig_atomic_t>(now.tv_sec);
        interrupt_seen = 1;
    } else if (now.tv_sec - seen_at >= kPatienceSeconds) {
        static_cast<void>(std::signal(signal, SIG_DFL));
        static_cast<void>(std::raise(signal));
    }
}

}  // namespace

void install_interrupt_handlers() {
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
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
