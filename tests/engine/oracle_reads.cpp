// The oracle's reads: points, ranges, histories, changes, and what is held open between writes.
#include <engine/oracle.h>
#include <support/results.h>

#include <algorithm>
#include <array>
#include <utility>

namespace zverse::test {

namespace {

constexpr std::size_t kHeld = 4;

std::string at(Version version) { return " as of " + (version == kLatest ? "latest" : std::to_string(version)); }

}  // namespace

/// What may be asked for when retention forgets the rest; the floor moves in steps that the oracle takes itself.
Version Oracle::oldest_version() {
    if (!config_.options.retention.max_versions_behind) return 0;
    Version oldest = store_->floor();
    if (oldest > 0) count("floors");
    // In a lost window there is nothing, up to where the store was opened again.
    while (const LostWindow* window = lost_window_of(oldest)) oldest = window->opened;
    return oldest;
}

Version Oracle::any_version() {
    Version version = kLatest;
    const std::uint64_t die = random_.below(8);
    if (die < 5 && !versions_.empty()) version = versions_[random_.below(versions_.size())] - random_.below(2);
    if (die == 5) version = random_.below(store_->latest_version() + 1);
    if (die == 6) version = store_->latest_version();
    if (version != kLatest) version = std::max(version, oldest_version());
    return version == kLatest || lost_window_of(version) == nullptr ? version : kLatest;
}

VersionRange Oracle::any_versions() {
    VersionRange versions{random_.one_in(3) ? 0 : any_version(), random_.one_in(3) ? kLatest : any_version()};
    if (versions.after == kLatest) {
        const Version latest = store_->latest_version();
        versions.after = latest - std::min<Version>(latest, random_.below(20));
    }
    if (lost_window_of(versions.after) != nullptr) versions.after = 0;
    versions.after = std::max(versions.after, oldest_version());
    if (versions.after > versions.upto) std::swap(versions.after, versions.upto);
    return versions;
}

KeyRange Oracle::any_range() {
    switch (random_.below(4)) {
        case 0: return {};
        case 1: {
            std::string prefix = pool_.any(random_);
            prefix.resize(std::min<std::size_t>(prefix.size(), random_.below(6)));
            return prefix_range(prefix);
        }
        default: {
            KeyRange range{pool_.near(random_), random_.one_in(4) ? "" : pool_.near(random_)};
            if (!range.end.empty() && range.begin > range.end) std::swap(range.begin, range.end);
            return range;
        }
    }
}

ScanOptions Oracle::any_scan_options() {
    return {random_.one_in(2), random_.one_in(3) ? 0 : random_.between(1, 12), random_.one_in(4)};
}

void Oracle::check_get(std::string_view key, Version as_of) {
    const std::optional<std::string> value = must(store_->get(key, as_of));
    const ModelStore::Found found = model_.find(key, as_of);
    check(value == found.value, [&] {
        return "get" + at(as_of) + ": " + describe(Entry{key, value.value_or(""), 0, !value.has_value()}) +
               " instead of " + describe(Entry{key, found.value.value_or(""), found.version, !found.value});
    });
}

void Oracle::get() { check_get(random_.one_in(8) ? pool_.near(random_) : pool_.any(random_), kLatest); }

void Oracle::get_as_of() { check_get(pool_.any(random_), any_version()); }

void Oracle::get_into() {
    const std::string& key = pool_.any(random_);
    const Version as_of = any_version();
    std::string value = "what was here before";
    Version version = 1;
    const bool there = must(store_->get_into(key, value, as_of, &version));
    const ModelStore::Found found = model_.find(key, as_of);
    check(
        there == found.value.has_value() && value == found.value.value_or("") && version == (there ? found.version : 0),
        [&] { return "get_into" + at(as_of) + ": " + describe(Entry{key, value, version, !there}); });
}

void Oracle::visit() {
    const std::string& key = pool_.any(random_);
    const Version as_of = any_version();
    const ModelStore::Found found = model_.find(key, as_of);
    int calls = 0;
    const bool there = must(store_->visit(
        key,
        [&](const Entry& entry) {
            ++calls;
            const Entry expected{key, found.value.value_or(""), found.version, false};
            check(found.value.has_value() && equal(entry, expected), [&] { return "visit: " + describe(entry); });
        },
        as_of));
    check(there == found.value.has_value() && calls == (there ? 1 : 0), "visit calls back once for what is there");
}

void Oracle::multi_get() {
    constexpr std::size_t kMost = 24;
    const std::size_t count = random_.below(kMost + 1);
    std::array<std::string, kMost> words;
    std::array<std::string_view, kMost> keys;
    std::array<std::optional<std::string>, kMost> values;
    for (std::size_t i = 0; i < count; ++i) {
        words[i] = random_.one_in(8) ? pool_.near(random_) : pool_.any(random_);
        keys[i] = words[i];
        values[i] = "what was here before";
    }
    const Version as_of = any_version();
    must(store_->multi_get(std::span(keys).first(count), std::span(values).first(count), as_of));
    for (std::size_t i = 0; i < count; ++i) {
        check(values[i] == model_.find(keys[i], as_of).value,
              [&] { return "multi_get" + at(as_of) + " of key " + std::to_string(i); });
    }
}

void Oracle::check_cursor(Result<Cursor> opened, const std::vector<ModelEntry>& expected) {
    Cursor cursor = must(std::move(opened));
    for (const ModelEntry& entry : expected) {
        check(must(cursor.next()), [&] { return "the cursor ends early, before " + describe(entry); });
        check(equal(cursor.entry(), entry),
              [&] { return describe(cursor.entry()) + " instead of " + describe(entry); });
    }
    if (must(cursor.next()))
        check(false, [&] { return "the cursor goes on after its end with " + describe(cursor.entry()); });
    check(!must(cursor.next()), "the cursor moves again after its end");
}

void Oracle::scan() {
    const KeyRange range = any_range();
    const ScanOptions options = any_scan_options();
    const Version as_of = any_version();
    check_cursor(store_->scan(range, as_of, options), limited(model_.scan(range, as_of, options.reverse), options));
}

void Oracle::history() {
    const std::string& key = pool_.any(random_);
    const VersionRange versions = any_versions();
    const ScanOptions options = any_scan_options();
    check_cursor(store_->history(key, versions, options),
                 limited(model_.history(key, versions, options.reverse), options));
}

void Oracle::changes() {
    VersionRange versions = any_versions();
    // Mostly the newest few, as the tail of a log is read.
    if (!random_.one_in(8) && !versions_.empty()) {
        versions.after = versions_[versions_.size() - 1 - random_.below(std::min<std::size_t>(40, versions_.size()))];
        versions.upto = kLatest;
        if (lost_window_of(versions.after) != nullptr) versions.after = 0;
        versions.after = std::max(versions.after, oldest_version());
    }
    const KeyRange range = random_.one_in(2) ? KeyRange{} : any_range();
    const ScanOptions options = any_scan_options();
    check_cursor(store_->changes(versions, range, options),
                 limited(model_.changes(versions, range, options.reverse), options));
}

void Oracle::take_snapshot() {
    if (snapshots_.size() == kHeld)
        snapshots_.erase(snapshots_.begin() + static_cast<std::ptrdiff_t>(random_.below(kHeld)));
    Snapshot snapshot = store_->snapshot();
    check(snapshot.version() >= last_write_, "the snapshot misses a write that returned");
    check(snapshot.version() <= store_->latest_version(), "the snapshot is ahead of latest_version()");
    latest_ = std::max(latest_, snapshot.version());
    snapshots_.push_back(std::move(snapshot));
}

void Oracle::read_snapshot() {
    if (snapshots_.empty()) return take_snapshot();
    const Version as_of = snapshots_[random_.below(snapshots_.size())].version();
    for (int i = 0; i < 4; ++i) check_get(pool_.any(random_), as_of);
    if (!random_.one_in(10)) return;
    const KeyRange range = any_range();
    check_cursor(store_->scan(range, as_of), model_.scan(range, as_of, false));
}

void Oracle::open_cursor() {
    if (cursors_.size() == kHeld) return step_cursor();
    const ScanOptions options = any_scan_options();
    const KeyRange range = any_range();
    // A cursor made at the latest version stays there while writes go on, so the model's answer is taken as of then.
    const Version as_of = random_.one_in(2) ? kLatest : any_version();
    const VersionRange versions = any_versions();
    const std::string key = pool_.any(random_);
    switch (random_.below(4)) {
        case 0:
            cursors_.push_back({must(store_->history(key, versions, options)),
                                ModelCursor(model_.history(key, versions, options.reverse), options), false});
            break;
        case 1:
            cursors_.push_back({must(store_->changes(versions, range, options)),
                                ModelCursor(model_.changes(versions, range, options.reverse), options), false});
            break;
        default:
            cursors_.push_back({must(store_->scan(range, as_of, options)),
                                ModelCursor(model_.scan(range, as_of, options.reverse), options), true});
            break;
    }
}

void Oracle::step_cursor() {
    if (cursors_.empty()) return open_cursor();
    const std::size_t index = random_.below(cursors_.size());
    HeldCursor& held = cursors_[index];
    for (std::uint64_t step = random_.between(1, 6); step > 0; --step) {
        if (!random_.one_in(4)) {
            const Result<bool> moved = held.cursor.next();
            check_step(held, moved, held.model.next());
        } else if (held.seekable) {
            const std::string key = pool_.near(random_);
            const Result<bool> moved = held.cursor.seek(key);
            check_step(held, moved, held.model.seek(key));
        } else {
            expect_error(held.cursor.seek(pool_.any(random_)), ErrorCode::invalid_argument);
        }
    }
    if (random_.one_in(6)) cursors_.erase(cursors_.begin() + static_cast<std::ptrdiff_t>(index));
}

void Oracle::check_step(HeldCursor& held, const Result<bool>& moved, const ModelEntry* expected) {
    const bool there = must(moved);
    check(there == (expected != nullptr), [&] {
        return there ? "a held cursor goes on with " + describe(held.cursor.entry())
                     : "a held cursor ends before " + describe(*expected);
    });
    if (!there) return;
    check(equal(held.cursor.entry(), *expected),
          [&] { return "a held cursor: " + describe(held.cursor.entry()) + " instead of " + describe(*expected); });
}

}  // namespace zverse::test
