// See interleave_world.h. The calls of the threads, and what each of them notes.
#include <hot/interleave_world.h>

#include <hot/walk.h>

namespace zverse::test {

using interleave::give_way;
using interleave::point;
using interleave::Undisturbed;
using platform::Granularity;

namespace {
constexpr std::uint64_t kRingBytes = 8 << 10;
constexpr std::size_t kKeys = 5;
}  // namespace

void PointedPmem::on_flush(const void* address, std::size_t bytes) noexcept {
    point();
    pmem_.on_flush(address, bytes);
}
void PointedPmem::on_drain() noexcept {
    point();
    pmem_.on_drain();
}
Result<void> PointedPmem::on_sync(const void* address, std::size_t bytes) noexcept {
    point();
    return pmem_.on_sync(address, bytes);
}

Result<hot::Host::Newest> LowerHost::newest_below(std::string_view key) const {
    point();
    const auto found = taken.find(key);
    return found == taken.end() ? Newest{} : found->second;
}
Result<void> LowerHost::extend_limit(Version wanted) {
    tier->raise_limit(wanted + 1000);
    return {};
}

InterleaveWorld::InterleaveWorld(InterleaveShape shape, std::uint64_t seed)
    : shape_(shape),
      seed_(seed),
      random_(seed),
      memory_(shape.rings * (hot::kHeaderAreaBytes + kRingBytes)),
      scratch_(memory_.span().size()),
      pmem_(memory_.span(), shape.granularity),
      pointed_(pmem_) {
    const platform::PersistDomain domain(shape.granularity, pointed_);
    format_rings(memory_.span(), shape.rings, domain);
    std::string problem;
    auto rings = attach_rings(memory_.span(), shape.rings, domain, problem);
    EXPECT_EQ(problem, "");
    narrow_ = random_.one_in(2);
    hot::TierOptions options;
    options.secret = kTestSecret;
    options.durability = shape.durability;
    options.sharding = random_.one_in(2) ? Sharding::by_key : Sharding::by_core;
    options.write_timeout = std::chrono::milliseconds(0);
    options.index_bytes = 256;  // few buckets, so that they overflow
    options.clock_margin = 64;
    auto tier = hot::Tier::create(std::move(rings), options, host_, 0);
    EXPECT_TRUE(tier);
    tier_ = std::move(*tier);
    host_.tier = tier_.get();
    tier_->raise_limit(1'000'000);
}

bool InterleaveWorld::per_write() const noexcept {
    return shape_.durability == Durability::power && shape_.granularity != Granularity::page;
}

/// Some keys share a chain, others a bucket, others nothing.
std::uint64_t InterleaveWorld::hash_of(std::string_view key) const noexcept {
    const std::uint64_t number = static_cast<std::uint64_t>(key[0] - 'a');
    return (number / 2) << 61 | 0x0001'2345'0000'0000 | number * 0x3333'3333;
}

hot::Operation InterleaveWorld::operation(const std::string& key, const std::string& value) const noexcept {
    return {key, value, hash_of(key), value.empty()};
}

std::string InterleaveWorld::random_key(Random& random) const {
    // One key is hot, so that chains have several pending frames.
    return std::string(1, static_cast<char>('a' + (random.one_in(2) ? 0 : random.below(kKeys))));
}

std::string InterleaveWorld::random_value(Random& random) {
    if (random.one_in(8)) return {};
    std::string value = std::to_string(++values_) + ".";
    // Large ones go body first and make fillers at the end of the area.
    return value + std::string(random.one_in(5) ? random.below(1500) : random.below(60), 'v');
}

Note& InterleaveWorld::begin(Note& note) noexcept {
    note.began = ++now_;
    return note;
}

void InterleaveWorld::refused(const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::full) << error.message();
    full_ = true;
}

void InterleaveWorld::end(Note note) {
    note.ended = ++now_;
    notes_.push_back(std::move(note));
}

