// zverse verify, flush, compact, checkpoint and info: what concerns a store as a whole.
#include <tools/common/exit_status.h>
#include <tools/common/result.h>
#include <tools/common/text.h>
#include <tools/zverse/command.h>
#include <tools/zverse/info.h>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>

namespace zverse::tools {
namespace {

Result<int> print(const std::string& text, int status) {
    Output output = Output::standard();
    if (auto written = output.write(text); !written) return pass_on(written);
    if (auto finished = output.finish(); !finished) return pass_on(finished);
    return status;
}

struct Verify {
    Common common;
    bool json = false;

    [[nodiscard]] static std::string json_text(const Verification& seen) {
        nlohmann::ordered_json json{{"schema", "zverse.verify/1"}, {"clean", seen.clean()},
                                    {"segments", seen.segments},   {"records", seen.records},
                                    {"bytes", seen.bytes},         {"findings", nlohmann::ordered_json::array()}};
        for (const Finding& each : seen.findings) {
            json["findings"].push_back({{"code", each.code},
                                        {"file", printable(each.file)},
                                        {"offset", each.offset},
                                        {"what", printable(each.what)}});
        }
        return json.dump() + "\n";
    }

    [[nodiscard]] std::string text(const Verification& seen) const {
        std::string lines;
        for (const Finding& each : seen.findings) {
            lines += each.code + " " + printable(each.file) + " at " + std::to_string(each.offset) + ": " +
                     printable(each.what) + "\n";
        }
        if (common.quiet && seen.clean()) return lines;
        lines += "Read " + counted(seen.segments, "segment") + ", " + counted(seen.records, "record") + ", " +
                 bytes_text(seen.bytes) + ": ";
        return lines + (seen.clean() ? "no damage.\n" : counted(seen.findings.size(), "finding") + ".\n");
    }

    [[nodiscard]] Result<int> verify() const {
        auto store = common.open_to_read();
        if (!store) return pass_on(store);
        auto seen = store->verify();
        if (!seen) return pass_on(seen);
        return print(json ? json_text(*seen) : text(*seen), seen->clean() ? kExitDone : kExitDamaged);
    }
};

/// A command that has the store do something.
struct Work {
    Common common;
    RangeOptions range;
    bool hex = false;
    std::filesystem::path directory;
    Result<void> (*work)(Store& store, const Work& options, const KeyRange& keys) = nullptr;

    [[nodiscard]] Result<int> run_on(const KeyRange& keys) const {
        auto store = common.open_to_write();
        if (!store) return pass_on(store);
        if (auto done = work(*store, *this, keys); !done) return pass_on(done);
        if (auto closed = store->close(); !closed) return pass_on(closed);
        return kExitDone;
    }

    [[nodiscard]] int run() const {
        const auto keys = range.range(hex);
        if (!keys) return wrong_usage(common.name, keys.error());
        return common.end(run_on(*keys));
    }
};

}  // namespace

Run set_up_verify(CLI::App& command) {
    auto verify = std::make_shared<Verify>();
    verify->common.add_to(command);
    command.add_flag("--json", verify->json, "One JSON object");
    return [verify] { return verify->common.end(verify->verify()); };
}

Run set_up_flush(CLI::App& command) {
    auto flush = std::make_shared<Work>();
    flush->common.add_to(command);
    flush->work = [](Store& store, const Work&, const KeyRange&) { return store.flush(); };
    return [flush] { return flush->run(); };
}

Run set_up_compact(CLI::App& command) {
    auto compact = std::make_shared<Work>();
    compact->common.add_to(command);
    compact->range.add_to(command);
    command.add_flag("--hex", compact->hex, "Keys are hex digits");
    compact->work = [](Store& store, const Work&, const KeyRange& keys) { return store.compact(keys); };
    return [compact] { return compact->run(); };
}

Run set_up_checkpoint(CLI::App& command) {
    auto checkpoint = std::make_shared<Work>();
    checkpoint->common.add_to(command);
    command.add_option("directory", checkpoint->directory, "Where the copy goes: missing, or empty")->required();
    checkpoint->work = [](Store& store, const Work& options, const KeyRange&) {
        return store.checkpoint(options.directory);
    };
    return [checkpoint] { return checkpoint->run(); };
}

Run set_up_info(CLI::App& command) {
    auto common = std::make_shared<Common>();
    auto json = std::make_shared<bool>(false);
    common->add_to(command);
    command.add_flag("--json", *json, "One JSON object");
    return [common, json] {
        auto text = info(common->store, *json ? ReportStyle::json : ReportStyle::text);
        return common->end(text ? print(*text, kExitDone) : Result<int>(std::unexpected(text.error())));
    };
}

}  // namespace zverse::tools
