// PassTeller: what zverse-fsck says on standard output while it works: the passes as they begin, for people, or lines
// of JSON, of which the first one has the schema and others tell now and then how far a pass is.
#pragma once

#include <tools/common/output.h>
#include <tools/common/pass_progress.h>

#include <chrono>
#include <string_view>

namespace zverse::tools {

class PassTeller {
public:
    enum class Style { text, json_lines };
    /// `interval`: from one "progress" line to the next.
    PassTeller(Output& output, Style style, std::chrono::seconds interval)
        : output_(output), style_(style), interval_(interval) {}

    void operator()(const PassProgress& progress);
    /// The first line of JSON, unless it was written.
    void begin();

private:
    using Clock = std::chrono::steady_clock;
    void write(std::string_view line);
    void tell_pass(const PassProgress& progress);
    void tell_progress(const PassProgress& progress, Clock::time_point now);

    Output& output_;
    const Style style_;
    const std::chrono::seconds interval_;
    bool begun_ = false;
    unsigned pass_ = 0;
    Clock::time_point pass_began_, told_;
};

}  // namespace zverse::tools