void InterleaveWorld::call(Random& random) {
    if (full_ && random.one_in(2)) {
        drain();
        return;
    }
    // Half of the worlds are about one chain, so that several frames of it are pending at once.
    if (narrow_ && !random.one_in(4)) {
        random.one_in(3) ? read("a") : put(random, "a");
        return;
    }
    switch (random.below(16)) {
        case 0:
        case 1: batch(random, false); break;
        case 2: batch(random, true); break;
        case 3:
        case 4: put_if(random_key(random)); break;
        case 5:
        case 6:
        case 7: read(random_key(random)); break;
        case 8: scan(); break;
        case 9: sync(); break;
        case 10: random.one_in(2) ? seal() : settle(); break;
        case 11: drain(); break;
        default: put(random, random_key(random)); break;
    }
}

/// Moves the clock and looks again, so that what is pending meanwhile is raised time after time.
void InterleaveWorld::watch(Random& random) {
    const bool scans = random.one_in(2);
    for (int i = 0; i < 6; ++i) {
        put(random, "e");
        scans ? scan() : read("a");
    }
}

void InterleaveWorld::put(const std::string& key, std::size_t bytes) {
    // Zeros look like stamps of pending frames to whoever comes too late and takes them for one.
    put_value(key, std::to_string(++values_) + "." + std::string(bytes, '\0'));
}

void InterleaveWorld::put(Random& random, const std::string& key) { put_value(key, random_value(random)); }

void InterleaveWorld::put_value(const std::string& key, const std::string& value) {
    Note note;
    note.records[key] = value;
    begin(note);
    const auto version = tier_->put(operation(key, value));
    if (!version) {
        refused(version.error());
        return;
    }
    const Undisturbed undisturbed;
    note.version = *version;
    note.shown = lasts(*version);
    end(std::move(note));
}

void InterleaveWorld::batch(Random& random, bool transaction) {
    std::map<std::string, std::string> records;
    for (std::uint64_t n = random.between(1, 3); n > 0; --n) records[random_key(random)] = random_value(random);
    batch(std::move(records), transaction);
}

void InterleaveWorld::batch(std::map<std::string, std::string> records, bool transaction) {
    Note note;
    note.records = std::move(records);
    std::vector<hot::Operation> operations;
    for (const auto& record : note.records) operations.push_back(operation(record.first, record.second));
    std::sort(operations.begin(), operations.end(), [](const hot::Operation& a, const hot::Operation& b) {
        return a.hash != b.hash ? a.hash < b.hash : a.key < b.key;
    });
    if (hot::frame_bytes_of(operations) > tier_->frame_bytes_max()) return;
    begin(note);
    note.kind = transaction ? Note::Kind::transaction : Note::Kind::write;
    std::optional<Version> start;
    if (transaction) {
        start = note.as_of = tier_->latest();
        point();
    }
    const auto version = tier_->write(operations, start);
    const Undisturbed undisturbed;
    if (version) {
        note.version = *version;
        note.shown = lasts(*version);
        end(std::move(note));
    } else if (version.error().code() == ErrorCode::conflict) {
        note.kind = Note::Kind::conflict;
        note.version = version.error().version();
        note.shown = lasts(note.version);  // C4
        end(std::move(note));
    } else {
        refused(version.error());
    }
}

void InterleaveWorld::put_if(std::string wanted) {
    Note note;
    note.kind = Note::Kind::put_if;
    note.key = std::move(wanted);
    {
        // What a caller does: read, then write if nothing came between.
        hot::WriterSlot& slot = tier_->slots().mine();
        const hot::PinGuard pin(tier_->epochs(), slot);
        const Version cut = host_.cut();
        const hot::Found found = tier_->find(slot, note.key, hash_of(note.key), tier_->latest(), cut);
        const Undisturbed undisturbed;
        if (found) {
            note.as_of = found.tombstone() ? 0 : found.version;
        } else {
            const auto below = host_.taken.find(note.key);
            note.as_of = below == host_.taken.end() || below->second.tombstone ? 0 : below->second.version;
        }
    }
    note.value = std::to_string(++values_) + "!";
    note.records[note.key] = note.value;
    begin(note);
    const auto version = tier_->put_if(operation(note.key, note.value), note.as_of);
    const Undisturbed undisturbed;
    if (version) {
        note.version = *version;
        note.shown = lasts(*version);
        end(std::move(note));
    } else if (version.error().code() == ErrorCode::conflict) {
        note.kind = Note::Kind::conflict;
        note.version = version.error().version();
        note.shown = note.version == 0 || lasts(note.version);  // C4
        end(std::move(note));
    } else {
        refused(version.error());
    }
}

