// Progress: how far a long job is, on standard error: a bar on a terminal, else a plain line now and then.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace zverse::tools {

class Progress {
public:
    enum class Style { automatic, none };

    /// `unit` in the plural, "commits". `total` 0: nothing is shown.
    Progress(std::string what, std::string unit, std::uint64_t total, Style style);
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress();  ///< Of a job that failed: what is said next begins a line of its own.

    /// Called as often as one likes; draws at most ten times a second, or once in ten seconds as lines.
    void advance(std::uint64_t done, const std::string& remark = {});
    /// Ends the bar's line; without a bar says nothing that was not worth a line before.
    void finish();

private:
    using Clock = std::chrono::steady_clock;
    void draw_bar(std::uint64_t done, const std::string& remark);
    void print_line(std::uint64_t done, const std::string& remark);

    std::string what_, unit_;
    std::uint64_t total_;
    bool shown_, terminal_;
    Clock::time_point started_, drawn_;
    std::uint64_t done_ = 0;
    std::string remark_;
    bool drew_ = false;
    bool open_line_ = false;  // the bar's
};

}  // namespace zverse::tools
