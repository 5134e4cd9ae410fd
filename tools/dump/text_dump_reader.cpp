#include <tools/common/encoding.h>
#include <tools/common/result.h>
#include <tools/common/text.h>
#include <tools/dump/text_dump_reader.h>

#include <utility>

namespace zverse::tools {
namespace {

/// Of a value of the largest size, two or three characters for each byte.
constexpr std::uint64_t kLineBytesMax = 3 * kDumpValueBytesMax + 16;

/// "\\" is a backslash, "\41" the byte with that number.
std::optional<std::string> from_print(std::string_view text) {
    std::string bytes;
    while (!text.empty()) {
        std::size_t taken = 1;
        if (text.front() != '\\') {
            bytes += text.front();
        } else if (text.substr(1).starts_with('\\')) {
            bytes += '\\';
            taken = 2;
        } else {
            const auto byte = text.size() < 3 ? std::nullopt : from_hex(text.substr(1, 2));
            if (!byte) return std::nullopt;
            bytes += *byte;
            taken = 3;
        }
        text.remove_prefix(taken);
    }
    return bytes;
}

}  // namespace

std::string TextDumpReader::place() const { return "line " + count_text(input_.lines()); }

Result<void> TextDumpReader::read_line() {
    auto found = input_.read_line(line_, kLineBytesMax);
    if (!found) return pass_on(found);
    if (!*found) return cut_off();
    return {};
}

Result<void> TextDumpReader::take_setting() {
    const std::string name = line_.substr(0, line_.find('='));
    const std::string value = line_.substr(std::min(line_.size(), name.size() + 1));
    if (name == "VERSION" && value != "3") {
        return fail(ErrorCode::incompatible, input_.name() + " is a text dump of version " + printable(value) +
                                                 "; this program reads version 3.");
    }
    if (name == "format" && value != "bytevalue" && value != "print") return damaged("names an unknown format");
    if (name == "format") printable_ = value == "print";
    const bool numbered = name == "type" && value != "btree" && value != "hash";
    const bool repeated = (name == "duplicates" || name == "dupsort") && value == "1";
    if (numbered || repeated) {
        return fail(ErrorCode::incompatible, input_.name() + " is of a database with " +
                                                 (numbered ? "records by number" : "several values for a key") +
                                                 ", which a store can't have.");
    }
    return {};
}

Result<void> TextDumpReader::read_header() {
    for (;;) {
        if (auto read = read_line(); !read) return read;
        if (line_ == "HEADER=END") break;
        if (line_.find('=') == std::string::npos) return damaged("is no setting");
        if (auto taken = take_setting(); !taken) return taken;
    }
    header_.until = kVersionMax;
    return {};
}

bool TextDumpReader::take_data(std::string& bytes) const {
    if (!line_.starts_with(' ')) return false;
    const std::string_view data = std::string_view(line_).substr(1);
    auto taken = printable_ ? from_print(data) : from_hex(data);
    if (taken) bytes = std::move(*taken);
    return taken.has_value();
}

Result<bool> TextDumpReader::read(DumpRecord& record) {
    if (auto read = read_line(); !read) return pass_on(read);
    if (line_ == "DATA=END") return false;
    if (!take_data(key_)) return damaged("is no key");
    if (auto read = read_line(); !read) return pass_on(read);
    if (!take_data(value_)) return damaged("is no value");
    record = {DumpRecordKind::put, key_, value_, 0};
    return true;
}

}  // namespace zverse::tools
