#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/git/acked_import.h>
#include <tools/git/prove_git.h>

#include <algorithm>
#include <chrono>

namespace zverse::tools {
namespace {

using Clock = std::chrono::steady_clock;

/// Kills of a writer that finds its work done prove nothing, and acknowledgements are counted from the first commit on.
Result<void> check_unused(const std::filesystem::path& store) {
    std::error_code ignored;
    if (!std::filesystem::exists(store, ignored) || std::filesystem::is_empty(store, ignored)) return {};
    return fail(ErrorCode::exists, "prove-git begins with a store of its own, and " + store.string() +
                                       " holds something; verify-git compares a store that is there with git.");
}

struct OpenedStore {
    Store store;
    double seconds;
};

Result<OpenedStore> open_timed(const StoreSetup& setup) {
    const auto start = Clock::now();
    auto store = Store::open(setup.store, existing_store(setup));
    if (!store) return pass_on(store);
    return OpenedStore{std::move(*store), std::chrono::duration<double>(Clock::now() - start).count()};
}

struct Contents {
    std::uint64_t records = 0, bytes = 0;
};

/// Every record of the store, counted by reading it.
Result<Contents> count_records(const Store& store) {
    auto cursor = store.changes({});
    if (!cursor) return pass_on(cursor);
    Contents contents;
    for (;;) {
        auto more = cursor->next();
        if (!more) return pass_on(more);
        if (!*more) return contents;
        if (interrupted()) return stopped();
        contents.records += 1;
        contents.bytes += cursor->entry().key.size() + cursor->entry().value.size();
    }
}

/// Reopens what the killed writer left and looks for every commit it had acknowledged, under its version.
Result<KillReport> examine(const ProveRequest& request, const GitRepository& repository, const KilledImport& import,
                           std::uint64_t commits_before, ProveReport& proof) {
    auto opened = open_timed(request.import.setup);
    if (!opened) return pass_on(opened, "reopening the store of the killed writer");
    auto commits = read_commits(opened->store);
    if (!commits) return pass_on(commits);

    const Stats stats = opened->store.stats();
    KillReport report;
    report.killed = import.killed;
    report.acknowledged = import.acknowledged.size();
    report.open_seconds = opened->seconds;
    report.records = static_cast<std::uint64_t>(stats.value("zverse_recovered_records").value_or(0));
    report.recovery_seconds = stats.value("zverse_recovery_seconds").value_or(0);
    for (std::size_t i = 0; i < import.acknowledged.size(); ++i) {
        const Acknowledgement& told = import.acknowledged[i];
        const std::size_t ordinal = commits_before + i;
        const bool found = ordinal < commits->size() && (*commits)[ordinal].id == told.commit &&
                           (*commits)[ordinal].version == told.version;
        report.found += found ? 1 : 0;
    }
    report.unacknowledged = commits->size() - std::min(commits->size(), commits_before + import.acknowledged.size());
    proof.lost += report.acknowledged - report.found;

    // The newest commit is the one the kill may have torn: all of its tree, before anything else is written.
    if (!commits->empty()) {
        VerifyContext context{opened->store, repository, *commits, proof.verify};
        if (auto tree = verify_tree(context, commits->size() - 1); !tree) return pass_on(tree);
    }
    if (auto closed = opened->store.close(); !closed) return pass_on(closed);
    return report;
}

/// Figures of the finished store, and the proof against git.
Result<void> finish(const ProveRequest& request, const GitRepository& repository, ProveReport& proof) {
    auto opened = open_timed(request.import.setup);
    if (!opened) return pass_on(opened, "reopening the finished store");
    proof.reopen_seconds = opened->seconds;
    auto contents = count_records(opened->store);
    if (!contents) return pass_on(contents);
    proof.records = contents->records;
    proof.content_bytes = contents->bytes;

    const VerifyReport after_kills = std::move(proof.verify);
    auto verified = verify_git(opened->store, repository, request.sampling, request.import.progress);
    if (!verified) return pass_on(verified);
    proof.verify = std::move(*verified);
    proof.verify.trees += after_kills.trees;
    proof.verify.tree_entries += after_kills.tree_entries;
    proof.verify.tree_bytes += after_kills.tree_bytes;
    proof.verify.differences += after_kills.differences;
    std::ranges::copy(after_kills.first_differences, std::back_inserter(proof.verify.first_differences));

    proof.stats = opened->store.stats();
    proof.reopen_recovery_seconds = proof.stats.value("zverse_recovery_seconds").value_or(0);
    proof.floor = opened->store.floor();
    proof.latest = opened->store.latest_version();
    proof.durable = opened->store.durable_version();
    if (auto closed = opened->store.close(); !closed) return pass_on(closed);
    return {};
}

}  // namespace

Result<ProveReport> prove_git(const ProveRequest& request) {
    if (auto unused = check_unused(request.import.setup.store); !unused) return pass_on(unused);
    auto repository = GitRepository::open(request.import.repository);
    if (!repository) return pass_on(repository);
    auto line = requested_line(*repository, request.import.revision, request.import.limit);
    if (!line) return pass_on(line);

    ProveReport proof;
    proof.repository = repository->path().string();
    proof.medium = medium_of(request.import.setup.store);
    ImportRequest import = request.import;
    import.revision = line->back().id;  // the repository may grow meanwhile
    import.limit = 0;

    std::uint64_t held = 0;
    for (std::uint64_t kill = 1; kill <= request.kills; ++kill) {
        const std::uint64_t target = std::max<std::uint64_t>(1, line->size() * kill / (request.kills + 1));
        if (held >= line->size()) break;
        auto killed = import_and_kill(import, target > held ? target - held : 1, line->size() - held);
        if (!killed) return pass_on(killed);
        auto report = examine(request, *repository, *killed, held, proof);
        if (!report) return pass_on(report);
        held += report->found + report->unacknowledged;
        proof.kills.push_back(*report);
    }
    auto imported = import_git(import);
    if (!imported) return pass_on(imported, "resuming the import");
    if (imported->cancelled) return stopped();
    proof.import = std::move(*imported);
    if (auto finished = finish(request, *repository, proof); !finished) return pass_on(finished);
    return proof;
}

}  // namespace zverse::tools
