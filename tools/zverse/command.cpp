#include <tools/common/exit_status.h>
#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/zverse/command.h>

#include <CLI/App.hpp>

#include <cstdio>
#include <utility>

namespace zverse::tools {

int failed(const std::string& command, const Error& error, bool quiet) {
    if (is_stop(error)) {
        if (!quiet) std::fprintf(stderr, "zverse %s: stopped\n", command.c_str());
        return kExitCancelled;
    }
    if (!error.message().empty() && !is_closed_pipe(error))
        std::fprintf(stderr, "zverse %s: %s: %s\n", command.c_str(), to_string(error.code()), error.message().c_str());
    return error.code() == ErrorCode::corrupt ? kExitDamaged : kExitFailed;
}

int wrong_usage(const std::string& command, const Error& error) {
    std::fprintf(stderr, "zverse %s: %s\n", command.c_str(), error.message().c_str());
    return kExitUsage;
}

void Common::add_to(CLI::App& command) {
    name = command.get_name();
    command.add_option("store", store, "Directory of the store")->required();
    command.add_flag("-q,--quiet", quiet, "Say nothing but errors");
    command.add_flag("-v,--verbose", verbose, "Say more; may be repeated");
}

void Common::say(const std::string& sentence) const {
    if (verbose > 0) std::fprintf(stderr, "zverse %s: %s\n", name.c_str(), sentence.c_str());
}

int Common::end(const Result<int>& status) const { return status ? *status : failed(name, status.error(), quiet); }

Result<Store> Common::open_to_read() const {
    Options options;
    options.create_if_missing = false;
    options.read_only = true;
    return Store::open(store, options);
}

Result<Store> Common::open_to_write(bool create) const {
    say("opening " + store.string() + " for writing");
    Options options;
    options.create_if_missing = create;
    return Store::open(store, options);
}

void BytesOptions::add_to(CLI::App& command, const char* json_flag, const char* json_purpose) {
    command.add_flag("--hex", hex, "Keys are given and shown in hex digits, values shown so");
    command.add_flag("--redact", redact, "Show of keys and values only how long they are");
    command.add_flag(json_flag, json, json_purpose);
}

void RangeOptions::add_to(CLI::App& command, bool with_prefix) {
    CLI::Option* const first = command.add_option("--from", from, "First key");
    CLI::Option* const last = command.add_option("--to", to, "First key behind the last");
    if (with_prefix) command.add_option("--prefix", prefix, "Keys that begin so")->excludes(first)->excludes(last);
}

Result<KeyRange> RangeOptions::range(bool hex) const {
    auto common = parse_bytes(prefix, hex);
    if (!common) return pass_on(common);
    if (!common->empty()) return prefix_range(*common);
    auto begin = parse_bytes(from, hex);
    if (!begin) return pass_on(begin);
    auto end = parse_bytes(to, hex);
    if (!end) return pass_on(end);
    return KeyRange{std::move(*begin), std::move(*end)};
}

Result<std::optional<Moment>> parse_option(const std::string& text) {
    if (text.empty()) return std::optional<Moment>();
    auto moment = parse_moment(text, std::chrono::system_clock::now());
    if (!moment) return pass_on(moment);
    return std::optional<Moment>(*moment);
}

Result<Version> version_named(const Store& store, const std::optional<Moment>& moment, Version otherwise) {
    if (!moment) return otherwise;
    return version_of(store, *moment);
}

}  // namespace zverse::tools
