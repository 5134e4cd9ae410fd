// Invariants and orders: see index.h.
#include <hot/index.h>
#include <platform/prefetch.h>

#include <algorithm>
#include <new>
#include <utility>

namespace zverse::hot {

namespace {
constexpr std::size_t kOverflowSlabBytes = std::size_t{64} << 10;
}  // namespace

Result<std::unique_ptr<Index>> Index::create(const RingSet& rings, const Options& options) {
    const std::uint64_t bytes = std::bit_floor(std::max<std::uint64_t>(options.bytes, 2 * sizeof(Bucket)));
    auto memory = platform::AnonymousMemory::allocate(bytes);
    if (!memory) return std::unexpected(std::move(memory.error()).during("allocating the hash index"));
    const unsigned bucket_bits = static_cast<unsigned>(std::countr_zero(bytes / sizeof(Bucket)));
    return std::unique_ptr<Index>(new Index(rings, std::move(*memory), bucket_bits, options));
}

Index::Index(const RingSet& rings, platform::AnonymousMemory memory, unsigned bucket_bits,
             const Options& options) noexcept
    : rings_(&*rings.begin()),
      memory_(std::move(memory)),
      buckets_(reinterpret_cast<Bucket*>(memory_.bytes().data())),
      bucket_shift_(64 - bucket_bits),
      tag_shift_(bucket_shift_ - 15),
      unit_bits_(options.address_bits - std::max(1U, static_cast<unsigned>(std::bit_width(rings.size() - 1U)))),
      shard_shift_(64 - kTagShift + unit_bits_),
      unit_mask_((std::uint64_t{1} << unit_bits_) - 1),
      capacity_((std::int64_t{1} << bucket_bits) * kEntries),
      credits_(capacity_) {}

void Index::prefetch_operation(std::uint64_t hash, Lines lines) const noexcept {
    const Bucket& bucket = buckets_[bucket_of(hash)];
    const unsigned hits = platform::match_tags(bucket.entries.data(), tag_of(hash));
    if (hits == 0) return;
    // relaxed: only a place to prefetch.
    const std::uint64_t entry =
        bucket.entries[static_cast<unsigned>(std::countr_zero(hits))].load(std::memory_order_relaxed);
    const Ring& ring = ring_of(entry);
    const std::byte* op = ring.at((entry & unit_mask_) * kUnitBytes);
    platform::prefetch(op);
    if (lines == Lines::links) return;
    platform::prefetch(op + kLineBytes);
    platform::prefetch(op + 2 * kLineBytes);
}

Index::Probe Index::probe(std::uint64_t hash) const noexcept {
    const std::uint64_t wanted = tag_of(hash);
    Bucket* bucket = &buckets_[bucket_of(hash)];
    do {
        for (unsigned hits = platform::match_tags(bucket->entries.data(), wanted); hits != 0; hits &= hits - 1) {
            std::atomic<std::uint64_t>& place = bucket->entries[static_cast<unsigned>(std::countr_zero(hits))];
            // acquire: as in find().
            const std::uint64_t entry = place.load(std::memory_order_acquire);
            if (entry >> kTagShift != wanted) continue;
            Ring& ring = ring_of(entry);
            const Ring::Live live = ring.live(entry & unit_mask_, unit_mask_);
            return {&place, entry, live.alive ? &ring : nullptr, live.position};
        }
        // acquire: as in find().
        bucket = bucket->overflow.load(std::memory_order_acquire);
    } while (bucket != nullptr);
    return {};
}

bool Index::replace(const Probe& probe, Address address) noexcept {
    std::uint64_t expected = probe.entry;
    const std::uint64_t entry = (expected & ~kAddressMask) | encode(address);
    // release: publishes the operation, its links and its frame to find() and probe().
    return probe.place->compare_exchange_strong(expected, entry, std::memory_order_acq_rel, std::memory_order_relaxed);
}

bool Index::dead(std::uint64_t entry) const noexcept {
    const Ring& ring = ring_of(entry);
    return !ring.live(entry & unit_mask_, unit_mask_).alive;
}

std::atomic<std::uint64_t>* Index::reusable_place(Bucket& first, std::uint64_t& found) noexcept {
    Bucket* bucket = &first;
    for (;;) {
        for (std::atomic<std::uint64_t>& place : bucket->entries) {
            // acquire: a dead entry's address is judged against a dead head read after it.
            found = place.load(std::memory_order_acquire);
            if (found == 0 || ((found & kTentative) == 0 && dead(found))) return &place;
        }
        // acquire: as in find().
        Bucket* next = bucket->overflow.load(std::memory_order_acquire);
        if (next == nullptr) next = append(*bucket);
        if (next == nullptr) return nullptr;
        bucket = next;
    }
}

Index::Insertion Index::insert(std::uint64_t hash, const Probe& probe, Address address,
                               std::int64_t& credits) noexcept {
    Bucket& first = buckets_[bucket_of(hash)];
    std::uint64_t found = probe.entry;
    std::atomic<std::uint64_t>* place = probe.place;
    if (place == nullptr) place = reusable_place(first, found);
    if (place == nullptr) return Insertion::no_memory;

    const std::uint64_t tag = tag_of(hash);
    const std::uint64_t entry = (tag << kTagShift) | encode(address);
    const bool took_dead = found != 0;
    // seq_cst: ordered against the rescan of every other inserter (X1).
    if (!place->compare_exchange_strong(found, entry | kTentative, std::memory_order_seq_cst)) {
        return Insertion::raced;
    }
    std::uint64_t mine = entry | kTentative;
    if (rescan(first, *place, tag) == Rescan::withdraw) {
        // relaxed is enough to withdraw; it fails only when an earlier inserter cleared us already.
        place->compare_exchange_strong(mine, 0, std::memory_order_relaxed);
        credits += took_dead ? 1 : 0;  // the dead entry's; ours stays with the caller for the next try
        return Insertion::raced;
    }
    // seq_cst, release included: confirming publishes the operation; fails when an earlier inserter cleared us.
    const bool confirmed = place->compare_exchange_strong(mine, entry, std::memory_order_seq_cst);
    credits += took_dead ? 1 : 0;  // either way one entry of the two is gone
    return confirmed ? Insertion::done : Insertion::raced;
}

bool Index::insert_alone(std::uint64_t hash, Address address) noexcept {
    std::uint64_t found = 0;
    std::atomic<std::uint64_t>* place = reusable_place(buckets_[bucket_of(hash)], found);
    if (place == nullptr) return false;
    // relaxed: read by others only after recovery has joined its threads.
    place->store((tag_of(hash) << kTagShift) | encode(address), std::memory_order_relaxed);
    return true;
}

Index::Rescan Index::rescan(Bucket& first, const std::atomic<std::uint64_t>& mine, std::uint64_t tag) noexcept {
    bool behind_mine = false;
    for (Bucket* bucket = &first; bucket != nullptr;) {
        for (std::atomic<std::uint64_t>& place : bucket->entries) {
            if (&place == &mine) {
                behind_mine = true;
                continue;
            }
            // seq_cst: the load half of X1's store-load pair.
            std::uint64_t entry = place.load(std::memory_order_seq_cst);
            while (((entry & ~kTentative) >> kTagShift) == tag) {
                if ((entry & kTentative) == 0 || !behind_mine) return Rescan::withdraw;
                // seq_cst: clears a later tentative entry, or learns that it was confirmed meanwhile.
                if (place.compare_exchange_strong(entry, 0, std::memory_order_seq_cst)) break;
            }
        }
        // seq_cst: as for the entries, an overflow bucket with another's tentative entry must not be missed.
        bucket = bucket->overflow.load(std::memory_order_seq_cst);
    }
    return Rescan::alone;
}

Index::Bucket* Index::append(Bucket& last) noexcept {
    Bucket* fresh = take_overflow_bucket();
    if (fresh == nullptr) return nullptr;
    Bucket* expected = nullptr;
    // release: a reader that follows the link finds zeroed entries; seq_cst: the store half of rescan()'s pair. The
    // loser's bucket stays unused: it is rare.
    if (last.overflow.compare_exchange_strong(expected, fresh, std::memory_order_seq_cst, std::memory_order_acquire)) {
        return fresh;
    }
    return expected;
}

Index::Bucket* Index::take_overflow_bucket() noexcept try {
    const std::scoped_lock lock(overflow_mutex_);
    if (overflow_slabs_.empty() || overflow_used_ == kOverflowSlabBytes / sizeof(Bucket)) {
        try {
            auto slab = platform::AnonymousMemory::allocate(kOverflowSlabBytes);
            if (!slab) return nullptr;
            overflow_slabs_.push_back(std::move(*slab));
        } catch (const std::bad_alloc&) {
            return nullptr;
        }
        overflow_used_ = 0;
    }
    return reinterpret_cast<Bucket*>(overflow_slabs_.back().bytes().data()) + overflow_used_++;
} catch (const std::bad_alloc&) {
    return nullptr;  // for the list of slabs, or for an error's text
}

std::uint64_t Index::overflow_bytes() {
    const std::scoped_lock lock(overflow_mutex_);
    return overflow_slabs_.size() * kOverflowSlabBytes;
}

bool Index::take_credits(std::int64_t wanted) noexcept {
    // relaxed: only the count matters, what it guards is ordered by the entries themselves.
    std::int64_t available = credits_.load(std::memory_order_relaxed);
    while (available >= wanted) {
        // relaxed: the same.
        if (credits_.compare_exchange_weak(available, available - wanted, std::memory_order_relaxed)) return true;
    }
    return false;
}

void Index::return_credits(std::int64_t count) noexcept {
    // relaxed: as in take_credits().
    if (count != 0) credits_.fetch_add(count, std::memory_order_relaxed);
}

std::int64_t Index::credits() const noexcept {
    // relaxed: a figure.
    return credits_.load(std::memory_order_relaxed);
}

std::uint64_t Index::sweep() noexcept {
    std::uint64_t swept = 0;
    const std::size_t buckets = memory_.bytes().size() / sizeof(Bucket);
    for (std::size_t i = 0; i < buckets; ++i) {
        for (Bucket* bucket = &buckets_[i]; bucket != nullptr;) {
            for (std::atomic<std::uint64_t>& place : bucket->entries) {
                // acquire: judged against a dead head read after it.
                std::uint64_t entry = place.load(std::memory_order_acquire);
                if (entry == 0 || (entry & kTentative) != 0 || !dead(entry)) continue;
                // relaxed: nothing is published by an empty entry; a writer that reused it meanwhile wins.
                if (place.compare_exchange_strong(entry, 0, std::memory_order_relaxed)) ++swept;
            }
            // acquire: as in find().
            bucket = bucket->overflow.load(std::memory_order_acquire);
        }
    }
    return_credits(static_cast<std::int64_t>(swept));
    return swept;
}

}  // namespace zverse::hot
