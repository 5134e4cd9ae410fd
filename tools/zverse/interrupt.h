// Ctrl-C and SIGTERM as a question the long jobs ask between two steps. The second signal ends the program.
#pragma once

namespace zverse::tools {

void install_interrupt_handlers();
[[nodiscard]] bool interrupted() noexcept;

}  // namespace zverse::tools
