#include <tools/recover/rebuilding.h>

#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/recover/damage.h>

#include <algorithm>
#include <optional>

namespace zverse::tools {

namespace {

constexpr unsigned kPassWrite = 4, kPassUncertain = 5;
constexpr std::uint64_t kAsideBytesMax = std::uint64_t{1} << 17;  // of a version
constexpr std::uint64_t kFrameBytes = 128;  // about, beside key and value
constexpr std::size_t kJudgedAtOnce = 4096;

SortMark mark_of(const cold::SortedRecord& record) noexcept { return static_cast<SortMark>(record.mark); }

}  // namespace

/// The best of what has one version and key.
struct Rebuilding::Chosen {
    cold::SortedRecord record;
    std::string key, value;  ///< what its views are of

    void take(const cold::SortedRecord& other) {
        record = other;
        key.assign(other.key);
        value.assign(other.value);
        record.key = key;
        record.value = value;
    }
    [[nodiscard]] bool is_of(const cold::SortedRecord& other) const noexcept {
        return record.version == other.version && key == other.key;
    }
};

Rebuilding::Rebuilding(const RecoverRequest& request, const DamagedStore& store, cold::SpillSort& sort,
                       ValueFiles& values, RecoverReport& report)
    : request_(request), store_(store), sort_(sort), values_(values), report_(report) {
    header_.kind = DumpKind::history;
    header_.floor = report.floor;
    header_.ring_bytes = store.superblock() ? store.superblock()->ring_bytes : 0;
    load_.store = request.target;
    load_.preserve = true;
    load_.resume = request.resume;
    load_.ring_bytes = request.ring_bytes;
    load_.shards = store.superblock() ? store.superblock()->shards : 0;
    counted_upto_ = store.settled();
}

Result<void> Rebuilding::run() {
    auto done = rebuild();
    // What came so far stays, for who resumes.
    if (!done && target_ != nullptr) target_->leave();
    return done;
}

Result<void> Rebuilding::rebuild() {
    if (auto opened = open(); !opened) return opened;
    if (auto written = write_records(); !written) return written;
    note_end_of_versions();
    if (target_ == nullptr) return {};
    if (auto pinned = set_pins(); !pinned) return pinned;
    if (auto judged = find_uncertain(); !judged) return judged;
    if (auto finished = target_->finish(); !finished) return finished;
    report_.written = load_report_.loaded + load_report_.passed_over;
    report_.pins = load_report_.pins;
    report_.finished = true;
    return {};
}

Result<void> Rebuilding::open() {
    if (request_.dry_run) return {};
    target_ = preserving_load(load_, header_, load_report_);
    return target_->open();
}

Result<void> Rebuilding::add(DumpRecordKind kind, std::string_view key, std::string_view value, Version version) {
    if (target_ == nullptr) {
        ++report_.written;
        return {};
    }
    last_ = version;
    return target_->add({kind, key, value, version});
}

// ---- Records.

Result<void> Rebuilding::write_records() {
    std::uint64_t done = 0;
    while (sort_.valid()) {
        if (done++ % 1024 == 0) {
            if (request_.stopped()) return stopped();
            request_.progress({kPassWrite, std::min(done, report_.found), report_.found, "records"});
        }
        Chosen chosen;
        chosen.take(sort_.record());
        bool is_suspect = mark_of(chosen.record) == SortMark::suspect;
        for (;;) {
            if (auto moved = sort_.next(); !moved) return moved;
            if (!sort_.valid() || !chosen.is_of(sort_.record())) break;
            is_suspect = is_suspect && mark_of(sort_.record()) != SortMark::record;
            if (sort_.record().mark < chosen.record.mark) chosen.take(sort_.record());
        }
        const SortMark mark = mark_of(chosen.record);
        if (mark != SortMark::ending) note_version(chosen.record.version);
        if (mark == SortMark::version) continue;
        if (mark == SortMark::ending) {
            if (auto ended = end_key(chosen); !ended) return ended;
            continue;
        }
        if (is_suspect) {
            ++report_.older_copies;
            if (!chosen.record.tombstone) {
                suspects_.emplace_back(chosen.key, chosen.record.version);
            }
        }
        if (auto written = write(chosen); !written) return written;
    }
    request_.progress({kPassWrite, report_.found, report_.found, "records"});
    return {};
}

Result<void> Rebuilding::write(const Chosen& chosen) {
    const cold::SortedRecord& record = chosen.record;
    if (record.tombstone) return add(DumpRecordKind::erase, record.key, {}, record.version);
    if (!record.is_outside) return add(DumpRecordKind::put, record.key, record.value, record.version);
    auto value = values_.read(record);
    if (value) return add(DumpRecordKind::put, record.key, *value, record.version);
    if (!is_damage(value.error())) return pass_on(value);
    // Where bits are tried, who is stopped has not tried all.
    if (request_.stopped()) return stopped();
    report_.lose(values_.loss_of(record));
    return end_key(chosen);
}

/// A record of the key was there, and is lost.
Result<void> Rebuilding::end_key(const Chosen& chosen) {
    report_.lose_record(chosen.key, chosen.record.version);
    if (request_.uncertain == UncertainPolicy::keep) return {};
    return add(DumpRecordKind::erase, chosen.key, {}, chosen.record.version);
}

// ---- Versions.

void Rebuilding::note_version(Version version) {
    report_.newest = std::max(report_.newest, version);
    if (version <= counted_upto_) return;
    const auto leapt = [&](Version from) {
        if (!store_.superblock()) return from;
        for (const engine::VersionLeap& leap : store_.superblock()->leaps) {
            // The clock stood one behind it, so the next one was two behind it.
            if (leap.after < from && from <= leap.upto + 1) from = leap.upto + 2;
        }
        return from;
    };
    const Version expected = leapt(counted_upto_ + 1);
    if (version > expected && !gap_) gap_ = expected;
    counted_upto_ = version;
}

void Rebuilding::note_end_of_versions() {
    const Version wanted = request_.newest_wanted();
    if (request_.from == RecoverFrom::rings) {
        report_.miss_from(1);
    } else {
        report_.newest = std::max(report_.newest, std::min(store_.settled(), wanted));
    }
    // A lost frame and one that a crash cut short look the same.
    if (gap_) report_.miss_from(*gap_);
    header_.until = report_.newest;
    if (wanted != ~Version{0}) return;
    // Versions that were handed out are not handed out again.
    if (store_.superblock()) header_.until = std::max(header_.until, store_.superblock()->clock_limit);
    if (!store_.catalog()) return;
    for (const auto& [name, version] : store_.catalog()->pins) header_.until = std::max(header_.until, version);
}

Result<void> Rebuilding::set_pins() {
    if (!store_.catalog()) return {};
    for (const auto& [name, version] : store_.catalog()->pins) {
        if (version < report_.floor || version > header_.until) continue;
        if (auto added = target_->add({DumpRecordKind::pin, name, {}, version}); !added) return added;
    }
    return {};
}

// ---- Keys of which something newer may be lost.

Result<void> Rebuilding::find_uncertain() {
    report_.uncertain_known = true;
    if (last_ == 0) return {};
    auto so_far = target_->loaded();
    if (!so_far) return pass_on(so_far);
    const std::vector<UncertainStretch> stretches = uncertain_stretches(report_.losses);
    const std::vector<Loss> losses = report_.losses;
    const LostKeys lost(losses);
    // An interrupted recovery may have raised it already; then it says the same of all keys.
    last_ = std::max(last_, (*so_far)->floor());
    std::uint64_t done = 0;
    for (const UncertainStretch& stretch : stretches) {
        request_.progress({kPassUncertain, done++, stretches.size(), "uncertain keys"});
        if (auto judged = judge_stretch(**so_far, stretch, lost); !judged) return judged;
    }
    if (auto judged = judge_suspects(**so_far, lost); !judged) return judged;
    request_.progress({kPassUncertain, done, done, "uncertain keys"});
    return {};
}

/// A few at a time: nothing is written while a cursor is open.
Result<void> Rebuilding::judge_stretch(const Store& so_far, const UncertainStretch& stretch, const LostKeys& lost) {
    KeyRange range;
    range.begin = stretch.first;
    for (bool more = true; more;) {
        if (request_.stopped()) return stopped();
        std::vector<std::pair<std::string, std::string>> found;
        {
            auto cursor = so_far.scan(range, last_);
            if (!cursor) return pass_on(cursor);
            std::size_t seen = 0;
            for (more = false; !more;) {
                auto moved = cursor->next();
                if (!moved) return pass_on(moved);
                if (!*moved) break;
                const Entry& entry = cursor->entry();
                if (stretch.last && entry.key > *stretch.last) break;
                if (entry.version < lost.newest(entry.key)) found.emplace_back(entry.key, entry.value);
                if (++seen < kJudgedAtOnce) continue;
                more = true;
                range.begin.assign(entry.key).push_back('\0');
            }
        }
        for (const auto& [key, value] : found) {
            if (auto aside = put_aside(so_far, key, value); !aside) return aside;
        }
    }
    return {};
}

/// Found where another file answers for the key, and nowhere else: retention may have dropped it with what erased it.
Result<void> Rebuilding::judge_suspects(const Store& so_far, const LostKeys& lost) {
    std::string value;
    for (const auto& [key, version] : suspects_) {
        Version newest = 0;
        auto there = so_far.get_into(key, value, last_, &newest);
        if (!there) return pass_on(there);
        if (!*there || newest != version) continue;
        if (newest < lost.newest(key)) continue;  // known already
        if (auto aside = put_aside(so_far, key, value); !aside) return aside;
    }
    return {};
}

Result<void> Rebuilding::put_aside(const Store& so_far, std::string_view key, std::string_view value) {
    ++report_.uncertain_count;
    if (report_.uncertain.size() < RecoverReport::kListedMax) report_.uncertain.emplace_back(key);
    if (request_.uncertain == UncertainPolicy::keep) return {};
    begin_aside(key.size());
    if (auto erased = target_->add({DumpRecordKind::erase, key, {}, header_.until}); !erased) return erased;
    if (request_.uncertain == UncertainPolicy::drop) return {};
    auto name = name_aside(so_far, key);
    if (!name) return pass_on(name);
    // A frame takes a quarter of a ring, and the name makes it longer than the one that it was.
    if (name->size() + value.size() + kFrameBytes > ring_bytes_of(so_far) / 4) return {};
    begin_aside(name->size() + value.size());
    return target_->add({DumpRecordKind::put, *name, value, header_.until});
}

/// What is put aside goes by versions of its own, each of what fits any ring.
void Rebuilding::begin_aside(std::uint64_t bytes) {
    if (aside_bytes_ == 0 || aside_bytes_ + bytes + kFrameBytes > kAsideBytesMax) {
        ++header_.until;
        aside_bytes_ = 0;
    }
    aside_bytes_ += bytes + kFrameBytes;
}

/// A name that no key of the store has. Keys of the longest kind lose their end.
Result<std::string> Rebuilding::name_aside(const Store& so_far, std::string_view key) {
    std::string name(kLostAndFound);
    name.append(key.substr(0, kKeyBytesMax - kLostAndFound.size() - 8));
    if (key.size() > name.size() - kLostAndFound.size()) name += "~" + std::to_string(report_.uncertain_count);
    std::string value;
    for (;;) {
        auto there = so_far.get_into(name, value, last_);
        if (!there) return pass_on(there);
        if ((!*there && names_aside_.insert(name).second) || name.size() >= kKeyBytesMax) return name;
        name += '~';
    }
}

}  // namespace zverse::tools
