// Commit: one write from its operations to its version. See tier.h W1..W3 for the order of steps.
//
// Invariants
//   C1  Nothing waits between the announcement and its end, but for batches becoming ready (chain.cpp).
//   C2  A frame is published only above chains whose pending frames are all ready or its own; it is stamped after all
//       of them (stamp.h T3).
//   C3  A put_if is published by a CAS from the chain head its check saw, so success proves nothing came between. A
//       transaction is published first, not ready, settles, checks, and then is made ready or aborted.
//   C4  What a check rests on is durable before the check's result is acted on or shown.
#include <hot/tier.h>
#include <platform/in_quotes.h>
#include <platform/per_thread.h>

#include <algorithm>
#include <new>

namespace zverse::hot {

namespace {

constexpr std::size_t kScratchOperations = 4096;  // a thread keeps the memory of batches up to this size
constexpr std::uint64_t kStampedLag = std::uint64_t{256} << 10;  // what is younger is in the cache anyway

Error index_memory_error() {
    return Error(ErrorCode::full, "no memory for an overflow bucket of the hash index; nothing was applied");
}

}  // namespace

/// The announcement and the pin of a write from its reservation to its end. Without done() the frame is aborted, also
/// when an exception passes: one that stayed pending would hold its chain and its ring for ever. Nothing throws before
/// the frame is filled.
class Tier::Announced {
public:
    Announced(Tier& tier, WriterSlot& slot, const Reservation& space) noexcept
        : tier_(tier), slot_(slot), space_(space), outer_(tier.epochs_.pin(slot)) {}
    ~Announced() {
        if (!ended_) give_up();
    }
    /// Published or not, nobody will see it; but heads must be able to pass it (stamp.h T4).
    void give_up() noexcept {
        FrameHeader& frame = *space_.ring->frame_at(space_.position);
        tier_.stamp(frame, StampKind::aborted);
        tier_.persist_own(space_, frame);
        slot_.count(Counter::aborts);
        done();
    }
    void done() noexcept {
        ended_ = true;
        tier_.give_back_credits(slot_);
        // relaxed: a walker that reads the length re-reads the announcement, which is cleared after it.
        slot_.announced_bytes.store(0, std::memory_order_relaxed);
        // release: the frame is stamped, checked and, in class power, durable before nobody looks after it any more.
        slot_.announced.store(0, std::memory_order_release);
        HotEpochs::unpin(slot_, outer_);
    }
    Announced(const Announced&) = delete;
    Announced& operator=(const Announced&) = delete;

private:
    Tier& tier_;
    WriterSlot& slot_;
    const Reservation& space_;
    const std::uint64_t outer_;
    bool ended_ = false;
};

/// What may be waited for before anything is announced: the clock limit. Refuses when writes are refused. One look at
/// the clock admits the next few hundred writes of the thread: all threads together stay far inside the margin.
Result<void> Tier::admit(WriterSlot& slot) {
    // relaxed: as in admitted().
    if (refusing_.load(std::memory_order_relaxed)) [[unlikely]]
        return std::unexpected(*refusal());
    for (;;) {
        const Version now = clock();
        const Version end = limit();
        if (end - now > options_.clock_margin) [[likely]] {
            note_stamped();
            slot.admissions = static_cast<std::uint32_t>(std::min<std::uint64_t>(options_.clock_margin / 4096, 256));
            hold_back(slot);
            return {};
        }
        if (slot.pinned() || slot.callbacks > 0) {
            return std::unexpected(
                Error(ErrorCode::full, "the clock limit must be extended, and a write inside a callback never waits"));
        }
        if (auto extended = host_.extend_limit(now + 2 * options_.clock_margin); !extended) {
            return std::unexpected(std::move(extended.error()));
        }
    }
}

/// Raises what is known to be stamped in each ring once it lags far enough behind to be worth O(threads).
void Tier::note_stamped() noexcept {
    for (const auto& ring : rings_) {
        const std::uint64_t lag = std::min(ring->bytes() / 64, kStampedLag);
        // relaxed, both: only whether to look.
        const std::uint64_t known = ring->stamped.load(std::memory_order_relaxed);
        if (ring->tail.load(std::memory_order_relaxed) - known >= lag) ring->raise_stamped(stamped_end(*ring));
    }
}

void Tier::fill(const Reservation& space, FrameKind kind, std::span<const Operation> operations, bool ready,
                std::span<const Links> links) noexcept {
    if (space.has_filler()) fill_filler(*space.ring, space.start, space.position - space.start, options_.secret);
    fill_frame(*space.ring, space.position, space.bytes, kind, operations, options_.secret, ready, flush_per_write_,
               links);
}

/// Points the chain's entry to an operation whose links stand on what was probed.
Index::Insertion Tier::place(WriterSlot& slot, std::uint64_t hash, const Index::Probe& probe, const OperationRef& own) {
    if (!probe.live()) return index_->insert(hash, probe, own.address(), slot.credits);
    if (!index_->replace(probe, own.address())) return Index::Insertion::raced;
    ++slot.credits;  // the chain had its entry already
    return Index::Insertion::done;
}

/// Publishes one operation of a batch on top of its chain; false when the index has no memory. `below`: what its links
/// stand on already, and then what they stand on.
bool Tier::publish(WriterSlot& slot, const Operation& operation, const OperationRef& own, Address& below) {
    for (;;) {
        const Index::Probe probe = index_->probe(operation.hash);
        if (!probe.known_stamped()) wait_until_ready(probe.newest(), own.frame);
        if (below != probe.address()) rings_.link(*own.op, probe.newest());
        below = probe.address();
        const Index::Insertion placed = place(slot, operation.hash, probe, own);
        if (placed != Index::Insertion::raced) return placed == Index::Insertion::done;
    }
}

/// Gives the thread's last puts the jumps that they did without. All at once: so the older operations load together.
void Tier::complete_jumps(WriterSlot& slot) const noexcept {
    for (const Address own : slot.without_jump) {
        if (const OperationRef op = rings_.resolve(own)) rings_.prefetch_previous(op);
    }
    for (const Address own : slot.without_jump) {
        if (const OperationRef op = rings_.resolve(own)) rings_.complete_jump(op);
    }
    slot.puts_without_jump = 0;
}

/// Publishes a put. Nothing of what is known to be stamped is waited for, or even looked at: that would be a cache
/// miss after the index's, in series.
Tier::Ground Tier::publish_put(WriterSlot& slot, const Operation& operation, const OperationRef& own) {
    for (;;) {
        const Index::Probe probe = index_->probe(operation.hash);
        Ground ground = Ground::nothing;
        if (!probe.live()) {
            RingSet::link(*own.op, Links{});
        } else if (probe.known_stamped()) {
            ground = Ground::stamped;
            RingSet::link(*own.op, Links{probe.address(), JumpLink::unknown().word});
        } else {
            const OperationRef newest = probe.newest();
            wait_until_ready(newest, own.frame);
            ground = Ground::pending;
            rings_.link(*own.op, newest);
        }
        const Index::Insertion placed = place(slot, operation.hash, probe, own);
        if (placed == Index::Insertion::no_memory) return Ground::unpublished;
        if (placed == Index::Insertion::done) return ground;
    }
}

/// Makes the writer's own stamped frame what its class promises, filler included.
void Tier::persist_own(const Reservation& space, FrameHeader& frame) noexcept {
    if (flush_per_write_ && space.has_filler()) {
        space.ring->domain().persist(space.ring->frame_at(space.start), kLineBytes);
    }
    // acquire: somebody may have persisted it already.
    const Stamp seen{std::atomic_ref(frame.stamp).load(std::memory_order_acquire)};
    persist_frame(*space.ring, frame, seen);
}

Result<Version> Tier::put(const Operation& operation) {
    WriterSlot& slot = slots_.mine();
    if (!admitted(slot)) {
        if (auto done = admit(slot); !done) return std::unexpected(std::move(done.error()));
    }
    // The bucket's cache miss runs beside the reservation and the copy.
    index_->prefetch(operation.hash);
    const std::uint64_t bytes = frame_bytes(operation_bytes(operation.key.size(), operation.value.size()));
    Reservation space;
    if (auto done = reserve(slot, bytes, 1, operation.hash, space); !done) {
        return std::unexpected(std::move(done.error()));
    }
    fill(space, FrameKind::data, {&operation, 1}, true, {});

    Announced announced(*this, slot, space);
    if (slot.puts_without_jump == slot.without_jump.size()) complete_jumps(slot);
    const OperationRef own = RingSet::operation_at(*space.ring, space.position + sizeof(FrameHeader));
    const Ground ground = publish_put(slot, operation, own);
    if (ground == Ground::unpublished) {
        ++slot.credits;
        return std::unexpected(index_memory_error());
    }
    if (ground == Ground::pending) settle_chain(slot, rings_.previous(own), own.frame);
    const Version version = stamp(*own.frame, StampKind::committed).number();
    persist_own(space, *own.frame);
    if (ground == Ground::stamped) slot.without_jump[slot.puts_without_jump++] = own.address();
    announced.done();
    slot.count(operation.tombstone ? Counter::erases : Counter::puts);
    slot.count(Counter::bytes, operation.key.size() + operation.value.size());
    return acknowledge(version);
}

/// The newest settled version of a key: in the chain from `from` downwards (own frame skipped), else in the lower
/// tiers. Everything pending there is settled first, what is found is made durable (C4).
Result<Host::Newest> Tier::newest_version(WriterSlot& slot, const OperationRef& from, std::string_view key,
                                          const FrameHeader* own) {
    settle_chain(slot, from, own);
    const Version cut = host_.cut();
    for (OperationRef ref = from; ref; ref = rings_.previous(ref)) {
        if (ref.frame == own) continue;
        const Stamp seen = ref.stamp();
        if (seen.number() <= cut) break;
        if (!seen.is_committed() || !ref.has_key(key)) continue;
        persist_frame(*ref.ring, *ref.frame, seen);
        return Host::Newest{seen.number(), ref.tombstone()};
    }
    return host_.newest_below(key);
}

Result<void> Tier::check_expected(const Host::Newest& newest, Version expected) const {
    const Version current = newest.tombstone ? 0 : newest.version;
    if (current == expected) return {};
    return std::unexpected(Error(ErrorCode::conflict,
                                 "put_if expected version " + std::to_string(expected) + " and found " +
                                     (newest.tombstone ? "a tombstone of version " : "version ") +
                                     std::to_string(newest.version),
                                 0, newest.version));
}

/// The check before any space is taken. False: what it rests on was not durable yet and is now; look again.
Result<bool> Tier::check_before(WriterSlot& slot, const Operation& operation, Version expected) {
    Version rests_on = 0;
    {
        const PinGuard pin(epochs_, slot);
        const OperationRef top = index_->find(operation.hash);
        wait_until_ready(top, nullptr);
        auto newest = newest_version(slot, top, operation.key, nullptr);
        if (!newest) return std::unexpected(std::move(newest.error()));
        rests_on = newest->version;
        auto matches = check_expected(*newest, expected);
        if (!matches && !(group_commits() && rests_on > durable_mark())) {
            slot.count(Counter::conflicts);
            return std::unexpected(std::move(matches.error()));
        }
    }
    if (!group_commits() || rests_on <= durable_mark()) return true;
    if (slot.pinned()) {
        return std::unexpected(
            Error(ErrorCode::full, "the version found is not durable yet, and a callback never waits"));
    }
    if (auto durable = wait_for_group(rests_on); !durable) return std::unexpected(std::move(durable.error()));
    return false;
}

/// Checks again under the pin and publishes on exactly what was checked (C3). False: start over, see check_before().
Result<bool> Tier::publish_if(WriterSlot& slot, const Operation& operation, const OperationRef& own, Version expected) {
    for (;;) {
        const Index::Probe probe = index_->probe(operation.hash);
        const OperationRef top = probe.newest();
        wait_until_ready(top, own.frame);
        auto newest = newest_version(slot, top, operation.key, own.frame);
        if (!newest) return std::unexpected(std::move(newest.error()));
        if (group_commits() && newest->version > durable_mark()) return false;
        if (auto matches = check_expected(*newest, expected); !matches) {
            return std::unexpected(std::move(matches.error()));
        }
        rings_.link(*own.op, top);
        switch (place(slot, operation.hash, probe, own)) {
            case Index::Insertion::done: return true;
            case Index::Insertion::raced: break;
            case Index::Insertion::no_memory: return std::unexpected(index_memory_error());
        }
    }
}

Result<Version> Tier::put_if(const Operation& operation, Version expected) {
    WriterSlot& slot = slots_.mine();
    for (;;) {
        if (!admitted(slot)) {
            if (auto done = admit(slot); !done) return std::unexpected(std::move(done.error()));
        }
        const auto settled = check_before(slot, operation, expected);
        if (!settled) return std::unexpected(settled.error());
        if (!*settled) continue;

        const std::uint64_t bytes = frame_bytes(operation_bytes(operation.key.size(), operation.value.size()));
        Reservation space;
        if (auto done = reserve(slot, bytes, 1, operation.hash, space); !done) {
            return std::unexpected(std::move(done.error()));
        }
        fill(space, FrameKind::data, {&operation, 1}, true, {});
        Announced announced(*this, slot, space);
        const OperationRef own = RingSet::operation_at(*space.ring, space.position + sizeof(FrameHeader));
        auto published = publish_if(slot, operation, own, expected);
        if (!published || !*published) {
            ++slot.credits;
            announced.give_up();
            if (published) continue;
            if (published.error().code() == ErrorCode::conflict) slot.count(Counter::conflicts);
            return std::unexpected(std::move(published.error()));
        }
        // Everything below was settled by the check.
        const Version version = stamp(*own.frame, StampKind::committed).number();
        persist_own(space, *own.frame);
        announced.done();
        slot.count(Counter::puts);
        slot.count(Counter::bytes, operation.key.size() + operation.value.size());
        return acknowledge(version);
    }
}

/// Page granularity in class power: a write returns once a group commit covered it.
Result<Version> Tier::acknowledge(Version version) {
    if (!group_commits()) return version;
    if (auto durable = wait_for_group(version); !durable) return std::unexpected(std::move(durable.error()));
    return version;
}

/// Whether any key has a version above `start`, below the transaction's own operations.
std::optional<Error> Tier::find_conflict(WriterSlot& slot, std::span<const Operation> operations,
                                         std::span<const Place> places, const FrameHeader& own, Version start) try {
    for (std::size_t i = 0; i < operations.size(); ++i) {
        auto newest = newest_version(slot, rings_.resolve(places[i].below), operations[i].key, &own);
        if (!newest) return std::move(newest.error());
        if (newest->version > start) {
            return Error(ErrorCode::conflict,
                         "key " + platform::in_quotes(operations[i].key) + " of the transaction has version " +
                             std::to_string(newest->version) + ", newer than its snapshot " + std::to_string(start),
                         0, newest->version);
        }
    }
    return std::nullopt;
} catch (const std::bad_alloc&) {
    return Error(ErrorCode::full, "no memory");  // the frame in hand must come to its end
}

/// Where each operation will be, and the links it has if nobody else writes to its chain meanwhile. A batch goes past
/// the cache: setting its links afterwards would fetch every line back. Pinned.
void Tier::place_batch(const Reservation& space, std::span<const Operation> operations, std::span<Place> places,
                       std::span<Links> links) const {
    // Buckets load first, older operations a few ahead of their turn.
    constexpr std::size_t kBucketsAhead = 64;
    constexpr std::size_t kOperationsAhead = 12;
    const std::size_t count = operations.size();
    for (std::size_t i = 0; i < std::min(kBucketsAhead, count); ++i) index_->prefetch(operations[i].hash);
    for (std::size_t i = 0; i < std::min(kOperationsAhead, count); ++i)
        index_->prefetch_operation(operations[i].hash, Index::Lines::links);
    std::uint64_t position = space.position + sizeof(FrameHeader);
    for (std::size_t i = 0; i < count; ++i) {
        if (i + kBucketsAhead < count) index_->prefetch(operations[i + kBucketsAhead].hash);
        if (i + kOperationsAhead < count)
            index_->prefetch_operation(operations[i + kOperationsAhead].hash, Index::Lines::links);
        links[i] = rings_.links_above(index_->find(operations[i].hash));
        places[i] = {position, links[i].previous};
        position += operation_bytes(operations[i].key.size(), operations[i].value.size());
    }
}

Result<Version> Tier::write(std::span<const Operation> operations, std::optional<Version> unless_newer) {
    if (operations.size() == 1 && !unless_newer) return put(operations[0]);
    WriterSlot& slot = slots_.mine();
    if (!admitted(slot)) {
        if (auto done = admit(slot); !done) return std::unexpected(std::move(done.error()));
    }
    struct Scratch {
        std::vector<Place> places;
        std::vector<Links> links;
    };
    auto& [places, links] = platform::PerThread<Scratch>::mine();
    const std::size_t count = operations.size();
    places.resize(count);  // before there is anything that an exception could leave behind
    links.resize(count);
    const std::uint64_t bytes = frame_bytes_of(operations);
    Reservation space;
    if (auto done = reserve(slot, bytes, static_cast<std::int64_t>(count), operations[0].hash, space); !done) {
        return std::unexpected(std::move(done.error()));
    }
    Announced announced(*this, slot, space);
    place_batch(space, operations, places, links);
    fill(space, FrameKind::data, operations, false, links);

    FrameHeader& frame = *space.ring->frame_at(space.position);
    std::size_t published = 0;
    for (; published < count; ++published) {
        Place& place = places[published];
        auto* op = reinterpret_cast<OperationHeader*>(space.ring->at(place.position));
        if (!publish(slot, operations[published], {op, &frame, space.ring, place.position}, place.below)) break;
    }
    slot.credits += static_cast<std::int64_t>(count - published);
    for (std::size_t i = 0; i < published; ++i) {
        if (!rings_.known_stamped(places[i].below)) settle_chain(slot, rings_.resolve(places[i].below), &frame);
    }
    // Errors are made only now, for that may throw: what is below an aborted frame is stamped before it, too.
    std::optional<Error> lost;
    if (published < count) lost = index_memory_error();
    if (!lost && unless_newer) lost = find_conflict(slot, operations, places, frame, *unless_newer);
    if (lost) {
        announced.give_up();
        if (lost->code() == ErrorCode::conflict) {
            slot.count(Counter::conflicts);
            if (group_commits() && lost->version() > durable_mark()) {
                // C4: a conflict is shown only once what it rests on is durable.
                if (auto durable = wait_for_group(lost->version()); !durable) {
                    return std::unexpected(std::move(durable.error()));
                }
            }
        }
        return std::unexpected(std::move(*lost));
    }
    make_ready(frame);
    const Version version = stamp(frame, StampKind::committed).number();
    persist_own(space, frame);
    announced.done();
    slot.count(Counter::batches);
    slot.count(Counter::operations, operations.size());
    slot.count(Counter::bytes, bytes);
    if (places.capacity() > kScratchOperations) {
        std::vector<Place>().swap(places);
        std::vector<Links>().swap(links);
    }
    return acknowledge(version);
}

Result<Version> Tier::write_time(std::int64_t nanoseconds) {
    WriterSlot& slot = slots_.mine();
    if (!admitted(slot)) {
        if (auto done = admit(slot); !done) return std::unexpected(std::move(done.error()));
    }
    const Operation operation{.key = {}, .value = {reinterpret_cast<const char*>(&nanoseconds), sizeof nanoseconds}};
    const std::uint64_t bytes = frame_bytes(operation_bytes(0, sizeof nanoseconds));
    Reservation space;
    bool found = false;
    // A clock mark is not worth waiting for: when every ring is full the next second will do.
    for (const auto& ring : rings_) {
        if (!ring->queue.empty() || !take_space(slot, *ring, bytes, space)) continue;
        found = true;
        break;
    }
    if (!found) return std::unexpected(full_error(rings_[0]));
    fill(space, FrameKind::time, {&operation, 1}, true, {});
    Announced announced(*this, slot, space);
    FrameHeader& frame = *space.ring->frame_at(space.position);
    const Version version = stamp(frame, StampKind::committed).number();
    persist_own(space, frame);
    announced.done();
    return version;
}

}  // namespace zverse::hot
