#include <tools/common/result.h>
#include <tools/git/verify_git.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <random>
#include <set>

namespace zverse::tools {
namespace {

constexpr std::uint64_t kPathsPerCommit = 4;

/// Rising ordinals: the first, the last, and `samples` others; all when 0.
std::vector<std::size_t> sample_commits(std::size_t commits, std::uint64_t samples, std::mt19937_64& random) {
    if (samples == 0 || samples + 2 >= commits) {
        std::vector<std::size_t> all(commits);
        std::iota(all.begin(), all.end(), std::size_t{0});
        return all;
    }
    std::set<std::size_t> chosen{0, commits - 1};
    std::uniform_int_distribution<std::size_t> any(0, commits - 1);
    while (chosen.size() < samples + 2) chosen.insert(any(random));
    return {chosen.begin(), chosen.end()};
}

/// Whether `git log -- path` means this one key: a path that was also a folder or a submodule stands for more.
bool is_plain(const TouchedPaths& touched, const std::string& path) {
    const std::string folder = path + "/";
    const auto starts_in_folder = [&](const std::vector<std::string>& paths) {
        const auto at = std::ranges::lower_bound(paths, folder);
        return at != paths.end() && at->starts_with(folder);
    };
    return !starts_in_folder(touched.paths) && !starts_in_folder(touched.submodules) &&
           !std::ranges::binary_search(touched.submodules, path);
}

Result<void> verify_trees(VerifyContext& context, std::span<const std::size_t> samples, Progress::Style style) {
    Progress progress("verifying trees", "commits", samples.size(), style);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        auto verified = verify_tree(context, samples[i]);
        if (!verified) return pass_on(verified, "verifying the tree of " + context.commits[samples[i]].id);
        progress.advance(i + 1);
    }
    progress.finish();
    return {};
}

Result<void> verify_histories(VerifyContext& context, const TouchedPaths& touched, std::uint64_t samples,
                              std::mt19937_64& random, Progress::Style style) {
    std::vector<std::string> chosen;
    const std::uint64_t wanted = samples == 0 ? touched.paths.size() : samples * kPathsPerCommit;
    std::ranges::sample(touched.paths, std::back_inserter(chosen), static_cast<std::ptrdiff_t>(wanted), random);
    Progress progress("verifying histories", "paths", chosen.size(), style);
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        progress.advance(i);
        if (!is_plain(touched, chosen[i])) {
            context.report.ambiguous_paths += 1;
            continue;
        }
        if (auto verified = verify_history(context, chosen[i]); !verified) return pass_on(verified);
    }
    progress.finish();
    return {};
}

}  // namespace

void VerifyContext::differ(std::string what) {
    report.differences += 1;
    if (report.first_differences.size() < kDifferencesKept) report.first_differences.push_back(std::move(what));
}

Result<VerifyReport> verify_git(const Store& store, const GitRepository& repository, const VerifySampling& sampling,
                                Progress::Style progress) {
    const auto start = std::chrono::steady_clock::now();
    auto commits = read_commits(store);
    if (!commits) return pass_on(commits);
    if (commits->empty()) return fail(ErrorCode::not_found, "The store holds no commit; import-git comes first.");
    auto line = repository.first_parent_line(commits->back().id);
    if (!line) return pass_on(line);
    if (auto same = check_same_history(*commits, *line); !same) return pass_on(same);

    VerifyReport report;
    report.commits = commits->size();
    VerifyContext context{store, repository, *commits, report};
    if (line->size() != commits->size())
        context.differ("git's line up to " + commits->back().id + " has " + std::to_string(line->size()) +
                       " commits, the store has " + std::to_string(commits->size()));

    std::mt19937_64 random(sampling.seed);
    const std::vector<std::size_t> samples = sample_commits(commits->size(), sampling.samples, random);
    if (auto trees = verify_trees(context, samples, progress); !trees) return pass_on(trees);
    Progress changes_progress("verifying changes", "commits", commits->size(), progress);
    auto touched = verify_changes(context, samples, changes_progress);
    if (!touched) return pass_on(touched);
    auto histories = verify_histories(context, *touched, sampling.samples, random, progress);
    if (!histories) return pass_on(histories);
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace zverse::tools
