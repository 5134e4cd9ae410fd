// What is damage, and what is only want of means, of which nothing about the medium follows.
#pragma once

#include <zverse/error.h>

#include <cerrno>

namespace zverse::tools {

[[nodiscard]] inline bool is_damage(const Error& error) noexcept {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::io) return false;
    switch (error.os_errno()) {
        case ENOMEM:
        case EMFILE:
        case ENFILE:
        case ENOSPC:
        case EDQUOT: return false;
        default: return true;
    }
}

}  // namespace zverse::tools
