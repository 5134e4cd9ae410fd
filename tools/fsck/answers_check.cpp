#include <tools/fsck/answers_check.h>

#include <cold/key_index.h>
#include <cold/manifest.h>
#include <cold/segment_salvage.h>
#include <cold/slab_writer.h>
#include <cold/spill_sort.h>
#include <engine/creation.h>
#include <engine/superblock.h>
#include <hot/ring_inspection.h>
#include <platform/answer.h>
#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/common/text.h>
#include <zverse/zverse.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace zverse::tools {

namespace {

namespace fs = std::filesystem;
namespace codes = platform::codes;
constexpr unsigned kPass = 8;
/// Of the newest versions changes() is asked: a store that is open read-only sorts no more of them on disk.
constexpr Version kChangesAsked = 100'000;

std::uint64_t hash_of(std::string_view bytes) noexcept { return cold::hash_key(bytes, 0); }

/// What is compared of a record; it goes through the sort as the value of one.
struct Stored {
    Version version = 0;
    std::uint64_t value = 0;  ///< hash; 0 of a tombstone
    std::uint64_t tombstone = 0;
    [[nodiscard]] bool operator==(const Stored&) const = default;
};
static_assert(std::has_unique_object_representations_v<Stored>);

Stored stored_of(const Entry& entry) noexcept {
    return {entry.version, entry.tombstone ? 0 : hash_of(entry.value), entry.tombstone ? std::uint64_t{1} : 0};
}

/// Entries of many keys, in any order.
struct Sum {
    std::uint64_t count = 0, hashes = 0;
    void add(std::string_view key, const Stored& stored) noexcept {
        const std::string_view bytes(reinterpret_cast<const char*>(&stored), sizeof(stored));
        ++count;
        hashes += cold::hash_key(bytes, hash_of(key));  // not a sum of both: values may have changed places
    }
    [[nodiscard]] bool operator==(const Sum&) const = default;
};

class AnswersCheck {
public:
    AnswersCheck(platform::FileIo& io, const AnswersRequest& request, cold::SpillSpace& space, platform::Audit& audit)
        : io_(io),
          request_(request),
          audit_(audit),
          sort_(&space, false, std::max<std::uint64_t>(request.memory_bytes / 2, std::uint64_t{1} << 20)) {}

    [[nodiscard]] Result<AnswersSeen> run();

private:
    class SegmentRecords;

    [[nodiscard]] Result<void> gather();
    [[nodiscard]] Result<void> gather_rings(const engine::SuperblockFields& fields);
    [[nodiscard]] Result<void> add(std::string_view key, const Stored& stored);
    [[nodiscard]] Result<Store> open() const;
    [[nodiscard]] Result<void> compare_keys(const Store& store);
    [[nodiscard]] Result<void> compare_key(const Store& store, const std::string& key, std::vector<Stored>& records);
    [[nodiscard]] Result<void> compare_get(const Store& store, const std::string& key,
                                           const std::vector<Stored>& records, Version as_of);
    [[nodiscard]] Result<void> compare_scan(const Store& store, Version as_of, const Sum& expected);
    [[nodiscard]] Result<void> compare_changes(const Store& store);
    /// The window lost to a power cut that a version lies in, which is no bound for a question; null: none.
    [[nodiscard]] const engine::LostWindow* lost_at(Version version) const {
        const auto found = std::ranges::find_if(
            lost_, [&](const engine::LostWindow& each) { return version > each.after && version <= each.upto; });
        return found == lost_.end() ? nullptr : &*found;
    }
    void find(const std::string& what) { audit_.find(codes::kAnswer, request_.store, 0, what); }

