#include <c_api/query.h>
#include <c_api/sized_struct.h>
#include <zverse/store.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace zverse::c_api {

namespace {
/// The struct's size in its first edition. Never changes.
constexpr std::size_t kQueryBytesMin = 72;
static_assert(sizeof(zverse_query) == kQueryBytesMin, "grown: keep the minimum, say what the new members are");
constexpr std::uint32_t kFlags = ZVERSE_REVERSE | ZVERSE_KEYS_ONLY | ZVERSE_PREFIX;
}  // namespace

KeyRange Query::keys() const { return prefix ? prefix_range(begin) : KeyRange{std::string(begin), std::string(end)}; }

Query read_query(Call& call, const zverse_query* given) noexcept {
    zverse_query from = ZVERSE_QUERY_INIT;
    if (given != nullptr && !read_struct(*given, kQueryBytesMin, from)) {
        call.refuse("query.struct_bytes", "is no size of a zverse_query that this library knows");
    }
    call.check((from.flags & ~kFlags) == 0, "query.flags", "has bits that mean nothing");
    call.check(from.reserved == 0, "query.reserved", "is not 0");
    Query query;
    query.begin = call.bytes("query.begin", from.begin, from.begin_bytes);
    query.end = call.bytes("query.end", from.end, from.end_bytes);
    query.prefix = (from.flags & ZVERSE_PREFIX) != 0;
    call.check(!query.prefix || query.end.empty(), "query.end", "must be empty beside ZVERSE_PREFIX");
    query.versions = {from.after, from.upto};
    query.options = {(from.flags & ZVERSE_REVERSE) != 0, from.limit, (from.flags & ZVERSE_KEYS_ONLY) != 0};
    return query;
}

}  // namespace zverse::c_api
