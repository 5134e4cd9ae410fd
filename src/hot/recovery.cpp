// Order: see recovery.h.
#include <hot/frame_walk.h>
#include <hot/recovery.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <optional>
#include <queue>
#include <string>
#include <thread>

namespace zverse::hot {

namespace {

constexpr std::uint64_t kChunkBytes = std::uint64_t{4} << 20;  // of a ring, judged by one thread
constexpr std::size_t kPageBytes = 4096;

/// Runs work(i) for i in [0, count) on up to `threads` threads, fewer where no more can be started. What work() throws
/// comes out of here, once nothing runs any more.
template <class Work>
void parallel_for(std::size_t count, unsigned threads, Work&& work) {
    std::atomic<std::size_t> next{0};
    std::atomic<bool> failed{false};
    std::exception_ptr thrown;
    const auto loop = [&] {
        try {
            // relaxed: only hands out numbers; joining the threads orders the results.
            for (std::size_t i = next.fetch_add(1, std::memory_order_relaxed); i < count;
                 i = next.fetch_add(1, std::memory_order_relaxed)) {
                work(i);
            }
        } catch (const std::exception&) {
            // relaxed: one thread sets `thrown`, which is read after the threads are joined.
            if (!failed.exchange(true, std::memory_order_relaxed)) thrown = std::current_exception();
            next.store(count, std::memory_order_relaxed);  // relaxed: the others may do one more
        }
    };
    {
        std::vector<std::jthread> helpers;
        try {
            for (unsigned t = 1; t < threads && t < count; ++t) helpers.emplace_back(loop);
        } catch (const std::exception&) {
            // Those that run, and this one, do the work of all.
        }
        loop();
    }
    if (thrown != nullptr) std::rethrow_exception(thrown);
}

/// Part of a ring, and what was found of the frames that start in it.
struct Chunk {
    const Ring* ring = nullptr;
    std::uint64_t begin = 0, end = 0;
    RingJudgement found;
    std::vector<RingJudgement::Extent> whole;  ///< runs of valid frames, accepted or not
    std::optional<std::pair<std::uint64_t, const char*>> first_bad;
};

void extend(std::vector<RingJudgement::Extent>& runs, std::uint64_t begin, std::uint64_t end) {
    if (!runs.empty() && runs.back().end == begin) {
        runs.back().end = end;
    } else {
        runs.push_back({begin, end});
    }
}

void take_operations(const Ring& ring, std::uint64_t position, const FrameHeader& frame, Version version,
                     const Secret& secret, RingJudgement& found) {
    if (frame.kind() == FrameKind::time) {
        std::int64_t nanoseconds = 0;
        const OperationRef ref = RingSet::operation_at(const_cast<Ring&>(ring), position + sizeof(FrameHeader));
        if (ref.value().size() == sizeof nanoseconds) {
            std::memcpy(&nanoseconds, ref.value().data(), sizeof nanoseconds);
            found.times.push_back({nanoseconds, version});
        }
        return;
    }
    for_each_operation(ring, position, [&](const OperationHeader& op, std::uint64_t at) {
        const std::string_view key(reinterpret_cast<const char*>(&op + 1), op.key_bytes);
        found.operations.push_back({version, hash_key(secret, key), ring.address_of(at)});
    });
}

/// What recovery makes of the frames of one chunk.
class ChunkJudge {
public:
    ChunkJudge(Chunk& chunk, Version mark, const RecoveryOptions& options)
        : chunk_(chunk), mark_(mark), options_(options) {}

