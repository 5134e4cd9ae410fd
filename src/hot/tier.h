// Tier: the hot tier of one store. Writers append frames to rings and publish them in the index; readers walk chains;
// stamps decide who sees what. This file names the parts; the protocol is in commit.cpp (writers), read.cpp (readers)
// and seal.cpp (whoever acts on "everything <= s").
//
// Nouns
//   clock      the newest version handed out; it moves only by read-modify-write, so that acquiring a value of it
//              acquires everything done before any version up to it was taken
//   limit      the clock never passes it; persisted in the superblock, extended ahead
//   mark       class power on page granularity: the newest version that a group commit made durable, and what readers
//              call the latest there
//   host       what the tier asks of the rest of the engine: the lower tiers' answers, and a higher clock limit
//
// Rules for every write path, in this order
//   W1  Wait, if at all, before announcing: clock limit, queue for space, credits. Nothing announced, nothing pinned.
//   W2  Announce, reserve, confirm the length, fill, make valid; pin (a batch before it fills, as it looks up its
//       links); publish; settle what is pending below; stamp; make durable; clear the announcement; unpin.
//   W3  Versions burnt by a lost CAS are never used again.
#pragma once

#include <hot/frame.h>
#include <hot/index.h>
#include <hot/pace.h>
#include <hot/ring_set.h>
#include <hot/slot.h>
#include <zverse/error.h>
#include <zverse/options.h>
#include <zverse/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace zverse::hot {

/// What the tier asks of the engine around it.
class Host {
public:
    virtual ~Host() = default;
    /// Versions <= it are answered by lower tiers. Called pinned.
    [[nodiscard]] virtual Version cut() const noexcept = 0;
    /// The newest record of a key in the lower tiers: its version (0: none), and whether it is a tombstone. Pinned.
    struct Newest {
        Version version = 0;
        bool tombstone = false;
    };
    [[nodiscard]] virtual Result<Newest> newest_below(std::string_view key) const = 0;
    /// Persists a clock limit of at least `wanted`, then calls Tier::raise_limit(). Not pinned, nothing announced.
    [[nodiscard]] virtual Result<void> extend_limit(Version wanted) = 0;
    /// Rings fill up, or a writer waits for space. Returns at once.
    virtual void want_space() noexcept {}
    /// Why they are not emptied, when that is known: the end of a sentence.
    [[nodiscard]] virtual std::string why_no_space() const { return {}; }
};

struct TierOptions {
    Secret secret;
    Durability durability = Durability::power;
    Sharding sharding = Sharding::by_core;
    std::chrono::milliseconds write_timeout{10'000};
    std::uint64_t clock_margin = std::uint64_t{1} << 20;
    unsigned index_address_bits = 48;
    std::uint64_t index_bytes = 0;
    /// By CPU number: the shard its writers use; and for each shard where to overflow to.
    std::vector<unsigned> shard_of_cpu;
    std::vector<std::vector<unsigned>> overflow_order;
};

/// A record found in a ring; valid while pinned. Two words, so that it is returned in registers.
struct Found {
    const OperationHeader* op = nullptr;
    Version version = 0;

    explicit operator bool() const noexcept { return op != nullptr; }
    [[nodiscard]] std::string_view key() const noexcept { return op->key(); }
    [[nodiscard]] std::string_view value() const noexcept { return op->value(); }
    [[nodiscard]] bool tombstone() const noexcept { return op->tombstone != 0; }
};

class Tier {
public:
    /// Over attached, recovered rings. `clock`: the newest version that may have been shown to anyone.
    /// Errors: full (no memory for the index).
    [[nodiscard]] static Result<std::unique_ptr<Tier>> create(std::vector<std::unique_ptr<Ring>> rings,
                                                              TierOptions options, Host& host, Version clock);

    // ---- Writers. Any thread, inside an active call, key and value sizes checked by the caller.

