#include <tools/fsck/store_check.h>

#include <cold/component.h>
#include <cold/manifest.h>
#include <cold/slab_writer.h>
#include <cold/spill_space.h>
#include <engine/creation.h>
#include <engine/superblock.h>
#include <hot/ring_inspection.h>
#include <platform/answer.h>
#include <platform/lock_file.h>
#include <tools/common/result.h>
#include <tools/common/store_identity.h>
#include <tools/common/text.h>
#include <tools/fsck/contents_check.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace zverse::tools {

namespace {

namespace codes = platform::codes;
namespace fs = std::filesystem;

/// A store at work keeps its clock's limit at least so far ahead of its newest version (Internals::clock_margin).
constexpr Version kFarAhead = Version{1} << 20;

/// Passes 1 to 7 over one store. A member that is empty was not usable, and says so by a finding.
class StoreCheck {
public:
    StoreCheck(platform::FileIo& io, const CheckRequest& request)
        : request_(request), io_(io), audit_(request.stopped) {}

    [[nodiscard]] Result<CheckReport> run();

private:
    [[nodiscard]] Result<void> find_store() const;
    [[nodiscard]] Result<void> check_superblock();
    void check_rings();
    [[nodiscard]] Result<void> check_catalog();
    void check_clock(const cold::ManifestState& state);
    [[nodiscard]] Result<void> check_segments();
    [[nodiscard]] Result<void> check_component(std::uint64_t id, const cold::ManifestState::ComponentState& component);
    void note_leftovers();
    void check_versions();
    [[nodiscard]] bool is_merging(std::uint64_t output, std::uint64_t input) const;
    void check_slabs(const cold::ManifestState& state);
    [[nodiscard]] Result<void> check_contents();
    void keep_checked(bool at_end);
    void look_for_rebuildable();
    void look_twice();
    void check_answers();
    [[nodiscard]] Result<void> look();
    [[nodiscard]] bool was_closed() const;
    [[nodiscard]] bool is_torn_copy(const Finding& finding, bool closed) const;
    void judge_shutdown();
    void note_affected();
    void sum_up();
    [[nodiscard]] Error want_of_means() const;

    void tell(unsigned pass, std::uint64_t done, std::uint64_t total, std::string_view name) const {
        request_.progress({pass, done, total, name});
    }
    /// Of frames, to find one that was handed out twice. A vector that grows is there twice.
    [[nodiscard]] std::size_t versions_remembered() const { return request_.memory_bytes / 3 / sizeof(Version); }
    [[nodiscard]] bool wants(CheckPart part) const { return request_.only == CheckPart::all || request_.only == part; }
    [[nodiscard]] bool go_on() const { return !audit_.stopped(); }
    [[nodiscard]] fs::path superblock_path() const { return request_.store / engine::kSuperblockName; }
    [[nodiscard]] fs::path cold_directory() const { return request_.store / "cold"; }
    [[nodiscard]] const std::vector<fs::path>& hot_paths() const {
        return request_.hot_paths.empty() ? fields_->hot_paths : request_.hot_paths;
    }

