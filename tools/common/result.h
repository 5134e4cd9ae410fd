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

/// The same, with one more layer of context: "... while reading commit 12". The sentence goes on, so its stop goes.
template <class T>
[[nodiscard]] std::unexpected<Error> pass_on(Result<T>& failed, const std::string& during) {
    const Error& error = failed.error();
    std::string message = error.message();
    if (message.ends_with('.')) message.pop_back();
    return std::unexpected(Error(error.code(), std::move(message), error.os_errno(), error.version()).during(during));
}

[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message, int os_errno = 0) {
    return std::unexpected(Error(code, std::move(message), os_errno));
}

}  // namespace zverse::tools
