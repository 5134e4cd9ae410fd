// Words and numbers as people read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace zverse::tools {

/// "12.4 MiB"; exact below a KiB.
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
/// "1,234,567".
[[nodiscard]] std::string count_text(std::uint64_t count);
/// "1 commit", "1,234 commits".
[[nodiscard]] std::string counted(std::uint64_t count, const std::string& singular);
/// "184 ms", "12.3 s", "4 min 10 s".
[[nodiscard]] std::string seconds_text(double seconds);
/// `count` in `seconds` as "1.9 M records/s", "812 k records/s", "96 records/s".
[[nodiscard]] std::string rate_text(double count, double seconds, const std::string& unit);
/// Length of the UTF-8 sequence at the front of `bytes`, which are some; 0 when there is none: no overlong forms, no
/// surrogates, no control characters beyond ASCII.
[[nodiscard]] std::size_t utf8_length(std::string_view bytes);
/// Bytes as UTF-8 when they are clean; control bytes, backslashes and everything that is no UTF-8 as \xNN.
[[nodiscard]] std::string printable(std::string_view bytes);

}  // namespace zverse::tools
