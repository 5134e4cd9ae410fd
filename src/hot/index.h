// Index: a lock-free hash index in DRAM from key hashes to the newest operation of each tag.
//
// Nouns
//   bucket  a cache line: 7 entries and a link to an overflow bucket
//   tag     the 14 bits of the hash behind the bucket's bits, and a 1 that tells it from an empty entry; (bucket, tag)
//           names a chain of operations, and is a prefix of the hash, so that sorting by hash is sorting by chain
//   entry   bit 63 tentative | bits 48..62 tag | bits 0..47 address (shard, then low bits of position / 8); 0: empty
//   credit  the right to fill one entry; taken at reservation, returned when the entry existed already or is swept
//
// Invariants (tests/model/index.pml)
//   X1  At most one confirmed entry per chain: two would hide acknowledged writes. A new tag is inserted tentatively,
//       all entries of the bucket are looked at again, then it is confirmed. Of two tentative entries the later place
//       loses: the earlier one clears it. Either insertion fails to confirm if it was cleared. Whoever meets a
//       confirmed entry of its tag withdraws.
//   X2  An entry below its ring's dead head is dead: it answers nothing, and any CAS may reuse it. A tag's own dead
//       entry is preferred, so that X1 holds while heads move.
//   X3  Addresses wrap. Dead entries are swept before a ring has advanced by a quarter of the address space since
//       the last sweep, so a dead entry never looks alive again.
//
// Orders: insertion's CAS and rescan are seq_cst: two inserters must not both miss each other (a store-load pair). An
// entry is published by a release CAS and read with acquire, so the operation behind it is complete. Readers ignore
// tentative entries: confirming is publishing.
#pragma once

#include <hot/ring_set.h>
#include <platform/mapping.h>
#include <platform/match_tags.h>
#include <platform/prefetch.h>
#include <zverse/error.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace zverse::hot {

class Index {
public:
    struct Options {
        std::uint64_t bytes = 0;     ///< for the buckets; rounded down to a power of two
        unsigned address_bits = 48;  ///< fewer in tests, so that addresses wrap soon
    };
    /// Errors: full (no memory).
    [[nodiscard]] static Result<std::unique_ptr<Index>> create(const RingSet& rings, const Options& options);

    /// Starts loading the bucket of a hash.
    void prefetch(std::uint64_t hash) const noexcept { platform::prefetch(&buckets_[bucket_of(hash)]); }
    /// Starts loading the operation that the hash's first bucket names, without reading it: for writers the line of
    /// its stamp and links, for readers also what most records have behind it.
    enum class Lines : std::uint8_t { links, record };
    void prefetch_operation(std::uint64_t hash, Lines lines) const noexcept;
    /// The newest operation of the hash's chain, or nothing. Pinned.
    [[nodiscard]] OperationRef find(std::uint64_t hash) const noexcept {
        bool elsewhere = false;
        const OperationRef here = find_here(hash, elsewhere);
        return elsewhere ? probe(hash).newest() : here;
    }
    /// find() without a call; sets `elsewhere` when the first match of the hash's first bucket does not settle it.
    [[nodiscard, gnu::always_inline]] OperationRef find_here(std::uint64_t hash, bool& elsewhere) const noexcept {
        const std::uint64_t wanted = tag_of(hash);
        const Bucket& bucket = buckets_[bucket_of(hash)];
        // No branch depends on where in the bucket the tag is: a mispredicted one would wait for the cache miss.
        const unsigned hits = platform::match_tags(bucket.entries.data(), wanted);
        if (hits == 0) {
            // acquire: pairs with the release in append(): the bucket is zeroed.
            elsewhere = bucket.overflow.load(std::memory_order_acquire) != nullptr;
            return {};
        }
        // acquire: pairs with the release CAS that published the operation. The shift keeps the tentative bit, so a
        // tentative entry matches no tag.
        const std::uint64_t entry =
            bucket.entries[static_cast<std::size_t>(std::countr_zero(hits))].load(std::memory_order_acquire);
        if (entry >> kTagShift != wanted) [[unlikely]] {
            elsewhere = true;
            return {};
        }
        return resolve(entry);
    }

    /// A writer's look at a chain: its confirmed entry, if there is one, and where the live operation behind it is, if
    /// any. Only newest() touches that operation.
    struct Probe {
        std::atomic<std::uint64_t>* place = nullptr;
        std::uint64_t entry = 0;
        Ring* ring = nullptr;  ///< null: no live operation
        std::uint64_t position = 0;

