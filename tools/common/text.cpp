#include <tools/common/text.h>

#include <array>
#include <cmath>
#include <cstdarg>
#include <cstddef>
#include <cstdio>

namespace zverse::tools {
namespace {

[[gnu::format(printf, 1, 2)]] std::string print(const char* format, ...) {
    std::array<char, 64> text{};
    std::va_list values;
    va_start(values, format);
    std::vsnprintf(text.data(), text.size(), format, values);
    va_end(values);
    return text.data();
}

}  // namespace

std::size_t utf8_length(std::string_view bytes) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    const unsigned first = at(0);
    const std::size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length == 0 || first > 0xf4 || bytes.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((at(i) & 0xc0) != 0x80) return 0;
    }
    const bool outside = (first == 0xe0 && at(1) < 0xa0) || (first == 0xed && at(1) > 0x9f) ||
                         (first == 0xf0 && at(1) < 0x90) || (first == 0xf4 && at(1) > 0x8f) ||
                         (first == 0xc2 && at(1) < 0xa0);  // C1 control characters
    return outside ? 0 : length;
}

std::string bytes_text(std::uint64_t bytes) {
    if (bytes < 1024) return std::to_string(bytes) + " B";
    double value = static_cast<double>(bytes);
    std::size_t unit = 0;
    static constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    while (value >= 1023.95 && unit + 1 < kUnits.size()) {
        value /= 1024;
        unit += 1;
    }
    const bool whole = value == std::floor(value);
    return print(whole ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
}

std::string count_text(std::uint64_t count) {
    std::string text = std::to_string(count);
    for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
    return text;
}

std::string counted(std::uint64_t count, const std::string& singular) {
    return count_text(count) + " " + singular + (count == 1 ? "" : "s");
}

std::string seconds_text(double seconds) {
    if (seconds < 1e-3) return print("%.0f us", seconds * 1e6);
    if (seconds < 1) return print(seconds < 0.01 ? "%.1f ms" : "%.0f ms", seconds * 1e3);
    if (seconds < 100) return print("%.1f s", seconds);
    const double minutes = std::floor(seconds / 60);
    return print("%.0f min %.0f s", minutes, seconds - minutes * 60);
}

std::string rate_text(double count, double seconds, const std::string& unit) {
    const double rate = seconds > 0 ? count / seconds : 0;
    const std::string per_second = unit + "/s";
    if (rate >= 1e6) return print("%.1f M ", rate / 1e6) + per_second;
    if (rate >= 1e4) return print("%.0f k ", rate / 1e3) + per_second;
    return count_text(static_cast<std::uint64_t>(std::llround(rate))) + " " + per_second;
}

std::string printable(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
        const auto first = static_cast<unsigned char>(bytes.front());
        const std::size_t length = utf8_length(bytes);
        if (length == 0 || first < 0x20 || first == 0x7f || first == '\\') {
            text += print("\\x%02x", first);
            bytes.remove_prefix(1);
            continue;
        }
        text += bytes.substr(0, length);
        bytes.remove_prefix(length);
    }
    return text;
}

}  // namespace zverse::tools
