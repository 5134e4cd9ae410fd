// DumpReader: a dump in any of its formats, checked as it streams: every record's form, their order, and at the end the
// trailer. What is not a dump, or not a whole one, is `corrupt`; of a kind this program does not know, `incompatible`.
#pragma once

#include <tools/common/input.h>
#include <tools/dump/dump_format.h>

#include <cstdint>
#include <memory>
#include <string>

namespace zverse::tools {

class DumpReader {
public:
    /// Tells the format by its first bytes, and reads the header.
    [[nodiscard]] static Result<std::unique_ptr<DumpReader>> open(Input& input);
    virtual ~DumpReader() = default;

    [[nodiscard]] const DumpHeader& header() const noexcept { return header_; }
    /// Of text there is no hash, and no order that all who write it share.
    [[nodiscard]] virtual bool is_text() const noexcept { return false; }
    /// False at the end, once the trailer was found right and nothing follows it.
    [[nodiscard]] Result<bool> next(DumpRecord& record);
    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
    [[nodiscard]] const Input& input() const noexcept { return input_; }

protected:
    explicit DumpReader(Input& input) : input_(input) {}
    [[nodiscard]] virtual Result<void> read_header() = 0;
    [[nodiscard]] virtual Result<bool> read(DumpRecord& record) = 0;
    /// Where the last piece is: "line 12".
    [[nodiscard]] virtual std::string place() const = 0;

    [[nodiscard]] std::unexpected<Error> damaged(const std::string& what) const;
    [[nodiscard]] std::unexpected<Error> cut_off() const;
    /// Whether what claims to be the trailer is the one that fits.
    [[nodiscard]] Result<bool> check_trailer(std::string_view text) const;
    [[nodiscard]] Result<void> set_header(std::string_view text);

    Input& input_;
    DumpHeader header_;
    DumpHash hash_;
    std::uint64_t records_ = 0;
    std::string key_, value_;  ///< of the last record

private:
    [[nodiscard]] Result<void> check(const DumpRecord& record) const;
    [[nodiscard]] bool in_order(const DumpRecord& record) const;

    bool began_ = false;  ///< there was a record other than a pin
    std::string last_key_;
    Version last_version_ = 0;
};

}  // namespace zverse::tools
