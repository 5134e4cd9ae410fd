#include <tools/common/result.h>
#include <tools/common/text.h>
#include <tools/dump/dump_reader.h>
#include <tools/dump/text_dump_reader.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace zverse::tools {
namespace {

using Json = nlohmann::ordered_json;

/// A key and a value of the largest size, each byte escaped, and what is around them.
constexpr std::uint64_t kLineBytesMax = 2 * kDumpValueBytesMax + (std::uint64_t{1} << 20);

class JsonlReader final : public DumpReader {
public:
    explicit JsonlReader(Input& input) : DumpReader(input) {}

private:
    [[nodiscard]] std::string place() const override { return "line " + count_text(input_.lines()); }

    Result<void> read_header() override {
        auto found = input_.read_line(line_, kLineBytesMax);
        if (!found) return pass_on(found);
        if (!*found) return cut_off();
        return set_header(line_);
    }

    Result<bool> read(DumpRecord& record) override {
        auto found = input_.read_line(line_, kLineBytesMax);
        if (!found) return pass_on(found);
        if (!*found) return cut_off();
        if (line_.starts_with(R"({"end")")) return check_trailer(line_);
        const Json json = Json::parse(line_, nullptr, false);
        const auto version = json.is_object() ? json.find("ver") : json.end();
        if (!json.is_object() || version == json.end() || !version->is_number_unsigned()) {
            return damaged("is no JSON object with a version");
        }
        record.version = version->get<Version>();
        if (!take_operation(json, record)) return damaged("is neither a put, nor a delete, nor a pin");
        record.key = key_;
        record.value = value_;
        return true;
    }

    bool take_operation(const Json& json, DumpRecord& record) {
        value_.clear();
        const auto operation = json.find("op");
        if (operation == json.end()) {
            record.kind = DumpRecordKind::pin;
            return take_into(key_, json, "pin");
        }
        if (*operation == "del") {
            record.kind = DumpRecordKind::erase;
            return take_into(key_, json, "k");
        }
        record.kind = DumpRecordKind::put;
        if (*operation != "put" || !take_into(key_, json, "k")) return false;
        return !header_.values || take_into(value_, json, "v");
    }

    static bool take_into(std::string& into, const Json& json, const char* name) {
        auto bytes = take_bytes(json, name);
        if (bytes) into = std::move(*bytes);
        return bytes.has_value();
    }

    std::string line_;
};

class BinaryReader final : public DumpReader {
public:
    explicit BinaryReader(Input& input) : DumpReader(input) {}

private:
    [[nodiscard]] std::string place() const override { return "the frame at offset " + std::to_string(at_); }

    Result<void> read_header() override {
        std::string magic;
        if (auto read = input_.read(kBinaryMagic.size(), magic); !read) return read;
        auto kind = read_frame();
        if (!kind) return pass_on(kind);
        if (*kind != 'H') return damaged("is no header");
        return set_header(value_);
    }

    Result<bool> read(DumpRecord& record) override {
        auto kind = read_frame();
        if (!kind) return pass_on(kind);
        if (*kind == 'T') return check_trailer(value_);
        if (*kind != 'R' && *kind != 'E' && *kind != 'P') return damaged("is of no known kind");
        if (*kind != 'R' && !value_.empty()) return damaged("has a value, which only a put has");
        record = {static_cast<DumpRecordKind>(*kind), key_, value_, version_};
        return true;
    }

    Result<char> read_frame() {
        at_ = input_.offset();
        if (auto read = input_.read(kFrameHeadBytes, text_); !read) return pass_on(read);
        if (text_.size() < kFrameHeadBytes) return cut_off();
        FrameHead head{};
        std::ranges::copy(text_, head.begin());
        const FrameFields fields = parse_frame_head(text_);
        if (fields.key_bytes > kKeyBytesMax) return damaged("has a key of impossible length");
        if (auto read = input_.read(fields.key_bytes, key_); !read) return pass_on(read);
        if (auto read = input_.read(fields.value_bytes, value_); !read) return pass_on(read);
        if (auto read = input_.read(kFrameCheckBytes, text_); !read) return pass_on(read);
        if (text_.size() < kFrameCheckBytes) return cut_off();
        const FrameCheck check = frame_check(head, key_, value_);
        if (!std::ranges::equal(check, text_)) return damaged("does not fit its checksum");
        version_ = fields.version;
        return fields.kind;
    }

