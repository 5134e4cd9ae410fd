// The library itself: its version, names of codes, and what is freed without a handle.
#include <c_api/call.h>
#include <zverse/c.h>
#include <zverse/error.h>

#include <new>

using namespace zverse::c_api;

const char* zverse_version(void) { return ZVERSE_VERSION_TEXT; }

uint32_t zverse_abi(void) { return ZVERSE_ABI; }

void zverse_error_free(zverse_error* error) {
    if (!is_static(error)) ::operator delete(error);
}

const char* zverse_code_name(int code) {
    if (code == ZVERSE_OK) return "ok";
    if (code < ZVERSE_OK || code > ZVERSE_CLOSED) return "unknown";
    return zverse::to_string(static_cast<zverse::ErrorCode>(code - 1));
}

void zverse_free(void* memory) { ::operator delete(memory); }
