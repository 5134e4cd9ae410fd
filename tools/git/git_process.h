// GitProcess: one git command, fed through its standard input and read from its standard output.
//
// No deadlock by construction: what is sent waits in a buffer here, and the buffer is written only while a read
// waits, without blocking, watching both pipes. However much either side has to say, neither waits for the other
// to listen. Standard error is the user's terminal: git's own words are the best explanation of its failures.
//
// The child gets its own process group (Ctrl-C is ours to handle: reads then end with stopped()), no file of ours but
// the two pipes, and an environment without the variables that would point it at another repository.
#pragma once

#include <tools/common/unique_fd.h>
#include <zverse/error.h>

#include <sys/types.h>

#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::tools {

class GitProcess {
public:
    /// Starts `git <arguments>`. Errors: io (no git, no process).
    [[nodiscard]] static Result<GitProcess> start(const std::vector<std::string>& arguments);

    GitProcess(GitProcess&& other) noexcept;
    GitProcess& operator=(GitProcess&& other) noexcept;
    /// Closes both pipes, which ends every git command used here, and waits for it.
    ~GitProcess();

    /// Queues bytes for the child's standard input; never blocks.
    void send(std::string_view bytes);
    /// Sends what `source` appends to its argument, asked each time the queue has run empty while a read waits,
    /// until it returns false; then the input ends. For commands that answer when they please.
    void send_from(std::function<bool(std::string&)> source) { source_ = std::move(source); }

    /// Bytes up to `delimiter`, without it. False at the end of the output; a last piece without its
    /// delimiter is an error, because git ends each of its records.
    [[nodiscard]] Result<bool> read_until(char delimiter, std::string& piece);
    /// Exactly `bytes` bytes, appended to `target`.
    [[nodiscard]] Result<void> read_exactly(std::size_t bytes, std::string& target);
    /// All of the output.
    [[nodiscard]] Result<std::string> read_all();

    /// After the last answer was read: ends the input, waits for the child, and reports any exit but 0.
    [[nodiscard]] Result<void> finish();

private:
    GitProcess() = default;
    /// Refills the buffer once all of it is taken; false at the end of the output.
    [[nodiscard]] Result<bool> fill();
    /// One read that also writes what is queued.
    [[nodiscard]] Result<std::size_t> read_some(char* target, std::size_t bytes);
    [[nodiscard]] std::size_t unsent_bytes() const noexcept { return unsent_.size() - sent_; }
    [[nodiscard]] bool has_input();
    void write_queued();
    [[nodiscard]] std::string_view buffered() const noexcept { return {buffer_.get() + begin_, end_ - begin_}; }
    /// Up to so many bytes out of the buffer; valid until the next fill().
    [[nodiscard]] std::string_view take(std::size_t bytes);
    /// The error of an output that ended too soon; that of a stop when a signal meant for us ended git.
    [[nodiscard]] std::unexpected<Error> ended(const std::string& how);
    [[nodiscard]] std::unexpected<Error> ended_early(std::size_t missing);
    /// Until there is output, writing what is queued meanwhile. Errors: stopped().
    [[nodiscard]] Result<void> wait_for_output();
    void end() noexcept;

    std::string command_;  // for messages
    pid_t pid_ = -1;
    UniqueFd input_;   // ours is the writing end, non-blocking
    UniqueFd output_;  // ours is the reading end
    std::string unsent_;
    std::size_t sent_ = 0;
    std::function<bool(std::string&)> source_;
    std::unique_ptr<char[]> buffer_;
    std::size_t begin_ = 0, end_ = 0;  // the part not yet taken
};

}  // namespace zverse::tools
