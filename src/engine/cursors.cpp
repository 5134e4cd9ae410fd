// Making cursors, snapshots and transactions: arguments checked, versions resolved and pinned.
#include <engine/changes_cursor.h>
#include <engine/history_cursor.h>
#include <engine/scan_cursor.h>
#include <engine/transaction.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace zverse::engine {

Result<void> Engine::check_range(const KeyRange& range) {
    if (range.end.empty() || range.begin <= range.end) return {};
    return std::unexpected(
        Error(ErrorCode::invalid_argument, "the key range is reversed: its begin is greater than its end"));
}

Error Engine::too_old_error(Version version, Version floor) {
    return Error(ErrorCode::version_too_old,
                 "version " + std::to_string(version) + " is below the floor " + std::to_string(floor), 0, floor);
}

/// Pins what resolve_version() let through; the floor may have moved since.
Result<VersionPins::Pin> Engine::pin_resolved(Version version) {
    auto pin = pins_.try_pin(version);
    if (!pin) return std::unexpected(too_old_error(version, pins_.floor()));
    return std::move(*pin);
}

Result<Cursor> Engine::scan(const KeyRange& range, Version as_of, const ScanOptions& options) {
    hot::WriterSlot& slot = tier_->slots().mine();
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    if (auto good = check_range(range); !good) return std::unexpected(std::move(good.error()));
    const hot::PinGuard pin(tier_->epochs(), slot);
    const warm::View& view = views_->current();
    const auto s = resolve_version(as_of, view);
    if (!s) return std::unexpected(s.error());
    auto held = as_of == kLatest ? pins_.pin_from(*s) : pin_resolved(*s);
    if (!held) return std::unexpected(std::move(held.error()));
    const Version shown = held->version();
    auto cursor = std::make_unique<ScanCursor>(shared_from_this(), std::move(*held), range, shown, options);
    if (shown < view.cut) cursor->asks({cold::QueryKind::as_of, {}, view.cut});
    return Cursor(std::move(cursor));
}

/// Clips (after, upto] to what there is; version_unknown when a bound lies in a lost window.
Result<VersionRange> Engine::resolve_range(VersionRange versions, const warm::View& view) const {
    const Version latest = tier_->latest();
    const Version upto = std::min(versions.upto, latest);
    if (versions.upto != kLatest && versions.after > versions.upto) {
        return std::unexpected(Error(ErrorCode::invalid_argument, "the version range is reversed: after " +
                                                                      std::to_string(versions.after) + ", up to " +
                                                                      std::to_string(versions.upto)));
    }
    if (upto != latest) {
        if (auto good = resolve_version(std::max(upto, view.floor), view); !good) return std::unexpected(good.error());
    }
    if (versions.after < latest && is_lost(versions.after)) {
        return std::unexpected(Error(ErrorCode::version_unknown, "version " + std::to_string(versions.after) +
                                                                     " lies in a window lost to a power cut"));
    }
    return VersionRange{std::min(versions.after, upto), upto};
}

Result<Cursor> Engine::history(std::string_view key, VersionRange versions, const ScanOptions& options) {
    hot::WriterSlot& slot = tier_->slots().mine();
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    if (!good_key(key)) return std::unexpected(bad_key(key));
    const hot::PinGuard pin(tier_->epochs(), slot);
    const warm::View& view = views_->current();
    const auto range = resolve_range(versions, view);
    if (!range) return std::unexpected(range.error());
    // What is kept now of the range stays. It is held from its begin, or from the floor.
    auto held = pins_.pin_from(range->after);
    const Version floor = held.version();
    auto cursor = std::make_unique<HistoryCursor>(shared_from_this(), std::move(held), floor, key, *range, options);
    if (range->after < view.cut) cursor->asks({cold::QueryKind::history, *range, view.cut});
    return Cursor(std::move(cursor));
}

Result<Cursor> Engine::changes(VersionRange versions, const KeyRange& keys, const ScanOptions& options) {
    hot::WriterSlot& slot = tier_->slots().mine();
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    if (auto good = check_range(keys); !good) return std::unexpected(std::move(good.error()));
    const hot::PinGuard pin(tier_->epochs(), slot);
    const warm::View& view = views_->current();
    if (const Version floor = pins_.floor(); versions.after < floor) {
        return std::unexpected(Error(
            ErrorCode::version_too_old,
            "changes after version " + std::to_string(versions.after) + ", below the floor " + std::to_string(floor), 0,
            floor));
    }
    const auto range = resolve_range(versions, view);
    if (!range) return std::unexpected(range.error());
    // As of its begin: whatever a later version in the range supersedes is shown, too.
    auto held = pin_resolved(range->after);
    if (!held) return std::unexpected(std::move(held.error()));
    auto cursor = std::make_unique<ChangesCursor>(shared_from_this(), std::move(*held), *range, keys, options);
    const bool all_keys = keys.begin.empty() && keys.end.empty();
    if (range->after < view.cut) cursor->asks({cold::QueryKind::changes, *range, view.cut, all_keys});
    return Cursor(std::move(cursor));
}

Snapshot Engine::snapshot() {
    const Version latest = tier_->latest();
    try {
        const hot::ActiveCall call(*tier_);
        return Snapshot(std::make_unique<SnapshotState>(shared_from_this(), pins_.pin_from(tier_->latest())));
    } catch (const std::exception&) {
        return Snapshot(latest);
    }
}

Transaction Engine::begin() {
    try {
        const hot::ActiveCall call(*tier_);
        return Transaction(std::make_unique<TransactionState>(shared_from_this(), pins_.pin_from(tier_->latest())));
    } catch (const std::exception&) {
        return Transaction(nullptr);
    }
}

}  // namespace zverse::engine
