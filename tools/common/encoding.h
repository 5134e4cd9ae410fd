// Encodings: bytes of any kind in text and back: hex digits, base64, members of JSON objects, arguments of a command.
#pragma once

#include <zverse/error.h>

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace zverse::tools {

/// How keys and values are shown.
enum class BytesStyle {
    text,      ///< as UTF-8 where they are clean
    hex,
    base64,
    redacted,  ///< only how many there are
};

[[nodiscard]] std::string to_hex(std::string_view bytes);
/// Nothing when it is not an even number of hex digits.
[[nodiscard]] std::optional<std::string> from_hex(std::string_view digits);
[[nodiscard]] std::string to_base64(std::string_view bytes);
/// Nothing when it is not what to_base64() makes.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

/// UTF-8 without control characters other than tab, line feed and carriage return: what a JSON string shows as it is.
[[nodiscard]] bool is_plain_text(std::string_view bytes);

/// For people, on one line: see printable(); "<12 bytes>" when redacted.
[[nodiscard]] std::string shown(std::string_view bytes, BytesStyle style);

/// Sets the member `name` to a string; bytes that are no plain text, or are wanted so, become `name`64 in base64 or
/// `name`hex in hex digits. So there is one way to read each.
void set_bytes(nlohmann::ordered_json& object, const std::string& name, std::string_view bytes, BytesStyle style);
/// What set_bytes() set; nothing when there is not exactly one of the three members, well-formed.
[[nodiscard]] std::optional<std::string> take_bytes(const nlohmann::ordered_json& object, const std::string& name);

/// An argument: \xNN stands for the byte with that number, every other character for itself, so what shown() prints is
/// read back. As `hex`, all of it is hex digits. invalid_argument when it is not.
[[nodiscard]] Result<std::string> parse_bytes(std::string_view argument, bool hex);

}  // namespace zverse::tools
