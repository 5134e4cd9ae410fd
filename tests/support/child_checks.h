// Checks inside forked children, where GoogleTest's failures would be lost: each prints and the child's exit status
// says how many there were.
#pragma once

#include <support/results.h>

#include <cstdio>
#include <string_view>

namespace zverse::test {

class ChildChecks {
public:
    void that(bool right, const char* what) {
        if (right) return;
        std::fprintf(stderr, "in the forked child: %s\n", what);
        ++failures_;
    }
    template <class T>
    void fails(const Result<T>& result, ErrorCode code, std::string_view names, const char* what) {
        const bool right = !result.has_value() && result.error().code() == code &&
                           result.error().message().find(names) != std::string::npos;
        if (right) return;
        std::fprintf(stderr, "in the forked child: %s: %s\n", what,
                     result.has_value() ? "succeeded" : describe(result.error()).c_str());
        ++failures_;
    }
    /// For the exit status; never as large as that of an exception.
    [[nodiscard]] int failures() const noexcept { return failures_ < 100 ? failures_ : 100; }

private:
    int failures_ = 0;
};

}  // namespace zverse::test
