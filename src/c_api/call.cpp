#include <c_api/call.h>
#include <zverse/types.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <new>
#include <string>

namespace zverse::c_api {

namespace {

constexpr int code_of(ErrorCode code) noexcept { return static_cast<int>(code) + 1; }

// The numbers are part of the ABI: a code that is put between others breaks the build here.
static_assert(code_of(ErrorCode::invalid_argument) == ZVERSE_INVALID_ARGUMENT);
static_assert(code_of(ErrorCode::not_found) == ZVERSE_NOT_FOUND);
static_assert(code_of(ErrorCode::exists) == ZVERSE_EXISTS);
static_assert(code_of(ErrorCode::version_too_old) == ZVERSE_VERSION_TOO_OLD);
static_assert(code_of(ErrorCode::version_unknown) == ZVERSE_VERSION_UNKNOWN);
static_assert(code_of(ErrorCode::conflict) == ZVERSE_CONFLICT);
static_assert(code_of(ErrorCode::full) == ZVERSE_FULL);
static_assert(code_of(ErrorCode::io) == ZVERSE_IO);
static_assert(code_of(ErrorCode::corrupt) == ZVERSE_CORRUPT);
static_assert(code_of(ErrorCode::incompatible) == ZVERSE_INCOMPATIBLE);
static_assert(code_of(ErrorCode::locked) == ZVERSE_LOCKED);
static_assert(code_of(ErrorCode::read_only) == ZVERSE_READ_ONLY);
static_assert(code_of(ErrorCode::closed) == ZVERSE_CLOSED);

constexpr std::size_t kCodes = ZVERSE_CLOSED + 1;

// What is told when there is no memory to tell more.
constinit const std::array<zverse_error, kCodes> kBareErrors = [] {
    std::array<zverse_error, kCodes> errors{};
    for (std::size_t code = 0; code < kCodes; ++code) {
        errors[code] = {static_cast<int>(code), 0, 0, "no memory for the message of this error"};
    }
    return errors;
}();

/// One piece of memory: the error, and its message behind it.
zverse_error* make_error(int code, int os_errno, std::uint64_t version, std::string_view message) noexcept {
    void* const memory = ::operator new(sizeof(zverse_error) + message.size() + 1, std::nothrow);
    // Nobody writes through it: who frees it looks first.
    if (memory == nullptr) return const_cast<zverse_error*>(&kBareErrors[static_cast<std::size_t>(code)]);
    char* const text = static_cast<char*>(memory) + sizeof(zverse_error);
    std::memcpy(text, message.data(), message.size());
    text[message.size()] = '\0';
    return new (memory) zverse_error{code, os_errno, version, text};
}

}  // namespace

void Call::refuse(const char* argument, const char* flaw) noexcept {
    if (flaw_ != nullptr) return;
    argument_ = argument;
    flaw_ = flaw;
}

std::string_view Call::bytes(const char* argument, const void* data, std::size_t size) noexcept {
    if (data == nullptr) {
        check(size == 0, argument, "is NULL, but its size is not 0");
        return "";
    }
    check(size <= UINT32_MAX, argument, "has more than 4 GiB - 1 bytes");
    return {static_cast<const char*>(data), size};
}

std::string_view Call::key(const void* data, std::size_t size) noexcept {
    const std::string_view key = bytes("key", data, size);
    check(!key.empty() && key.size() <= kKeyBytesMax, "key", "must have 1 to 65,535 bytes");
    return key;
}

int Call::tell(const Error& error) noexcept {
    const int code = code_of(error.code());
    if (error_ != nullptr) *error_ = make_error(code, error.os_errno(), error.version(), error.message());
    return code;
}

int Call::tell_no_memory() noexcept {
    if (error_ != nullptr) *error_ = make_error(ZVERSE_FULL, 0, 0, "no memory for the call");
    return ZVERSE_FULL;
}

char* copy_of(std::string_view bytes) noexcept {
    char* const copy = static_cast<char*>(::operator new(bytes.size() + 1, std::nothrow));
    if (copy == nullptr) return nullptr;
    std::memcpy(copy, bytes.data(), bytes.size());
    copy[bytes.size()] = '\0';
    return copy;
}

Error no_memory() { return Error(ErrorCode::full, "no memory for a copy"); }

bool is_static(const zverse_error* error) noexcept {
    const std::less_equal<> not_behind;
    return not_behind(kBareErrors.data(), error) && not_behind(error, &kBareErrors.back());
}

}  // namespace zverse::c_api
