// Files as bytes: to compare a store's directory before and after, and to damage it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace zverse::test {

[[nodiscard]] std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, std::string_view bytes);
/// Inverts one bit in place, without touching anything else; twice is as never.
void flip_bit(const std::filesystem::path& path, std::uint64_t bit);

/// Every file below `directory`, by its path from there; directories are entries that end in '/'.
using FileTree = std::map<std::string, std::string>;
[[nodiscard]] FileTree read_tree(const std::filesystem::path& directory);
/// The names of what differs, for messages; empty when the trees are equal.
[[nodiscard]] std::string difference(const FileTree& before, const FileTree& after);

}  // namespace zverse::test
