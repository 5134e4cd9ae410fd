// What stays of a segment once it was opened and closed again, so that a check needs neither a descriptor nor an index
// for each segment of a store.
#pragma once

#include <cold/segment.h>

#include <filesystem>
#include <optional>
#include <string>

namespace zverse::tools {

struct SeenSegment {
    explicit SeenSegment(const cold::Segment& segment)
        : path(segment.path()),
          header(segment.header()),
          first_key(segment.first_key()),
          last_key(segment.last_key()),
          range_begin(segment.range_begin()),
          range_end(segment.range_end()) {}

    std::filesystem::path path;
    cold::SegmentHeader header;
    std::string first_key, last_key;
    std::string range_begin;
    std::optional<std::string> range_end;  ///< nothing in the last part
};

}  // namespace zverse::tools
