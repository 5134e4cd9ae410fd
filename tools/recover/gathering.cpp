#include <tools/recover/gathering.h>

#include <cold/segment_checksum.h>
#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/recover/damage.h>

#include <algorithm>
#include <utility>

namespace zverse::tools {

namespace {

namespace fs = std::filesystem;
constexpr unsigned kPassSegments = 2, kPassRings = 3;

}  // namespace

namespace {

/// Nothing unless it is asked for.
std::optional<cold::BitCorrection> correction_of(const RecoverRequest& request, const fs::path& path,
                                                 RecoverReport& report) {
    if (request.level != RecoverLevel::desperate) return std::nullopt;
    return cold::BitCorrection{request.stopped, [&report, path](std::uint64_t byte, unsigned bit) {
                                   report.corrected.insert({path.string(), byte, bit});
                               }};
}

}  // namespace

// ---- Values that stay where they are.

std::uint32_t ValueFiles::add(const fs::path& path, std::uint64_t seed) {
    files_.push_back({path, seed});
    return static_cast<std::uint32_t>(files_.size() - 1);
}

Result<std::string_view> ValueFiles::read(const cold::SortedRecord& record) {
    const Source& source = files_.at(record.segment);
    if (open_number_ != record.segment) {
        open_number_.reset();
        auto file = io_.open(source.path, platform::OpenMode::read);
        if (!file) return pass_on(file);
        open_ = std::move(*file);
        open_number_ = record.segment;
    }
    const auto correction = correction_of(request_, source.path, report_);
    return cold::read_value(*open_, source.seed, record.outside, record.value_bytes, buffer_,
                            correction ? &*correction : nullptr);
}

Loss ValueFiles::loss_of(const cold::SortedRecord& record) const {
    Loss loss;
    loss.file = files_.at(record.segment).path.string();
    loss.piece.offset = record.outside.offset;
    loss.piece.bytes = record.value_bytes;
    loss.piece.what = "the value of a record is damaged";
    loss.piece.keys = {std::string(record.key), std::string(record.key)};
    loss.piece.version_min = loss.piece.version_max = record.version;
    loss.piece.records_max = 1;
    loss.newest = false;  // it is known which record it is
    return loss;
}

// ---- Segments.

/// What is known of a part that was read, to say what one beside it had.
struct Gathering::PartSeen {
    std::optional<std::string> begin, end;
    std::uint32_t number = 0;
    bool last = false;
    std::vector<std::uint64_t> replaced;
    cold::SegmentKind kind{};
    Version slab_after = 0, slab_upto = 0;
};

class Gathering::SegmentVisitor final : public cold::SegmentSalvage::Visitor {
public:
    SegmentVisitor(Gathering& all, const DamagedComponent& component, const SegmentFile& file,
                   const cold::SegmentSalvage& segment)
        : all_(all),
          component_(component),
          file_(file),
          seed_(segment.seed()),
          live_(segment.header().kind == cold::SegmentKind::live),
          has_catalog_(all.store_.catalog().has_value()) {}

    [[nodiscard]] Result<void> take(std::string_view key, const cold::StoredRecord& stored, std::uint32_t) override {
        if (++seen_ % 1024 == 0) {
            if (auto go_on = all_.check_stopped(); !go_on) return go_on;
        }
        const bool answers = component_.counts && component_.answers_for(key);
        if (all_.standing_in_ ? answers || !all_.lost_keys_->hold(key, stored.version) : !answers && has_catalog_)
            return {};
        ++all_.report_.found;
        if (stored.version > all_.request_.newest_wanted()) {
            ++all_.report_.left_out;
            return {};
        }
        if (stored.superseded <= all_.floor_) {
            ++all_.report_.expired;
            return {};
        }
        cold::SortedRecord record;
        record.version = stored.version;
        record.key = key;
        record.value = stored.value;
        record.tombstone = stored.tombstone;
        record.mark = static_cast<std::uint8_t>(answers ? SortMark::record : SortMark::suspect);
        if (stored.is_outside) {
            if (!number_) number_ = all_.values_.add(file_.path, seed_);
            record.is_outside = true;
            record.segment = *number_;
            record.value_bytes = stored.value_bytes;
            record.outside = stored.outside;
            // Now, while others may stand in for it.
            if (auto value = all_.values_.read(record); !value) return lose_value(record, value.error());
        }
        if (auto added = all_.add(record); !added) return added;
        if (stored.superseded == cold::kOpen || stored.superseded > all_.request_.newest_wanted()) return {};
        cold::SortedRecord ending;
        ending.version = stored.superseded;
        ending.key = key;
        ending.tombstone = true;
        ending.mark = static_cast<std::uint8_t>(SortMark::ending);
        return all_.add(ending);
    }

