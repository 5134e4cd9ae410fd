#include <platform/answer.h>

#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

namespace zverse::platform {

namespace {

Error describe(const std::exception& thrown, const char* what) {
    if (const auto* failed = dynamic_cast<const std::system_error*>(&thrown)) {
        return Error(ErrorCode::io, std::string("the system failed for ") + what + ": " + failed->what(),
                     failed->code().value());
    }
    if (dynamic_cast<const std::bad_alloc*>(&thrown) != nullptr) {
        return Error(ErrorCode::full, std::string("no memory for ") + what);
    }
    if (dynamic_cast<const std::length_error*>(&thrown) != nullptr) {
        return Error(ErrorCode::invalid_argument, std::string("too many bytes for ") + what);
    }
    return Error(ErrorCode::io, std::string("the system failed for ") + what + ": " + thrown.what());
}

}  // namespace

Error error_of(const std::exception& thrown, const char* what) noexcept {
    try {
        return describe(thrown, what);
    } catch (const std::exception&) {
        return Error(ErrorCode::full, "no memory");  // short enough for a string to hold without memory
    }
}

}  // namespace zverse::platform