    [[nodiscard]] Result<Version> put(const Operation& operation);
    /// Commits only if the newest version of the key is `expected` (0: absent or erased), else `conflict`.
    [[nodiscard]] Result<Version> put_if(const Operation& operation, Version expected);
    /// One frame. `operations`: sorted by (hash, key), each key once. With `unless_newer`, `conflict` when any of the
    /// keys has a version above it.
    [[nodiscard]] Result<Version> write(std::span<const Operation> operations, std::optional<Version> unless_newer);
    /// A frame with the wall-clock time, for version_at().
    [[nodiscard]] Result<Version> write_time(std::int64_t nanoseconds);

    // ---- Readers. Pinned.

    /// The newest version reads can see.
    [[nodiscard]] Version latest() const noexcept {
        // acquire: everything stamped up to it is visible.
        return latest_.load(std::memory_order_acquire);
    }
    /// The newest record of `key` with cut < version <= as_of; `as_of` <= latest().
    [[nodiscard]] Found find(WriterSlot& slot, std::string_view key, std::uint64_t hash, Version as_of, Version cut) {
        return find_from(slot, index_->find(hash), key, as_of, cut);
    }
    /// find() without a call: what is on top of its chain, or nothing. Sets `unusual` when only find() can tell.
    [[nodiscard, gnu::always_inline]] Found find_usual(std::string_view key, std::uint64_t hash, Version as_of,
                                                       Version cut, bool& unusual) const noexcept {
        const OperationRef top = index_->find_here(hash, unusual);
        if (!top) return {};
        const Stamp seen = top.stamp();
        if (seen.settled_within(cut, as_of) && top.has_key(key)) [[likely]]
            return {top.op, seen.number()};
        unusual = true;
        return {};
    }
    /// The same from `ref` downwards.
    [[nodiscard]] Found find_from(WriterSlot& slot, const OperationRef& ref, std::string_view key, Version as_of,
                                  Version cut) {
        if (!ref) return {};
        const Stamp seen = ref.stamp();
        if (seen.settled_within(cut, as_of) && ref.has_key(key)) [[likely]]
            return {ref.op, seen.number()};
        return find_in_chain(slot, ref, key, as_of, cut);
    }
    /// The newest operation of the hash's chain, for readers that pipeline their cache misses.
    [[nodiscard]] OperationRef chain(std::uint64_t hash) const noexcept { return index_->find(hash); }
    void prefetch_chain(std::uint64_t hash) const noexcept { index_->prefetch(hash); }
    void prefetch_operation(std::uint64_t hash) const noexcept {
        index_->prefetch_operation(hash, Index::Lines::record);
    }
    /// Decides a frame met outside its chain, as of a version: its version when committed at or below `as_of`, else
    /// nothing, and then for ever nothing. A frame that is about to be shown is made durable first.
    [[nodiscard]] std::optional<Version> visible(WriterSlot& slot, const OperationRef& ref, Version as_of);

    // ---- "Everything <= s".

    /// Returns s such that every version <= s is installed, final and has its check (in class power on cache lines
    /// and bytes: is durable). Pinned. Cost: O(threads).
    [[nodiscard]] Version seal(WriterSlot& slot);
    /// The position below which every frame of the ring is stamped: its tail or its oldest live announcement.
    [[nodiscard]] std::uint64_t stamped_end(const Ring& ring) const noexcept;
    /// In use, about. Any thread.
    [[nodiscard]] static std::uint64_t used_bytes_of(const Ring& ring) noexcept;
    /// seal() and make everything <= s survive power loss. Not pinned. A failure turns the tier read-only.
    [[nodiscard]] Result<Version> sync_all();
    /// Class process: persists the durable mark in both header copies of every ring, where one damaged copy can't hide
    /// it. Syncs leave it in one copy of one ring.
    [[nodiscard]] Result<void> spread_mark();
    /// Waits until the mark covers `version`, leading group commits.
    [[nodiscard]] Result<void> wait_for_group(Version version);
    /// Moves `settled` of each ring as far as is known complete and durable, and persists it where it moved enough.
    [[nodiscard]] Result<bool> settle_rings(std::uint64_t least_bytes);
    [[nodiscard]] Version durable_mark() const noexcept {
        // acquire: pairs with the release in advance_mark().
        return mark_.load(std::memory_order_acquire);
    }