    void lose(cold::LostPiece piece) override {
        if (all_.standing_in_) return;  // what counts is elsewhere
        if (all_.request_.stopped()) return;  // not every bit of it was tried
        // Keys below are answered by others.
        if (piece.keys.last && *piece.keys.last < component_.begin) return;
        if (piece.keys.first < component_.begin) piece.keys.first = component_.begin;
        all_.lose({file_.path.string(), std::move(piece), live_});
    }

private:
    /// The record was there, at least.
    [[nodiscard]] Result<void> lose_value(cold::SortedRecord record, const Error& error) {
        if (!is_damage(error)) return std::unexpected(error);
        if (auto go_on = all_.check_stopped(); !go_on) return go_on;
        if (!all_.standing_in_) all_.lose(all_.values_.loss_of(record));
        record.is_outside = false;
        record.value = {};
        record.tombstone = true;
        record.mark = static_cast<std::uint8_t>(SortMark::ending);
        return all_.add(record);
    }

    Gathering& all_;
    const DamagedComponent& component_;
    const SegmentFile& file_;
    const std::uint64_t seed_;
    const bool live_, has_catalog_;
    std::optional<std::uint32_t> number_;
    std::uint64_t seen_ = 0;
};

Gathering::Gathering(platform::FileIo& io, const RecoverRequest& request, const DamagedStore& store,
                     cold::SpillSort& sort, ValueFiles& values, RecoverReport& report)
    : io_(io), request_(request), store_(store), sort_(sort), values_(values), report_(report) {
    choose_floor();
}

/// Without the catalog nobody knows from which version on history is whole: but for what was settled last, all of it
/// may have been thinned.
void Gathering::choose_floor() {
    const auto& catalog = store_.catalog();
    floor_ = catalog ? catalog->floor : request_.floor.value_or(0);
    report_.floor = floor_;
    report_.floor_known = catalog || request_.floor || store_.settled() == 0;
    if (!report_.floor_known) report_.floor = std::min(store_.settled(), request_.newest_wanted());
    if (request_.as_of) report_.floor = floor_ = std::max(report_.floor, *request_.as_of);
}

Result<void> Gathering::check_stopped() const {
    if (request_.stopped()) return stopped();
    return {};
}

Result<void> Gathering::add(const cold::SortedRecord& record) { return sort_.add(record); }

/// What is newer than was asked for is no loss.
void Gathering::lose(Loss loss) {
    const Version wanted = request_.newest_wanted();
    if (loss.piece.version_min > wanted) return;
    loss.piece.version_max = std::min(loss.piece.version_max, wanted);
    report_.lose(std::move(loss));
}

Result<std::optional<Gathering::PartSeen>> Gathering::take_part(const DamagedComponent& component,
                                                                const SegmentFile& file) {
    request_.progress({kPassSegments, parts_done_++, parts_, "segments"});
    const std::uint64_t store[2] = {(*store_.identity())[0], (*store_.identity())[1]};
    auto segment = cold::SegmentSalvage::open(io_, file.path, store, file.id);
    if (!segment) {
        if (!is_damage(segment.error())) return pass_on(segment);
        return std::nullopt;
    }
    ++report_.segments;
    if (auto correction = correction_of(request_, file.path, report_)) segment->correct_bits(std::move(*correction));
    SegmentVisitor visitor(*this, component, file, *segment);
    if (auto visited = segment->visit(visitor); !visited) return pass_on(visited);
    if (auto go_on = check_stopped(); !go_on) return pass_on(go_on);
    const cold::SegmentHeader& header = segment->header();
    PartSeen seen;
    seen.begin = segment->range_begin();
    seen.end = segment->range_end();
    seen.number = header.part;
    seen.last = header.last_part != 0;
    seen.replaced.assign(header.replaced.begin(), header.replaced.begin() + header.replaced_count);
    seen.kind = header.kind;
    seen.slab_after = header.slab_after;
    seen.slab_upto = header.slab_upto;
    return seen;
}

/// Parts of which nothing can be read: what those beside them, and others of the component, tell of them.
void Gathering::lose_parts(const DamagedComponent& component, const std::vector<std::optional<PartSeen>>& seen) {
    const auto known = std::ranges::find_if(seen, [](const auto& part) { return part.has_value(); });
    for (std::size_t i = 0; i < seen.size(); ++i) {
        if (seen[i]) continue;
        Loss loss;
        loss.file = component.parts[i].path.string();
        loss.piece.what = "the segment is missing, or neither of its headers is whole";
        loss.piece.keys.first = component.begin;
        if (i > 0 && seen[i - 1] && seen[i - 1]->end) loss.piece.keys.first = *seen[i - 1]->end;
        if (i + 1 < seen.size() && seen[i + 1]) loss.piece.keys.last = seen[i + 1]->begin;
        loss.piece.version_max = store_.settled();
        if (known != seen.end()) {
            loss.piece.version_min = (*known)->slab_after + 1;
            loss.piece.version_max = (*known)->slab_upto;
            loss.newest = (*known)->kind == cold::SegmentKind::live;
        }
        lose(std::move(loss));
    }
}

/// Without a catalog the numbers of parts say which are not there. Those that others have replaced, and those of what
/// was not finished, need not be.
void Gathering::lose_missing_numbers(const DamagedComponent& component,
                                     const std::vector<std::optional<PartSeen>>& seen) {
    const PartSeen* before = nullptr;
    const auto lose_keys = [&](const PartSeen& known, std::string first, std::optional<std::string> last) {
        Loss loss;
        loss.file = (request_.source / "cold").string();
        loss.piece.what = "a part of component " + std::to_string(component.id) + " is missing";
        loss.piece.keys = {std::move(first), std::move(last)};
        loss.piece.version_min = known.slab_after + 1;
        loss.piece.version_max = known.slab_upto;
        loss.newest = known.kind == cold::SegmentKind::live;
        lose(std::move(loss));
    };
    for (const auto& part : seen) {
        if (!part) continue;
        const std::uint32_t expected = before == nullptr ? 0 : before->number + 1;
        const std::string from = before != nullptr && before->end ? *before->end : "";
        if (part->number > expected && component.answers_for(from)) lose_keys(*part, from, part->begin);
        before = &*part;
    }
    if (before == nullptr || before->last) return;
    // A merge that was not finished has inputs left.
    const auto is_there = [this](std::uint64_t id) {
        return std::ranges::find(store_.components(), id, &DamagedComponent::id) != store_.components().end();
    };
    if (std::ranges::any_of(before->replaced, is_there)) return;
    const std::string from = before->end.value_or("");
    const bool settled = before->slab_upto <= store_.settled();
    if (before->kind == cold::SegmentKind::live && settled && component.answers_for(from)) {
        lose_keys(*before, from, std::nullopt);
    }
}

/// Without a catalog a component that is gone altogether leaves a hole in the versions that live ones stand for.
void Gathering::miss_slabs() {
    std::ranges::sort(slabs_);
    Version upto = 0;
    for (const auto& [after, end] : slabs_) {
        if (after > upto) break;
        upto = std::max(upto, end);
    }
    if (upto < store_.settled()) report_.miss_from(upto + 1);
}

Result<void> Gathering::take_component(const DamagedComponent& component) {
    std::vector<std::optional<PartSeen>> seen;
    for (const SegmentFile& file : component.parts) {
        if (auto go_on = check_stopped(); !go_on) return go_on;
        auto part = take_part(component, file);
        if (!part) return pass_on(part);
        seen.push_back(std::move(*part));
    }
    if (standing_in_) return {};
    for (const auto& part : seen) {
        if (part && part->kind == cold::SegmentKind::live) slabs_.emplace_back(part->slab_after, part->slab_upto);
    }
    lose_parts(component, seen);
    if (!store_.catalog()) lose_missing_numbers(component, seen);
    return {};
}

// ---- Rings.

void Gathering::take_operation(const hot::Ring& ring, std::uint64_t position, const hot::OperationHeader& op,
                               Version version) {
    if (op.key_bytes == 0) return;  // none was ever written
    const bool settled = version <= store_.settled() && request_.from != RecoverFrom::rings;
    // Its segment has it, unless that is lost.
    if (settled && store_.catalog() && !lost_keys_->hold(op.key(), version)) return;
    ++report_.found;
    if (version > request_.newest_wanted()) {
        ++report_.left_out;
        return;
    }
    cold::SortedRecord record;
    record.version = version;
    record.key = op.key();
    record.tombstone = op.tombstone != 0;
    record.mark = static_cast<std::uint8_t>(settled ? SortMark::suspect : SortMark::record);
    const std::string_view value = op.value();
    if (value.size() > cold::kOutsideValueBytes) {
        record.is_outside = true;
        record.segment = ring_values_;
        record.value_bytes = value.size();
        record.outside.offset = ring.file_offset(position) + sizeof(op) + op.key_bytes;
        record.outside.checksum = cold::piece_checksum(std::as_bytes(std::span(value)), 0, record.outside.offset);
    } else {
        record.value = value;
    }
    if (ring_failure_) ring_failure_ = add(record);
}

void Gathering::take_frame(const hot::Ring& ring, std::uint64_t position, const hot::FrameHeader& frame,
                           Version version) {
    if (!ring_failure_ || version > store_.superblock()->clock_limit) return;
    const bool data = hot::Stamp{frame.stamp}.is_committed() && frame.kind() == hot::FrameKind::data;
    if (data && frame.count() != 0) {
        hot::for_each_operation(ring, position, [&](const hot::OperationHeader& op, std::uint64_t at) {
            take_operation(ring, at, op, version);
        });
        return;
    }
    if (version <= store_.settled() || version > request_.newest_wanted()) return;
    cold::SortedRecord nothing;
    nothing.version = version;
    nothing.tombstone = true;
    nothing.mark = static_cast<std::uint8_t>(SortMark::version);
    ring_failure_ = add(nothing);
}

/// Of a lost frame nothing tells the keys, and of versions only that it is not among those that were found.
void Gathering::note_ring_losses(const fs::path& path, const hot::RingContents& found, const platform::Audit& audit,
                                 std::size_t findings_before) {
    if (store_.settled() >= request_.newest_wanted()) return;  // what is newer than was asked for is no loss
    const auto lose_frames = [&](std::uint64_t offset, std::uint64_t bytes, std::string what) {
        Loss loss;
        loss.file = path.string();
        loss.piece.offset = offset;
        loss.piece.bytes = bytes;
        loss.piece.what = std::move(what);
        loss.piece.version_min = store_.settled() + 1;
        loss.piece.version_max = std::max(store_.superblock()->clock_limit, store_.settled() + 1);
        loss.newest = false;  // any key's: any_key_uncertain
        report_.note(std::move(loss));  // from which version on, the versions that were found tell
        report_.any_key_uncertain = true;
    };
    for (const hot::LostStretch& stretch : found.lost) lose_frames(stretch.offset, stretch.bytes, "frames are damaged");
    const auto& findings = audit.seen().findings;
    if (!found.marks) {
        const bool told = findings.size() > findings_before;
        lose_frames(0, 0, told ? findings.back().what : "the ring can't be read");
    }
    for (std::size_t i = findings_before; i < findings.size(); ++i) {
        const bool in_headers = findings[i].offset < hot::kHeaderAreaBytes;
        const bool unread = findings[i].code == platform::codes::kReadFailed && !in_headers;
        const bool cut_off = findings[i].code == platform::codes::kRingSize &&
                             findings[i].offset < hot::kHeaderAreaBytes + store_.superblock()->ring_bytes;
        if (found.marks && (unread || cut_off)) lose_frames(findings[i].offset, 0, findings[i].what);
    }
}

Result<void> Gathering::take_rings() {
    const auto& fields = store_.superblock();
    if (!fields) return {};
    platform::Audit audit([this] { return request_.stopped(); });
    hot::InspectedRing asked;
    asked.bytes = fields->ring_bytes;
    asked.secret = fields->secret;
    asked.clock_limit = fields->clock_limit;
    for (unsigned shard = 0; shard < fields->shards; ++shard) {
        if (auto go_on = check_stopped(); !go_on) return go_on;
        const fs::path path = store_.ring(shard);
        request_.progress({kPassRings, shard, fields->shards, "rings"});
        asked.identity = {{fields->store[0], fields->store[1]}, shard, path.string()};
        ring_values_ = values_.add(path, 0);
        const std::size_t findings_before = audit.findings();
        const auto take = [this](const hot::Ring& ring, std::uint64_t position, const hot::FrameHeader& frame,
                                 Version version) { take_frame(ring, position, frame, version); };
        const hot::RingContents found = hot::inspect_ring(io_, asked, take, audit);
        if (!ring_failure_) return ring_failure_;
        if (audit.starved()) return fail(ErrorCode::full, "memory or file descriptors ran out in " + path.string());
        report_.frames += found.frames;
        report_.torn_frames += found.torn;
        note_ring_losses(path, found, audit, findings_before);
    }
    request_.progress({kPassRings, fields->shards, fields->shards, "rings"});
    return check_stopped();
}

// ---- All of it.

Result<void> Gathering::run() {
    report_.superblock_lost = !store_.superblock();
    report_.catalog_lost = !store_.catalog();
    report_.uuid = identity_text(*store_.identity());
    for (const DamagedComponent& component : store_.components()) parts_ += component.parts.size();
    const bool segments = request_.from != RecoverFrom::rings;
    for (const DamagedComponent& component : store_.components()) {
        if (!segments || !component.counts) continue;
        if (auto taken = take_component(component); !taken) return taken;
    }
    if (segments && !store_.catalog()) miss_slabs();
    if (request_.from != RecoverFrom::segments) {
        const std::vector<Loss> lost = report_.losses;
        lost_keys_.emplace(lost);
        if (auto taken = take_rings(); !taken) return taken;
    }
    // Without a catalog all was taken already.
    const std::vector<Loss> lost = report_.losses;
    lost_keys_.emplace(lost);
    standing_in_ = true;
    const bool look_again = segments && store_.catalog() && !lost_keys_->empty();
    for (const DamagedComponent& component : store_.components()) {
        if (!look_again || (component.counts && component.begin.empty())) continue;
        if (auto taken = take_component(component); !taken) return taken;
    }
    request_.progress({kPassSegments, parts_, parts_, "segments"});
    if (request_.from == RecoverFrom::segments) {
        report_.newest = std::min(store_.settled(), request_.newest_wanted());
    }
    lost_keys_.reset();
    return {};
}

}  // namespace zverse::tools
