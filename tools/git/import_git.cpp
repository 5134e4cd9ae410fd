#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/common/text.h>
#include <tools/git/commit_reader.h>
#include <tools/git/commit_records.h>
#include <tools/git/import_git.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

namespace zverse::tools {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Result<void> write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t wrote = ::write(fd, text.data(), text.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return fail(ErrorCode::io, "Nobody listens to the acknowledgements any more.", errno);
        text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return {};
}

/// Keeps a writer that is about to be killed from finishing first. It ends with whoever holds the other end.
void wait_for_end_of_input() {
    std::array<char, 256> ignored{};
    pollfd input{STDIN_FILENO, POLLIN, 0};
    while (!interrupted()) {
        if (::poll(&input, 1, -1) > 0 && ::read(STDIN_FILENO, ignored.data(), ignored.size()) <= 0) return;
    }
}

/// One import in progress: what every step of it needs.
class Import {
public:
    Import(const ImportRequest& request, GitRepository repository, std::vector<Commit> line)
        : request_(request), repository_(std::move(repository)), line_(std::move(line)) {
        report_.tip = line_.back().id;
    }

    Result<ImportReport> run() {
        auto store = open();
        if (!store) return pass_on(store);
        if (auto copied = copy(*store); !copied) return pass_on(copied);
        if (auto flushed = store->flush(); !flushed) return pass_on(flushed);
        report_.use = store_use(store->stats());
        if (auto closed = store->close(); !closed) return pass_on(closed);
        return report_;
    }

private:
    /// The store with all that is missing known to fit.
    Result<Store> open() {
        auto store = Store::open(request_.setup.store, existing_store(request_.setup));
        if (!store && store.error().code() == ErrorCode::not_found) return create();
        if (!store) return pass_on(store);
        auto held = read_commits(*store);
        if (!held) return pass_on(held);
        const std::size_t shared = std::min(held->size(), line_.size());
        if (auto same = check_same_history(std::span(*held).first(shared), line_); !same) return pass_on(same);
        report_.commits_before = held->size();
        first_ = shared;

        auto size = measure();
        if (!size) return pass_on(size);
        const StoreUse use = store_use(store->stats());
        if (auto fits = check_fits(*size, use.rings, line_); !fits) return pass_on(fits);
        if (auto room = check_medium(request_.setup.store, {}, size->content_bytes); !room) return pass_on(room);
        return store;
    }

    Result<Store> create() {
        auto size = measure();
        if (!size) return pass_on(size);
        auto plan = plan_rings(*size, request_.setup.rings, std::thread::hardware_concurrency(), line_);
        if (!plan) return pass_on(plan);
        if (auto room = check_medium(request_.setup.store, *plan, size->content_bytes); !room) return pass_on(room);

        Options options = existing_store(request_.setup);
        options.create_if_missing = true;
        options.ring_bytes = plan->ring_bytes;
        options.shards = plan->shards;
        return Store::open(request_.setup.store, options);
    }

    Result<HistorySize> measure() {
        const auto start = Clock::now();
        Progress progress("sizing", "commits", line_.size() - first_, request_.progress);
        auto size = measure_history(repository_, line_, first_, progress);
        report_.sizing_seconds = seconds_since(start);
        return size;
    }

    Result<void> copy(Store& store) {
        const auto start = Clock::now();
        auto reader = CommitReader::start(repository_, line_, first_, BlobReader::Wants::contents);
        if (!reader) return pass_on(reader);
        Progress progress("importing", "commits", line_.size() - first_, request_.progress);
        CommitChanges commit;
        for (;;) {
            auto more = reader->next(commit);
            report_.cancelled = more ? interrupted() : is_stop(more.error());
            if (report_.cancelled) break;
            if (!more) return pass_on(more);
            if (!*more) break;
            auto copied = copy_commit(store, *reader, commit);
            report_.cancelled = !copied && is_stop(copied.error());
            if (report_.cancelled) break;
            if (!copied) return pass_on(copied, "importing commit " + line_[commit.ordinal].id);
            progress.advance(report_.commits, bytes_text(report_.content_bytes));
            if (report_.commits == request_.hold_after) wait_for_end_of_input();
        }
        progress.finish();
        report_.import_seconds = seconds_since(start);
        return {};
    }

    Result<void> copy_commit(Store& store, CommitReader& reader, const CommitChanges& commit) {
        batch_.clear();
        batch_.put(commit_key(commit.ordinal), commit_value(line_[commit.ordinal]));
        for (const Change& change : commit.changes) {
            content_.clear();
            if (change.erased()) {
                batch_.erase(change.path);
            } else {
                if (auto blob = reader.blob(content_); !blob) return pass_on(blob, "reading " + printable(change.path));
                batch_.put(change.path, content_);
            }
            (change.erased() ? report_.erases : report_.puts) += 1;
            report_.content_bytes += change.path.size() + content_.size();
        }
        const auto start = Clock::now();
        auto version = store.write(batch_);
        report_.store_seconds += seconds_since(start);
        if (!version) return pass_on(version);

        report_.commits += 1;
        report_.submodules += commit.submodules;
        if (report_.first_version == 0) report_.first_version = *version;
        report_.last_version = *version;
        if (request_.ack_fd < 0) return {};
        return write_all(request_.ack_fd, line_[commit.ordinal].id + " " + std::to_string(*version) + "\n");
    }

    const ImportRequest& request_;
    GitRepository repository_;
    std::vector<Commit> line_;
    std::size_t first_ = 0;  // commits before it are in the store
    ImportReport report_;
    WriteBatch batch_;
    std::string content_;
};

}  // namespace

Result<std::vector<Commit>> requested_line(const GitRepository& repository, const std::string& revision,
                                           std::uint64_t limit) {
    auto tip = repository.resolve(revision);
    if (!tip) return pass_on(tip);
    auto line = repository.first_parent_line(*tip);
    if (!line) return pass_on(line);
    if (limit > 0 && limit < line->size()) line->resize(limit);
    return line;
}

Result<ImportReport> import_git(const ImportRequest& request) {
    // The git processes must not keep the pipe open when this process is killed.
    if (request.ack_fd >= 0 && ::fcntl(request.ack_fd, F_SETFD, FD_CLOEXEC) != 0)
        return fail(ErrorCode::invalid_argument,
                    "File descriptor " + std::to_string(request.ack_fd) + " for acknowledgements is not open.", errno);
    auto repository = GitRepository::open(request.repository);
    if (!repository) return pass_on(repository);
    auto line = requested_line(*repository, request.revision, request.limit);
    if (!line) return pass_on(line);
    return Import(request, std::move(*repository), std::move(*line)).run();
}

}  // namespace zverse::tools
