// Point reads: pin, load the view, resolve the version, then the hot tier; what it does not hold is a lower tier's.
#include <engine/engine.h>
#include <platform/answer.h>

#include <algorithm>
#include <array>
#include <optional>
#include <thread>
#include <utility>

namespace zverse::engine {

Version Engine::cut() const noexcept { return views_->current().cut; }

Result<hot::Host::Newest> Engine::newest_below(std::string_view key) const {
    const cold::Tree* tree = views_->current().tree.get();
    if (tree == nullptr) return Newest{};
    cold::Tree::Hit hit;
    if (auto asked = tree->find(key, tree->hash(key), kVersionMax, hit); !asked) {
        return std::unexpected(std::move(asked.error()));
    }
    if (!hit) return Newest{};
    return Newest{hit.record.version, hit.record.tombstone};
}

/// What has settled of a key as of a version: false when it is absent or erased; else its value lies in `hit`.
Result<bool> Engine::find_settled(const warm::View& view, std::string_view key, std::uint64_t settled_hash,
                                  Version as_of, cold::Tree::Hit& hit) {
    if (view.tree == nullptr) return false;
    if (auto asked = view.tree->find(key, settled_hash, as_of, hit); !asked) {
        return std::unexpected(std::move(asked.error()));
    }
    if (!hit || hit.record.tombstone) return false;
    if (hit.record.is_outside) [[unlikely]] {
        auto value = hit.segment->value(hit.record, hit.hold);
        if (!value) return std::unexpected(std::move(value.error()));
        hit.record.value = *value;
    }
    return true;
}

bool Engine::is_lost(Version version) const noexcept {
    return std::any_of(lost_.begin(), lost_.end(), [version](const LostWindow& window) {
        return version > window.after && version <= window.upto;
    });
}

Result<Version> Engine::resolve_version(Version as_of, const warm::View& view) const {
    const Version latest = tier_->latest();
    if (as_of == kLatest) return latest;
    if (as_of > latest) [[unlikely]] {
        return std::unexpected(
            Error(ErrorCode::version_unknown,
                  "version " + std::to_string(as_of) + " is above the latest version " + std::to_string(latest)));
    }
    if (as_of < view.floor) [[unlikely]] {
        return std::unexpected(too_old_error(as_of, pins_.floor()));
    }
    if (!lost_.empty() && is_lost(as_of)) [[unlikely]] {
        return std::unexpected(Error(ErrorCode::version_unknown,
                                     "version " + std::to_string(as_of) + " lies in a window lost to a power cut"));
    }
    return as_of;
}

// A get is two misses, and the CPU overlaps as many gets as fit into its window of instructions (hot/small_bytes.h).
// So get_usual(), a key of 8 to 16 bytes with a short value in the rings, makes no call. All else is one of those
// before it.

/// The whole of it, from the start.
[[gnu::noinline]] Result<bool> Engine::get_unusual(std::string_view key, std::string& value, Version as_of,
                                                   Version* version) {
    return platform::answer("the read", [&] { return get_into(key, value, as_of, version); });
}

/// A get whose turn it is; the thread's slot was used last.
[[gnu::noinline]] Result<bool> Engine::get_timed(std::string_view key, std::string& value, Version* version) {
    const hot::LatencyTimer timer(hot::WriterSlots::last().latencies, hot::Timed::get);
    return get_expected(key, value, version);
}

/// A value of the rings that is not short; `value` has room for it. Ends the pin.
[[gnu::noinline]] Result<bool> Engine::get_long(std::string_view stored, std::string& value) {
    hot::WriterSlot& slot = hot::WriterSlots::last();
    const hot::PinGuard pin(slot);
    hot::assign_apart(value, stored);
    slot.count(hot::Counter::gets);
    return true;
}

/// What the rings do not have. Ends the pin. What has settled since they were asked is an answer, too.
[[gnu::noinline]] Result<bool> Engine::get_settled(std::string_view key, std::string& value, Version* version) {
    hot::WriterSlot& slot = hot::WriterSlots::last();
    const hot::PinGuard pin(slot);
    const warm::View& view = views_->current();
    slot.count(hot::Counter::gets);
    slot.rings_missed = view.tree != nullptr;
    slot.prepare_next_get();
    return platform::answer("the read", [&]() -> Result<bool> {
        cold::Tree::Hit hit;
        auto settled = find_settled(view, key, view.tree != nullptr ? view.tree->hash(key) : 0, kVersionMax, hit);
        if (!settled) return settled;
        if (*settled) {
            hot::assign_apart(value, hit.record.value);
        } else {
            value.clear();
        }
        if (version != nullptr) *version = *settled ? hit.record.version : 0;
        return settled;
    });
}

/// Where the rings did not have what was asked for last, the cold tier's lines are on their way while they are asked.
/// If they have it now, that was a waste that costs as much as the get itself, so the next one expects it there again.
[[gnu::noinline]] Result<bool> Engine::get_expected(std::string_view key, std::string& value, Version* version) {
    hot::WriterSlot& slot = hot::WriterSlots::last();
    if (!slot.rings_missed) return get_now(key, value, version);
    tier_->prefetch_chain(tier_->hash(key));
    {
        const hot::PinGuard pin(tier_->epochs(), slot);
        const cold::Tree* tree = closed() ? nullptr : views_->current().tree.get();
        if (tree != nullptr) tree->prefetch(key, tree->hash(key));
    }
    slot.rings_missed = false;
    return get_now(key, value, version);
}

/// A get that is timed or does not expect its key in the rings; the thread's slot was used last.
[[gnu::noinline]] Result<bool> Engine::get_special(std::string_view key, std::string& value, Version* version) {
    hot::WriterSlot& slot = hot::WriterSlots::last();
    auto got = slot.times_next(hot::Counter::gets) ? get_timed(key, value, version) : get_expected(key, value, version);
    slot.prepare_next_get();
    return got;
}

[[gnu::always_inline]] inline Result<bool> Engine::get_usual(std::string_view key, std::string& value, Version as_of,
                                                             Version* version) {
    if (!hot::usual_key(key.size()) || !tier_->slots().used_last() || as_of != kLatest) [[unlikely]]
        return get_unusual(key, value, as_of, version);
    const hot::WriterSlot& slot = hot::WriterSlots::last();
    if (slot.pinned()) [[unlikely]]
        return get_unusual(key, value, as_of, version);
    if (slot.next_get_is_special()) [[unlikely]]
        return get_special(key, value, version);
    return get_now(key, value, version);
}

/// Of a usual key and the latest version, by a thread whose slot was used last and is not pinned.
[[gnu::always_inline]] inline Result<bool> Engine::get_now(std::string_view key, std::string& value, Version* version) {
    const hot::Tier& tier = *tier_;
    hot::WriterSlot& slot = hot::WriterSlots::last();
    const std::uint64_t hash = tier.hash(key);
    tier.epochs().pin_outermost(slot);
    if (closed()) [[unlikely]] {
        // There are no rings any more.
        tier.epochs().unpin(slot, 0);
        return get_unusual(key, value, kLatest, version);
    }
    bool unusual = false;
    const hot::Found found = tier.find_usual(key, hash, tier.latest(), views_->current().cut, unusual);
    if (!found && !unusual) return get_settled(key, value, version);
    if (!unusual && !found.tombstone()) [[likely]] {
        const std::string_view stored = found.op->value_behind(key);
        if (stored.size() <= value.capacity()) [[likely]] {
            if (version != nullptr) *version = found.version;
            if (stored.size() > hot::kShortBytes) return get_long(stored, value);
            value.resize_and_overwrite(stored.size(), [&] [[gnu::always_inline]] (char* bytes, std::size_t) noexcept {
                hot::copy_short(bytes, stored.data(), stored.size());
                return stored.size();
            });
            slot.count(hot::Counter::gets);
            tier.epochs().unpin(slot, 0);
            return true;
        }
    }
    tier.epochs().unpin(slot, 0);
    return get_unusual(key, value, kLatest, version);
}

Result<bool> Engine::get_into(std::string_view key, std::string& value, Version as_of, Version* version) {
    if (!good_key(key)) [[unlikely]]
        return refuse_key(key);
    hot::Tier& tier = *tier_;
    const std::uint64_t hash = tier.hash(key);
    hot::WriterSlot& slot = tier.slots().mine();
    std::optional<hot::LatencyTimer> timer;
    if (slot.times_next(hot::Counter::gets)) [[unlikely]]
        timer.emplace(slot.latencies, hot::Timed::get);
    const hot::PinGuard pin(tier.epochs(), slot);
    if (closed()) [[unlikely]]
        return refuse_closed();
    const warm::View& view = views_->current();
    if (as_of == kLatest) [[likely]] {
        as_of = tier.latest();
    } else if (const auto resolved = resolve_version(as_of, view); !resolved) [[unlikely]] {
        return std::unexpected(resolved.error());
    }
    slot.count(hot::Counter::gets);
    std::uint64_t settled_hash = 0;
    if (view.tree != nullptr) {
        settled_hash = view.tree->hash(key);
        view.tree->prefetch(key, settled_hash);
    }
    const hot::Found found = tier.find(slot, key, hash, as_of, view.cut);
    if (!found) {
        cold::Tree::Hit hit;
        auto settled = find_settled(view, key, settled_hash, as_of, hit);
        if (!settled) return settled;
        if (*settled) {
            hot::assign_apart(value, hit.record.value);
            if (version != nullptr) *version = hit.record.version;
            return true;
        }
    }
    if (!found || found.tombstone()) {
        value.clear();
        if (version != nullptr) *version = 0;
        return false;
    }
    hot::assign_apart(value, found.op->value_behind(key));
    if (version != nullptr) *version = found.version;
    return true;
}

Result<std::optional<std::string>> Engine::get(std::string_view key, Version as_of) {
    std::string value;
    auto found = get_into(key, value, as_of, nullptr);
    if (!found) return std::unexpected(std::move(found.error()));
    if (!*found) return std::nullopt;
    return std::optional<std::string>(std::move(value));
}

Result<bool> Engine::refuse_key(std::string_view key) { return std::unexpected(bad_key(key)); }

Result<bool> Engine::refuse_closed() { return std::unexpected(closed_error()); }

Result<bool> Engine::visit(std::string_view key, Version as_of, void (*on_entry)(void*, const Entry&), void* context) {
    auto slot = platform::answer("the read", [&]() -> Result<hot::WriterSlot*> {
        if (!good_key(key)) return std::unexpected(bad_key(key));
        return &tier_->slots().mine();
    });
    if (!slot) return std::unexpected(std::move(slot.error()));
    const std::uint64_t hash = tier_->hash(key);
    const hot::PinGuard pin(tier_->epochs(), **slot);
    cold::Tree::Hit hit;
    auto found = platform::answer("the read", [&]() -> Result<std::optional<Entry>> {
        if (closed()) return std::unexpected(closed_error());
        const warm::View& view = views_->current();
        const auto s = resolve_version(as_of, view);
        if (!s) return std::unexpected(s.error());
        (*slot)->count(hot::Counter::gets);
        const hot::Found hot = tier_->find(**slot, key, hash, *s, view.cut);
        if (!hot) {
            auto settled = find_settled(view, key, view.tree != nullptr ? view.tree->hash(key) : 0, *s, hit);
            if (!settled) return std::unexpected(std::move(settled.error()));
            if (!*settled) return std::nullopt;
            return Entry{key, hit.record.value, hit.record.version, false};
        }
        if (hot.tombstone()) return std::nullopt;
        return Entry{hot.key(), hot.op->value_behind(key), hot.version, false};
    });
    if (!found) return std::unexpected(std::move(found.error()));
    if (!*found) return false;
    struct Callback {
        hot::WriterSlot& slot;
        explicit Callback(hot::WriterSlot& owner) noexcept : slot(owner) { ++slot.callbacks; }
        ~Callback() { --slot.callbacks; }
    } const inside(**slot);
    on_entry(context, **found);
    return true;
}

namespace {

void put_value(std::optional<std::string>& value, std::string_view stored) {
    if (value) {
        hot::assign_apart(*value, stored);
    } else {
        value.emplace(stored);
    }
}

}  // namespace

Result<void> Engine::multi_get(std::span<const std::string_view> keys, std::span<std::optional<std::string>> values,
                               Version as_of) {
    hot::WriterSlot& slot = tier_->slots().mine();
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    if (keys.size() != values.size()) {
        return std::unexpected(Error(ErrorCode::invalid_argument, "multi_get of " + std::to_string(keys.size()) +
                                                                      " keys into " + std::to_string(values.size()) +
                                                                      " values; the sizes must agree"));
    }
    for (const std::string_view key : keys) {
        if (!good_key(key)) return std::unexpected(bad_key(key));
    }
    // Passes over a group, so that the misses of its keys are in flight together: buckets of the rings' index and lines
    // of the segments', then the operations and records they name, then the values.
    constexpr std::size_t kGroup = 16;
    std::array<std::uint64_t, kGroup> hashes, settled_hashes{};
    std::array<hot::OperationRef, kGroup> tops;
    VersionPins::Pin held;
    const bool one_group = keys.size() <= kGroup;
    if (!one_group) {  // the floor may move between them
        auto pinned = hold(as_of);
        if (!pinned) return std::unexpected(std::move(pinned.error()));
        held = std::move(*pinned);
    }
    Version s = held.version();
    for (std::size_t begin = 0; begin < keys.size(); begin += kGroup) {
        const std::size_t count = std::min(kGroup, keys.size() - begin);
        for (std::size_t i = 0; i < count; ++i) {
            hashes[i] = tier_->hash(keys[begin + i]);
            tier_->prefetch_chain(hashes[i]);
        }
        const hot::PinGuard pin(tier_->epochs(), slot);
        const warm::View& view = views_->current();
        if (one_group) {
            const auto resolved = resolve_version(as_of, view);
            if (!resolved) return std::unexpected(resolved.error());
            s = *resolved;
        }
        const cold::Tree* const tree = view.tree.get();
        for (std::size_t i = 0; tree != nullptr && i < count; ++i) {
            settled_hashes[i] = tree->hash(keys[begin + i]);
            tree->prefetch(keys[begin + i], settled_hashes[i]);
        }
        for (std::size_t i = 0; i < count; ++i) tier_->prefetch_operation(hashes[i]);
        for (std::size_t i = 0; i < count; ++i) {
            tops[i] = tier_->chain(hashes[i]);
            if (tree != nullptr && !tops[i]) tree->prefetch_records(keys[begin + i], settled_hashes[i]);
        }
        for (std::size_t i = 0; i < count; ++i) {
            std::optional<std::string>& value = values[begin + i];
            const hot::Found found = tier_->find_from(slot, tops[i], keys[begin + i], s, view.cut);
            if (!found) {
                cold::Tree::Hit hit;
                auto settled = find_settled(view, keys[begin + i], settled_hashes[i], s, hit);
                if (!settled) return std::unexpected(std::move(settled.error()));
                *settled ? put_value(value, hit.record.value) : value.reset();
            } else if (found.tombstone()) {
                value.reset();
            } else {
                put_value(value, found.op->value_behind(keys[begin + i]));
            }
        }
        slot.count(hot::Counter::gets, count);
    }
    return {};
}

Version Engine::latest_version() const noexcept { return tier_->latest(); }

/// The one that pins are held against, which is announced before the view has it: a read that pins is refused below it.
Version Engine::floor() const { return pins_.floor(); }

Version Engine::durable_version() {
    const hot::ActiveCall call(*tier_);
    // Class power on pmem: every write is durable as it returns, so a seal is all there is to do.
    if (!closed() && !options_.read_only && options_.durability == Durability::power && !tier_->group_commits()) {
        (void)tier_->sync_all();
    }
    return tier_->durable_mark();
}

Result<void> Engine::sync() {
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    if (options_.read_only) return {};
    auto synced = tier_->sync_all();
    after_write();
    if (!synced) return std::unexpected(std::move(synced.error()));
    return {};
}

Result<void> Engine::wait_durable(Version version) {
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    if (version > tier_->latest()) {
        return std::unexpected(Error(
            ErrorCode::version_unknown,
            "version " + std::to_string(version) + " is above the latest version " + std::to_string(tier_->latest())));
    }
    if (options_.read_only) return {};
    return tier_->wait_for_group(version);
}

Result<Version> Engine::wait_newer(Version after, std::chrono::milliseconds timeout) {
    using std::chrono::milliseconds;
    constexpr milliseconds kLongest = std::chrono::days(30);
    // Whoever writes, syncs or keeps the time wakes us. What else moves the clock (versions that a reader burnt) is
    // nobody's news, and found by a look now and then; without the fence a writer may miss us: look soon.
    constexpr milliseconds kLook{100};
    constexpr milliseconds kLookSoon{1};
    const hot::ActiveCall call(*tier_);
    const auto deadline = std::chrono::steady_clock::now() + std::clamp(timeout, milliseconds(0), kLongest);
    std::unique_lock lock(newer_mutex_);
    // relaxed: published by the fence, see after_write().
    newer_waiters_.fetch_add(1, std::memory_order_relaxed);
    const milliseconds look = platform::fence_all_threads() ? kLook : kLookSoon;
    Version latest = tier_->latest();
    for (auto now = std::chrono::steady_clock::now(); !closed() && latest <= after && now < deadline;) {
        newer_.wait_until(lock, std::min(deadline, now + look));
        latest = tier_->latest();
        now = std::chrono::steady_clock::now();
    }
    newer_waiters_.fetch_sub(1, std::memory_order_relaxed);  // relaxed: late wakes are harmless
    if (closed()) return std::unexpected(closed_error());
    return latest;
}

Result<Version> Engine::version_at(std::chrono::system_clock::time_point time) {
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    const auto now = std::chrono::system_clock::now();
    if (time >= now) return tier_->latest();
    const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
    const Version oldest = floor();
    const auto known = newest_at(since);
    if (!known || *known < oldest) {
        return std::unexpected(Error(ErrorCode::version_too_old,
                                     known ? "the time lies before the floor" : "the time lies before the store", 0,
                                     oldest));
    }
    const Version version = std::min(*known, tier_->latest());
    return version;
}

}  // namespace zverse::engine

namespace zverse {

// flatten: libstdc++ would otherwise be called to change the value's size.
[[gnu::flatten]] Result<bool> Store::get_into(std::string_view key, std::string& value, Version as_of,
                                              Version* version) const {
    return engine_->get_usual(key, value, as_of, version);
}

}  // namespace zverse
