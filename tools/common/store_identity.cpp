#include <tools/common/store_identity.h>

#include <cold/layout.h>
#include <cold/segment_checksum.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <span>

namespace zverse::tools {

std::optional<StoreIdentity> identity_of_segments(platform::FileIo& io, const std::filesystem::path& directory) {
    const auto names = io.list(directory);
    if (!names) return std::nullopt;
    std::map<StoreIdentity, std::uint64_t> told;
    for (const std::string& name : *names) {
        auto file = io.open(directory / name, platform::OpenMode::read);
        cold::SegmentHeader header;
        if (!file || !(*file)->read_exact(std::as_writable_bytes(std::span(&header, 1)), 0)) continue;
        if (header.magic != cold::kSegmentMagic || header.checksum != cold::header_checksum(header)) continue;
        ++told[{header.store[0], header.store[1]}];
    }
    if (told.empty()) return std::nullopt;
    return std::ranges::max_element(told, {}, [](const auto& each) { return each.second; })->first;
}

std::string identity_text(const StoreIdentity& identity) {
    std::array<char, 34> text{};
    std::snprintf(text.data(), text.size(), "%016lx%016lx", identity[0], identity[1]);
    return text.data();
}

}  // namespace zverse::tools
