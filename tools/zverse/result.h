// Small helpers around Result, which gcc 12 leaves without and_then().
#pragma once

#include <zverse/error.h>

#include <expected>
#include <string>
#include <utility>

namespace zverse::tools {

/// Hands a failed result's error to the caller's own Result type.
template <class T>
[[nodiscard]] std::unexpected<Error> pass_on(Result<T>& failed) {
    return std::unexpected(std::move(failed.error()));
}

/// The same, with one more layer of context: "... while reading commit 12".
template <class T>
[[nodiscard]] std::unexpected<Error> pass_on(Result<T>& failed, const std::string& during) {
    return std::unexpected(std::move(failed.error()).during(during));
}

[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message, int os_errno = 0) {
    return std::unexpected(Error(code, std::move(message), os_errno));
}

}  // namespace zverse::tools
