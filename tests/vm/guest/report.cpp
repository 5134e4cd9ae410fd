#include <vm/guest/report.h>

#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace zverse::test {

void Crc32::add(std::string_view bytes) noexcept {
    constexpr std::uint32_t kPolynomial = 0xedb8'8320;
    for (const char byte : bytes) {
        state_ ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit) state_ = (state_ >> 1) ^ ((state_ & 1) != 0 ? kPolynomial : 0);
    }
}

void Report::say(const std::string& text) {
    const std::lock_guard lock(mutex_);
    const std::string numbered = std::to_string(++lines_) + ' ' + text;
    Crc32 crc;
    crc.add(numbered);
    char sum[12];
    std::snprintf(sum, sizeof sum, "%08x", crc.value());
    const std::string line = "zv " + std::to_string(lines_) + ' ' + sum + ' ' + text + '\n';
    for (std::size_t done = 0; done < line.size();) {
        const ssize_t wrote = ::write(STDOUT_FILENO, line.data() + done, line.size() - done);
        if (wrote < 0 && errno != EINTR) ::_exit(3);
        if (wrote > 0) done += static_cast<std::size_t>(wrote);
    }
}

}  // namespace zverse::test