    std::uint64_t at_ = 0;
    std::string text_;
    Version version_ = 0;
};

std::unique_ptr<DumpReader> reader_for(std::string_view begin, Input& input) {
    if (begin.starts_with(kBinaryMagic)) return std::make_unique<BinaryReader>(input);
    if (begin.starts_with(kTextBegin)) return std::make_unique<TextDumpReader>(input);
    if (begin.starts_with('{')) return std::make_unique<JsonlReader>(input);
    return nullptr;
}

}  // namespace

Result<std::unique_ptr<DumpReader>> DumpReader::open(Input& input) {
    auto begin = input.peek(std::max(kBinaryMagic.size(), kTextBegin.size()));
    if (!begin) return pass_on(begin);
    auto reader = reader_for(*begin, input);
    if (reader == nullptr) {
        if (begin->size() == kBinaryMagic.size() && begin->starts_with(kBinaryMagic.substr(0, 6))) {
            return fail(ErrorCode::incompatible, input.name() +
                                                     " is a binary dump of a format that this program does "
                                                     "not know.");
        }
        return fail(ErrorCode::corrupt, input.name() + (begin->empty() ? " is empty: no dump." : " is no dump."));
    }
    if (auto read = reader->read_header(); !read) return pass_on(read);
    return reader;
}

Result<bool> DumpReader::next(DumpRecord& record) {
    auto found = read(record);
    if (!found) return found;
    if (!*found) {
        auto rest = input_.peek(1);
        if (!rest) return pass_on(rest);
        if (!rest->empty()) return fail(ErrorCode::corrupt, input_.name() + " goes on behind the end of the dump.");
        return false;
    }
    if (auto good = check(record); !good) return pass_on(good);
    hash_.add(record);
    ++records_;
    began_ = record.kind != DumpRecordKind::pin;
    last_key_ = record.key;
    last_version_ = record.version;
    return true;
}

Result<void> DumpReader::check(const DumpRecord& record) const {
    const bool pin = record.kind == DumpRecordKind::pin;
    if (record.key.empty() || record.key.size() > (pin ? 255 : kKeyBytesMax)) {
        return damaged(pin ? "has a name of impossible length" : "has a key of impossible length");
    }
    if (record.version > header_.until || (record.version == 0 && !pin && !is_text())) {
        return damaged("has a version outside of the dump's");
    }
    if (header_.kind == DumpKind::changes && !pin && record.version <= header_.since) {
        return damaged("has a version outside of the dump's");
    }
    if (header_.kind == DumpKind::state && record.kind != DumpRecordKind::put) return damaged("is no put");
    const bool within = record.key >= header_.keys.begin && (header_.keys.end.empty() || record.key < header_.keys.end);
    if (!pin && !within) return damaged("has a key outside of the dump's");
    if (!is_text() && !in_order(record)) return damaged("is out of order");
    return {};
}

bool DumpReader::in_order(const DumpRecord& record) const {
    if (record.kind == DumpRecordKind::pin) return !began_ && (records_ == 0 || record.key > last_key_);
    if (!began_) return true;
    if (header_.kind == DumpKind::state || record.version == last_version_) return record.key > last_key_;
    return record.version > last_version_;
}

std::unexpected<Error> DumpReader::damaged(const std::string& what) const {
    std::string sentence = place() + " of " + input_.name() + " " + what + ".";
    return fail(ErrorCode::corrupt, std::move(sentence));
}

std::unexpected<Error> DumpReader::cut_off() const {
    return fail(ErrorCode::corrupt, input_.name() + " ends after " + counted(records_, "record") +
                                        ", without the trailer: the dump is not whole.");
}

Result<bool> DumpReader::check_trailer(std::string_view text) const {
    if (text == hash_.trailer_text()) return false;
    return damaged("is a trailer that does not fit the records");
}

Result<void> DumpReader::set_header(std::string_view text) {
    auto header = parse_header(text);
    if (!header) return pass_on(header);
    header_ = std::move(*header);
    hash_.add_header(text);
    return {};
}

}  // namespace zverse::tools