void InterleaveWorld::read(std::string key) {
    Note note;
    note.kind = Note::Kind::read;
    note.key = std::move(key);
    hot::WriterSlot& slot = tier_->slots().mine();
    begin(note);
    const hot::PinGuard pin(tier_->epochs(), slot);
    note.cut = host_.cut();
    note.as_of = tier_->latest();
    // Twice: a snapshot must repeat.
    for (int again = 0; again < 2; ++again) {
        const auto& helps = slot.counters[std::size_t(hot::Counter::helped_stamps)];
        const std::uint64_t helped = helps.load();
        const hot::Found found = tier_->find(slot, note.key, hash_of(note.key), note.as_of, note.cut);
        const Undisturbed undisturbed;
        helped_by_readers_ += helps.load() - helped;
        Note each = note;
        each.version = found ? found.version : 0;
        if (found) {
            each.value = found.value();
            each.shown = lasts(found.version);
        }
        end(std::move(each));
    }
}

/// What the ring holds as of `s`: decided frame by frame, as scans and flushes do.
std::set<Version> InterleaveWorld::walk(hot::WriterSlot& slot, Version s, Version cut, bool take) {
    std::set<Version> versions;
    for (const auto& ring : tier_->rings()) {
        const std::uint64_t tail = ring->tail.load(std::memory_order_acquire);
        const std::uint64_t head = ring->dead_head.load(std::memory_order_acquire);
        hot::walk_frames(tier_->slots(), *ring, head, tail, [&](std::uint64_t position, hot::FrameHeader& frame) {
            if (frame.kind() != hot::FrameKind::data) return;
            const auto version =
                tier_->visible(slot, hot::RingSet::operation_at(*ring, position + sizeof(hot::FrameHeader)), s);
            if (!version || *version <= cut) return;
            versions.insert(*version);
            if (!take) return;
            hot::for_each_operation(*ring, position, [&](const hot::OperationHeader& op, std::uint64_t) {
                const std::string key(reinterpret_cast<const char*>(&op + 1), op.key_bytes);
                hot::Host::Newest& newest = host_.taken[key];
                if (newest.version < *version) newest = {*version, op.tombstone != 0};
            });
        });
    }
    return versions;
}

void InterleaveWorld::fill() {
    while (!full_) put(random_, random_key(random_));
}

void InterleaveWorld::expect_publisher_pinned(const std::string& key) {
    const Undisturbed undisturbed;
    const hot::OperationRef top = tier_->chain(hash_of(key));
    if (!top) return;
    const hot::Address published = top.ring->address_of(top.frame_position());
    tier_->slots().for_each([&](const hot::WriterSlot& slot) {
        EXPECT_TRUE(slot.announced.load(std::memory_order_acquire) != published || slot.pinned()) << key;
        return true;
    });
}

void InterleaveWorld::scan() {
    Note note;
    note.kind = Note::Kind::scan;
    hot::WriterSlot& slot = tier_->slots().mine();
    begin(note);
    const hot::PinGuard pin(tier_->epochs(), slot);
    note.cut = host_.cut();
    note.as_of = tier_->latest();
    note.versions = walk(slot, note.as_of, note.cut, false);
    const Undisturbed undisturbed;
    if (shape_.durability == Durability::power) {
        const std::set<Version> there = versions_on_medium(0);
        note.shown = std::includes(there.begin(), there.end(), note.versions.begin(), note.versions.end());
    }
    end(std::move(note));
}

void InterleaveWorld::sync() {
    Note note;
    note.kind = Note::Kind::promise;
    begin(note);
    const auto sealed = tier_->sync_all();
    const Undisturbed undisturbed;
    ASSERT_TRUE(sealed) << sealed.error().message();
    note.version = *sealed;
    note.cut = host_.cut();
    note.versions = versions_on_medium(note.cut);
    end(std::move(note));
}

void InterleaveWorld::seal() {
    Note note;
    note.kind = Note::Kind::promise;
    begin(note);
    const Version sealed = tier_->seal(tier_->slots().mine());
    if (!per_write()) return;
    const Undisturbed undisturbed;
    note.version = sealed;
    note.cut = host_.cut();
    note.versions = versions_on_medium(note.cut);
    end(std::move(note));
}