    void need(std::uint64_t /*position*/, std::uint64_t /*bytes*/) noexcept {}
    void whole(std::uint64_t position, const FrameHeader& frame, const FrameCheck& check) {
        const std::uint64_t end = position + check.bytes;
        extend(chunk_.whole, position, end);
        const Version version = check.stamp.number();
        const bool survives = version > options_.cut && (!options_.stop_at_mark || version <= mark_);
        if (frame.kind() != FrameKind::filler && !survives) {
            chunk_.found.strays.push_back(position);
            return;
        }
        extend(chunk_.found.accepted, position, end);
        ++chunk_.found.frames;
        chunk_.found.newest = std::max(chunk_.found.newest, version);
        if (check.stamp.is_committed()) {
            take_operations(*chunk_.ring, position, frame, version, options_.secret, chunk_.found);
        }
    }
    void broken(std::uint64_t position, const char* problem) {
        chunk_.found.strays.push_back(position);
        if (!chunk_.first_bad) chunk_.first_bad = {position, problem};
    }

private:
    Chunk& chunk_;
    const Version mark_;
    const RecoveryOptions& options_;
};

void judge_chunk(Chunk& chunk, std::uint64_t limit, Version mark, const RecoveryOptions& options) {
    const Ring& ring = *chunk.ring;
    constexpr std::uint64_t kFrameBytesGuess = 192;
    if (ring.frame_at(chunk.begin)->validity != 0) {
        chunk.found.operations.reserve((chunk.end - chunk.begin) / kFrameBytesGuess);
    }
    ChunkJudge judge(chunk, mark, options);
    static_cast<void>(walk_frames(ring, {chunk.begin, chunk.end, limit}, options.secret, judge));
}

void append(RingJudgement& all, Chunk& chunk) {
    for (const auto& extent : chunk.found.accepted) extend(all.accepted, extent.begin, extent.end);
    const auto move_all = [](auto& to, auto& from) {
        if (to.capacity() == 0) {
            to = std::move(from);
        } else {
            to.insert(to.end(), from.begin(), from.end());
            std::remove_reference_t<decltype(from)>().swap(from);
        }
    };
    move_all(all.strays, chunk.found.strays);
    move_all(all.operations, chunk.found.operations);
    move_all(all.times, chunk.found.times);
    all.frames += chunk.found.frames;
    all.newest = std::max(all.newest, chunk.found.newest);
}

/// Below `settled` every byte must belong to a valid frame.
Result<void> check_settled(const Ring& ring, std::span<Chunk> chunks) {
    const RingMarks marks = ring.marks();
    std::uint64_t position = marks.head;
    for (const Chunk& chunk : chunks) {
        for (const auto& run : chunk.whole) {
            if (position >= marks.settled || run.begin > position) break;
            position = std::max(position, run.end);
        }
    }
    if (position >= marks.settled) return {};
    const char* problem = "no frame";
    for (const Chunk& chunk : chunks) {
        if (chunk.first_bad && chunk.first_bad->first == position) problem = chunk.first_bad->second;
    }
    return std::unexpected(Error(ErrorCode::corrupt, std::string(problem) + " in ring " + ring.path() + " at offset " +
                                                         std::to_string(ring.file_offset(position)) +
                                                         ", where every frame was known to be complete"));
}

}  // namespace

std::uint64_t Judgement::operations() const noexcept {
    std::uint64_t sum = 0;
    for (const RingJudgement& ring : rings) sum += ring.operations.size();
    return sum;
}

Result<Judgement> judge(std::span<const std::unique_ptr<Ring>> rings, const RecoveryOptions& options) {
    Judgement judgement;
    judgement.mark = options.cut;
    for (const auto& ring : rings) judgement.mark = std::max(judgement.mark, ring->marks().durable);

    std::vector<Chunk> chunks;
    for (const auto& ring : rings) {
        const std::uint64_t head = ring->marks().head;
        const std::uint64_t limit = head + ring->bytes();
        for (std::uint64_t begin = head; begin < limit; begin += kChunkBytes) {
            Chunk& chunk = chunks.emplace_back();
            chunk.ring = ring.get();
            chunk.begin = begin;
            chunk.end = std::min(begin + kChunkBytes, limit);
        }
    }
    parallel_for(chunks.size(), options.threads, [&](std::size_t i) {
        judge_chunk(chunks[i], chunks[i].ring->marks().head + chunks[i].ring->bytes(), judgement.mark, options);
    });

    auto chunk = chunks.begin();
    for (const auto& ring : rings) {
        const auto first = chunk;
        while (chunk != chunks.end() && chunk->ring == ring.get()) ++chunk;
        if (auto complete = check_settled(*ring, {first, chunk}); !complete) {
            return std::unexpected(std::move(complete.error()));
        }
        RingJudgement& all = judgement.rings.emplace_back();
        std::size_t operations = 0;
        for (auto part = first; part != chunk; ++part) operations += part->found.operations.size();
        if (chunk - first > 1) all.operations.reserve(operations);
        for (auto part = first; part != chunk; ++part) append(all, *part);
        all.tail = all.accepted.empty() ? ring->marks().head : all.accepted.back().end;
        judgement.newest = std::max(judgement.newest, all.newest);
    }
    return judgement;
}

namespace {

/// Makes the kernel see every page of [begin, end) as dirty: after a failed sync a clean page proves nothing.
void rewrite(const Ring& ring, std::uint64_t begin, std::uint64_t end) noexcept {
    for (std::uint64_t position = begin; position < end;) {
        volatile std::byte* byte = ring.at(position);
        *byte = *byte;
        position += kPageBytes - (reinterpret_cast<std::uintptr_t>(ring.at(position)) % kPageBytes);
    }
}

void clear_line(const Ring& ring, std::uint64_t position) noexcept {
    std::memset(ring.at(position), 0, kLineBytes);
    ring.flush(position, position + kLineBytes);
}

/// Clears strays, fills gaps, and starts every changed or unsettled byte on its way to the medium.
Result<void> repair_ring(Ring& ring, const RingJudgement& judgement, const RingMarks& marks, const Secret& secret) {
    for (const std::uint64_t stray : judgement.strays) clear_line(ring, stray);
    std::uint64_t position = marks.head;
    for (const auto& extent : judgement.accepted) {
        while (position < extent.begin) {
            // A gap may go round the end of the area; a frame may not (ring.h R2).
            const std::uint64_t until_wrap = ring.bytes() - (position & (ring.bytes() - 1));
            const std::uint64_t bytes = std::min(extent.begin - position, until_wrap);
            fill_filler(ring, position, bytes, secret);
            ring.flush(position, position + kLineBytes);
            position += bytes;
        }
        position = extent.end;
    }
    const std::uint64_t unsettled = std::min(marks.settled, judgement.tail);
    ring.flush(unsettled, judgement.tail);
    if (ring.domain().granularity() != platform::Granularity::page) {
        ring.domain().drain();
        return {};
    }
    rewrite(ring, unsettled, judgement.tail);
    if (!judgement.strays.empty()) return ring.sync(marks.head, marks.head + ring.bytes());
    return ring.sync(marks.head, judgement.tail);
}

}  // namespace

Result<void> repair(std::span<const std::unique_ptr<Ring>> rings, const Judgement& judgement, const Secret& secret) {
    for (std::size_t i = 0; i < rings.size(); ++i) {
        Ring& ring = *rings[i];
        const RingJudgement& found = judgement.rings[i];
        const RingMarks marks = ring.marks();
        const bool whole =
            found.strays.empty() && found.tail == marks.settled &&
            (found.accepted.empty() || (found.accepted.size() == 1 && found.accepted[0].begin == marks.head));
        if (!whole) {
            if (auto done = ring.set_marks({marks.head, marks.head, marks.durable}); !done) return done;
            if (auto done = repair_ring(ring, found, marks, secret); !done) return done;
        }
    }
    for (std::size_t i = 0; i < rings.size(); ++i) {
        Ring& ring = *rings[i];
        const RingJudgement& found = judgement.rings[i];
        const RingMarks marks = ring.marks();
        const Version durable = std::max(judgement.mark, judgement.newest);
        if (auto done = ring.set_marks({marks.head, found.tail, durable}); !done) return done;
        // relaxed: nobody else has the ring yet.
        ring.tail.store(found.tail, std::memory_order_relaxed);
        ring.free_head.store(marks.head, std::memory_order_relaxed);
        ring.dead_head.store(marks.head, std::memory_order_relaxed);
        ring.synced.store(found.tail, std::memory_order_relaxed);
    }
    return {};
}

namespace {

/// Hands out all recovered operations of one partition in version order, a batch at a time.
class VersionOrder {
public:
    /// A partition is whole buckets of the index: no other thread touches them (Index::insert_alone).
    VersionOrder(const Judgement& judgement, const Index& index, std::uint64_t partition, std::uint64_t partitions)
        : index_(index), partition_(partition), partitions_(partitions) {
        for (const RingJudgement& ring : judgement.rings) {
            Source source{ring.operations.data(), ring.operations.data() + ring.operations.size()};
            skip_others(source);
            if (source.next != source.end) sources_.push(source);
        }
    }
    void next_batch(std::vector<const RecoveredOperation*>& batch, std::size_t most) {
        batch.clear();
        while (batch.size() < most && !sources_.empty()) {
            Source source = sources_.top();
            sources_.pop();
            // Rings are nearly in version order: take a run from one while it has the smallest.
            const Version until = sources_.empty() ? kVersionMax : sources_.top().next->version;
            do {
                batch.push_back(source.next++);
                skip_others(source);
            } while (source.next != source.end && source.next->version <= until && batch.size() < most);
            if (source.next != source.end) sources_.push(source);
        }
    }

private:
    struct Source {
        const RecoveredOperation* next;
        const RecoveredOperation* end;
        bool operator<(const Source& other) const noexcept { return next->version > other.next->version; }
    };
    void skip_others(Source& source) const noexcept {
        while (source.next != source.end &&
               (index_.bucket_of(source.next->hash) * partitions_ >> index_.bucket_bits()) != partition_) {
            ++source.next;
        }
    }
    const Index& index_;
    std::uint64_t partition_, partitions_;
    std::priority_queue<Source> sources_;
};

Version version_of(const OperationRef& ref) noexcept { return ref.stamp().number(); }

/// Links one operation at its place in its chain; nearly always on top.
/// `entries` counts those of the index that it took. False: no memory.
bool link_operation(Tier& tier, const RecoveredOperation& operation, std::int64_t& entries) {
    const RingSet& rings = tier.rings();
    const OperationRef own = rings.resolve(operation.address);
    Index& index = tier.index();
    const Index::Probe probe = index.probe(operation.hash);
    if (!probe.live()) {
        RingSet::link(*own.op, Links{});
        ++entries;
        return index.insert_alone(operation.hash, operation.address);
    }
    const OperationRef newest = probe.newest();
    if (version_of(newest) <= operation.version) {
        rings.link(*own.op, newest);
        return index.replace(probe, operation.address);
    }
    OperationRef above = newest;
    OperationRef below = rings.previous(above);
    while (below && version_of(below) > operation.version) {
        above = below;
        below = rings.previous(above);
    }
    rings.link(*own.op, below);
    // relaxed: one thread owns the chain until recovery ends.
    std::atomic_ref(above.op->previous).store(operation.address, std::memory_order_relaxed);
    return true;
}

}  // namespace

Result<void> rebuild_index(Tier& tier, const Judgement& judgement, unsigned threads) {
    std::atomic<bool> failed{false};
    std::atomic<std::int64_t> taken{0};
    parallel_for(threads, threads, [&](std::size_t partition) {
        constexpr std::size_t kBatch = 64;
        VersionOrder order(judgement, tier.index(), partition, threads);
        std::vector<const RecoveredOperation*> batch;
        std::int64_t entries = 0;
        for (order.next_batch(batch, kBatch); !batch.empty(); order.next_batch(batch, kBatch)) {
            for (const RecoveredOperation* operation : batch) tier.index().prefetch(operation->hash);
            // The older operations that these will stand on: their lines load together too.
            for (const RecoveredOperation* operation : batch) {
                tier.index().prefetch_operation(operation->hash, Index::Lines::links);
            }
            for (const RecoveredOperation* operation : batch) {
                // relaxed: read after the threads are joined.
                if (!link_operation(tier, *operation, entries)) failed.store(true, std::memory_order_relaxed);
            }
        }
        // relaxed: summed up after the threads are joined.
        taken.fetch_add(entries, std::memory_order_relaxed);
    });
    // Even when that leaves fewer than none, with less memory for the index than before: overwrites still need none.
    tier.index().return_credits(-taken.load(std::memory_order_relaxed));  // relaxed: the threads are joined
    if (failed.load(std::memory_order_relaxed)) {  // relaxed: the threads are joined
        return std::unexpected(Error(ErrorCode::full, "no memory for an overflow bucket of the hash index"));
    }
    return {};
}

}  // namespace zverse::hot
