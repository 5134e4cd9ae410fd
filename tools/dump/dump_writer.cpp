#include <tools/dump/dump_writer.h>

#include <nlohmann/json.hpp>

#include <string>

namespace zverse::tools {
namespace {

/// A line of JSON each.
class JsonlWriter final : public DumpWriter {
public:
    JsonlWriter(BytesStyle style, Output& output) : DumpWriter(output), style_(style) {}

    Result<void> begin(const DumpHeader& header) override {
        const std::string text = header_text(header);
        values_ = header.values;
        hash_.add_header(text);
        return output_.write(text + "\n");
    }
    Result<void> add(const DumpRecord& record) override {
        nlohmann::ordered_json json;
        hash_.add(record);
        if (record.kind == DumpRecordKind::pin) {
            set_bytes(json, "pin", record.key, style_);
            json["ver"] = record.version;
        } else {
            const bool put = record.kind == DumpRecordKind::put;
            set_bytes(json, "k", record.key, style_);
            if (put && values_) set_bytes(json, "v", record.value, style_);
            json["ver"] = record.version;
            json["op"] = put ? "put" : "del";
        }
        if (auto written = output_.write(json.dump()); !written) return written;
        return output_.write("\n");
    }
    Result<void> end() override { return output_.write(hash_.trailer_text() + "\n"); }

private:
    const BytesStyle style_;
    bool values_ = true;
    DumpHash hash_;
};

/// Frames, each with its own checksum.
class BinaryWriter final : public DumpWriter {
public:
    explicit BinaryWriter(Output& output) : DumpWriter(output) {}

    Result<void> begin(const DumpHeader& header) override {
        const std::string text = header_text(header);
        hash_.add_header(text);
        if (auto written = output_.write(kBinaryMagic); !written) return written;
        return write_frame('H', {}, text, 0);
    }
    Result<void> add(const DumpRecord& record) override {
        hash_.add(record);
        return write_frame(static_cast<char>(record.kind), record.key, record.value, record.version);
    }
    Result<void> end() override { return write_frame('T', {}, hash_.trailer_text(), 0); }

private:
    Result<void> write_frame(char kind, std::string_view key, std::string_view value, Version version) {
        const FrameHead head = frame_head(kind, key, value, version);
        const FrameCheck check = frame_check(head, key, value);
        for (const std::string_view part :
             {std::string_view(head.data(), head.size()), key, value, std::string_view(check.data(), check.size())}) {
            if (auto written = output_.write(part); !written) return written;
        }
        return {};
    }

    DumpHash hash_;
};

/// What db_dump and mdb_dump write, so that db_load and mdb_load read it.
class TextWriter final : public DumpWriter {
public:
    explicit TextWriter(Output& output) : DumpWriter(output) {}

    Result<void> begin(const DumpHeader&) override {
        return output_.write("VERSION=3\nformat=bytevalue\ntype=btree\nHEADER=END\n");
    }
    Result<void> add(const DumpRecord& record) override {
        if (auto written = output_.write(" " + to_hex(record.key) + "\n "); !written) return written;
        if (auto written = output_.write(to_hex(record.value)); !written) return written;
        return output_.write("\n");
    }
    Result<void> end() override { return output_.write("DATA=END\n"); }
};

}  // namespace

std::unique_ptr<DumpWriter> DumpWriter::create(DumpFormat format, BytesStyle style, Output& output) {
    switch (format) {
        case DumpFormat::jsonl: return std::make_unique<JsonlWriter>(style, output);
        case DumpFormat::text: return std::make_unique<TextWriter>(output);
        case DumpFormat::binary: return std::make_unique<BinaryWriter>(output);
    }
    return nullptr;
}

}  // namespace zverse::tools