    platform::FileIo& io_;
    const AnswersRequest& request_;
    platform::Audit& audit_;
    cold::SpillSort sort_;
    Version floor_ = 0, cut_ = 0, latest_ = 0, changes_after_ = 0, history_after_ = 0;
    std::vector<engine::LostWindow> lost_;
    Sum newest_, at_floor_, changed_;
    AnswersSeen seen_;
};

class AnswersCheck::SegmentRecords final : public cold::SegmentSalvage::Visitor {
public:
    SegmentRecords(AnswersCheck& all, const cold::SegmentSalvage& segment, const std::string& begin)
        : all_(all), segment_(segment), begin_(begin) {}

    [[nodiscard]] Result<void> take(std::string_view key, const cold::StoredRecord& record, std::uint32_t) override {
        if (all_.request_.stopped()) return stopped();
        // Another one answers; or nobody may see it any more, and what erased it may be gone.
        if (key < begin_ || record.superseded <= all_.floor_) return {};
        if (record.tombstone) return all_.add(key, {record.version, 0, 1});
        if (!record.is_outside) return all_.add(key, {record.version, hash_of(record.value), 0});
        auto value = cold::read_value(segment_.file(), segment_.seed(), record.outside, record.value_bytes, buffer_);
        if (!value) return pass_on(value);
        return all_.add(key, {record.version, hash_of(*value), 0});
    }
    void lose(cold::LostPiece piece) override { lost_ = std::move(piece.what); }
    [[nodiscard]] const std::string& lost() const noexcept { return lost_; }

private:
    AnswersCheck& all_;
    const cold::SegmentSalvage& segment_;
    const std::string& begin_;
    std::vector<std::byte> buffer_;
    std::string lost_;
};

Result<void> AnswersCheck::add(std::string_view key, const Stored& stored) {
    cold::SortedRecord record;
    record.version = hash_of(key);  // brings a key's records together
    record.key = key;
    record.value = {reinterpret_cast<const char*>(&stored), sizeof(stored)};
    ++seen_.records;
    return sort_.add(record);
}

Result<void> AnswersCheck::gather() {
    const auto superblock =
        engine::Superblock::open(io_, request_.store / engine::kSuperblockName, platform::OpenMode::read);
    if (!superblock) return std::unexpected(superblock.error());
    const engine::SuperblockFields& fields = superblock->fields();
    const std::uint64_t ids[2] = {fields.store[0], fields.store[1]};
    auto manifest = cold::Manifest::open(io_, request_.store, ids);
    if (!manifest) return pass_on(manifest);
    const cold::ManifestState& state = manifest->state();
    floor_ = state.floor;
    cut_ = state.cut;
    lost_ = fields.lost;
    std::uint64_t done = 0;
    for (const auto& [id, component] : state.components) {
        for (const std::uint64_t number : component.segments) {
            request_.progress({kPass, done++, 0, "records"});
            const fs::path path = cold::segment_path(request_.store / "cold", number);
            auto segment = cold::SegmentSalvage::open(io_, path, ids, number);
            if (!segment) return pass_on(segment);
            SegmentRecords records(*this, *segment, component.begin);
            if (auto visited = segment->visit(records); !visited) return visited;
            if (!records.lost().empty()) return fail(ErrorCode::corrupt, path.string() + ": " + records.lost());
        }
    }
    return gather_rings(fields);
}

/// Up to the cut segments answer.
Result<void> AnswersCheck::gather_rings(const engine::SuperblockFields& fields) {
    hot::InspectedRing asked;
    asked.bytes = fields.ring_bytes;
    asked.secret = fields.secret;
    asked.clock_limit = fields.clock_limit;
    const auto& hot_paths = request_.hot_paths.empty() ? fields.hot_paths : request_.hot_paths;
    Result<void> added;
    const auto take = [&](const hot::Ring& ring, std::uint64_t at, const hot::FrameHeader& frame, Version version) {
        const bool data = hot::Stamp{frame.stamp}.is_committed() && frame.kind() == hot::FrameKind::data;
        if (!data || frame.count() == 0 || version <= cut_) return;
        hot::for_each_operation(ring, at, [&](const hot::OperationHeader& op, std::uint64_t) {
            if (!added || op.key_bytes == 0) return;
            const bool erased = op.tombstone != 0;
            added = add(op.key(), {version, erased ? 0 : hash_of(op.value()), erased ? std::uint64_t{1} : 0});
        });
    };
    for (unsigned shard = 0; shard < fields.shards; ++shard) {
        const fs::path path = engine::ring_path(request_.store, hot_paths, shard);
        asked.identity = {{fields.store[0], fields.store[1]}, shard, path.string()};
        static_cast<void>(hot::inspect_ring(io_, asked, take, audit_));
        if (!added) return added;
    }
    return {};
}

Result<Store> AnswersCheck::open() const {
    Options options;
    options.read_only = true;
    options.create_if_missing = false;
    options.hot_paths = request_.hot_paths;
    return Store::open(request_.store, options);
}

/// Of a key's records, newest first: the one that a version sees; null when there is none, or it is an erasure.
const Stored* alive_at(const std::vector<Stored>& records, Version as_of) noexcept {
    const auto found = std::ranges::find_if(records, [&](const Stored& each) { return each.version <= as_of; });
    return found == records.end() || found->tombstone != 0 ? nullptr : &*found;
}

Result<void> AnswersCheck::compare_get(const Store& store, const std::string& key, const std::vector<Stored>& records,
                                       Version as_of) {
    const Stored* const expected = alive_at(records, as_of);
    std::optional<Stored> answer;
    auto there = store.visit(key, [&](const Entry& entry) { answer = stored_of(entry); }, as_of);
    if (!there) return pass_on(there);
    const bool same = expected == nullptr ? !answer : answer == *expected;
    if (!same) find("get of " + printable(key) + " as of version " + std::to_string(as_of) + " answers something else");
    return {};
}

Result<void> AnswersCheck::compare_key(const Store& store, const std::string& key, std::vector<Stored>& records) {
    ++seen_.keys;
    std::ranges::sort(records, std::ranges::greater{}, &Stored::version);
    const auto copies = std::ranges::unique(records);
    records.erase(copies.begin(), copies.end());
    auto cursor = store.history(key, {history_after_, kLatest});
    if (!cursor) return pass_on(cursor);
    bool same = true;
    auto expected = records.begin();
    for (;;) {
        auto more = cursor->next();
        if (!more) return pass_on(more);
        if (!*more) break;
        same = same && expected != records.end() && *expected == stored_of(cursor->entry());
        if (expected != records.end()) ++expected;
    }
    same = same && (expected == records.end() || expected->version <= history_after_);
    if (!same) find("the history of " + printable(key) + " is not what the files hold of it");
    const Version newest = records.front().version;
    for (const Version as_of : {kLatest, newest - 1, floor_}) {
        if (as_of < floor_ || as_of == 0 || lost_at(as_of) != nullptr) continue;
        if (auto compared = compare_get(store, key, records, as_of); !compared) return compared;
    }
    if (const Stored* alive = alive_at(records, kLatest)) newest_.add(key, *alive);
    if (const Stored* alive = alive_at(records, floor_)) at_floor_.add(key, *alive);
    for (const Stored& each : records) {
        if (each.version > changes_after_) changed_.add(key, each);
    }
    return {};
}

Result<void> AnswersCheck::compare_keys(const Store& store) {
    std::string key;
    std::vector<Stored> records;
    std::uint64_t done = 0;
    while (sort_.valid()) {
        if (request_.stopped()) return stopped();
        const cold::SortedRecord& next = sort_.record();
        if (!records.empty() && next.key != key) {
            if (auto compared = compare_key(store, key, records); !compared) return compared;
            records.clear();
        }
        key = next.key;
        std::memcpy(&records.emplace_back(), next.value.data(), sizeof(Stored));
        if (++done % 1024 == 0) request_.progress({kPass, done, seen_.records, "answers"});
        if (auto moved = sort_.next(); !moved) return moved;
    }
    return records.empty() ? Result<void>() : compare_key(store, key, records);
}

Result<void> AnswersCheck::compare_scan(const Store& store, Version as_of, const Sum& expected) {
    auto cursor = store.scan({}, as_of);
    if (!cursor) return pass_on(cursor);
    Sum answered;
    std::string before;
    bool ordered = true;
    for (;;) {
        if (request_.stopped()) return stopped();
        auto more = cursor->next();
        if (!more) return pass_on(more);
        if (!*more) break;
        const Entry& entry = cursor->entry();
        ordered = ordered && (answered.count == 0 || before < entry.key);
        before = entry.key;
        answered.add(entry.key, stored_of(entry));
    }
    if (answered == expected && ordered) return {};
    find("a scan as of version " + std::to_string(as_of) + " has " + counted(answered.count, "entry") +
         (ordered ? "" : " out of order") + ", and the files hold " + std::to_string(expected.count) +
         (answered.count == expected.count ? " others" : ""));
    return {};
}

Result<void> AnswersCheck::compare_changes(const Store& store) {
    auto cursor = store.changes({changes_after_, kLatest});
    if (!cursor) return pass_on(cursor);
    Sum answered;
    for (;;) {
        if (request_.stopped()) return stopped();
        auto more = cursor->next();
        if (!more) return pass_on(more);
        if (!*more) break;
        answered.add(cursor->entry().key, stored_of(cursor->entry()));
    }
    if (answered == changed_) return {};
    find("the changes after version " + std::to_string(changes_after_) + " have " + counted(answered.count, "record") +
         ", and the files hold " + std::to_string(changed_.count) +
         (answered.count == changed_.count ? " others" : ""));
    return {};
}

Result<AnswersSeen> AnswersCheck::run() {
    if (auto gathered = gather(); !gathered) return pass_on(gathered);
    const auto interrupt = [&]() -> Result<void> {
        if (request_.stopped()) return stopped();
        return {};
    };
    if (auto sorted = sort_.finish(interrupt); !sorted) return pass_on(sorted);
    auto store = open();
    if (!store) return pass_on(store);
    latest_ = store->latest_version();
    changes_after_ = std::max(floor_, latest_ - std::min(latest_, kChangesAsked));
    // Nothing was handed out in a window, so its beginning stands for all of it; but below the floor nobody asks.
    if (const auto* lost = lost_at(changes_after_))
        changes_after_ = lost->after >= floor_ ? lost->after : lost->upto + 1;
    history_after_ = floor_;
    if (const auto* lost = lost_at(floor_)) history_after_ = lost->after;
    auto compared = compare_keys(*store);
    if (compared) compared = compare_scan(*store, kLatest, newest_);
    // Nothing was there at version 0.
    if (compared && floor_ != 0 && lost_at(floor_) == nullptr) compared = compare_scan(*store, floor_, at_floor_);
    if (compared) compared = compare_changes(*store);
    request_.progress({kPass, seen_.records, seen_.records, "answers"});
    if (!compared) return pass_on(compared);
    return seen_;
}

fs::path temporary_directory() {
    std::error_code error;
    const fs::path directory = fs::temp_directory_path(error);
    return error ? fs::path("/tmp") : directory;
}

}  // namespace

Result<std::optional<AnswersSeen>> check_answers(platform::FileIo& io, const AnswersRequest& request,
                                                 platform::Audit& audit) {
    const auto posix = platform::make_posix_file_io();
    cold::SpillSpace space(*posix, temporary_directory());
    return platform::answer("comparing answers", [&]() -> Result<std::optional<AnswersSeen>> {
        AnswersCheck check(io, request, space, audit);
        auto seen = check.run();
        if (!seen && request.stopped()) return std::optional<AnswersSeen>();
        if (!seen) return pass_on(seen);
        return *seen;
    });
}

}  // namespace zverse::tools
