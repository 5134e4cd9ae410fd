// Which store it is, where its superblock can't tell.
#pragma once

#include <platform/file_io.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace zverse::tools {

using StoreIdentity = std::array<std::uint64_t, 2>;

/// Each segment's header names the store. What most of them say is believed.
[[nodiscard]] std::optional<StoreIdentity> identity_of_segments(platform::FileIo& io,
                                                                const std::filesystem::path& directory);

/// 32 hexadecimal digits.
[[nodiscard]] std::string identity_text(const StoreIdentity& identity);

}  // namespace zverse::tools
