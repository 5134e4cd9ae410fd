// Ctrl-C and SIGTERM as a question the long jobs ask between two steps. A second one, two seconds later, ends the
// program.
#pragma once

#include <zverse/error.h>

#include <expected>

namespace zverse::tools {

void install_interrupt_handlers();
[[nodiscard]] bool interrupted() noexcept;

/// Of a child, as waitpid() tells how it ended: one that Ctrl-C or SIGTERM stopped was not meant alone, so this counts
/// as an interrupt of ours. Returns interrupted().
bool note_end_of_child(int status) noexcept;

/// The error of a job that was stopped; is_stop() knows it again.
[[nodiscard]] std::unexpected<Error> stopped();
[[nodiscard]] bool is_stop(const Error& error) noexcept;

}  // namespace zverse::tools
