#include <platform/mapping_facts.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

namespace zverse::platform {

namespace {

struct AddressRange {
    std::uintptr_t begin = 0, end = 0;
};

/// "7f0000000000-7f0000200000 rw-s ..." begins the part of a mapping; every other line has a colon after its word.
std::optional<AddressRange> range_of(std::string_view line) {
    AddressRange range;
    const char* const begin = line.data();
    const char* const end = begin + line.size();
    const auto [dash, first_error] = std::from_chars(begin, end, range.begin, 16);
    if (first_error != std::errc() || dash == end || *dash != '-') return std::nullopt;
    const auto [space, second_error] = std::from_chars(dash + 1, end, range.end, 16);
    if (second_error != std::errc() || space == end || *space != ' ') return std::nullopt;
    return range;
}

void take_line(std::string_view line, MappingFacts& facts) {
    constexpr std::array<std::string_view, 5> kHugeFields{
        "AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:", "Shared_Hugetlb:", "Private_Hugetlb:"};
    std::istringstream words{std::string(line)};
    std::string field;
    words >> field;
    for (const std::string_view huge : kHugeFields) {
        if (field != huge) continue;
        std::size_t kilobytes = 0;
        words >> kilobytes;
        facts.huge_bytes += kilobytes * 1024;
    }
    if (field != "VmFlags:") return;
    for (std::string flag; words >> flag;) facts.synchronous |= flag == "sf";
}

}  // namespace

MappingFacts mapping_facts_from(std::istream& smaps, const void* address) {
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    MappingFacts facts;
    for (std::string line; std::getline(smaps, line);) {
        if (const auto range = range_of(line)) {
            if (facts.known) break;
            facts.known = range->begin <= wanted && wanted < range->end;
        } else if (facts.known) {
            take_line(line, facts);
        }
    }
    return facts;
}

MappingFacts mapping_facts(const void* address) {
    std::ifstream smaps("/proc/self/smaps");
    return mapping_facts_from(smaps, address);
}

}  // namespace zverse::platform
