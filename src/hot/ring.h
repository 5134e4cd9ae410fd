// Ring: one shard's circular area of frames, with its two header copies.
//
// Nouns
//   tail       first position not reserved yet
//   dead head  frames below it are in a lower tier (or nowhere, by intent); index entries below it are dead
//   free head  space below it may be reserved again
//   settled    every frame below it is complete and durable
//
// Invariants
//   R1  free_head <= dead_head <= tail <= free_head + bytes.
//   R2  A frame lies in one piece: a filler takes the rest of the area when it would not fit.
//   R3  The persisted head is on the medium before free_head passes it, so recovery never meets reused space below
//       the head it reads.
//   R4  Two header copies are equal but while one is being written; each is whole on its own.
//   R5  A copy that a crash or a failed write left torn is made invalid for good before it is written again.
//   R6  Every frame below `stamped` is stamped. It lags behind the tail, and is not kept on the medium.
//
// Orders: the tail moves by a release CAS, after the announcement (slot.h A1); whoever reads it acquires. free_head is
// stored with release after the grace period, and acquired by the writer that reserves, so that the last reads of the
// old bytes happen before the first store of new ones.
#pragma once

#include <hot/layout.h>
#include <hot/space_queue.h>
#include <platform/file_io.h>
#include <platform/persist_domain.h>
#include <zverse/error.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

namespace zverse::hot {

/// Whose ring it is.
struct RingIdentity {
    std::uint64_t store[2] = {0, 0};
    std::uint32_t shard = 0;
    std::string path;  ///< for messages
};

/// What its header remembers.
struct RingMarks {
    std::uint64_t head = 0;
    std::uint64_t settled = 0;
    std::uint64_t durable = 0;
};

/// Writes both copies of a fresh ring (head = settled = bytes: positions begin after the first lap, so that address 0
/// means nothing) into `memory`, which is all zeros.
[[nodiscard]] Result<void> format_ring(std::span<std::byte> memory, const RingIdentity& identity,
                                       const platform::PersistDomain& domain);

/// What format_ring() leaves before the circular area of `bytes`.
using HeaderArea = std::array<std::byte, kHeaderAreaBytes>;
[[nodiscard]] HeaderArea fresh_headers(const RingIdentity& identity, std::uint64_t bytes) noexcept;

/// What is wrong with each copy of the header.
using HeaderProblems = std::array<std::optional<Error>, 2>;
[[nodiscard]] HeaderProblems check_headers(const HeaderArea& area, const RingIdentity& identity, std::uint64_t bytes);

class Ring {
public:
    /// Over formatted memory: checks both header copies against the identity. Errors: corrupt, incompatible.
    [[nodiscard]] static Result<std::unique_ptr<Ring>> attach(std::span<std::byte> memory, RingIdentity identity,
                                                              const platform::PersistDomain& domain,
                                                              const Secret& secret);

    [[nodiscard]] unsigned shard() const noexcept { return identity_.shard; }
    [[nodiscard]] const std::string& path() const noexcept { return identity_.path; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] const platform::PersistDomain& domain() const noexcept { return domain_; }
    /// Offset in the file, for messages.
    [[nodiscard]] std::uint64_t file_offset(std::uint64_t position) const noexcept {
        return kHeaderAreaBytes + (position & mask_);
    }

    [[nodiscard]] std::byte* at(std::uint64_t position) const noexcept { return data_ + (position & mask_); }
    [[nodiscard]] FrameHeader* frame_at(std::uint64_t position) const noexcept {
        return reinterpret_cast<FrameHeader*>(at(position));
    }
    [[nodiscard]] Address address_of(std::uint64_t position) const noexcept {
        return make_address(identity_.shard, position);
    }
    [[nodiscard]] std::uint64_t validity_at(std::uint64_t position) const noexcept {
        return validity_of(secret_, address_of(position));
    }
    /// Whether a frame begins at `position` (acquire: its fields are complete). Safe on lines being filled.
    [[nodiscard]] bool valid_at(std::uint64_t position) const noexcept;
    /// The full position behind the low bits of a link, and whether it is still above the dead head.
    struct Live {
        bool alive;
        std::uint64_t position;
    };
    [[nodiscard]] Live live(std::uint64_t unit, std::uint64_t unit_mask) const noexcept {
        // acquire: pairs with the release in move_dead_head().
        const std::uint64_t base = dead_head.load(std::memory_order_acquire);
        const std::uint64_t distance = (unit * kUnitBytes - base) & (unit_mask * kUnitBytes);
        return {distance <= mask_, base + distance};
    }

    /// Whether the frame at or around `position` is known to be stamped, without a look at it (R6).
    [[nodiscard]] bool known_stamped(std::uint64_t position) const noexcept {
        // acquire: pairs with the release in raise_stamped().
        return position < stamped.load(std::memory_order_acquire);
    }
    void raise_stamped(std::uint64_t end) noexcept {
        // relaxed: a first guess.
        std::uint64_t current = stamped.load(std::memory_order_relaxed);
        // release: who sees it sees the stamps below it.
        while (current < end &&
               !stamped.compare_exchange_weak(current, end, std::memory_order_release, std::memory_order_relaxed)) {}
    }

    /// Begins writing back [begin, end); await with domain().drain().
    void flush(std::uint64_t begin, std::uint64_t end) const noexcept;
    /// Makes [begin, end) survive power loss, on every granularity.
    [[nodiscard]] Result<void> sync(std::uint64_t begin, std::uint64_t end) const;

    /// Raises the marks to at least `marks`, field by field, and persists them: `both` copies one after the other
    /// (heads, settled), or the older copy only (the durable mark, where losing the newest copy merely loses the
    /// mark). Any thread.
    enum class Copies { both, one };
    [[nodiscard]] Result<void> raise_marks(const RingMarks& marks, Copies copies);
    /// Recovery only: sets the marks, which may fall.
    [[nodiscard]] Result<void> set_marks(const RingMarks& marks);
    [[nodiscard]] RingMarks marks() const;
    /// What is wrong with each copy of the header, read from the ring's file while nobody writes one. Errors: io,
    /// corrupt (the file ends).
    [[nodiscard]] Result<HeaderProblems> check_headers(platform::File& file) const;

    alignas(64) std::atomic<std::uint64_t> tail{0};
    alignas(64) std::atomic<std::uint64_t> free_head{0};
    /// Everything below is durable by sync (class process, page granularity).
    std::atomic<std::uint64_t> synced{0};
    std::atomic<std::uint64_t> stamped{0};  ///< R6
    SpaceQueue queue;
    /// With what follows on one line that hardly ever changes: all that a reader needs to follow a link.
    alignas(64) std::atomic<std::uint64_t> dead_head{0};

private:
    std::byte* data_;
    std::uint64_t mask_;

    Ring(std::span<std::byte> memory, RingIdentity identity, const platform::PersistDomain& domain,
         const Secret& secret) noexcept;
    [[nodiscard]] Result<void> write_copies(unsigned count);
    [[nodiscard]] Result<void> invalidate_torn_copy(std::byte* place);

    RingIdentity identity_;
    platform::PersistDomain domain_;
    Secret secret_;
    std::byte* headers_;
    std::uint64_t bytes_;
    mutable std::mutex marks_mutex_;
    RingMarks marks_;
    std::uint64_t sequence_ = 0;
    unsigned older_copy_ = 0;
    bool older_copy_torn_ = false;
};

}  // namespace zverse::hot
