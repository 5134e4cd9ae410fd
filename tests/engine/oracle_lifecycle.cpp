// The oracle's life: opening, draining, dying in every way, and what versions promise across all of it.
#include <engine/oracle.h>
#include <support/results.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace zverse::test {

namespace {

constexpr std::size_t kModelRecordsMax = 6000;

struct Operation {
    const char* name;
    std::uint64_t weight;
    void (Oracle::*run)();
};

}  // namespace

Oracle::Oracle(OracleConfig config, std::filesystem::path directory, std::uint64_t seed)
    : config_(std::move(config)), directory_(std::move(directory)), random_(seed), pool_(random_) {
    config_.internals.boot_id = platform::BootId{random_.next(), random_.next()};
    open(true);
}

void Oracle::run(std::uint64_t operations) {
    for (number_ = 1; number_ <= operations; ++number_) {
        try {
            operation();
        } catch (const std::exception& difference) {
            throw std::runtime_error(config_.name + ", operation " + std::to_string(number_) + ": " +
                                     difference.what());
        }
    }
    compare_everything();
    leave(true);
}

void Oracle::operation() {
    static constexpr std::array kOperations = {
        Operation{"put", 2200, &Oracle::put},
        Operation{"erase", 400, &Oracle::erase},
        Operation{"write", 400, &Oracle::write_batch},
        Operation{"put_if", 400, &Oracle::put_if},
        Operation{"get", 2000, &Oracle::get},
        Operation{"get as of", 800, &Oracle::get_as_of},
        Operation{"get_into", 300, &Oracle::get_into},
        Operation{"visit", 300, &Oracle::visit},
        Operation{"multi_get", 200, &Oracle::multi_get},
        Operation{"scan", 250, &Oracle::scan},
        Operation{"history", 350, &Oracle::history},
        Operation{"changes", 200, &Oracle::changes},
        Operation{"snapshot", 100, &Oracle::take_snapshot},
        Operation{"snapshot read", 250, &Oracle::read_snapshot},
        Operation{"begin", 150, &Oracle::begin_transaction},
        Operation{"transaction read or write", 700, &Oracle::use_transaction},
        Operation{"commit", 140, &Oracle::commit_transaction},
        Operation{"cursor", 60, &Oracle::open_cursor},
        Operation{"cursor step", 240, &Oracle::step_cursor},
        Operation{"version relations", 200, &Oracle::check_versions},
        Operation{"lost versions", 20, &Oracle::check_lost_versions},
        Operation{"version_at", 20, &Oracle::check_version_at},
        Operation{"sync", 10, &Oracle::sync},
        Operation{"wait_durable", 10, &Oracle::wait_durable},
        Operation{"worker step", 30, &Oracle::step},
        Operation{"flush", 3, &Oracle::flush},
        Operation{"reopen", 3, &Oracle::reopen},
    };
    static constexpr std::uint64_t kSum = [] {
        std::uint64_t sum = 0;
        for (const Operation& operation : kOperations) sum += operation.weight;
        return sum;
    }();
    std::uint64_t die = random_.below(kSum);
    const Operation* chosen = kOperations.data();
    while (die >= chosen->weight) die -= chosen++->weight;
    count(chosen->name);
    (this->*chosen->run)();
}

void Oracle::open(bool first) {
    store_.emplace(must(engine::StoreAccess::open(directory_, config_.options, config_.internals)));
    if (first) check(store_->latest_version() == store_->floor(), "a new store is empty");
    check(store_->latest_version() >= latest_, "latest_version() fell over a reopening");
    latest_ = store_->latest_version();
    durable_ = 0;
    check_versions();
}

void Oracle::check_versions() {
    const Version durable = store_->durable_version();
    const Version latest = store_->latest_version();
    check(latest >= latest_, "latest_version() fell");
    check(latest >= last_write_, "latest_version() misses a write");
    check(durable >= durable_, "durable_version() fell");
    check(durable <= latest, "durable_version() is ahead of latest_version()");
    check(store_->floor() <= latest, "floor() is ahead of latest_version()");
    latest_ = latest;
    durable_ = durable;
    expect_error(store_->get(pool_.keys()[0], latest + (Version{1} << 40)), ErrorCode::version_unknown);
}

void Oracle::check_version_at() {
    const auto now = std::chrono::system_clock::now();
    const Result<Version> version = store_->version_at(now);
    if (version.has_value()) {
        check(*version <= store_->latest_version(), "version_at() is ahead of latest_version()");
        latest_ = std::max(latest_, *version);
        return;
    }
    check(version.error().code() == ErrorCode::version_too_old,
          [&] { return "version_at: " + describe(version.error()); });
}

void Oracle::sync() {
    const Version latest = store_->latest_version();
    must(store_->sync());
    check(store_->durable_version() >= latest, "durable_version() after sync()");
    check_versions();
}

void Oracle::wait_durable() {
    if (last_write_ == 0) return;
    must(store_->wait_durable(last_write_));
    check(store_->durable_version() >= last_write_, "durable_version() after wait_durable()");
    expect_error(store_->wait_durable(store_->latest_version() + (Version{1} << 40)), ErrorCode::version_unknown);
}

void Oracle::step() {
    if (config_.internals.stepped_worker) static_cast<void>(must(engine::StoreAccess::step(*store_)));
}

