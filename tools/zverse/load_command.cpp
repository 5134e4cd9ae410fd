// zverse load: a dump becomes a store, or part of one.
#include <tools/common/exit_status.h>
#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/common/text.h>
#include <tools/dump/load.h>
#include <tools/zverse/command.h>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace zverse::tools {
namespace {

struct Load {
    Common common;
    LoadRequest request;
    std::string file = "-";
    bool preserve = false, renumber = false, verify_only = false, json = false;

    void add_to(CLI::App& command) {
        common.add_to(command);
        command.get_option("store")->required(false);
        command.add_option("-f,--file", file, "Read this file; '-': standard input");
        CLI::Option* const same =
            command.add_flag("--preserve-versions", preserve, "Keep the versions; usual for a history and changes");
        command.add_flag("--renumber", renumber, "Give new versions; usual for a state and text")->excludes(same);
        const std::map<std::string, IfExists> choices{
            {"fail", IfExists::fail}, {"skip", IfExists::skip}, {"overwrite", IfExists::overwrite}};
        command
            .add_option("--if-exists", request.if_exists,
                        "With new versions, about keys that the store has: fail (usual), skip or overwrite")
            ->transform(CLI::CheckedTransformer(choices).description("WHAT"))
            ->excludes(same);
        command.add_option("--batch", request.batch, "Records between two syncs, or in one commit")
            ->check(CLI::Range(1, 1'000'000))
            ->capture_default_str();
        command.add_flag("--resume", request.resume, "Go on with a load that was interrupted");
        command.add_flag("--verify-only", verify_only, "Read and check the dump; STORE is not needed");
        const std::map<std::string, Durability> classes{{"power", Durability::power}, {"process", Durability::process}};
        command
            .add_option("--durability", request.durability,
                        "process: survive power loss at syncs; power: at each commit")
            ->transform(CLI::CheckedTransformer(classes).description("CLASS"));
        command.add_option("--ring-bytes", request.ring_bytes, "Of a new store; 0: as the dump says");
        command.add_option("--shards", request.shards, "Of a new store; 0: one per core");
        command.add_flag("--json", json, "One JSON object, whatever comes of it");
    }

    [[nodiscard]] std::string json_text(const LoadReport& report) const {
        nlohmann::ordered_json object{{"schema", "zverse.load/1"}};
        object["result"] = !report.error ? "whole" : is_stop(*report.error) ? "stopped" : "failed";
        object["records"] = report.records;
        if (!verify_only) {
            object["versions"] = report.preserved ? "preserved" : "new";
            object["loaded"] = report.loaded;
            object["passed_over"] = report.passed_over;
            object["pins"] = report.pins;
            object["latest"] = report.latest;
            object["durable"] = report.durable;
        }
        if (report.error) object["error"] = printable(report.error->message());
        return object.dump() + "\n";
    }

    [[nodiscard]] std::string text(const LoadReport& report) const {
        if (verify_only) return "The dump is whole: " + counted(report.records, "record") + ".\n";
        std::string line = "Loaded " + counted(report.loaded, "record") +
                           (report.preserved ? " under their versions" : " under new versions");
        if (report.passed_over > 0) line += ", passed over " + count_text(report.passed_over);
        if (report.pins > 0) line += ", " + counted(report.pins, "pin");
        return line + "; the newest version is " + std::to_string(report.latest) + ".\n";
    }

    [[nodiscard]] Result<int> print(const std::string& text) const {
        Output output = Output::standard();
        if (auto written = output.write(text); !written) return pass_on(written);
        if (auto finished = output.finish(); !finished) return pass_on(finished);
        return kExitDone;
    }

    /// How far it came, for who wants to go on.
    void tell_how_far(const LoadReport& report) const {
        if (verify_only || report.latest == 0 || common.quiet) return;
        std::fprintf(stderr, "zverse load: loaded %s so far; the store is durable up to version %llu\n",
                     counted(report.loaded, "record").c_str(), static_cast<unsigned long long>(report.durable));
    }

    [[nodiscard]] LoadReport read() {
        LoadReport nothing;
        auto input = Input::open(file);
        if (!input) {
            nothing.error = std::move(input.error());
            return nothing;
        }
        auto reader = DumpReader::open(*input);
        if (!reader) {
            nothing.error = std::move(reader.error());
            return nothing;
        }
        request.progress = common.quiet || json ? Progress::Style::none : Progress::Style::automatic;
        if (verify_only) return verify_dump(**reader, request.progress);
        common.say("loading into " + common.store.string() + ", for writing");
        return load(**reader, request);
    }

    [[nodiscard]] int run() {
        if (common.store.empty() && !verify_only) {
            return wrong_usage(common.name, Error(ErrorCode::invalid_argument, "store is required"));
        }
        request.store = common.store;
        if (preserve || renumber) request.preserve = preserve;
        const LoadReport report = read();
        int status = kExitDone;
        if (report.error) {
            status = failed(common.name, *report.error, common.quiet);
            tell_how_far(report);
        }
        if (json || (!report.error && !common.quiet)) {
            const auto printed = print(json ? json_text(report) : text(report));
            if (!printed && status == kExitDone) return failed(common.name, printed.error(), common.quiet);
        }
        return status;
    }
};

}  // namespace

Run set_up_load(CLI::App& command) {
    auto load = std::make_shared<Load>();
    load->add_to(command);
    return [load] { return load->run(); };
}

}  // namespace zverse::tools
