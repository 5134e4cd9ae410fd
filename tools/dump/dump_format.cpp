#include <tools/common/result.h>
#include <tools/dump/dump_format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <nlohmann/json.hpp>

#include <array>
#include <bit>

namespace zverse::tools {
namespace {

using Json = nlohmann::ordered_json;

template <class Number>
void put_little_endian(char* at, Number number) {
    for (std::size_t i = 0; i < sizeof number; ++i) at[i] = static_cast<char>(number >> (8 * i) & 255);
}

template <class Number>
Number take_little_endian(std::string_view bytes) {
    Number number = 0;
    for (std::size_t i = 0; i < sizeof number; ++i) number |= Number{static_cast<unsigned char>(bytes[i])} << (8 * i);
    return number;
}

constexpr std::array kKinds{DumpKind::state, DumpKind::history, DumpKind::changes};

std::optional<DumpKind> kind_of(const Json& header) {
    const auto kind = header.find("kind");
    if (kind == header.end() || !kind->is_string()) return std::nullopt;
    for (const DumpKind each : kKinds) {
        if (*kind == to_string(each)) return each;
    }
    return std::nullopt;
}

/// False where the member is there and is no such number.
bool take_number(const Json& object, const char* name, std::uint64_t& number) {
    const auto found = object.find(name);
    if (found == object.end()) return true;
    if (!found->is_number_unsigned()) return false;
    number = found->get<std::uint64_t>();
    return true;
}

bool take_key(const Json& object, const char* name, std::string& key) {
    for (const char* suffix : {"", "64", "hex"}) {
        if (!object.contains(std::string(name) + suffix)) continue;
        auto bytes = take_bytes(object, name);
        if (bytes) key = std::move(*bytes);
        return bytes.has_value();
    }
    return true;
}

bool take_members(const Json& object, DumpHeader& header) {
    const auto values = object.find("values");
    if (values == object.end() || !values->is_boolean()) return false;
    header.values = values->get<bool>();
    return object.contains("until") && take_number(object, "until", header.until) &&
           take_number(object, "floor", header.floor) && take_number(object, "since", header.since) &&
           take_number(object, "ring_bytes", header.ring_bytes) && take_key(object, "from", header.keys.begin) &&
           take_key(object, "to", header.keys.end);
}

/// Rings are powers of two, 1 MiB .. 64 GiB; versions have 58 bits.
bool is_possible(const DumpHeader& header) {
    const bool rings = header.ring_bytes == 0 || (std::has_single_bit(header.ring_bytes) &&
                                                  header.ring_bytes >= 1U << 20 && header.ring_bytes <= 64ULL << 30);
    return rings && header.until <= kVersionMax && header.since <= header.until && header.floor <= header.until &&
           (header.keys.end.empty() || header.keys.begin <= header.keys.end);
}

}  // namespace

const char* to_string(DumpKind kind) noexcept {
    switch (kind) {
        case DumpKind::state: return "state";
        case DumpKind::history: return "history";
        case DumpKind::changes: return "changes";
    }
    return "";
}

std::uint64_t ring_bytes_of(const Store& store) {
    const Stats stats = store.stats();
    return static_cast<std::uint64_t>(stats.value(R"(zverse_ring_bytes{ring="0"})").value_or(0));
}

FrameHead frame_head(char kind, std::string_view key, std::string_view value, Version version) {
    FrameHead head{kind};
    put_little_endian(head.data() + 1, static_cast<std::uint32_t>(key.size()));
    put_little_endian(head.data() + 5, static_cast<std::uint32_t>(value.size()));
    put_little_endian(head.data() + 9, version);
    return head;
}

FrameFields parse_frame_head(std::string_view head) {
    return {head[0], take_little_endian<std::uint32_t>(head.substr(1)),
            take_little_endian<std::uint32_t>(head.substr(5)), take_little_endian<std::uint64_t>(head.substr(9))};
}

FrameCheck frame_check(const FrameHead& head, std::string_view key, std::string_view value) {
    XXH3_state_t state{};
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, head.data(), head.size());
    XXH3_64bits_update(&state, key.data(), key.size());
    XXH3_64bits_update(&state, value.data(), value.size());
    FrameCheck check{};
    put_little_endian(check.data(), XXH3_64bits_digest(&state));
    return check;
}

std::string header_text(const DumpHeader& header) {
    Json json;
    json["schema"] = kDumpSchema;
    json["kind"] = to_string(header.kind);
    json["floor"] = header.floor;
    if (header.kind == DumpKind::changes) json["since"] = header.since;
    json["until"] = header.until;
    if (!header.keys.begin.empty()) set_bytes(json, "from", header.keys.begin, BytesStyle::text);
    if (!header.keys.end.empty()) set_bytes(json, "to", header.keys.end, BytesStyle::text);
    json["values"] = header.values;
    if (header.ring_bytes != 0) json["ring_bytes"] = header.ring_bytes;
    return json.dump();
}

Result<DumpHeader> parse_header(std::string_view text) {
    const Json json = Json::parse(text, nullptr, false);
    const auto schema = json.is_object() ? json.find("schema") : json.end();
    if (!json.is_object() || schema == json.end() || !schema->is_string()) {
        return fail(ErrorCode::corrupt,
                    "The header is no JSON object with a schema: this is no dump, or a damaged one.");
    }
    if (*schema != kDumpSchema) {
        return fail(ErrorCode::incompatible, "The dump has the schema '" + schema->get<std::string>() +
                                                 "'; this program reads " + std::string(kDumpSchema) + ".");
    }
    DumpHeader header;
    const auto kind = kind_of(json);
    if (!kind || !take_members(json, header)) {
        return fail(ErrorCode::corrupt, "A member of the dump's header is missing or damaged.");
    }
    header.kind = *kind;
    if (!is_possible(header)) return fail(ErrorCode::corrupt, "The dump's header has impossible values.");
    return header;
}

struct DumpHash::State {
    XXH3_state_t hash{};
};

DumpHash::DumpHash() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->hash); }
DumpHash::~DumpHash() = default;

void DumpHash::add_bytes(std::string_view bytes) { XXH3_128bits_update(&state_->hash, bytes.data(), bytes.size()); }

void DumpHash::add_header(std::string_view text) {
    const FrameHead head = frame_head('H', {}, text, 0);
    add_bytes({head.data(), head.size()});
    add_bytes(text);
}

void DumpHash::add(const DumpRecord& record) {
    const FrameHead head = frame_head(static_cast<char>(record.kind), record.key, record.value, record.version);
    add_bytes({head.data(), head.size()});
    add_bytes(record.key);
    add_bytes(record.value);
    ++records_;
}

std::string DumpHash::trailer_text() const {
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, XXH3_128bits_digest(&state_->hash));
    const std::string_view bytes(reinterpret_cast<const char*>(hash.digest), sizeof hash.digest);
    return R"({"end":true,"records":)" + std::to_string(records_) + R"(,"xxh3_128":")" + to_hex(bytes) + R"("})";
}

}  // namespace zverse::tools