    // ---- Heads (flush, drain).

    /// Per ring: the end of the prefix of frames that are stamped with versions <= s, fillers included. Pinned.
    [[nodiscard]] std::vector<std::uint64_t> prefix_ends(Version s) const;
    void move_dead_heads(std::span<const std::uint64_t> positions) noexcept;
    /// Persists the heads, then gives the space back and wakes writers.
    [[nodiscard]] Result<void> move_free_heads(std::span<const std::uint64_t> positions);
    /// Clears dead index entries, returns their credits, wakes writers. Pinned.
    void sweep_index() noexcept;

    // ---- State.

    [[nodiscard]] Version clock() const noexcept {
        // acquire: see latest().
        return clock_.load(std::memory_order_acquire);
    }
    /// Versions up to `upto`, which is at most the limit, are never handed out. Nobody writes meanwhile.
    void skip_to(Version upto) noexcept;
    [[nodiscard]] Version limit() const noexcept {
        // acquire: pairs with raise_limit().
        return limit_.load(std::memory_order_acquire);
    }
    void raise_limit(Version limit) noexcept;
    void set_mark(Version mark) noexcept { advance_mark(mark); }
    /// No more writes; waiters return `reason`.
    void refuse_writes(Error reason);
    /// Says more about why writes are refused, unless they are for another reason.
    void explain_refusal(Error reason);
    /// Why writes are refused, if they are.
    [[nodiscard]] std::optional<Error> refusal() const;
    /// Whether they are.
    [[nodiscard]] bool refuses() const noexcept {
        return refusing_.load(std::memory_order_relaxed);  // relaxed: set for ever, and asked again
    }
    /// Whether any thread has a live announcement.
    [[nodiscard]] bool announcements_clear() const noexcept;

    [[nodiscard]] WriterSlots& slots() const noexcept { return slots_; }
    [[nodiscard]] HotEpochs& epochs() noexcept { return epochs_; }
    [[nodiscard]] const HotEpochs& epochs() const noexcept { return epochs_; }
    [[nodiscard]] const RingSet& rings() const noexcept { return rings_; }
    [[nodiscard]] Index& index() noexcept { return *index_; }
    [[nodiscard]] const Secret& secret() const noexcept { return options_.secret; }
    [[nodiscard]] const TierOptions& options() const noexcept { return options_; }
    [[nodiscard]] platform::Granularity granularity() const noexcept { return granularity_; }
    [[nodiscard]] bool group_commits() const noexcept { return reads_stop_at_mark_; }
    [[nodiscard]] std::uint64_t hash(std::string_view key) const noexcept { return hash_key(options_.secret, key); }
    /// Largest frame: a quarter of a ring.
    [[nodiscard]] std::uint64_t frame_bytes_max() const noexcept { return frame_bytes_max_; }
    [[nodiscard]] std::uint64_t counter(Counter counter) const noexcept;
    [[nodiscard]] Pace& pace() noexcept { return pace_; }
    /// Of syncs, by whoever made them.
    [[nodiscard]] const LatencyHistogram& sync_latencies() const noexcept { return sync_latencies_; }
    [[nodiscard]] std::uint64_t group_commit_count() const noexcept {
        // relaxed: a figure.
        return group_commits_.load(std::memory_order_relaxed);
    }

private:
    struct Reservation {
        Ring* ring = nullptr;
        std::uint64_t start = 0;  ///< of the filler, if there is one, else of the frame
        std::uint64_t position = 0;  ///< of the frame
        std::uint64_t bytes = 0;  ///< of the frame

