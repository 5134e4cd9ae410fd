// Output: bytes on their way to standard output or into a file, where nothing that fails goes unnoticed.
//
// A file is written under another name beside it, synced, and renamed by finish(): what has the name is whole. A name
// that is no ordinary file (a pipe, a device) is written to as it is.
#pragma once

#include <tools/common/unique_fd.h>
#include <zverse/error.h>

#include <limits.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace zverse::tools {

class Output {
public:
    [[nodiscard]] static Output standard();
    /// "-" is standard output.
    [[nodiscard]] static Result<Output> open(const std::filesystem::path& path);
    Output(Output&& other) noexcept;
    Output& operator=(Output&&) = delete;
    ~Output();  ///< Without finish() a file leaves nothing behind.

    /// Errors: io (the reader went away: is_closed_pipe()), and what stopped() says: no signal waits for a slow reader.
    [[nodiscard]] Result<void> write(std::string_view bytes);
    /// On return everything has been taken, and a file is there under its name and survives power loss.
    [[nodiscard]] Result<void> finish();
    [[nodiscard]] bool is_terminal() const noexcept;
    /// What was written so far is on its way.
    [[nodiscard]] Result<void> flush();

private:
    Output(int fd, std::string name);
    [[nodiscard]] Result<void> send(std::string_view bytes);
    [[nodiscard]] std::unexpected<Error> io_error(const char* what) const;

    int fd_;
    std::string name_;  ///< as messages have it
    std::size_t piece_bytes_ = PIPE_BUF;  ///< of one write
    UniqueFd own_;
    std::filesystem::path path_, temporary_;  ///< of a file; empty when nothing is to be renamed any more
    std::string buffer_;
};

/// Whoever read our output has gone: there is nobody to tell.
[[nodiscard]] bool is_closed_pipe(const Error& error) noexcept;

}  // namespace zverse::tools
