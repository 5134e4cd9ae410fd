// What CLI11 leaves open about numbers on a command line.
#pragma once

#include <CLI/CLI.hpp>

#include <algorithm>
#include <string>

namespace zverse::tools {

/// A number of bytes or of things, which CLI11 would take with a sign and beyond 64 bits.
inline const CLI::Validator kNoSignNorOverflow(
    [](const std::string& text) {
        const auto digits = std::ranges::count_if(text, [](char c) { return c >= '0' && c <= '9'; });
        return text.starts_with('-') || digits > 15 ? "must be a number from 0 to 10^15" : std::string();
    },
    "");

}  // namespace zverse::tools
