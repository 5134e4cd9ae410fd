#include <tools/recover/recovery.h>

#include <cold/spill_sort.h>
#include <cold/spill_space.h>
#include <engine/creation.h>
#include <platform/answer.h>
#include <platform/lock_file.h>
#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/recover/damaged_store.h>
#include <tools/recover/gathering.h>
#include <tools/recover/rebuilding.h>

#include <algorithm>
#include <cerrno>

namespace zverse::tools {

namespace {

namespace fs = std::filesystem;

/// On the disk of the new store, which has to hold as much anyway.
fs::path sorting_directory(platform::FileIo& io, const RecoverRequest& request) {
    const auto there = io.exists(request.target);
    if (there && *there) return request.target;
    const fs::path parent = fs::absolute(request.target).lexically_normal().parent_path();
    return parent.empty() ? fs::path(".") : parent;
}

Result<void> check_target(platform::FileIo& io, const RecoverRequest& request) {
    if (request.dry_run || request.resume) return {};
    auto content = platform::find_content(request.target, engine::kLockName);
    if (!content) return pass_on(content);
    if (*content) {
        return fail(ErrorCode::exists, request.target.string() + " holds " + **content +
                                           ": a recovery makes a new store, in a directory that is empty or not there");
    }
    return engine::Creation::check_directory(io, request.target);
}

/// What was forgotten nobody can give back.
Result<void> check_wanted(const RecoverRequest& request, const DamagedStore& store) {
    const Version wanted = request.newest_wanted();
    const Version floor = store.catalog() ? store.catalog()->floor : request.floor.value_or(store.settled());
    if (wanted >= floor) return {};
    const char* const whose =
        store.catalog() || request.floor
            ? "below the floor, version "
            : "in what retention may have thinned: the catalog, which knows, is lost. --floor says where history is "
              "whole; else it is from version ";
    return fail(ErrorCode::version_too_old,
                "version " + std::to_string(wanted) + " is " + whose + std::to_string(floor));
}

Result<void> recover(platform::FileIo& io, const RecoverRequest& request, RecoverReport& report) {
    request.progress({1, 0, 1, "superblock and catalog"});
    if (auto empty = check_target(io, request); !empty) return empty;
    const auto lock = platform::LockFile::acquire(request.source / engine::kLockName, true);
    if (!lock && lock.error().os_errno() != ENOENT) return std::unexpected(lock.error());
    auto store = DamagedStore::look_at(io, request);
    if (!store) return pass_on(store);
    if (auto readable = check_wanted(request, *store); !readable) return readable;
    request.progress({1, 1, 1, "superblock and catalog"});
    const auto posix = platform::make_posix_file_io();
    cold::SpillSpace space(*posix, sorting_directory(*posix, request));
    cold::SpillSort sort(&space, false, std::max<std::uint64_t>(request.memory_bytes / 2, std::uint64_t{1} << 20));
    ValueFiles values(io, request, report);
    Gathering gathering(io, request, *store, sort, values, report);
    if (auto gathered = gathering.run(); !gathered) return gathered;
    const auto interrupt = [&]() -> Result<void> {
        if (request.stopped()) return stopped();
        return {};
    };
    if (auto sorted = sort.finish(interrupt); !sorted) return sorted;
    Rebuilding rebuilding(request, *store, sort, values, report);
    return rebuilding.run();
}

}  // namespace

Result<void> recover_store(platform::FileIo& io, const RecoverRequest& request, RecoverReport& report) {
    auto done = platform::answer("recovering the store", [&] { return recover(io, request, report); });
    report.cancelled = !done && request.stopped();
    return done;
}

}  // namespace zverse::tools
