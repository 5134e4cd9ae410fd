// zverse: one program, one subcommand per job. Text for people on standard output, diagnostics on standard error.
//
// Exit status: see exit_status.h.
#include <tools/common/exit_status.h>
#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/common/standard_streams.h>
#include <tools/common/text.h>
#include <tools/git/import_git.h>
#include <tools/git/prove_git.h>
#include <tools/git/report.h>
#include <tools/git/verify_git.h>
#include <tools/zverse/info.h>
#include <zverse_config.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <random>
#include <string>

namespace zverse::tools {
namespace {

/// Everything the command line can say.
struct Arguments {
    ImportRequest import;
    VerifySampling sampling;
    std::uint64_t kills = 1;
    std::string durability = "power";
    bool json = false;
    bool quiet = false;

    [[nodiscard]] ReportStyle style() const { return json ? ReportStyle::json : ReportStyle::text; }
    [[nodiscard]] Progress::Style progress() const {
        return quiet || json ? Progress::Style::none : Progress::Style::automatic;
    }
};

/// Says in one line how a job ended without its report. A stop is none of the errors that --quiet lets through.
int failed(const std::string& command, const Error& error, const Arguments& arguments) {
    if (is_stop(error)) {
        if (!arguments.quiet) std::fprintf(stderr, "zverse %s: stopped\n", command.c_str());
        return kExitCancelled;
    }
    if (!error.message().empty())
        std::fprintf(stderr, "zverse %s: %s: %s\n", command.c_str(), to_string(error.code()), error.message().c_str());
    return kExitFailed;
}

int run_import(const Arguments& arguments) {
    auto report = import_git(arguments.import);
    if (!report) return failed("import-git", report.error(), arguments);
    if (!report->cancelled || arguments.json) {
        if (!arguments.quiet) print(import_report(*report, arguments.import.setup, arguments.style()));
        return report->cancelled ? kExitCancelled : kExitDone;
    }
    if (!arguments.quiet)
        std::fprintf(stderr, "zverse import-git: stopped after %s; the same command continues\n",
                     counted(report->commits_before + report->commits, "whole commit").c_str());
    return kExitCancelled;
}

Result<VerifyReport> verify(const Arguments& arguments) {
    auto repository = GitRepository::open(arguments.import.repository);
    if (!repository) return pass_on(repository);
    Options options;
    options.create_if_missing = false;
    options.read_only = true;
    auto store = Store::open(arguments.import.setup.store, options);
    if (!store) return pass_on(store);
    return verify_git(*store, *repository, arguments.sampling, arguments.import.progress);
}

int run_verify(const Arguments& arguments) {
    auto report = verify(arguments);
    if (!report) return failed("verify-git", report.error(), arguments);
    if (!arguments.quiet || report->differences > 0)
        print(verify_report(*report, arguments.sampling, arguments.style()));
    return report->differences == 0 ? kExitDone : kExitDifferent;
}

int run_prove(const Arguments& arguments) {
    const ProveRequest request{arguments.import, arguments.sampling, arguments.kills};
    auto report = prove_git(request);
    if (!report) return failed("prove-git", report.error(), arguments);
    const bool proved = report->was_killed() && report->lost == 0 && report->verify.differences == 0;
    if (!arguments.quiet || !proved) print(prove_report(*report, request, arguments.style()));
    return proved ? kExitDone : kExitDifferent;
}

int run_info(const Arguments& arguments) {
    auto text = info(arguments.import.setup.store, arguments.style());
    if (!text) return failed("info", text.error(), arguments);
    print(*text);
    return kExitDone;
}

// ---- The command line.

void add_output_options(CLI::App& command, Arguments& arguments) {
    command.add_flag("--json", arguments.json, "One JSON object on standard output");
    command.add_flag("-q,--quiet", arguments.quiet, "No progress, no report");
}

void add_paths(CLI::App& command, Arguments& arguments) {
    command.add_option("store", arguments.import.setup.store, "Directory of the store")->required();
    command.add_option("repository", arguments.import.repository, "Git repository, bare or not")->required();
}

void add_import_options(CLI::App& command, Arguments& arguments) {
    StoreSetup& setup = arguments.import.setup;
    command.add_option("--rev", arguments.import.revision, "Newest commit to import")->capture_default_str();
    command.add_option("--limit", arguments.import.limit, "Only so many commits, from the oldest; 0: all");
    command.add_option("--ring-bytes", setup.rings.ring_bytes, "Size of each ring, a power of two; 0: chosen");
    command.add_option("--shards", setup.rings.shards, "Number of rings; 0: one per core");
    command.add_option("--durability", arguments.durability, "What a commit survives once it is acknowledged")
        ->check(CLI::IsMember({"power", "process"}))
        ->capture_default_str();
    command
        .add_option("--granularity", setup.granularity, "Force what a flush reaches, instead of what the medium has")
        ->check(CLI::IsMember({"byte", "cache_line", "page"}));
}

void add_sampling_options(CLI::App& command, Arguments& arguments) {
    command
        .add_option("--samples", arguments.sampling.samples,
                    "Compare N commits besides the first and the last, and 4 N paths' histories; 0: all")
        ->capture_default_str();
    command.add_option("--seed", arguments.sampling.seed, "Chooses the samples; printed, random when not given")
        ->envname("ZVERSE_SEED");
}

void add_commands(CLI::App& app, Arguments& arguments) {
    CLI::App& import = *app.add_subcommand("import-git", "Import a git history, every commit one atomic batch");
    add_paths(import, arguments);
    add_import_options(import, arguments);
    import.add_option("--ack-fd", arguments.import.ack_fd, "Tell this descriptor '<commit> <version>' once it is safe");
    import.add_option("--hold-after", arguments.import.hold_after,
                      "After so many commits wait for the end of standard input, for tests that kill");
    add_output_options(import, arguments);

    CLI::App& verify = *app.add_subcommand("verify-git", "Prove such a store against git itself; changes nothing");
    add_paths(verify, arguments);
    add_sampling_options(verify, arguments);
    add_output_options(verify, arguments);

    CLI::App& prove = *app.add_subcommand("prove-git", "Import with a kill in the middle, recover, resume, verify");
    add_paths(prove, arguments);
    add_import_options(prove, arguments);
    add_sampling_options(prove, arguments);
    prove.add_option("--kills", arguments.kills, "How often to kill the writer")->capture_default_str();
    add_output_options(prove, arguments);

    CLI::App& info = *app.add_subcommand("info", "Show a store's figures and the platform table; changes nothing");
    info.add_option("store", arguments.import.setup.store, "Directory of the store")->required();
    info.add_flag("--json", arguments.json, "One JSON object on standard output");
}

int run(int argc, char** argv) {
    prepare_standard_streams();
    install_interrupt_handlers();

    Arguments arguments;
    arguments.sampling.seed = std::random_device{}();
    CLI::App app("Tools for ZVerse stores");
    app.set_version_flag("-V,--version", "zverse " ZVERSE_VERSION);
    app.require_subcommand(1);
    app.fallthrough(false);
    add_commands(app, arguments);
    try {
        app.parse(argc, argv);
    } catch (const CLI::RequiredError& error) {
        // CLI11 asks for a subcommand and leaves out what it found instead.
        const std::string word = argc > 1 ? argv[1] : "";
        if (!app.get_subcommands().empty() || word.empty() || word.starts_with('-'))
            return app.exit(error) == 0 ? kExitDone : kExitUsage;
        std::fprintf(stderr, "zverse: there is no command %s; zverse --help lists them\n", word.c_str());
        return kExitUsage;
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kExitDone : kExitUsage;
    }
    arguments.import.setup.durability = arguments.durability == "power" ? Durability::power : Durability::process;
    arguments.import.progress = arguments.progress();
    if (app.got_subcommand("import-git")) return run_import(arguments);
    if (app.got_subcommand("verify-git")) return run_verify(arguments);
    if (app.got_subcommand("prove-git")) return run_prove(arguments);
    return run_info(arguments);
}

}  // namespace
}  // namespace zverse::tools

int main(int argc, char** argv) { return zverse::tools::run(argc, argv); }
