#include <engine/superblock.h>

#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace zverse::engine {

namespace {

using Copy = std::unique_ptr<SuperblockCopy>;

std::uint64_t checksum_of(const SuperblockCopy& copy) noexcept {
    return XXH3_64bits(&copy, offsetof(SuperblockCopy, checksum));
}

std::span<std::byte> bytes_of(SuperblockCopy& copy) noexcept {
    return {reinterpret_cast<std::byte*>(&copy), sizeof copy};
}

Copy encode(const SuperblockFields& fields, std::uint64_t sequence) {
    auto copy = std::make_unique<SuperblockCopy>();
    copy->magic = kSuperblockMagic;
    copy->format = kFormatVersion;
    copy->shards = fields.shards;
    copy->features = fields.load_base ? kFeatureLoad : 0;
    copy->sequence = sequence;
    copy->store[0] = fields.store[0];
    copy->store[1] = fields.store[1];
    copy->secret[0] = fields.secret.a;
    copy->secret[1] = fields.secret.b;
    copy->ring_bytes = fields.ring_bytes;
    copy->durability = fields.durability == Durability::process ? 1 : 0;
    copy->lost_count = static_cast<std::uint32_t>(fields.lost.size());
    copy->boot[0] = fields.boot.high;
    copy->boot[1] = fields.boot.low;
    copy->clock_limit = fields.clock_limit;
    copy->settled = fields.settled;
    copy->created = fields.created;
    copy->leap_count = fields.leaps.size();
    std::copy(fields.leaps.begin(), fields.leaps.end(), copy->leaps.begin());
    std::copy(fields.lost.begin(), fields.lost.end(), copy->lost.begin());
    copy->load_base = fields.load_base.value_or(0);
    std::string paths;
    for (const auto& path : fields.hot_paths) paths.append(path.string()).push_back('\0');
    copy->hot_paths_bytes = paths.size();
    std::copy(paths.begin(), paths.end(), copy->hot_paths.begin());
    copy->checksum = checksum_of(*copy);
    return copy;
}

SuperblockFields decode(const SuperblockCopy& copy) {
    SuperblockFields fields;
    fields.shards = copy.shards;
    fields.ring_bytes = copy.ring_bytes;
    fields.store[0] = copy.store[0];
    fields.store[1] = copy.store[1];
    fields.secret = {copy.secret[0], copy.secret[1]};
    fields.durability = copy.durability == 1 ? Durability::process : Durability::power;
    fields.boot = {copy.boot[0], copy.boot[1]};
    fields.clock_limit = copy.clock_limit;
    fields.settled = copy.settled;
    fields.created = copy.created;
    fields.leaps.assign(copy.leaps.begin(), copy.leaps.begin() + static_cast<std::ptrdiff_t>(copy.leap_count));
    fields.lost.assign(copy.lost.begin(), copy.lost.begin() + copy.lost_count);
    if ((copy.features & kFeatureLoad) != 0) fields.load_base = copy.load_base;
    const char* next = copy.hot_paths.data();
    const char* const end = next + copy.hot_paths_bytes;
    while (next < end) {
        const std::size_t length = ::strnlen(next, static_cast<std::size_t>(end - next));
        fields.hot_paths.emplace_back(std::string(next, length));
        next += length + 1;
    }
    return fields;
}

std::optional<Error> check(const SuperblockCopy& copy, const std::string& place) {
    if (copy.magic != kSuperblockMagic) return Error(ErrorCode::corrupt, "no superblock (wrong magic) in " + place);
    if (copy.checksum != checksum_of(copy)) {
        return Error(ErrorCode::corrupt, "superblock checksum mismatch in " + place);
    }
    if (copy.format != kFormatVersion) {
        return Error(ErrorCode::incompatible, "store format " + std::to_string(copy.format) + " in " + place +
                                                  "; this build reads format " + std::to_string(kFormatVersion));
    }
    if (const std::uint64_t unknown = copy.features & ~kFeatureLoad; unknown != 0) {
        return Error(ErrorCode::incompatible, "unknown feature bits " + std::to_string(unknown) + " in " + place);
    }
    const bool ring_bytes_ok = copy.ring_bytes >= (1U << 20) && copy.ring_bytes <= (std::uint64_t{64} << 30) &&
                               (copy.ring_bytes & (copy.ring_bytes - 1)) == 0;
    if (copy.shards == 0 || copy.shards > hot::kShardsMax || !ring_bytes_ok || copy.lost_count > kLostWindowsMax ||
        copy.leap_count > kVersionLeapsMax || copy.durability > 1 || copy.hot_paths_bytes > kHotPathsBytes ||
        copy.clock_limit > kVersionMax || copy.settled > copy.clock_limit || copy.load_base > copy.clock_limit) {
        return Error(ErrorCode::corrupt, "superblock with impossible values in " + place);
    }
    return std::nullopt;
}

}  // namespace

void SuperblockFields::add_lost(LostWindow window) {
    if (window.after >= window.upto) return;
    lost.push_back(window);
    if (lost.size() > kLostWindowsMax) {
        lost[1].after = lost[0].after;
        lost.erase(lost.begin());
    }
}

