// answer(): the edge of the API, where what the standard library throws becomes an Error. Nothing in ZVerse throws
// itself. Costs nothing while nothing is thrown.
#pragma once

#include <zverse/error.h>

#include <exception>
#include <expected>

namespace zverse::platform {

/// `full` for no memory, `io` with its errno for a failed call of the system. Allocates nothing where it can't.
[[nodiscard, gnu::cold, gnu::noinline]] Error error_of(const std::exception& thrown, const char* what) noexcept;

/// What call() returns, a Result; `what` it is about follows "no memory for" in the message.
template <class Call>
[[nodiscard]] auto answer(const char* what, Call&& call) -> decltype(call()) {
    // Not catch (...): the cancellation of a thread must go on.
    try {
        return call();
    } catch (const std::exception& thrown) {
        return std::unexpected(error_of(thrown, what));
    }
}

}  // namespace zverse::platform
