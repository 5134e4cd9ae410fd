// A benchmark can't go on without its answer.
#pragma once

#include <zverse/error.h>

#include <stdexcept>
#include <type_traits>
#include <utility>

namespace zverse::bench {

/// The value, or an exception with the error's sentence.
template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace zverse::bench
