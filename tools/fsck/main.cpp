// zverse-fsck: is this store good, and can what is derived be made again? Changes nothing unless told to.
//
// Exit status: bits, as of fsck(8); see exit_status.h.
#include <tools/common/exit_status.h>
#include <tools/common/interrupt.h>
#include <tools/common/output.h>
#include <tools/common/pass_progress.h>
#include <tools/common/standard_streams.h>
#include <tools/fsck/fsck_report.h>
#include <tools/fsck/preen.h>
#include <tools/fsck/store_check.h>
#include <zverse_config.h>

#include <sys/resource.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <map>
#include <string>
#include <utility>

namespace zverse::tools {
namespace {

struct Arguments {
    CheckRequest request;
    bool check_only = false, preen = false, force = false;
    bool json = false, quiet = false, redact = false;
    int progress_fd = -1;
    std::uint64_t errors_max = 100;
};

/// The passes as they begin, for people.
class PassTitles {
public:
    explicit PassTitles(Output& output) : output_(output) {}
    void operator()(const PassProgress& progress) {
        static constexpr const char* kTitles[] = {"superblock", "rings",   "catalog",           "segments",
                                                  "versions",   "indexes", "indexes and values"};
        if (progress.pass == pass_ || progress.pass > std::size(kTitles)) return;
        pass_ = progress.pass;
        const std::string line = "Pass " + std::to_string(pass_) + ": " + kTitles[pass_ - 1] + "\n";
        // What fails here fails again when the report is written.
        static_cast<void>(output_.write(line));
        static_cast<void>(output_.flush());
    }

private:
    Output& output_;
    unsigned pass_ = 0;
};

int failed(const Error& error) {
    std::fprintf(stderr, "zverse-fsck: %s: %s\n", to_string(error.code()), error.message().c_str());
    return error.code() == ErrorCode::incompatible ? kExitIncompatible : kExitFailed;
}

/// At boot, which is what -p is for, a store that was closed cleanly is looked at quickly.
Result<CheckReport> first_look(platform::FileIo& io, const Arguments& arguments, FsckOutcome& outcome) {
    if (arguments.preen && !arguments.force) {
        CheckRequest quick = arguments.request;
        quick.level = CheckLevel::quick;
        auto report = check_store(io, quick);
        if (!report || (report->clean() && !report->needs_recovery)) {
            outcome.level = quick.level;
            return report;
        }
    }
    // Blocks may be damaged: nothing is mended before they were looked at.
    CheckRequest request = arguments.request;
    if (arguments.preen && request.level == CheckLevel::quick) request.level = outcome.level = CheckLevel::normal;
    return check_store(io, request);
}

/// Looks, mends if asked to and if there is nothing else, and looks again.
Result<FsckOutcome> check_and_mend(const Arguments& arguments) {
    const auto posix = platform::make_posix_file_io();
    platform::FileIo& io = *posix;
    FsckOutcome outcome;
    outcome.store = arguments.request.store;
    outcome.mode = arguments.preen ? FsckMode::preen : FsckMode::check;
    outcome.level = arguments.request.level;
    auto report = first_look(io, arguments, outcome);
    if (!report) return std::unexpected(std::move(report.error()));
    const bool to_do = !report->clean() || report->needs_recovery;
    if (arguments.preen && to_do && can_preen(*report)) {
        if (const auto mended = preen(arguments.request, *report); mended) {
            outcome.corrected = std::move(report->seen.findings);
            outcome.recovered = report->needs_recovery;
            report = check_store(io, arguments.request);
            if (!report) return std::unexpected(std::move(report.error()));
        } else {
            outcome.exit = failed(mended.error());  // what was found is told all the same
        }
    }
    outcome.report = std::move(*report);
    outcome.exit |= (outcome.corrected.empty() ? kExitDone : kExitCorrected) |
                    (outcome.report.clean() ? kExitDone : kExitDamaged) |
                    (outcome.report.cancelled ? kExitCancelled : kExitDone);
    return outcome;
}

int check(Arguments& arguments) {
    const bool titles = !arguments.quiet && !arguments.json;
    Output output = Output::standard();
    ProgressLines lines(arguments.progress_fd);
    PassTitles pass_titles(output);
    arguments.request.progress = [&](const PassProgress& progress) {
        if (arguments.progress_fd >= 0) lines(progress);
        if (titles) pass_titles(progress);
    };
    arguments.request.stopped = interrupted;
    const auto outcome = check_and_mend(arguments);
    if (!outcome) return failed(outcome.error());
    const bool silent = arguments.quiet && outcome->exit == kExitDone;
    const ReportStyle style = arguments.json ? ReportStyle::json : ReportStyle::text;
    const std::string text = silent ? "" : fsck_report(*outcome, style, arguments.redact, arguments.errors_max);
    auto told = output.write(text);
    if (told) told = output.finish();
    // Who was stopped may have been stopped while the report was written.
    return outcome->exit | (told || interrupted() ? kExitDone : failed(told.error()));
}

void add_options(CLI::App& app, Arguments& arguments) {
    app.add_option("store", arguments.request.store, "Directory of the store")->required();
    auto* only_check = app.add_flag("-n", arguments.check_only, "Check only, change nothing; so it is without -p");
    app.add_flag("-p", arguments.preen,
                 "Changes the store: recover it, and mend copies where the other one is whole; nothing where data is "
                 "damaged")
        ->excludes(only_check);
    app.add_flag("-f", arguments.force,
                 "With -p: all of the level, although the store was closed cleanly; else quick is enough");
    const std::map<std::string, CheckLevel> levels = {
        {"quick", CheckLevel::quick}, {"normal", CheckLevel::normal}, {"full", CheckLevel::full}};
    app.add_option("--level", arguments.request.level,
                   "quick: no blocks of segments; normal: blocks, records and indexes; full: large values too")
        ->transform(CLI::CheckedTransformer(levels, CLI::ignore_case))
        ->default_str("normal");
    auto* preen = app.get_option("-p");
    const std::map<std::string, CheckPart> parts = {
        {"ring", CheckPart::rings}, {"catalog", CheckPart::catalog}, {"segments", CheckPart::segments}};
    app.add_option("--only", arguments.request.only, "Only rings, the manifest (catalog), or segments and it")
        ->transform(CLI::CheckedTransformer(parts, CLI::ignore_case))
        ->excludes(preen);
    app.add_option("--hot-path", arguments.request.hot_paths, "Where the rings lie now, if not where they were made")
        ->allow_extra_args(false);
    app.add_option("-C", arguments.progress_fd, "Progress to this descriptor: lines 'pass current max name'");
    app.add_option("--max-errors", arguments.errors_max, "List so many findings; 0: all")->capture_default_str();
    app.add_flag("--json", arguments.json, "One JSON object on standard output, schema zverse.fsck/1");
    app.add_flag("--redact", arguments.redact, "Leave out keys");
    app.add_flag("-q,--quiet", arguments.quiet, "Nothing on standard output where there is no damage");
    app.set_version_flag("-V,--version", "zverse-fsck " ZVERSE_VERSION);
    app.footer(
        "Exit status, bits: 0 clean, 1 damage mended, 4 damage left, 8 failed, 16 usage, 32 stopped, 128 incompatible");
}

/// Segments stay open while they are looked at.
void allow_many_files() {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &files));
}

int run(int argc, char** argv) {
    prepare_standard_streams();
    allow_many_files();
    install_interrupt_handlers();
    Arguments arguments;
    CLI::App app("Checks a ZVerse store that nobody has open; reads every byte that counts, changes none");
    add_options(app, arguments);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kExitDone : kExitUsage;
    }
    return check(arguments);
}

}  // namespace
}  // namespace zverse::tools

int main(int argc, char** argv) { return zverse::tools::run(argc, argv); }
