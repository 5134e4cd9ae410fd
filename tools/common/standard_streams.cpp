#include <tools/common/standard_streams.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace zverse::tools {

namespace {
int print_error = 0;  // errno of the first write that failed
}

void prepare_standard_streams() {
    int fd = 0;
    while ((fd = ::open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO) {}
    if (fd >= 0) ::close(fd);
    std::signal(SIGPIPE, SIG_IGN);
}

void print(const std::string& text) {
    if (print_error != 0) return;
    errno = 0;
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) print_error = errno != 0 ? errno : EIO;
}

bool finish_output(const char* program) {
    if (print_error == 0 && std::fflush(stdout) != 0) print_error = errno;
    if (print_error == 0) return true;
    std::fprintf(stderr, "%s: writing to standard output: %s\n", program, std::strerror(print_error));
    return false;
}

}  // namespace zverse::tools