        [[nodiscard]] bool live() const noexcept { return ring != nullptr; }
        [[nodiscard]] bool known_stamped() const noexcept { return !live() || ring->known_stamped(position); }
        [[nodiscard]] Address address() const noexcept { return live() ? ring->address_of(position) : 0; }
        [[nodiscard]] OperationRef newest() const noexcept {
            return live() ? RingSet::operation_at(*ring, position) : OperationRef{};
        }
    };
    [[nodiscard]] Probe probe(std::uint64_t hash) const noexcept;
    /// Points the probed entry to `address`; false when somebody else changed it.
    [[nodiscard]] bool replace(const Probe& probe, Address address) noexcept;
    /// Creates the chain's entry (or takes over its dead one). `raced`: probe again. `credits` receives what came back.
    enum class Insertion { done, raced, no_memory };
    [[nodiscard]] Insertion insert(std::uint64_t hash, const Probe& probe, Address address,
                                   std::int64_t& credits) noexcept;

    /// Recovery only: creates an entry in a bucket that no other thread touches. False: no memory.
    [[nodiscard]] bool insert_alone(std::uint64_t hash, Address address) noexcept;

    /// Takes `wanted` credits, or fails and takes none.
    [[nodiscard]] bool take_credits(std::int64_t wanted) noexcept;
    void return_credits(std::int64_t count) noexcept;
    /// Entries that may still be created; below zero when recovery found more than the index has memory for.
    [[nodiscard]] std::int64_t credits() const noexcept;
    [[nodiscard]] std::int64_t capacity() const noexcept { return capacity_; }

    /// Clears dead entries and returns their credits; pinned, beside readers and writers. Returns how many.
    std::uint64_t sweep() noexcept;
    /// X3: how far a ring may advance between two sweeps, in bytes.
    [[nodiscard]] std::uint64_t sweep_distance() const noexcept { return (unit_mask_ / 4) * kUnitBytes; }

    [[nodiscard]] std::uint64_t bytes() const noexcept { return memory_.bytes().size(); }
    /// Beside it: of the buckets that overflow.
    [[nodiscard]] std::uint64_t overflow_bytes();
    /// The bucket number of a hash, for partitioning recovery; buckets are 2^bucket_bits().
    [[nodiscard]] std::uint64_t bucket_of(std::uint64_t hash) const noexcept { return hash >> bucket_shift_; }
    [[nodiscard]] unsigned bucket_bits() const noexcept { return 64 - bucket_shift_; }

private:
    static constexpr unsigned kEntries = 7;
    static constexpr std::uint64_t kTentative = std::uint64_t{1} << 63;
    static constexpr unsigned kTagShift = 48;
    static constexpr std::uint64_t kTagMask = 0x7FFF;
    static constexpr std::uint64_t kAddressMask = (std::uint64_t{1} << kTagShift) - 1;

    struct alignas(64) Bucket {
        std::array<std::atomic<std::uint64_t>, kEntries> entries;
        std::atomic<Bucket*> overflow;
    };
    static_assert(sizeof(Bucket) == 64, "one cache line");

    Index(const RingSet& rings, platform::AnonymousMemory memory, unsigned bucket_bits,
          const Options& options) noexcept;

    [[nodiscard]] std::uint64_t tag_of(std::uint64_t hash) const noexcept {
        return ((hash >> tag_shift_) & kTagMask) | 1;
    }
    [[nodiscard]] std::uint64_t encode(Address address) const noexcept {
        return ((std::uint64_t{shard_of(address)} << unit_bits_) & kAddressMask) | (address & unit_mask_);
    }
    [[nodiscard]] OperationRef resolve(std::uint64_t entry) const noexcept {
        return RingSet::follow(ring_of(entry), entry & unit_mask_, unit_mask_);
    }
    [[nodiscard]] Ring& ring_of(std::uint64_t entry) const noexcept {
        return *rings_[entry << (64 - kTagShift) >> shard_shift_];
    }
    [[nodiscard]] bool dead(std::uint64_t entry) const noexcept;
    [[nodiscard]] std::atomic<std::uint64_t>* reusable_place(Bucket& first, std::uint64_t& found) noexcept;
    enum class Rescan { alone, withdraw };
    [[nodiscard]] Rescan rescan(Bucket& first, const std::atomic<std::uint64_t>& mine, std::uint64_t tag) noexcept;
    [[nodiscard]] Bucket* append(Bucket& last) noexcept;
    [[nodiscard]] Bucket* take_overflow_bucket() noexcept;

    const std::unique_ptr<Ring>* rings_;
    platform::AnonymousMemory memory_;
    Bucket* buckets_;
    unsigned bucket_shift_;
    unsigned tag_shift_;
    unsigned unit_bits_;  ///< of an address, the rest is the shard: at least one bit, so that shifts are defined
    unsigned shard_shift_;
    std::uint64_t unit_mask_;
    std::int64_t capacity_;
    alignas(64) std::atomic<std::int64_t> credits_;

    std::mutex overflow_mutex_;
    std::vector<platform::AnonymousMemory> overflow_slabs_;
    std::size_t overflow_used_ = 0;
};

}  // namespace zverse::hot
