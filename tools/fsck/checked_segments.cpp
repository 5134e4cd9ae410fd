#include <tools/fsck/checked_segments.h>

#include <tools/common/result.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <span>
#include <system_error>

namespace zverse::tools {

namespace {

using Json = nlohmann::ordered_json;
constexpr const char* kSchema = "zverse.fsck.resume/1";
/// A million segments; what is larger nobody wrote.
constexpr std::uint64_t kFileBytesMax = std::uint64_t{64} << 20;

std::string hex(std::uint64_t number) {
    char text[16];
    const auto end = std::to_chars(std::begin(text), std::end(text), number, 16).ptr;
    return {std::begin(text), end};
}

bool from_hex(const std::string& text, std::uint64_t& number) {
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number, 16);
    return read.ec == std::errc{} && read.ptr == end;
}

}  // namespace

Result<CheckedSegments> CheckedSegments::open(platform::FileIo& io, std::filesystem::path path, std::string uuid,
                                              std::string level) {
    CheckedSegments checked(io, std::move(path), std::move(uuid), std::move(level));
    if (auto read = checked.read(); !read) return pass_on(read);
    return checked;
}

/// Nothing of it is believed: neither what it holds nor how deep it is.
bool CheckedSegments::parse(const std::string& text) {
    const auto shallow = [](int depth, Json::parse_event_t, const Json&) { return depth <= 3; };
    const Json json = Json::parse(text, shallow, false);
    const auto says = [&](const char* name, const std::string& what) {
        const auto member = json.find(name);
        return member != json.end() && member->is_string() && member->get_ref<const std::string&>() == what;
    };
    if (!json.is_object() || !says("schema", kSchema) || !says("uuid", uuid_) || !says("level", level_)) return false;
    const auto segments = json.find("segments");
    if (segments == json.end() || !segments->is_array()) return false;
    for (const Json& each : *segments) {
        std::uint64_t checksum = 0;
        if (!each.is_array() || each.size() != 2 || !each[0].is_number_unsigned() || !each[1].is_string() ||
            !from_hex(each[1].get_ref<const std::string&>(), checksum)) {
            return false;
        }
        checksums_[each[0].get<std::uint64_t>()] = checksum;
    }
    return true;
}

Result<void> CheckedSegments::read() {
    auto file = io_->open(path_, platform::OpenMode::read);
    if (!file && file.error().os_errno() == ENOENT) return {};
    if (!file) return pass_on(file);
    auto bytes = (*file)->size();
    if (!bytes) return pass_on(bytes);
    std::string text(std::min(*bytes, kFileBytesMax), '\0');
    if (auto read = (*file)->read_exact(std::as_writable_bytes(std::span(text)), 0); !read) return read;
    if (parse(text)) return {};
    return fail(ErrorCode::invalid_argument, path_.string() + " does not say how far a check of store " + uuid_ +
                                                 " at level " + level_ + " came; remove it to begin anew");
}

bool CheckedSegments::has(const cold::SegmentHeader& header) const {
    const auto found = checksums_.find(header.segment);
    return found != checksums_.end() && found->second == header.checksum;
}

Result<void> CheckedSegments::note(const cold::SegmentHeader& header) {
    checksums_[header.segment] = header.checksum;
    if (std::chrono::steady_clock::now() - saved_ < std::chrono::seconds(5)) return {};
    return save();
}

std::string CheckedSegments::text() const {
    Json segments = Json::array();
    for (const auto& [segment, checksum] : checksums_) segments.push_back({segment, hex(checksum)});
    const Json json = {{"schema", kSchema}, {"uuid", uuid_}, {"level", level_}, {"segments", std::move(segments)}};
    return json.dump() + "\n";
}

Result<void> CheckedSegments::save() {
    std::filesystem::path writing = path_;
    writing += ".writing";
    if (auto left = io_->remove(writing); !left && left.error().os_errno() != ENOENT) return left;
    auto file = io_->open(writing, platform::OpenMode::create);
    if (!file) return pass_on(file);
    const std::string all = text();
    if (auto written = (*file)->write(std::as_bytes(std::span(all)), 0); !written) return written;
    if (auto synced = (*file)->sync(); !synced) return synced;
    saved_ = std::chrono::steady_clock::now();
    return io_->rename(writing, path_);
}

Result<void> CheckedSegments::remove() {
    if (auto removed = io_->remove(path_); !removed && removed.error().os_errno() != ENOENT) return removed;
    return {};
}

}  // namespace zverse::tools
