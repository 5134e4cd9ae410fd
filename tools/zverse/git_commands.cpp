// zverse import-git, verify-git and prove-git: a git history in a store, and proof that it is the same.
#include <tools/common/exit_status.h>
#include <tools/common/result.h>
#include <tools/common/text.h>
#include <tools/git/import_git.h>
#include <tools/git/prove_git.h>
#include <tools/git/report.h>
#include <tools/git/verify_git.h>
#include <tools/zverse/command.h>

#include <CLI/App.hpp>

#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <string>

namespace zverse::tools {
namespace {

/// Of any of the three.
struct Git {
    ImportRequest import;
    VerifySampling sampling;
    std::uint64_t kills = 1;
    bool json = false;
    bool quiet = false;

    [[nodiscard]] ReportStyle style() const { return json ? ReportStyle::json : ReportStyle::text; }

    void add_paths(CLI::App& command) {
        command.add_option("store", import.setup.store, "Directory of the store")->required();
        command.add_option("repository", import.repository, "Git repository, bare or not")->required();
    }
    void add_output_options(CLI::App& command) {
        command.add_flag("--json", json, "One JSON object on standard output");
        command.add_flag("-q,--quiet", quiet, "No progress, no report");
    }
    void add_import_options(CLI::App& command) {
        StoreSetup& setup = import.setup;
        const std::map<std::string, Durability> classes{{"power", Durability::power}, {"process", Durability::process}};
        command.add_option("--rev", import.revision, "Newest commit to import")->capture_default_str();
        command.add_option("--limit", import.limit, "Only so many commits, from the oldest; 0: all");
        command.add_option("--ring-bytes", setup.rings.ring_bytes, "Size of each ring, a power of two; 0: chosen");
        command.add_option("--shards", setup.rings.shards, "Number of rings; 0: one per core");
        command
            .add_option("--durability", setup.durability,
                        "What a commit survives once it is acknowledged: power (usual) or process")
            ->transform(CLI::CheckedTransformer(classes).description("CLASS"));
        command
            .add_option("--granularity", setup.granularity,
                        "Force what a flush reaches, instead of what the medium has")
            ->check(CLI::IsMember({"byte", "cache_line", "page"}));
    }
    void add_sampling_options(CLI::App& command) {
        sampling.seed = std::random_device{}();
        command
            .add_option("--samples", sampling.samples,
                        "Compare N commits besides the first and the last, and 4 N paths' histories; 0: all")
            ->capture_default_str();
        command.add_option("--seed", sampling.seed, "Chooses the samples; printed, random when not given")
            ->envname("ZVERSE_SEED");
    }

    [[nodiscard]] int print(const char* command, const std::string& text, int status) const {
        Output output = Output::standard();
        auto done = output.write(text);
        if (done) done = output.finish();
        return done ? status : failed(command, done.error(), quiet);
    }

    int run_import() {
        import.progress = progress();
        auto report = import_git(import);
        if (!report) return failed("import-git", report.error(), quiet);
        const int status = report->cancelled ? kExitCancelled : kExitDone;
        if (!report->cancelled || json) {
            return quiet ? status : print("import-git", import_report(*report, import.setup, style()), status);
        }
        if (!quiet)
            std::fprintf(stderr, "zverse import-git: stopped after %s; the same command continues\n",
                         counted(report->commits_before + report->commits, "whole commit").c_str());
        return status;
    }

    Result<VerifyReport> verify() {
        auto repository = GitRepository::open(import.repository);
        if (!repository) return pass_on(repository);
        Options options;
        options.create_if_missing = false;
        options.read_only = true;
        auto store = Store::open(import.setup.store, options);
        if (!store) return pass_on(store);
        return verify_git(*store, *repository, sampling, progress());
    }

    int run_verify() {
        auto report = verify();
        if (!report) return failed("verify-git", report.error(), quiet);
        const int status = report->differences == 0 ? kExitDone : kExitDifferent;
        if (quiet && status == kExitDone) return status;
        return print("verify-git", verify_report(*report, sampling, style()), status);
    }

    int run_prove() {
        import.progress = progress();
        const ProveRequest request{import, sampling, kills};
        auto report = prove_git(request);
        if (!report) return failed("prove-git", report.error(), quiet);
        const bool proved = report->was_killed() && report->lost == 0 && report->verify.differences == 0;
        if (quiet && proved) return kExitDone;
        return print("prove-git", prove_report(*report, request, style()), proved ? kExitDone : kExitDifferent);
    }

    [[nodiscard]] Progress::Style progress() const {
        return quiet || json ? Progress::Style::none : Progress::Style::automatic;
    }
};

}  // namespace

Run set_up_import_git(CLI::App& command) {
    auto git = std::make_shared<Git>();
    git->add_paths(command);
    git->add_import_options(command);
    command.add_option("--ack-fd", git->import.ack_fd, "Tell this descriptor '<commit> <version>' once it is safe");
    command.add_option("--hold-after", git->import.hold_after,
                       "After so many commits wait for the end of standard input, for tests that kill");
    git->add_output_options(command);
    return [git] { return git->run_import(); };
}

Run set_up_verify_git(CLI::App& command) {
    auto git = std::make_shared<Git>();
    git->add_paths(command);
    git->add_sampling_options(command);
    git->add_output_options(command);
    return [git] { return git->run_verify(); };
}

Run set_up_prove_git(CLI::App& command) {
    auto git = std::make_shared<Git>();
    git->add_paths(command);
    git->add_import_options(command);
    git->add_sampling_options(command);
    command.add_option("--kills", git->kills, "How often to kill the writer")->capture_default_str();
    git->add_output_options(command);
    return [git] { return git->run_prove(); };
}

}  // namespace zverse::tools
