#include <tools/common/pass_progress.h>

#include <cstdio>

namespace zverse::tools {

void ProgressLines::operator()(const PassProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    const bool edge = progress.pass != pass_ || progress.done == progress.total;
    if (!edge && now - told_ < std::chrono::milliseconds(100)) return;
    pass_ = progress.pass;
    told_ = now;
    // Who does not listen does not keep a check from going on.
    static_cast<void>(dprintf(fd_, "%u %lu %lu %.*s\n", progress.pass, static_cast<unsigned long>(progress.done),
                              static_cast<unsigned long>(progress.total), static_cast<int>(progress.name.size()),
                              progress.name.data()));
}

}  // namespace zverse::tools
