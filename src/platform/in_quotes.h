// Keys and names in messages: any bytes may be in them, and any number.
#pragma once

#include <string>
#include <string_view>

namespace zverse::platform {

/// In quotes: printable ASCII as it is, but for quotes and backslashes, other bytes as \xNN; of more than 64 bytes the
/// first 64 and how many there are.
[[nodiscard]] inline std::string in_quotes(std::string_view bytes) {
    constexpr std::size_t kShown = 64;
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text = "\"";
    for (const char each : bytes.substr(0, kShown)) {
        const auto byte = static_cast<unsigned char>(each);
        if (byte >= 0x20 && byte < 0x7f && each != '"' && each != '\\') {
            text += each;
        } else {
            text += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
        }
    }
    text += '"';
    if (bytes.size() > kShown) text += "... (" + std::to_string(bytes.size()) + " bytes)";
    return text;
}

}  // namespace zverse::platform
