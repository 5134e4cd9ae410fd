#include <tools/common/encoding.h>
#include <tools/common/result.h>
#include <tools/common/text.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace zverse::tools {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::uint8_t kNoDigit = 0xff;

std::optional<unsigned> hex_value(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return std::nullopt;
}

std::optional<char> hex_byte(std::string_view digits) {
    if (digits.size() < 2) return std::nullopt;
    const auto high = hex_value(digits[0]);
    const auto low = hex_value(digits[1]);
    if (!high || !low) return std::nullopt;
    return static_cast<char>(*high << 4 | *low);
}

}  // namespace

std::string to_hex(std::string_view bytes) {
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const char each : bytes) {
        const auto byte = static_cast<unsigned char>(each);
        text += kHexDigits[byte >> 4];
        text += kHexDigits[byte & 15];
    }
    return text;
}

std::optional<std::string> from_hex(std::string_view digits) {
    if (digits.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    bytes.reserve(digits.size() / 2);
    for (; !digits.empty(); digits.remove_prefix(2)) {
        const auto byte = hex_byte(digits);
        if (!byte) return std::nullopt;
        bytes += *byte;
    }
    return bytes;
}

std::string to_base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::string_view group = bytes.substr(i, 3);
        std::uint32_t bits = 0;
        for (std::size_t j = 0; j < 3; ++j)
            bits = bits << 8 | (j < group.size() ? static_cast<unsigned char>(group[j]) : 0);
        for (std::size_t j = 0; j < 4; ++j) {
            text += j <= group.size() ? kBase64Digits[bits >> (18 - 6 * j) & 63] : '=';
        }
    }
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    static constexpr auto kValues = [] {
        std::array<std::uint8_t, 256> values{};
        values.fill(kNoDigit);
        for (std::size_t i = 0; i < kBase64Digits.size(); ++i) {
            values[static_cast<unsigned char>(kBase64Digits[i])] = static_cast<std::uint8_t>(i);
        }
        return values;
    }();
    if (text.size() % 4 != 0) return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    for (std::size_t i = 0; i < text.size(); i += 4) {
        const bool last = i + 4 == text.size();
        const std::size_t padding = !last ? 0 : text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
        std::uint32_t bits = 0;
        for (std::size_t j = 0; j < 4 - padding; ++j) {
            const std::uint32_t value = kValues[static_cast<unsigned char>(text[i + j])];
            if (value == kNoDigit) return std::nullopt;
            bits |= value << (18 - 6 * j);
        }
        // Bits that no byte has are zero: two texts never mean the same.
        if ((bits & ((1U << (8 * padding)) - 1)) != 0) return std::nullopt;
        for (std::size_t j = 0; j < 3 - padding; ++j) bytes += static_cast<char>(bits >> (16 - 8 * j) & 255);
    }
    return bytes;
}

bool is_plain_text(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto first = static_cast<unsigned char>(bytes.front());
        const std::size_t length = utf8_length(bytes);
        if (length == 0 || (first < 0x20 && first != '\t' && first != '\n' && first != '\r')) return false;
        bytes.remove_prefix(length);
    }
    return true;
}

std::string shown(std::string_view bytes, BytesStyle style) {
    switch (style) {
        case BytesStyle::text: return printable(bytes);
        case BytesStyle::hex: return to_hex(bytes);
        case BytesStyle::base64: return to_base64(bytes);
        case BytesStyle::redacted: return "<" + counted(bytes.size(), "byte") + ">";
    }
    return {};
}

void set_bytes(nlohmann::ordered_json& object, const std::string& name, std::string_view bytes, BytesStyle style) {
    if (style == BytesStyle::text && !is_plain_text(bytes)) style = BytesStyle::base64;
    switch (style) {
        case BytesStyle::text: object[name] = bytes; break;
        case BytesStyle::hex: object[name + "hex"] = to_hex(bytes); break;
        case BytesStyle::base64: object[name + "64"] = to_base64(bytes); break;
        case BytesStyle::redacted: object[name] = shown(bytes, style); break;
    }
}

std::optional<std::string> take_bytes(const nlohmann::ordered_json& object, const std::string& name) {
    const auto text = [&](const std::string& member) -> const std::string* {
        const auto found = object.find(member);
        return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
    };
    const std::string* const plain = text(name);
    const std::string* const base64 = text(name + "64");
    const std::string* const hex = text(name + "hex");
    if ((plain != nullptr) + (base64 != nullptr) + (hex != nullptr) != 1) return std::nullopt;
    if (plain != nullptr) return *plain;
    return base64 != nullptr ? from_base64(*base64) : from_hex(*hex);
}

Result<std::string> parse_bytes(std::string_view argument, bool hex) {
    if (hex) {
        if (auto bytes = from_hex(argument)) return std::move(*bytes);
        return fail(ErrorCode::invalid_argument,
                    "'" + std::string(argument) + "' is not an even number of hex digits.");
    }
    std::string bytes;
    while (!argument.empty()) {
        const auto escaped = argument.starts_with("\\x") ? hex_byte(argument.substr(2)) : std::nullopt;
        bytes += escaped.value_or(argument.front());
        argument.remove_prefix(escaped ? 4 : 1);
    }
    return bytes;
}

}  // namespace zverse::tools