    const CheckRequest& request_;
    platform::FileIo& io_;
    platform::Audit audit_;
    CheckReport report_;
    std::optional<engine::SuperblockFields> fields_;
    std::optional<StoreIdentity> identity_;
    std::optional<cold::Manifest> manifest_;
    std::optional<CheckedSegments> checked_;  ///< where it goes on from an earlier check
    std::map<std::uint64_t, std::vector<SeenSegment>> components_;  ///< what of them could be opened
    std::vector<Version> frame_versions_;
    Version newest_frame_ = 0, durable_mark_ = 0;
    std::uint64_t unsettled_ = 0, leftovers_ = 0, segments_named_ = 0, segments_seen_ = 0;
};

/// A store that has lost its superblock is one still.
Result<void> StoreCheck::find_store() const {
    const auto is_there = io_.exists(superblock_path());
    if (!is_there) return std::unexpected(std::move(is_there.error()));
    if (*is_there) return {};
    // Rings without one are damage; a manifest alone is a checkpoint that was not finished.
    auto empty = engine::Creation::check_directory(io_, request_.store);
    if (!empty && empty.error().code() == ErrorCode::corrupt) return {};
    // Of a checkpoint that was not finished it says so; of other files, that no store is created beside them.
    const auto begun = io_.exists(request_.store / engine::kCreatingName);
    if (!empty && (empty.error().code() != ErrorCode::not_found || (begun && *begun)))
        return std::unexpected(std::move(empty.error()));
    return std::unexpected(Error(ErrorCode::not_found, "no store in " + request_.store.string()));
}

Result<void> StoreCheck::check_superblock() {
    tell(1, 0, 1, engine::kSuperblockName);
    auto superblock = engine::Superblock::open(io_, superblock_path(), platform::OpenMode::read);
    if (!superblock) {
        const Error& error = superblock.error();
        const bool damaged = error.code() == ErrorCode::corrupt || error.os_errno() == ENOENT;
        if (!damaged && error.os_errno() != EIO) return std::unexpected(error);
        if (!damaged) audit_.find(error, superblock_path(), 0);
        audit_.find(codes::kSuperblockLost, superblock_path(), 0,
                    "no copy of the superblock can be read, and without it no ring: " + superblock.error().message());
        // Others of other stores will be findings.
        identity_ = identity_of_segments(io_, cold_directory());
        return {};
    }
    fields_ = superblock->fields();
    identity_ = StoreIdentity{fields_->store[0], fields_->store[1]};
    superblock->audit(io_, superblock_path(), audit_);
    tell(1, 1, 1, engine::kSuperblockName);
    return {};
}

void StoreCheck::check_rings() {
    if (!fields_ || !wants(CheckPart::rings)) return;
    hot::InspectedRing asked;
    asked.bytes = fields_->ring_bytes;
    const std::uint64_t all_bytes = fields_->shards * fields_->ring_bytes;
    asked.secret = fields_->secret;
    asked.clock_limit = fields_->clock_limit;
    for (unsigned shard = 0; shard < fields_->shards && go_on(); ++shard) {
        const fs::path path = engine::ring_path(request_.store, hot_paths(), shard);
        const std::uint64_t before = shard * fields_->ring_bytes;
        asked.progress = [&, before](std::uint64_t bytes) { tell(2, before + bytes, all_bytes, path.string()); };
        asked.progress(0);
        asked.identity = {{fields_->store[0], fields_->store[1]}, shard, path.string()};
        const auto note_version = [this](const hot::Ring&, std::uint64_t, const hot::FrameHeader&, Version version) {
            if (frame_versions_.size() < versions_remembered()) frame_versions_.push_back(version);
        };
        const hot::RingContents found = hot::inspect_ring(io_, asked, note_version, audit_);
        unsettled_ += found.unsettled + found.torn;
        newest_frame_ = std::max(newest_frame_, found.newest);
        if (found.marks) durable_mark_ = std::max(durable_mark_, found.marks->durable);
    }
    tell(2, all_bytes, all_bytes, "");
}

Result<void> StoreCheck::check_catalog() {
    if (!identity_ || request_.only == CheckPart::rings) return {};
    tell(3, 0, 1, "MANIFEST");
    const std::uint64_t store[2] = {(*identity_)[0], (*identity_)[1]};
    auto manifest = cold::Manifest::open(io_, request_.store, store);
    if (!manifest) {
        const Error& error = manifest.error();
        if (error.code() == ErrorCode::incompatible) return std::unexpected(error);
        if (error.code() != ErrorCode::corrupt) audit_.find(error, request_.store, 0);
        audit_.find(codes::kManifestLost, request_.store, 0, error.message());
        return {};
    }
    manifest->audit(audit_);
    const cold::ManifestState& state = manifest->state();
    if (fields_ && state.cut < fields_->settled) {
        audit_.find(codes::kManifestBehind, request_.store, 0,
                    "the manifest ends with version " + std::to_string(state.cut) + ", and everything up to " +
                        std::to_string(fields_->settled) + " had left the rings for the segments");
    }
    check_clock(state);
    manifest_ = std::move(*manifest);
    tell(3, 1, 1, "MANIFEST");
    return {};
}

/// Nothing was handed out above the superblock's limit.
void StoreCheck::check_clock(const cold::ManifestState& state) {
    if (!fields_) return;
    Version highest = state.cut;
    for (const auto& [name, version] : state.pins) highest = std::max(highest, version);
    if (highest <= fields_->clock_limit) return;
    audit_.find(codes::kManifestState, request_.store, 0,
                "the manifest has version " + std::to_string(highest) + ", above the superblock's clock limit " +
                    std::to_string(fields_->clock_limit));
}

Result<void> StoreCheck::check_segments() {
    if (!manifest_ || !wants(CheckPart::segments)) return {};
    const cold::ManifestState& state = manifest_->state();
    for (const auto& [id, component] : state.components) segments_named_ += component.segments.size();
    for (const auto& [id, component] : state.components) {
        if (!go_on()) return {};
        if (auto known = check_component(id, component); !known) return known;
        if (component.segments.empty()) {
            audit_.find(codes::kManifestState, request_.store, 0,
                        "component " + std::to_string(id) + " of the manifest has no segments");
        }
    }
    tell(4, segments_named_, segments_named_, "segments");
    note_leftovers();
    return {};
}

/// The only error is that a segment is of a format or has features that this build does not know.
Result<void> StoreCheck::check_component(std::uint64_t id, const cold::ManifestState::ComponentState& component) {
    const std::uint64_t store[2] = {(*identity_)[0], (*identity_)[1]};
    std::vector<SeenSegment>& parts = components_[id];
    std::shared_ptr<const cold::Segment> before;
    for (const std::uint64_t segment : component.segments) {
        if (!go_on()) return {};
        tell(4, segments_seen_++, segments_named_, "segments");
        const fs::path path = cold::segment_path(cold_directory(), segment);
        auto opened = cold::Segment::open(io_, path, store, segment, nullptr, cold::SegmentReads::copied);
        if (!opened) {
            const Error& error = opened.error();
            if (error.code() == ErrorCode::incompatible) return std::unexpected(error);
            if (error.code() == ErrorCode::corrupt) {
                audit_.find(codes::kSegmentUnusable, path, 0, error.message());
            } else {
                audit_.find(error, path, 0);
            }
            continue;
        }
        if (!cold::is_next_part(id, before.get(), **opened)) {
            audit_.find(codes::kSegmentMisplaced, path, 0, "it does not follow the other parts of its component");
        }
        parts.emplace_back(**opened);
        before = std::move(*opened);
    }
    return {};
}

/// Files of moves and sorts that a crash cut short; the next opening for writing removes them.
void StoreCheck::note_leftovers() {
    std::set<std::string> named;
    for (const auto& [id, component] : manifest_->state().components) {
        for (const std::uint64_t segment : component.segments) {
            named.insert(cold::segment_path(cold_directory(), segment).filename().string());
        }
    }
    const auto names = io_.list(cold_directory());
    if (!names) {
        audit_.find(names.error(), cold_directory(), 0);
        return;
    }
    leftovers_ += std::ranges::count_if(*names, [&](const std::string& name) {
        const bool ours = name.find(".zseg") != std::string::npos || name.ends_with(cold::kSpillSuffix);
        return ours && !named.contains(name);
    });
}

void StoreCheck::check_versions() {
    tell(5, 0, 1, "versions");
    std::ranges::sort(frame_versions_);
    const auto twice = std::ranges::adjacent_find(frame_versions_);
    if (twice != frame_versions_.end()) {
        audit_.find(codes::kVersionTwice, request_.store, 0,
                    "version " + std::to_string(*twice) + " is of two frames in the rings");
    }
    frame_versions_ = {};
    if (manifest_) {
        const cold::ManifestState& state = manifest_->state();
        if (state.floor > state.cut) {
            audit_.find(codes::kManifestState, request_.store, 0,
                        "the manifest has floor " + std::to_string(state.floor) + " above what has settled, version " +
                            std::to_string(state.cut));
        }
        for (const auto& [name, version] : state.pins) {
            if (version >= state.floor) continue;
            audit_.find(codes::kPinBelowFloor, request_.store, 0,
                        "pin " + printable(name) + " holds version " + std::to_string(version) + ", below the floor " +
                            std::to_string(state.floor));
        }
        check_slabs(state);
    }
    tell(5, 1, 1, "versions");
}

/// While a merge puts its output in place, key range by key range, both it and what it replaces are there; each answers
/// for other keys.
bool StoreCheck::is_merging(std::uint64_t output, std::uint64_t input) const {
    const SeenSegment& last = components_.at(output).back();
    const cold::SegmentHeader& header = last.header;
    const auto replaced =
        std::span(header.replaced).first(std::min<std::size_t>(header.replaced_count, cold::kReplacedMax));
    if (std::ranges::find(replaced, input) == replaced.end()) return false;
    return last.range_end && manifest_->state().components.at(input).begin >= *last.range_end;
}

/// Slabs of live components follow each other, and so do those of each level of history; none reaches above the cut.
void StoreCheck::check_slabs(const cold::ManifestState& state) {
    std::map<std::pair<cold::SegmentKind, std::uint32_t>, std::vector<std::uint64_t>> rows;
    const auto header_of = [this](std::uint64_t id) -> const cold::SegmentHeader& {
        return components_.at(id).front().header;
    };
    const auto path_of = [this](std::uint64_t id) { return components_.at(id).front().path; };
    for (const auto& [id, parts] : components_) {
        if (parts.empty()) continue;
        const cold::SegmentHeader& header = header_of(id);
        // Live components take each other's place whatever their level.
        const bool live = header.kind == cold::SegmentKind::live;
        rows[{header.kind, live ? 0 : header.level}].push_back(id);
        if (header.slab_upto > state.cut) {
            audit_.find(codes::kSegmentCut, path_of(id), 0,
                        "its versions go to " + std::to_string(header.slab_upto) + ", above the manifest's cut " +
                            std::to_string(state.cut));
        }
    }
    for (auto& [kind_and_level, row] : rows) {
        std::ranges::sort(row, {}, [&](std::uint64_t id) { return header_of(id).slab_after; });
        for (std::size_t i = 1; i < row.size(); ++i) {
            const Version below = header_of(row[i - 1]).slab_upto, after = header_of(row[i]).slab_after;
            if (after >= below || is_merging(row[i - 1], row[i]) || is_merging(row[i], row[i - 1])) continue;
            audit_.find(codes::kSlabsOverlap, path_of(row[i]), 0,
                        "its versions begin behind " + std::to_string(after) + ", and those up to " +
                            std::to_string(below) + " are in " + path_of(row[i - 1]).string());
        }
    }
}

Result<void> StoreCheck::check_contents() {
    const bool wanted = wants(CheckPart::segments) && request_.level != CheckLevel::quick;
    if (!manifest_ || !wanted || !go_on()) return {};
    const bool values = request_.level >= CheckLevel::full;
    if (!request_.resume.empty()) {
        auto opened = CheckedSegments::open(io_, request_.resume, identity_text(*identity_), to_string(request_.level));
        if (!opened) return pass_on(opened);
        checked_ = std::move(*opened);
    }
    ContentsRequest asked;
    asked.store[0] = (*identity_)[0];
    asked.store[1] = (*identity_)[1];
    asked.depth = values ? cold::AuditDepth::values : cold::AuditDepth::blocks;
    asked.threads = request_.threads;
    asked.memory_bytes = request_.memory_bytes;
    asked.checked = checked_ ? &*checked_ : nullptr;
    asked.stopped = request_.stopped;
    asked.progress = [this, values](std::uint64_t done, std::uint64_t total, std::string_view name) {
        tell(values ? 7 : 6, done, total, name);
    };
    std::vector<const SeenSegment*> segments;
    for (const auto& [id, parts] : components_) {
        for (const SeenSegment& part : parts) segments.push_back(&part);
    }
    ContentsCheck contents(io_, asked, std::move(segments), audit_);
    auto looked = contents.run();
    report_.segments_passed_over = contents.passed_over();
    if (contents.note_failure()) report_.failures.push_back(*contents.note_failure());
    return looked;
}

/// Whoever did not reach the end may go on from here.
void StoreCheck::keep_checked(bool at_end) {
    if (!checked_) return;
    auto kept = at_end ? checked_->remove() : checked_->save();
    if (!kept) report_.failures.push_back(std::move(kept.error()));
}

void StoreCheck::look_for_rebuildable() {
    if (!manifest_ || request_.level == CheckLevel::quick || !go_on()) return;
    report_.rebuildable = find_rebuildable(io_, *identity_, cold_directory(), manifest_->state(), components_,
                                           report_.seen.findings, request_.stopped);
}

void StoreCheck::look_twice() {
    if (!request_.look_twice && request_.level != CheckLevel::paranoid) return;
    if (!identity_) return;
    const std::uint64_t store[2] = {(*identity_)[0], (*identity_)[1]};
    report_.second_looks =
        look_twice_at(io_, components_, store, report_.seen.findings, request_.second_looks_max, request_.stopped);
}

/// Nothing is asked of a store that is damaged, or that must be recovered first.
void StoreCheck::check_answers() {
    const bool can = report_.clean() && report_.clean_shutdown && !report_.needs_recovery && !report_.load_unfinished;
    if (request_.level != CheckLevel::paranoid || request_.only != CheckPart::all || !can || !go_on()) return;
    AnswersRequest asked;
    asked.store = request_.store;
    asked.hot_paths = request_.hot_paths;
    asked.memory_bytes = request_.memory_bytes;
    asked.stopped = request_.stopped;
    asked.progress = request_.progress;
    platform::Audit audit(request_.stopped);
    auto seen = tools::check_answers(io_, asked, audit);
    if (!seen) {
        report_.failures.push_back(std::move(seen.error()));
        return;
    }
    report_.answers = *seen;
    report_.seen.findings = audit.take().findings;
}

/// Closing moves the clock's limit, which is far ahead of a store at work, down to the clock. The clock is at the
/// newest record, or, where nothing was written since, behind what the last opening leapt over.
bool StoreCheck::was_closed() const {
    if (!fields_ || !wants(CheckPart::rings) || unsettled_ != 0) return false;
    Version clock = report_.max_seen;
    if (!fields_->leaps.empty()) clock = std::max(clock, fields_->leaps.back().upto + 1);
    return fields_->clock_limit < clock + kFarAhead;
}

/// Whether a crash may have left it: one of two copies that was being written. The copies of the superblock may differ
/// even where the store was closed, when that was what it died of; of the manifest's edits only the last one counts.
bool StoreCheck::is_torn_copy(const Finding& finding, bool closed) const {
    if (finding.code == codes::kSuperblockDiffers) return true;
    if (closed) return false;
    if (finding.code == codes::kManifestCopy) return manifest_ && finding.offset >= manifest_->last_edit();
    return finding.code == codes::kSuperblockCopy || finding.code == codes::kRingHeader;
}

void StoreCheck::judge_shutdown() {
    const bool rings_seen = fields_ && wants(CheckPart::rings);
    report_.shutdown_known = rings_seen;
    report_.clean_shutdown = was_closed();
    const bool frames_are_durable = report_.clean_shutdown || (fields_ && fields_->durability == Durability::power);
    if (frames_are_durable) report_.durable = report_.max_seen;
    const auto is_torn = [&](const Finding& finding) {
        return is_torn_copy(finding, report_.clean_shutdown || !rings_seen);
    };
    auto& findings = report_.seen.findings;
    std::ranges::copy_if(findings, std::back_inserter(report_.left_by_crash), is_torn);
    std::erase_if(findings, is_torn);
    report_.needs_recovery =
        (rings_seen && !report_.clean_shutdown) || leftovers_ != 0 || !report_.left_by_crash.empty();
    report_.load_unfinished = fields_ && fields_->load_base.has_value();
}

void StoreCheck::note_affected() {
    std::set<std::string> damaged;
    for (const Finding& finding : report_.seen.findings) damaged.insert(finding.file);
    for (const auto& [id, parts] : components_) {
        for (const auto& part : parts) {
            if (!damaged.contains(part.path.string())) continue;
            report_.affected[part.path.string()] = {part.first_key, part.last_key, part.header.version_min,
                                                    part.header.version_max, part.header.records};
        }
    }
}

void StoreCheck::sum_up() {
    if (identity_) report_.uuid = identity_text(*identity_);
    const Version cut = manifest_ ? manifest_->state().cut : 0;
    report_.floor = manifest_ ? manifest_->state().floor : 0;
    report_.durable = std::max(durable_mark_, cut);
    report_.max_seen = std::max(newest_frame_, cut);
    report_.cancelled = audit_.stopped();
    report_.seen = audit_.take();
    judge_shutdown();
    note_affected();
}

Error StoreCheck::want_of_means() const {
    std::string what = "memory or file descriptors ran out";
    for (const Finding& finding : audit_.seen().findings) {
        if (finding.code == codes::kReadFailed) what = finding.what;
    }
    return {ErrorCode::full, "the check could not look at everything: " + what};
}

/// Passes 1 to 7.
Result<void> StoreCheck::look() {
    if (auto done = check_superblock(); !done) return done;
    check_rings();
    if (auto done = check_catalog(); !done) return done;
    if (auto done = check_segments(); !done) return done;
    check_versions();
    if (auto done = check_contents(); !done) return done;
    // What could not be looked at for want of memory or files says nothing about the medium.
    if (audit_.starved()) return std::unexpected(want_of_means());
    return {};
}

Result<CheckReport> StoreCheck::run() {
    const auto began = std::chrono::steady_clock::now();
    if (auto found = find_store(); !found) return pass_on(found);
    const auto lock = platform::LockFile::acquire(request_.store / engine::kLockName, true);
    if (!lock && lock.error().os_errno() != ENOENT) return std::unexpected(lock.error());
    if (auto looked = look(); !looked) {
        keep_checked(false);
        return pass_on(looked);
    }
    sum_up();
    look_for_rebuildable();
    look_twice();
    check_answers();
    report_.cancelled = report_.cancelled || audit_.stopped();
    keep_checked(!report_.cancelled);
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    return std::move(report_);
}

}  // namespace

Result<CheckReport> check_store(platform::FileIo& io, const CheckRequest& request) {
    return platform::answer("checking the store", [&] { return StoreCheck(io, request).run(); });
}

}  // namespace zverse::tools
