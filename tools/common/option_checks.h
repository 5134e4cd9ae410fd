// What CLI11 leaves open about values on a command line.
#pragma once

#include <CLI/App.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <type_traits>

namespace zverse::tools {

/// A number of bytes or of things, which CLI11 would take with a sign and beyond 64 bits.
inline const CLI::Validator kNoSignNorOverflow(
    [](const std::string& text) {
        const auto digits = std::ranges::count_if(text, [](char c) { return c >= '0' && c <= '9'; });
        return text.starts_with('-') || digits > 15 ? "must be a number from 0 to 10^15" : std::string();
    },
    "");

/// For transform(): one of the names, in any case, becomes its value. Help and errors show the names alone.
template <class Enum>
[[nodiscard]] CLI::Validator one_of(const std::map<std::string, Enum>& names) {
    std::string all;
    for (const auto& [name, value] : names) all += (all.empty() ? "" : "|") + name;
    const auto choose = [names, all](std::string& text) -> std::string {
        const auto chosen = names.find(CLI::detail::to_lower(text));
        if (chosen == names.end()) return text + ": must be one of " + all;
        text = std::to_string(static_cast<std::underlying_type_t<Enum>>(chosen->second));
        return {};
    };
    return {choose, all, "one_of"};
}

}  // namespace zverse::tools