void SuperblockFields::add_leap(VersionLeap leap, Version floor) {
    std::erase_if(leaps, [floor](const VersionLeap& each) { return each.upto <= floor; });
    if (leap.after >= leap.upto) return;
    leaps.push_back(leap);
    if (leaps.size() > kVersionLeapsMax) {
        leaps[1].after = leaps[0].after;
        leaps.erase(leaps.begin());
    }
}

Version version_behind(Version latest, std::uint64_t count, const std::vector<VersionLeap>& leaps) {
    for (auto leap = leaps.rbegin(); leap != leaps.rend(); ++leap) {
        if (latest <= leap->after) continue;
        const Version counted = latest - std::min(latest, leap->upto);
        if (counted >= count) break;
        count -= counted;
        latest = leap->after;
    }
    return latest > count ? latest - count : 0;
}

Result<void> Superblock::create(platform::FileIo& io, const std::filesystem::path& path,
                                const SuperblockFields& fields) {
    auto file = io.create_zeroed(path, 2 * kSuperblockCopyBytes);
    if (!file) return std::unexpected(std::move(file.error()));
    for (unsigned number = 0; number < 2; ++number) {
        const Copy copy = encode(fields, number + 1);
        if (auto done = (*file)->write(bytes_of(*copy), number * kSuperblockCopyBytes); !done) return done;
        if (auto done = (*file)->sync(); !done) return done;
    }
    return {};
}

Result<Superblock> Superblock::open(platform::FileIo& io, const std::filesystem::path& path, platform::OpenMode mode) {
    auto file = io.open(path, mode);
    if (!file) return std::unexpected(std::move(file.error()));
    Copy best;
    unsigned best_number = 0;
    bool torn = false;
    std::optional<Error> first_error;
    for (unsigned number = 0; number < 2; ++number) {
        auto copy = std::make_unique<SuperblockCopy>();
        const std::uint64_t offset = number * kSuperblockCopyBytes;
        if (auto read = (*file)->read_exact(bytes_of(*copy), offset); !read) {
            // A copy that the medium does not give is as good as a damaged one.
            const bool lost = read.error().code() == ErrorCode::corrupt || read.error().os_errno() == EIO;
            if (!lost) return std::unexpected(std::move(read.error()));
            if (!first_error) first_error = std::move(read.error());
            torn = true;
            continue;
        }
        if (auto error = check(*copy, path.string() + " offset " + std::to_string(offset))) {
            if (!first_error || error->code() == ErrorCode::incompatible) first_error = std::move(error);
            torn = true;
            continue;
        }
        if (best == nullptr || copy->sequence > best->sequence) {
            best = std::move(copy);
            best_number = number;
        }
    }
    if (best == nullptr) return std::unexpected(std::move(*first_error));
    return Superblock(std::move(*file), decode(*best), best->sequence, 1 - best_number, torn);
}

void Superblock::audit(platform::FileIo& io, const std::filesystem::path& path, platform::Audit& audit) const {
    namespace codes = platform::codes;
    const auto file = audit.open(io, path, 2 * kSuperblockCopyBytes, codes::kSuperblockCopy);
    if (file == nullptr) return;
    for (unsigned number = 0; number < 2; ++number) {
        const std::uint64_t offset = number * kSuperblockCopyBytes;
        auto copy = std::make_unique<SuperblockCopy>();
        if (!audit.read(*file, bytes_of(*copy), offset)) continue;
        if (const auto error = check(*copy, path.string() + " offset " + std::to_string(offset))) {
            audit.find(codes::kSuperblockCopy, path, offset, error->message());
            continue;
        }
        const Copy known = encode(fields_, copy->sequence);
        if (std::ranges::equal(bytes_of(*copy), bytes_of(*known))) continue;
        audit.find(codes::kSuperblockDiffers, path, offset, "the copy does not say what the open store goes by");
    }
}

/// Sectors of ours that reach the disk alone might be just what a torn copy lacks, and would bring back a superblock
/// that the last opening decided without. Without its checksum nothing completes it.
Result<void> Superblock::invalidate_torn_copy() {
    if (!older_copy_torn_) return {};
    constexpr std::size_t kSectorBytes = 512;
    static constexpr std::array<std::byte, kSectorBytes> kZeros{};
    const std::uint64_t last_sector = (older_copy_ + 1) * kSuperblockCopyBytes - kSectorBytes;
    if (auto done = file_->write(kZeros, last_sector); !done) return done;
    return file_->sync();
}

Result<void> Superblock::write(const SuperblockFields& fields) {
    SuperblockFields next = fields;  // what needs memory comes before anything is written
    for (int written = 0; written < 2; ++written) {
        const Copy copy = encode(fields, ++sequence_);
        const unsigned number = older_copy_;
        if (auto done = invalidate_torn_copy(); !done) return done;
        older_copy_torn_ = true;
        if (auto done = file_->write(bytes_of(*copy), number * kSuperblockCopyBytes); !done) return done;
        if (auto done = file_->sync(); !done) return done;
        older_copy_torn_ = false;
        older_copy_ = 1 - number;  // not after a failure: the other copy may be the only good one
    }
    fields_ = std::move(next);
    return {};
}

}  // namespace zverse::engine
