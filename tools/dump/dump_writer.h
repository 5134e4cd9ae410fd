// DumpWriter: a dump in one of its formats, record by record. docs/dump-format.md has the bytes.
#pragma once

#include <tools/common/encoding.h>
#include <tools/common/output.h>
#include <tools/dump/dump_format.h>

#include <memory>

namespace zverse::tools {

enum class DumpFormat { jsonl, text, binary };

class DumpWriter {
public:
    /// `style`: of keys and values in jsonl.
    [[nodiscard]] static std::unique_ptr<DumpWriter> create(DumpFormat format, BytesStyle style, Output& output);
    virtual ~DumpWriter() = default;

    // Once begin(), any number of add(), once end(). The output is finished by its owner.
    [[nodiscard]] virtual Result<void> begin(const DumpHeader& header) = 0;
    [[nodiscard]] virtual Result<void> add(const DumpRecord& record) = 0;
    [[nodiscard]] virtual Result<void> end() = 0;

protected:
    explicit DumpWriter(Output& output) : output_(output) {}
    Output& output_;
};

}  // namespace zverse::tools
