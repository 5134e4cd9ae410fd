// How a guest program speaks to the host: one line at a time on the serial line, numbered and with a checksum.
//
//   zv <number> <crc32 of "number text", 8 hex digits> <text>
//
// The machine may be killed within a line, and the kernel may write into one. What does not fit its checksum was never
// said: a write is acknowledged by a whole line or not at all. Numbers rise by one within a program, so that whoever
// must have heard everything knows when something is missing.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace zverse::test {

/// CRC-32 as in zlib, so that the host needs nothing but Python.
class Crc32 {
public:
    void add(std::string_view bytes) noexcept;
    [[nodiscard]] std::uint32_t value() const noexcept { return ~state_; }

private:
    std::uint32_t state_ = 0xffff'ffff;
};

class Report {
public:
    /// Any thread. When it returns the line is with the kernel; the process ends when that takes no more lines.
    void say(const std::string& text);

private:
    std::mutex mutex_;  // a line's number is given in the order in which lines are written
    std::uint64_t lines_ = 0;
};

}  // namespace zverse::test