void Oracle::flush() {
    // A model that grew for ever would make each check slower than the one before.
    if (model_.records() > kModelRecordsMax) return drain();
    must(store_->flush());
    check(store_->durable_version() >= last_write_, "a flush with nobody beside it takes everything");
    count("flushes");
    if (store_->stats().value("zverse_compressed_segments").value_or(0) > 0) count("compressed");
    for (const cold::CurveChoice& choice : engine::StoreAccess::curve_choices(*store_)) {
        if (choice.segment <= counted_segment_) continue;
        counted_segment_ = choice.segment;
        ++counts_["curve " + choice.curve.name()];
        if (choice.adapted) count("curves by queries");
    }
}

void Oracle::drain() {
    // A held cursor would go on with what the drain forgets; every other read answers anew.
    cursors_.clear();
    const Version upto = must(engine::StoreAccess::drain(*store_));
    check(upto >= last_write_, "a drain with nobody beside it takes everything");
    model_.drain(upto);
    for (HeldTransaction& held : transactions_) held.drained = true;
    count("drains");
}

void Oracle::change_options() {
    if (random_.one_in(4)) {
        const bool power = config_.options.durability == Durability::power;
        config_.options.durability = power ? Durability::process : Durability::power;
        count("class changes");
    }
    if (random_.one_in(4)) {
        const bool by_core = config_.options.sharding == Sharding::by_core;
        config_.options.sharding = by_core ? Sharding::by_key : Sharding::by_core;
    }
}

void Oracle::reopen() {
    const Version durable_before = store_->durable_version();
    const Version latest_before = store_->latest_version();
    latest_ = std::max(latest_, latest_before);
    const bool clean = random_.one_in(3);
    const bool power_cut = random_.one_in(2);
    const bool may_lose = !clean && power_cut && config_.options.durability == Durability::process;
    leave(clean);
    if (power_cut) config_.internals.boot_id = platform::BootId{random_.next(), random_.next()};
    change_options();
    open(false);
    if (may_lose) accept_power_cut(durable_before, latest_before);
    count(may_lose ? "power cuts" : clean ? "clean closes" : "kills");
    compare_everything();
}

void Oracle::leave(bool clean) {
    counts_["spilled sorts"] +=
        static_cast<std::uint64_t>(store_->stats().value("zverse_spill_files_total").value_or(0));
    if (random_.one_in(2)) {
        snapshots_.clear();
        transactions_.clear();
        cursors_.clear();
    }
    if (clean) {
        must(store_->close());
    } else {
        engine::StoreAccess::abandon(*store_);
    }
    check_closed();
    // Half of the time what is held outlives the store.
    store_.reset();
    snapshots_.clear();
    transactions_.clear();
    cursors_.clear();
}

void Oracle::check_closed() {
    const std::string& key = pool_.any(random_);
    expect_error(store_->get(key), ErrorCode::closed);
    expect_error(store_->put(key, "value"), ErrorCode::closed);
    expect_error(store_->sync(), ErrorCode::closed);
    for (HeldCursor& held : cursors_) expect_error(held.cursor.next(), ErrorCode::closed);
    for (HeldTransaction& held : transactions_) {
        expect_error(held.transaction.get(key), ErrorCode::closed);
        expect_error(held.transaction.commit(), ErrorCode::closed);
    }
}

void Oracle::accept_power_cut(Version durable_before, Version latest_before) {
    const Version floor = oldest_version();
    Cursor newest = must(store_->changes({floor}, {}, {.reverse = true, .limit = 1}));
    // Without a change above the floor the newest is at or below it, in the segments, which lose nothing.
    const Version survived = must(newest.next()) ? newest.entry().version : floor;
    const Version oldest_lost = model_.cut_off_above(survived);
    // Without a lost record there may still be a window of versions that were handed out to nothing that lasts.
    const Version first = oldest_lost != 0 ? oldest_lost : latest_before + 1;
    lost_.push_back({first, latest_before, store_->latest_version(), survived});
    if (oldest_lost == 0) return;
    count("power cuts with losses");
    check(oldest_lost > durable_before, [&] {
        return "version " + std::to_string(oldest_lost) + " was lost, and durable_version() was " +
               std::to_string(durable_before);
    });
    check_lost_versions();
}

const Oracle::LostWindow* Oracle::lost_window_of(Version version) const {
    const auto window = std::ranges::find_if(
        lost_, [&](const LostWindow& lost) { return version > lost.kept && version < lost.opened; });
    return window == lost_.end() ? nullptr : &*window;
}

void Oracle::check_lost_versions() {
    if (lost_.empty()) return;
    const LostWindow& window = lost_[random_.below(lost_.size())];
    if (window.first > window.last) return;
    for (const Version version : {window.first, random_.between(window.first, window.last), window.last}) {
        const ErrorCode code = version < store_->floor() ? ErrorCode::version_too_old : ErrorCode::version_unknown;
        expect_error(store_->get(pool_.any(random_), version), code);
    }
}

void Oracle::compare_everything() {
    const VersionRange kept{oldest_version()};
    check_cursor(store_->changes(kept), model_.changes(kept, {}, false));
    check_cursor(store_->scan({}), model_.scan({}, kLatest, false));
    for (const std::string& key : pool_.keys()) check_get(key, kLatest);
}

}  // namespace zverse::test
