// What a dump says, whatever it looks like: a header, records in order, a trailer. docs/dump-format.md has the bytes.
//
// Order of records: pins by name; then, of a state, keys ascending; of a history or changes, version and key ascending.
// The trailer has how many there were and a hash of the header and of each record's frame, which is what the binary
// format writes; so it is the same in every format, but for the header's own text.
#pragma once

#include <tools/common/encoding.h>
#include <zverse/store.h>

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace zverse::tools {

inline constexpr std::string_view kDumpSchema = "zverse.dump/1";
inline constexpr std::string_view kBinaryMagic = "ZVDUMP1\n";
inline constexpr std::uint64_t kDumpValueBytesMax = 0xffff'ffff;

enum class DumpKind {
    state,  ///< the newest value of each key as of `until`
    history,  ///< every version from the floor up to `until`, tombstones too; and each key's newest up to the floor
    changes,  ///< every version in (since, until], tombstones too
};

[[nodiscard]] const char* to_string(DumpKind kind) noexcept;

struct DumpHeader {
    DumpKind kind = DumpKind::state;
    Version floor = 0;  ///< of the store that was dumped
    Version since = 0;  ///< of changes
    Version until = 0;
    KeyRange keys;
    bool values = true;  ///< else records have none
    std::uint64_t ring_bytes =
        0;  ///< of the store that was dumped: whatever it wrote at once fits such rings; 0: unknown
};

enum class DumpRecordKind : char { put = 'R', erase = 'E', pin = 'P' };

/// The views are the source's, until it is asked for the next record.
struct DumpRecord {
    DumpRecordKind kind = DumpRecordKind::put;
    std::string_view key;  ///< of a pin: its name
    std::string_view value;
    Version version = 0;
};

/// Ahead of key and value in a frame: kind, length of the key, length of the value, version, little-endian.
inline constexpr std::size_t kFrameHeadBytes = 17;
using FrameHead = std::array<char, kFrameHeadBytes>;
[[nodiscard]] FrameHead frame_head(char kind, std::string_view key, std::string_view value, Version version);

/// What a frame head says; any kind.
struct FrameFields {
    char kind = 0;
    std::uint32_t key_bytes = 0, value_bytes = 0;
    Version version = 0;
};
[[nodiscard]] FrameFields parse_frame_head(std::string_view head);

/// Behind them in the binary format: XXH3-64 of the frame so far, little-endian.
inline constexpr std::size_t kFrameCheckBytes = 8;
using FrameCheck = std::array<char, kFrameCheckBytes>;
[[nodiscard]] FrameCheck frame_check(const FrameHead& head, std::string_view key, std::string_view value);

/// Of a store: the size of each of its rings.
[[nodiscard]] std::uint64_t ring_bytes_of(const Store& store);

/// One line of JSON, without its end.
[[nodiscard]] std::string header_text(const DumpHeader& header);
/// corrupt; incompatible when it is of another schema. Members that are unknown are passed over.
[[nodiscard]] Result<DumpHeader> parse_header(std::string_view text);

/// XXH3-128 of a dump so far.
class DumpHash {
public:
    DumpHash();
    ~DumpHash();
    void add_header(std::string_view text);
    void add(const DumpRecord& record);
    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
    /// The trailer, one line of JSON without its end. There is exactly one right text.
    [[nodiscard]] std::string trailer_text() const;

private:
    struct State;
    void add_bytes(std::string_view bytes);

    std::unique_ptr<State> state_;
    std::uint64_t records_ = 0;
};

}  // namespace zverse::tools
