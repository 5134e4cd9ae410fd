// Invariants and orders: see ring.h.
#include <hot/ring.h>

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace zverse::hot {

namespace {

std::uint64_t header_checksum(const RingHeader& header) noexcept {
    return XXH3_64bits(&header, offsetof(RingHeader, checksum));
}

RingHeader make_header(const RingIdentity& identity, std::uint64_t bytes, const RingMarks& marks,
                       std::uint64_t sequence) noexcept {
    RingHeader header{};
    header.magic = kRingMagic;
    header.store[0] = identity.store[0];
    header.store[1] = identity.store[1];
    header.sequence = sequence;
    header.shard = identity.shard;
    header.bytes = bytes;
    header.head = marks.head;
    header.settled = marks.settled;
    header.durable = marks.durable;
    header.checksum = header_checksum(header);
    return header;
}

RingHeader read_copy(std::span<const std::byte> memory, unsigned copy) noexcept {
    RingHeader header;
    std::memcpy(&header, memory.data() + copy * kHeaderCopyBytes, sizeof header);
    return header;
}

/// Why this copy can't be used, or nothing.
std::optional<Error> check_copy(const RingHeader& header, const RingIdentity& identity, std::uint64_t bytes,
                                unsigned copy) {
    const std::string place = identity.path + " offset " + std::to_string(copy * kHeaderCopyBytes);
    constexpr std::uint64_t kFormatBytes = 2;  // the last two characters of the magic
    constexpr std::uint64_t kNameMask = (std::uint64_t{1} << (64 - 8 * kFormatBytes)) - 1;
    if (header.magic != kRingMagic && (header.magic & kNameMask) == (kRingMagic & kNameMask) &&
        header.checksum == header_checksum(header)) {
        return Error(ErrorCode::incompatible, "ring header of another format version in " + place);
    }
    if (header.magic != kRingMagic) return Error(ErrorCode::corrupt, "no ring header (wrong magic) in " + place);
    if (header.checksum != header_checksum(header)) {
        return Error(ErrorCode::corrupt, "ring header checksum mismatch in " + place);
    }
    if (header.store[0] != identity.store[0] || header.store[1] != identity.store[1]) {
        return Error(ErrorCode::corrupt, "ring of another store in " + place);
    }
    if (header.shard != identity.shard) {
        return Error(ErrorCode::corrupt, "ring of shard " + std::to_string(header.shard) + " where shard " +
                                             std::to_string(identity.shard) + " belongs in " + place);
    }
    if (header.bytes != bytes) {
        return Error(ErrorCode::corrupt, "ring of " + std::to_string(header.bytes) + " bytes in a file for " +
                                             std::to_string(bytes) + " in " + place);
    }
    if (header.head % kLineBytes != 0 || header.settled % kLineBytes != 0 || header.head < bytes ||
        header.settled < header.head || header.settled - header.head > bytes) {
        return Error(ErrorCode::corrupt, "ring header with impossible positions in " + place);
    }
    return std::nullopt;
}

RingHeader fresh_header(const RingIdentity& identity, std::uint64_t bytes, unsigned copy) noexcept {
    return make_header(identity, bytes, {bytes, bytes, 0}, copy + 1);
}

}  // namespace

HeaderArea fresh_headers(const RingIdentity& identity, std::uint64_t bytes) noexcept {
    HeaderArea area{};
    for (unsigned copy = 0; copy < 2; ++copy) {
        const RingHeader header = fresh_header(identity, bytes, copy);
        std::memcpy(area.data() + copy * kHeaderCopyBytes, &header, sizeof header);
    }
    return area;
}

HeaderProblems check_headers(const HeaderArea& area, const RingIdentity& identity, std::uint64_t bytes) {
    HeaderProblems problems;
    for (unsigned copy = 0; copy < problems.size(); ++copy) {
        problems[copy] = check_copy(read_copy(area, copy), identity, bytes, copy);
    }
    return problems;
}

Result<void> format_ring(std::span<std::byte> memory, const RingIdentity& identity,
                         const platform::PersistDomain& domain) {
    const std::uint64_t bytes = memory.size() - kHeaderAreaBytes;
    for (unsigned copy = 0; copy < 2; ++copy) {
        const RingHeader header = fresh_header(identity, bytes, copy);
        std::byte* place = memory.data() + copy * kHeaderCopyBytes;
        std::memcpy(place, &header, sizeof header);
        if (auto synced = domain.sync(place, sizeof header); !synced) return synced;
    }
    return {};
}

Ring::Ring(std::span<std::byte> memory, RingIdentity identity, const platform::PersistDomain& domain,
           const Secret& secret) noexcept
    : data_(memory.data() + kHeaderAreaBytes),
      mask_(memory.size() - kHeaderAreaBytes - 1),
      identity_(std::move(identity)),
      domain_(domain),
      secret_(secret),
      headers_(memory.data()),
      bytes_(mask_ + 1) {}

Result<std::unique_ptr<Ring>> Ring::attach(std::span<std::byte> memory, RingIdentity identity,
                                           const platform::PersistDomain& domain, const Secret& secret) {
    const std::uint64_t bytes = memory.size() - kHeaderAreaBytes;
    std::optional<RingHeader> best;
    std::optional<Error> first_error;
    unsigned best_copy = 0;
    bool torn = false;
    for (unsigned copy = 0; copy < 2; ++copy) {
        const RingHeader header = read_copy(memory, copy);
        if (auto error = check_copy(header, identity, bytes, copy)) {
            if (!first_error || error->code() == ErrorCode::incompatible) first_error = std::move(error);
            torn = true;
            continue;
        }
        if (!best || header.sequence > best->sequence) {
            best = header;
            best_copy = copy;
        }
    }
    if (!best) return std::unexpected(std::move(*first_error));

    std::unique_ptr<Ring> ring(new Ring(memory, std::move(identity), domain, secret));
    ring->marks_ = {best->head, best->settled, best->durable};
    ring->sequence_ = best->sequence;
    ring->older_copy_ = 1 - best_copy;
    ring->older_copy_torn_ = torn;
    // relaxed: nobody else has the ring yet.
    ring->tail.store(best->settled, std::memory_order_relaxed);
    ring->free_head.store(best->head, std::memory_order_relaxed);
    ring->dead_head.store(best->head, std::memory_order_relaxed);
    ring->synced.store(best->head, std::memory_order_relaxed);
    return ring;
}

// A walker may look at a line that its writer is filling with plain stores. It compares one aligned word, which can't
// match by accident (the secret), so the race is harmless; TSan is told so here and nowhere else. A match is loaded
// again with acquire, which is what makes the frame's fields readable.
#if defined(__SANITIZE_THREAD__)
[[gnu::no_sanitize("thread")]]
#endif
bool Ring::valid_at(std::uint64_t position) const noexcept {
    const std::uint64_t expected = validity_at(position);
    std::uint64_t& word = frame_at(position)->validity;
    const volatile std::uint64_t* peek = &word;
    if (*peek != expected) return false;
    // acquire: pairs with the release store of the validity word by the frame's writer.
    return std::atomic_ref(word).load(std::memory_order_acquire) == expected;
}

void Ring::flush(std::uint64_t begin, std::uint64_t end) const noexcept {
    if (begin == end) return;
    const std::uint64_t until_wrap = bytes_ - (begin & mask_);
    const std::uint64_t length = end - begin;
    if (length <= until_wrap) {
        domain_.flush(at(begin), length);
        return;
    }
    domain_.flush(at(begin), until_wrap);
    domain_.flush(data_, length - until_wrap);
}

Result<void> Ring::sync(std::uint64_t begin, std::uint64_t end) const {
    if (begin == end) return {};
    const std::uint64_t until_wrap = bytes_ - (begin & mask_);
    const std::uint64_t length = end - begin;
    auto done = domain_.sync(at(begin), length <= until_wrap ? length : until_wrap);
    if (done && length > until_wrap) done = domain_.sync(data_, length - until_wrap);
    if (!done) return std::unexpected(std::move(done.error()).during("syncing ring " + path()));
    return {};
}

/// R5: a word of ours that reaches the medium alone might be just what a torn copy lacks, and would bring back a header
/// that recovery has judged without. Without its checksum nothing completes it.
Result<void> Ring::invalidate_torn_copy(std::byte* place) {
    if (!older_copy_torn_) return {};
    std::byte* checksum = place + offsetof(RingHeader, checksum);
    std::memset(checksum, 0, sizeof(RingHeader::checksum));
    if (auto done = domain_.sync(checksum, sizeof(RingHeader::checksum)); !done) {
        return std::unexpected(std::move(done.error()).during("clearing a torn header of ring " + path()));
    }
    return {};
}

Result<void> Ring::write_copies(unsigned count) {
    for (unsigned written = 0; written < count; ++written) {
        const RingHeader header = make_header(identity_, bytes_, marks_, ++sequence_);
        std::byte* place = headers_ + older_copy_ * kHeaderCopyBytes;
        if (auto done = invalidate_torn_copy(place); !done) return done;
        std::memcpy(place, &header, sizeof header);
        older_copy_torn_ = true;
        if (auto done = domain_.sync(place, sizeof header); !done) {
            return std::unexpected(std::move(done.error()).during("writing the header of ring " + path()));
        }
        older_copy_torn_ = false;
        older_copy_ = 1 - older_copy_;  // not after a failure: the other copy may be the only good one
    }
    return {};
}

Result<void> Ring::raise_marks(const RingMarks& marks, Copies copies) {
    const std::scoped_lock lock(marks_mutex_);
    marks_.head = std::max(marks_.head, marks.head);
    marks_.settled = std::max({marks_.settled, marks.settled, marks_.head});
    marks_.durable = std::max(marks_.durable, marks.durable);
    return write_copies(copies == Copies::both ? 2 : 1);
}

Result<void> Ring::set_marks(const RingMarks& marks) {
    const std::scoped_lock lock(marks_mutex_);
    marks_ = marks;
    return write_copies(2);
}

RingMarks Ring::marks() const {
    const std::scoped_lock lock(marks_mutex_);
    return marks_;
}

Result<HeaderProblems> Ring::check_headers(platform::File& file) const {
    HeaderArea area;
    const std::scoped_lock lock(marks_mutex_);
    if (auto read = file.read_exact(area, 0); !read) return std::unexpected(std::move(read.error()));
    return hot::check_headers(area, identity_, bytes_);
}

}  // namespace zverse::hot
