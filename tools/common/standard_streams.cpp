#include <tools/common/standard_streams.h>

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

namespace zverse::tools {

void prepare_standard_streams() {
    int fd = 0;
    while ((fd = ::open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO) {}
    if (fd >= 0) ::close(fd);
    std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace zverse::tools