        [[nodiscard]] bool has_filler() const noexcept { return start != position; }
    };

    Tier(std::vector<std::unique_ptr<Ring>> rings, TierOptions options, Host& host, Version clock);

    // commit.cpp
    class Announced;
    /// Whether a write may begin without a look at the clock limit; see admit().
    [[nodiscard]] bool admitted(WriterSlot& slot) const noexcept {
        // relaxed: a writer that misses it is waited for by close() through its active call and announcement.
        if (refusing_.load(std::memory_order_relaxed) || slot.admissions == 0) return false;
        --slot.admissions;
        return true;
    }
    [[nodiscard]] Result<void> admit(WriterSlot& slot);
    void fill(const Reservation& space, FrameKind kind, std::span<const Operation> operations, bool ready,
              std::span<const Links> links) noexcept;
    /// An operation of a batch on its way into its chain.
    struct Place {
        std::uint64_t position = 0;
        Address below = 0;  ///< what its links stand on
    };
    /// What a published operation stands on: nothing, what is known to be stamped, or what may be pending.
    /// `unpublished`: the index has no memory.
    enum class Ground : std::uint8_t { unpublished, nothing, stamped, pending };
    [[nodiscard]] bool publish(WriterSlot& slot, const Operation& operation, const OperationRef& own, Address& below);
    [[nodiscard]] Index::Insertion place(WriterSlot& slot, std::uint64_t hash, const Index::Probe& probe,
                                         const OperationRef& own);
    void place_batch(const Reservation& space, std::span<const Operation> operations, std::span<Place> places,
                     std::span<Links> links) const;
    [[nodiscard]] Ground publish_put(WriterSlot& slot, const Operation& operation, const OperationRef& own);
    void complete_jumps(WriterSlot& slot) const noexcept;
    void note_stamped() noexcept;
    Stamp stamp(FrameHeader& frame, StampKind kind) noexcept;
    void make_ready(FrameHeader& frame) noexcept;
    void persist_own(const Reservation& space, FrameHeader& frame) noexcept;
    [[nodiscard]] Result<Host::Newest> newest_version(WriterSlot& slot, const OperationRef& from, std::string_view key,
                                                      const FrameHeader* own);
    [[nodiscard]] Result<bool> check_before(WriterSlot& slot, const Operation& operation, Version expected);
    [[nodiscard]] Result<bool> publish_if(WriterSlot& slot, const Operation& operation, const OperationRef& own,
                                          Version expected);
    [[nodiscard]] Result<Version> acknowledge(Version version);
    [[nodiscard]] Result<void> check_expected(const Host::Newest& newest, Version expected) const;
    [[nodiscard]] std::optional<Error> find_conflict(WriterSlot& slot, std::span<const Operation> operations,
                                                     std::span<const Place> places, const FrameHeader& own,
                                                     Version start);

    // read.cpp
    [[nodiscard]] Found find_in_chain(WriterSlot& slot, OperationRef ref, std::string_view key, Version as_of,
                                      Version cut);

    // chain.cpp
    void wait_until_ready(const OperationRef& top, const FrameHeader* own) const noexcept;
    void settle_chain(WriterSlot& slot, const OperationRef& top, const FrameHeader* own);
    void help(WriterSlot& slot, FrameHeader& frame) noexcept;
    void persist_frame(Ring& ring, FrameHeader& frame, Stamp stamp) noexcept;
    Stamp raise(WriterSlot& slot, const OperationRef& ref, Version as_of) noexcept;
    [[nodiscard]] Stamp raise_or_help(WriterSlot& slot, const OperationRef& ref, Version as_of);