void InterleaveWorld::settle() {
    ASSERT_TRUE(tier_->settle_rings(1));
    const Undisturbed undisturbed;
    (void)versions_on_medium(0);  // fails when something below settled is not complete
}

/// Engine::drain(): seal, take the records, cut, grace, dead heads, grace, free heads.
void InterleaveWorld::drain() {
    if (draining_) return;
    draining_ = true;
    full_ = false;
    Note note;
    note.kind = Note::Kind::taken;
    begin(note);
    const auto grace = [this] {
        const std::uint64_t epoch = tier_->epochs().begin_grace();
        while (!tier_->epochs().passed(epoch)) give_way();
    };
    const auto sealed = tier_->sync_all();
    ASSERT_TRUE(sealed) << sealed.error().message();
    note.as_of = *sealed;
    note.cut = host_.cut();
    {
        hot::WriterSlot& slot = tier_->slots().mine();
        const hot::PinGuard pin(tier_->epochs(), slot);
        note.versions = walk(slot, *sealed, note.cut, true);
    }
    host_.cut_value.store(*sealed, std::memory_order_release);
    grace();
    const auto ends = tier_->prefix_ends(*sealed);
    tier_->move_dead_heads(ends);
    tier_->sweep_index();
    grace();
    ASSERT_TRUE(tier_->move_free_heads(ends));
    end(std::move(note));
    draining_ = false;
}

/// Whether a version that is shown now would survive a power cut now, if its class promises that.
bool InterleaveWorld::lasts(Version version) {
    if (shape_.durability != Durability::power || preparing_) return true;
    return host_.cut() >= version || versions_on_medium(0).contains(version);
}

/// Versions that recovery would find if the power went now. Fails on what it would call corruption.
std::set<Version> InterleaveWorld::versions_on_medium(Version cut) {
    std::copy(pmem_.medium().begin(), pmem_.medium().end(), scratch_.span().begin());
    std::string problem;
    const platform::PersistDomain domain(shape_.granularity, nobody_);
    const auto rings = attach_rings(scratch_.span(), shape_.rings, domain, problem);
    EXPECT_EQ(problem, "") << "schedule " << seed_;
    const auto judgement = hot::judge(rings, {kTestSecret, cut, false, 1});
    if (!judgement) {
        ADD_FAILURE() << judgement.error().message() << ", schedule " << seed_;
        return {};
    }
    std::set<Version> versions;
    for (const auto& ring : judgement->rings) {
        for (const auto& each : ring.operations) versions.insert(each.version);
    }
    return versions;
}

void InterleaveWorld::run(std::size_t threads, std::size_t calls) {
    for (std::uint64_t n = random_.below(25); n > 0; --n) call(random_);
    // Often there is no space left, so that threads write where others just gave it back.
    if (random_.one_in(3)) fill();
    std::vector<std::function<void()>> bodies;
    for (std::size_t i = 0; i < threads; ++i) {
        const std::uint64_t seed = random_.next();
        const bool watches = i + 1 == threads && random_.one_in(2);
        bodies.emplace_back([this, seed, calls, watches] {
            Random random(seed);
            for (std::size_t n = 0; n < calls && !::testing::Test::HasFailure(); ++n) {
                watches ? watch(random) : call(random);
            }
        });
    }
    preparing_ = false;
    interleave::run(random_.next(), bodies);
    check();
}

std::vector<std::uint64_t> InterleaveWorld::run_with_stops(const std::vector<interleave::Stop>& stops,
                                                           const std::vector<Script>& scripts) {
    std::vector<std::function<void()>> bodies;
    for (const Script& script : scripts) bodies.emplace_back([this, &script] { script(*this); });
    preparing_ = false;
    const auto points = interleave::run_with_stops(stops, bodies);
    check();
    return points;
}

void InterleaveWorld::check() {
    if (::testing::Test::HasFailure()) return;
    collect_commits();
    check_order();
    for (const Note& note : notes_) {
        check_write(note);
        check_read(note);
        check_versions(note);
        if (::testing::Test::HasFailure()) return;
    }
    check_chains();
    check_empty_after_drain();
}

}  // namespace zverse::test
