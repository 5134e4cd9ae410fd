// What db_dump and mdb_dump write: pairs of lines, a key and a value, in hex digits or printable. Its end is marked,
// but it has no hash: a changed byte that is still a digit goes unnoticed.
#pragma once

#include <tools/dump/dump_reader.h>

#include <string_view>

namespace zverse::tools {

inline constexpr std::string_view kTextBegin = "VERSION=";

class TextDumpReader final : public DumpReader {
public:
    explicit TextDumpReader(Input& input) : DumpReader(input) {}
    [[nodiscard]] bool is_text() const noexcept override { return true; }

private:
    [[nodiscard]] std::string place() const override;
    [[nodiscard]] Result<void> read_header() override;
    [[nodiscard]] Result<bool> read(DumpRecord& record) override;
    [[nodiscard]] Result<void> read_line();
    [[nodiscard]] Result<void> take_setting();
    /// False where the line is none.
    [[nodiscard]] bool take_data(std::string& bytes) const;

    std::string line_;
    bool printable_ = false;
};

}  // namespace zverse::tools
