// zverse dump: what a store holds, as text or in binary, with a trailer that proves it is whole.
#include <tools/common/exit_status.h>
#include <tools/common/result.h>
#include <tools/common/text.h>
#include <tools/dump/dump.h>
#include <tools/zverse/command.h>

#include <CLI/App.hpp>

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace zverse::tools {
namespace {

struct Dump {
    Common common;
    RangeOptions range;
    DumpFormat format = DumpFormat::jsonl;
    std::string as_of, since, until, file = "-";
    bool history = false, hex = false, base64 = false, no_values = false;
    std::uint64_t sort_bytes_max = DumpRequest{}.sort_bytes_max;

    void add_to(CLI::App& command) {
        common.add_to(command);
        CLI::Option* const state = command.add_option("--as-of", as_of, "The state as of this version or time");
        CLI::Option* const all = command.add_flag("--history", history, "Every version, with tombstones and pins");
        CLI::Option* const begin = command.add_option("--since", since, "Every change after this version or time");
        CLI::Option* const end = command.add_option("--until", until, "With --since or --history: up to this one");
        state->excludes(all)->excludes(begin)->excludes(end);
        all->excludes(begin);
        range.add_to(command, false);
        const std::map<std::string, DumpFormat> formats{
            {"jsonl", DumpFormat::jsonl}, {"text", DumpFormat::text}, {"binary", DumpFormat::binary}};
        command.add_option("--format", format, "jsonl, text (as db_dump and mdb_dump write it) or binary")
            ->transform(CLI::CheckedTransformer(formats).description("FORMAT"));
        CLI::Option* const digits = command.add_flag("--hex", hex, "Keys and values in hex digits; --from, --to too");
        command.add_flag("--base64", base64, "Keys and values in base64")->excludes(digits);
        command.add_flag("--no-values", no_values, "Keys alone; can't be loaded");
        command.add_option("-f,--file", file,
                           "Write to this file, which appears when it is whole; '-': standard output");
        command.add_option("--sort-memory", sort_bytes_max, "Bytes for keys of records below the floor");
    }

    [[nodiscard]] DumpKind kind() const {
        return history ? DumpKind::history : since.empty() ? DumpKind::state : DumpKind::changes;
    }
    [[nodiscard]] BytesStyle style() const {
        return hex ? BytesStyle::hex : base64 ? BytesStyle::base64 : BytesStyle::text;
    }

    struct Ends {
        std::optional<Moment> begin, end;
    };

    [[nodiscard]] Result<DumpRequest> request_for(const Store& store, KeyRange keys, const Ends& ends) const {
        DumpRequest request{
            .kind = kind(), .keys = std::move(keys), .values = !no_values, .sort_bytes_max = sort_bytes_max};
        auto begin = version_named(store, ends.begin, 0);
        if (!begin) return pass_on(begin);
        request.since = *begin;
        if (ends.end) {
            auto end = version_of(store, *ends.end);
            if (!end) return pass_on(end);
            request.until = *end;
        }
        return request;
    }

    [[nodiscard]] Result<int> write(const KeyRange& keys, const Ends& ends) const {
        auto store = common.open_to_read();
        if (!store) return pass_on(store);
        auto request = request_for(*store, keys, ends);
        if (!request) return pass_on(request);
        auto output = Output::open(file);
        if (!output) return pass_on(output);
        if (!common.quiet && !output->is_terminal()) request->progress = Progress::Style::automatic;
        const auto writer = DumpWriter::create(format, style(), *output);
        auto report = dump(*store, *request, *writer);
        if (!report) return pass_on(report);
        if (auto finished = output->finish(); !finished) return pass_on(finished);
        common.say(counted(report->records, "record") + " up to version " + std::to_string(report->until));
        return kExitDone;
    }

    [[nodiscard]] int run() const {
        const auto keys = range.range(hex);
        if (!keys) return wrong_usage(common.name, keys.error());
        const auto begin = parse_option(since);
        if (!begin) return wrong_usage(common.name, begin.error());
        const auto end = parse_option(as_of.empty() ? until : as_of);
        if (!end) return wrong_usage(common.name, end.error());
        if (kind() == DumpKind::state && !until.empty()) {
            return wrong_usage(common.name,
                               Error(ErrorCode::invalid_argument, "--until goes with --since or --history."));
        }
        if (format == DumpFormat::text && (kind() != DumpKind::state || no_values)) {
            return wrong_usage(
                common.name, Error(ErrorCode::invalid_argument,
                                   "Text has one value for each key: it goes with neither --history, nor --since, nor "
                                   "--no-values."));
        }
        return common.end(write(*keys, {*begin, *end}));
    }
};

}  // namespace

Run set_up_dump(CLI::App& command) {
    auto dump = std::make_shared<Dump>();
    dump->add_to(command);
    return [dump] { return dump->run(); };
}

}  // namespace zverse::tools
