#include <bench/engines/engine.h>
#include <bench/engines/engines.h>
#include <bench_config.h>

#include <stdexcept>

namespace zverse::bench {

namespace {

constexpr EngineKind kKinds[] = {
    {"zverse", open_zverse},
#if ZVERSE_BENCH_ROCKSDB
    {"rocksdb", open_rocksdb},
#endif
#if ZVERSE_BENCH_LMDB
    {"lmdb", open_lmdb},
#endif
#if ZVERSE_BENCH_LEVELDB
    {"leveldb", open_leveldb},
#endif
#if ZVERSE_BENCH_WIREDTIGER
    {"wiredtiger", open_wiredtiger},
#endif
#if ZVERSE_BENCH_TKRZW
    {"tkrzw", open_tkrzw},
#endif
};

[[noreturn]] void not_able(const char* what) {
    throw std::logic_error(std::string("this engine has no ") + what + "; ask its abilities first");
}

}  // namespace

std::string_view to_string(Promise promise) noexcept { return promise == Promise::power ? "power" : "process"; }

void Session::multi_get(std::span<const std::string_view> keys, std::span<std::optional<std::string>> values) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (!values[i]) values[i].emplace();
        if (!get(keys[i], *values[i])) values[i].reset();
    }
}

std::uint64_t Session::scan(std::string_view, std::uint64_t, EntrySink&) { not_able("scan"); }
bool Session::get_in_snapshot(std::string_view, std::string&) { not_able("snapshots"); }
Moment Session::now() { not_able("moments"); }
bool Session::get_as_of(std::string_view, Moment, std::string&) { not_able("reads as of a moment"); }
std::uint64_t Session::scan_as_of(std::string_view, std::uint64_t, Moment, EntrySink&) {
    not_able("scans as of a moment");
}
std::uint64_t Session::history(std::string_view, EntrySink&) { not_able("history"); }
std::uint64_t Session::changes(Moment, Moment, EntrySink&) { not_able("changes"); }

std::span<const EngineKind> engine_kinds() noexcept { return kKinds; }

const EngineKind& engine_kind(std::string_view name) {
    std::string all;
    for (const EngineKind& kind : kKinds) {
        if (kind.name == name) return kind;
        all += (all.empty() ? "" : ", ") + std::string(kind.name);
    }
    throw std::runtime_error("no engine \"" + std::string(name) + "\" in this build; there are: " + all);
}

}  // namespace zverse::bench
