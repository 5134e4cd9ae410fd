// StatPage: the figures of an open store, in a file that other processes may read at any time: <store>/STATS.
//
// The file is two slots of equal size. A publication goes to the slot whose turn it is, in one write, and leaves the
// other one alone, so a reader finds at least one whole slot however it meets the writer; the checksum tells. Nothing
// depends on the file: it is never synced, recovery does not look at it, and where it can't be written there is none.
//
// Threads: one writer at a time; readers in any process.
#pragma once

#include <platform/capabilities.h>
#include <platform/file_io.h>
#include <zverse/error.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace zverse::engine {

inline constexpr const char* kStatPageName = "STATS";
inline constexpr std::uint64_t kStatPageMagic = 0x3130544154535a5a;  // "ZZSTAT01", little-endian
inline constexpr std::size_t kStatSlotBytes = std::size_t{256} << 10;

/// In front of a slot; the texts follow.
///
///   offset  size  field
///        0     8  magic              "ZZSTAT01"; the last two characters are the format version
///        8     8  sequence           grows with every publication; its lowest bit is the slot
///       16     8  process            id of the process that has the store open; 0: it was closed
///       24    16  boot               boot id of the machine that process runs on
///       40     8  published          nanoseconds since 1970
///       48     4  json_bytes         Stats::to_json()
///       52     4  openmetrics_bytes  Stats::to_openmetrics(), behind it
///       56     8  checksum           XXH3-64 of bytes [0, 56) and the texts
struct StatSlotHeader {
    std::uint64_t magic;
    std::uint64_t sequence;
    std::uint64_t process;
    std::uint64_t boot[2];
    std::int64_t published;
    std::uint32_t json_bytes;
    std::uint32_t openmetrics_bytes;
    std::uint64_t checksum;
};
static_assert(sizeof(StatSlotHeader) == 64);
static_assert(offsetof(StatSlotHeader, checksum) == 56);
static_assert(std::has_unique_object_representations_v<StatSlotHeader>, "no hidden padding");

/// What a reader finds.
struct StatSnapshot {
    std::uint64_t process = 0;  ///< 0: the store was closed
    platform::BootId boot;
    std::int64_t published = 0;  ///< nanoseconds since 1970
    std::string json;
    std::string openmetrics;
};

class StatPage {
public:
    /// Goes on with the page that is there, or begins one. Errors: io, full.
    [[nodiscard]] static Result<StatPage> open(platform::FileIo& io, const std::filesystem::path& store,
                                               const platform::BootId& boot);
    /// Figures that don't fit into a slot are left out, the platform's with them. Errors: io, full.
    [[nodiscard]] Result<void> publish(std::uint64_t process, std::int64_t now, std::string_view json,
                                       std::string_view openmetrics);
    /// Errors: not_found (no page there), corrupt (no whole slot), io.
    [[nodiscard]] static Result<StatSnapshot> read(platform::FileIo& io, const std::filesystem::path& store);

private:
    StatPage(std::unique_ptr<platform::File> file, const platform::BootId& boot, std::uint64_t sequence)
        : file_(std::move(file)), boot_(boot), sequence_(sequence), slot_(kStatSlotBytes) {}

    std::unique_ptr<platform::File> file_;
    platform::BootId boot_;
    std::uint64_t sequence_;
    std::vector<std::byte> slot_;
};

}  // namespace zverse::engine