    // reserve.cpp
    [[nodiscard]] Result<void> reserve(WriterSlot& slot, std::uint64_t bytes, std::int64_t credits, std::uint64_t hash,
                                       Reservation& space);
    [[nodiscard]] bool take_space(WriterSlot& slot, Ring& ring, std::uint64_t bytes, Reservation& space) noexcept;
    [[nodiscard]] bool take_credits(WriterSlot& slot, std::int64_t credits) noexcept;
    void give_back_credits(WriterSlot& slot) noexcept;
    [[nodiscard]] Result<void> wait_for_space(WriterSlot& slot, Ring& ring, std::uint64_t bytes, std::int64_t credits,
                                              Reservation& space);
    [[nodiscard]] unsigned pick_shard(std::uint64_t hash) const noexcept;
    [[nodiscard]] Error full_error(const Ring& ring) const;
    void wake_writers();
    /// In use: of the fullest ring, or of an average one where writers go from ring to ring.
    [[nodiscard]] std::uint64_t used_bytes() const noexcept;
    /// Sleeps, when rings fill faster than they are emptied. Nothing announced.
    void hold_back(WriterSlot& slot);

    // seal.cpp
    void seal_announced(Ring& ring, std::uint64_t start, Version s) noexcept;
    void advance_mark(Version mark) noexcept;
    [[nodiscard]] Error fail_sync(Error error);

    TierOptions options_;
    Host& host_;
    RingSet rings_;
    std::unique_ptr<Index> index_;
    Pace pace_;
    platform::Granularity granularity_;
    bool flush_per_write_;  ///< class power on cache lines or bytes: whoever clears dirty makes it durable
    bool reads_stop_at_mark_;  ///< class power on pages: group commit
    std::uint64_t frame_bytes_max_;
    std::int64_t credit_block_ = 1;  ///< taken at once, so that the shared counter is touched rarely

    mutable WriterSlots slots_;
    HotEpochs epochs_;

    alignas(64) std::atomic<Version> clock_;
    alignas(64) std::atomic<Version> limit_;
    std::atomic<Version> mark_{0};
    const std::atomic<Version>& latest_;  ///< the mark where readers stop at it, else the clock
    std::atomic<bool> refusing_{false};
    std::atomic<std::uint64_t> group_commits_{0};
    LatencyHistogram sync_latencies_;
    mutable std::mutex refusal_mutex_;
    std::optional<Error> refusal_;

    /// Of a ring: what a sync covers, and where the next one begins.
    struct SyncRange {
        std::uint64_t begin, end, next;
    };
    [[nodiscard]] Result<void> sync_rings(Version s);

    std::mutex sync_mutex_;  ///< one sync at a time
    std::vector<SyncRange> sync_ranges_;  ///< under sync_mutex_; its memory is there from the beginning
    std::optional<Error> sync_failure_;  ///< a failed sync is never tried again
    std::mutex group_mutex_;
    std::condition_variable group_changed_;
    bool group_leader_ = false;
};

/// Counts a call as active for its duration, so that close() can wait for it.
class ActiveCall {
public:
    /// A thread's first call allocates its slot.
    explicit ActiveCall(Tier& tier) : slot_(tier.slots().mine()) {
        // relaxed store, compiler fence: as an epoch pin; close() runs the other half (begin_grace).
        slot_.active.store(slot_.active.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        if (tier.epochs().asymmetric()) [[likely]] {
            std::atomic_signal_fence(std::memory_order_seq_cst);  // compiler only; pairs with membarrier in close()
        } else {
            // seq_cst: the store-load fence itself, where there is no membarrier.
            slot_.active.fetch_add(0, std::memory_order_seq_cst);
        }
    }
    ~ActiveCall() {
        // release: what the call did happens before close() goes on.
        slot_.active.store(slot_.active.load(std::memory_order_relaxed) - 1, std::memory_order_release);
    }
    ActiveCall(const ActiveCall&) = delete;
    ActiveCall& operator=(const ActiveCall&) = delete;

private:
    WriterSlot& slot_;
};

}  // namespace zverse::hot
