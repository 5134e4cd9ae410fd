// A load under the versions that the dump has; engine/load.cpp makes the commits. Versions come in order, so the
// records of one are held until the next one begins, and become one atomic commit.
#include <engine/store_access.h>
#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/common/text.h>
#include <tools/dump/load_target.h>

#include <algorithm>
#include <chrono>

namespace zverse::tools {
namespace {

using engine::StoreAccess;

class PreservingLoad final : public LoadTarget {
public:
    using LoadTarget::LoadTarget;

    Result<void> open() override {
        if (auto fits = look_first(); !fits) return fits;
        Options opening = options();
        // Changes continue a store; a history makes one.
        opening.create_if_missing = base() == 0;
        opening.write_timeout = std::chrono::milliseconds(1);  // nobody empties full rings meanwhile
        const auto load = request_.resume ? engine::Load::resume : engine::Load::begin;
        auto opened = StoreAccess::open_to_load(request_.store, opening, load);
        if (!opened) return pass_on(opened);
        store_.emplace(std::move(*opened));
        start_ = store_->latest_version();
        upkeep_bytes_ = ring_bytes() / 8;
        resumed_ = StoreAccess::resumed_load(*store_);
        return check_base();
    }

    Result<void> add(const DumpRecord& record) override {
        if (record.kind == DumpRecordKind::pin) {
            pins_.emplace_back(record.key, record.version);
            return {};
        }
        if (record.version <= start_) return compare(record);
        if (record.version != version_) {
            if (auto done = commit(); !done) return done;
            version_ = record.version;
        }
        if (record.kind == DumpRecordKind::put) {
            batch_.put(record.key, record.value);
        } else {
            batch_.erase(record.key);
        }
        return {};
    }

    Result<const Store*> loaded() override {
        if (auto done = commit(); !done) return pass_on(done);
        return &*store_;
    }

    Result<void> finish() override {
        if (auto done = commit(); !done) return done;
        // What was interrupted in a store that was empty may have been a history: of what lies below its floor the
        // store has only some. A store that was not keeps the floor it has.
        const bool from_nothing = resumed_ && *resumed_ == 0;
        const Version floor = header_.kind == DumpKind::history || from_nothing ? header_.floor : 0;
        if (auto settled = StoreAccess::settle_load(*store_, header_.until, floor); !settled) return settled;
        if (auto pinned = set_pins(); !pinned) return pinned;
        if (auto ended = StoreAccess::end_load(*store_); !ended) return ended;
        return close();
    }

private:
    /// The mark of a load that is under way keeps writers out, so a dump that does not fit must not come so far. What
    /// an earlier load has left, the opening tells.
    Result<void> look_first() {
        if (request_.resume) return {};
        Options reading;
        reading.create_if_missing = false;
        reading.read_only = true;
        auto store = Store::open(request_.store, reading);
        if (!store && store.error().code() == ErrorCode::not_found) return {};
        if (!store) return pass_on(store);
        if (StoreAccess::resumed_load(*store)) return {};
        start_ = store->latest_version();
        return check_base();
    }

    void before_leaving() override {
        // Half a load stays marked as one.
        if (!resumed_ && store_->latest_version() == start_) static_cast<void>(StoreAccess::end_load(*store_));
    }

    /// The version that the dump continues.
    [[nodiscard]] Version base() const { return header_.kind == DumpKind::changes ? header_.since : 0; }

    Result<void> check_base() const {
        if (resumed_ ? start_ >= base() : start_ == base()) return {};
        std::string sentence = base() == 0 ? "The dump is of a whole history and needs an empty store"
                                           : "The dump continues a store at version " + std::to_string(base());
        sentence += ", and the newest version of " + printable(request_.store.string()) + " is " +
                    std::to_string(start_) + "; --renumber would give the records new versions.";
        return fail(ErrorCode::conflict, std::move(sentence));
    }

    /// What an interrupted load has written is what this dump has, or the dump is of something else.
    Result<void> compare(const DumpRecord& record) {
        Version found = 0;
        const Version as_of = std::max(record.version, store_->floor());
        auto there = store_->get_into(record.key, value_, as_of, &found);
        if (!there) return pass_on(there);
        // Below its floor a store no longer tells what was replaced there.
        if (record.version < as_of && (!*there || found != record.version)) {
            ++report_.passed_over;
            return {};
        }
        const bool same = record.kind == DumpRecordKind::erase
                              ? !*there
                              : *there && found == record.version && value_ == record.value;
        if (!same) {
            return fail(ErrorCode::conflict,
                        "Key " + printable(record.key) + " at version " + std::to_string(record.version) +
                            " is not what the interrupted load has written: this is another dump.");
        }
        ++report_.passed_over;
        return {};
    }

    Result<void> commit() {
        if (batch_.size() == 0) return {};
        auto done = StoreAccess::load_at(*store_, batch_, version_);
        if (!done && done.error().code() == ErrorCode::full) {
            if (auto flushed = store_->flush(); !flushed) return flushed;
            done = StoreAccess::load_at(*store_, batch_, version_);
        }
        if (!done) return pass_on(done, "loading version " + std::to_string(version_));
        report_.loaded += batch_.size();
        unsynced_ += batch_.size();
        unkept_bytes_ += batch_.bytes();
        batch_.clear();
        if (unkept_bytes_ >= upkeep_bytes_) {
            if (auto kept = keep_up(); !kept) return kept;
        }
        if (unsynced_ < request_.batch) return {};
        unsynced_ = 0;
        return store_->sync();
    }

    /// Flushes and merges what is due: nobody else does in a store that is loaded.
    Result<void> keep_up() {
        unkept_bytes_ = 0;
        for (;;) {
            auto worked = StoreAccess::step(*store_);
            if (!worked) return pass_on(worked);
            if (!*worked || interrupted()) return {};
        }
    }

    [[nodiscard]] static bool has(const std::vector<Pin>& pins, const Pin& pin) {
        return std::ranges::find(pins, pin) != pins.end();
    }

    /// The store's pins become the dump's.
    Result<void> set_pins() {
        auto there = store_->pins();
        if (!there) return pass_on(there);
        for (const Pin& pin : *there) {
            if (has(pins_, pin)) continue;
            if (auto removed = store_->unpin(pin.first); !removed) return removed;
        }
        for (const Pin& pin : pins_) {
            ++report_.pins;
            if (has(*there, pin)) continue;
            if (auto pinned = store_->pin(pin.first, pin.second); !pinned) return pass_on(pinned);
        }
        return {};
    }

    std::optional<Version> resumed_;  ///< an interrupted load, by what was there when it began
    Version version_ = 0;  ///< of the batch
    std::string value_;
    std::uint64_t unsynced_ = 0;  ///< records
    std::uint64_t unkept_bytes_ = 0;  ///< since keep_up()
    std::uint64_t upkeep_bytes_ = 0;  ///< between two of those
};

}  // namespace

std::unique_ptr<LoadTarget> preserving_load(const LoadRequest& request, const DumpHeader& header, LoadReport& report) {
    return std::make_unique<PreservingLoad>(request, header, report);
}

}  // namespace zverse::tools
