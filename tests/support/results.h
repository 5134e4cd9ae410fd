// Reading Results in tests: must() unwraps or fails the test with the error's own sentence, expect_error() checks the
// code and that the message names what it should.
#pragma once

#include <zverse/error.h>

#include <gtest/gtest.h>

#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace zverse::test {

[[nodiscard]] inline std::string describe(const Error& error) {
    return std::string(to_string(error.code())) + ": " + error.message();
}

/// The value, or the end of the test: GoogleTest reports the exception as a failure.
template <class T>
T must(Result<T> result, std::source_location where = std::source_location::current()) {
    if (!result.has_value()) {
        throw std::runtime_error(std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": " +
                                 describe(result.error()));
    }
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// The call failed with `code`, and its sentence contains `names`.
template <class T>
void expect_error(const Result<T>& result, ErrorCode code, std::string_view names = {},
                  std::source_location where = std::source_location::current()) {
    const int line = static_cast<int>(where.line());
    if (result.has_value()) {
        ADD_FAILURE_AT(where.file_name(), line) << "succeeded, expected " << to_string(code);
        return;
    }
    if (result.error().code() != code) {
        ADD_FAILURE_AT(where.file_name(), line)
            << "expected " << to_string(code) << ", got " << describe(result.error());
    }
    if (result.error().message().empty()) ADD_FAILURE_AT(where.file_name(), line) << "the error has no message";
    if (result.error().message().find(names) == std::string::npos) {
        ADD_FAILURE_AT(where.file_name(), line)
            << "the message does not name '" << names << "': " << describe(result.error());
    }
}

}  // namespace zverse::test
