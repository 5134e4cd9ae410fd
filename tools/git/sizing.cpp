#include <tools/common/result.h>
#include <tools/common/text.h>
#include <tools/git/commit_records.h>
#include <tools/git/sizing.h>

#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <fstream>

namespace zverse::tools {
namespace {

// Generous beside the real headers, which may still grow.
constexpr std::uint64_t kFrameOverheadBytes = 64;
constexpr std::uint64_t kOperationOverheadBytes = 48;
constexpr std::uint64_t kLineBytes = 64;

constexpr std::uint64_t kRingBytesMin = std::uint64_t{1} << 20;
constexpr std::uint64_t kRingBytesMax = std::uint64_t{64} << 30;
constexpr unsigned kShardsMax = 1024;
constexpr std::uint64_t kRingFileOverheadBytes = std::uint64_t{4} << 20;  // headers and alignment of the file
constexpr std::uint64_t kCopiesWhileMerging = 2;
constexpr long kTmpfsMagic = 0x01021994;

std::uint64_t round_up(std::uint64_t bytes, std::uint64_t to) { return (bytes + to - 1) / to * to; }

std::unexpected<Error> frame_too_large(const HistorySize& size, std::uint64_t ring_bytes,
                                       std::span<const Commit> line) {
    const std::uint64_t needed = std::bit_ceil(4 * size.largest_frame_bytes);
    std::string message = "Commit " + line[size.largest_commit].id + " needs one frame of " +
                          bytes_text(size.largest_frame_bytes) + " (its largest file is " +
                          printable(size.largest_path) + ", " + bytes_text(size.largest_value_bytes) +
                          "), but a frame may take a quarter of a ring of " + bytes_text(ring_bytes) + ". ";
    message += needed <= kRingBytesMax ? "It needs --ring-bytes " + std::to_string(needed) + "."
                                       : "No store can hold it: rings end at " + bytes_text(kRingBytesMax) + ".";
    return fail(ErrorCode::invalid_argument, std::move(message));
}

Result<void> check_limits(const CommitChanges& commit, std::span<const Commit> line) {
    const std::string& id = line[commit.ordinal].id;
    if (commit.changes.size() + 1 > kBatchOperationsMax)
        return fail(ErrorCode::invalid_argument, "Commit " + id + " changes " + std::to_string(commit.changes.size()) +
                                                     " paths, but a batch holds at most " +
                                                     std::to_string(kBatchOperationsMax) + " operations.");
    for (const Change& change : commit.changes) {
        if (change.path.size() > kKeyBytesMax)
            return fail(ErrorCode::invalid_argument,
                        "Commit " + id + " has a path of " + std::to_string(change.path.size()) +
                            " bytes, but a key holds at most " + std::to_string(kKeyBytesMax) + ": " +
                            printable(change.path.substr(0, 100)) + "...");
    }
    return {};
}

Result<void> measure_commit(CommitReader& reader, const CommitChanges& commit, std::span<const Commit> line,
                            HistorySize& size) {
    FrameEstimate frame;
    const std::uint64_t own_bytes = commit_value(line[commit.ordinal]).size();
    frame.add(commit_key(commit.ordinal).size(), own_bytes);
    std::uint64_t largest = 0;
    const std::string* largest_path = nullptr;
    for (const Change& change : commit.changes) {
        std::uint64_t value_bytes = 0;
        if (!change.erased()) {
            auto blob = reader.blob_size();
            if (!blob) return pass_on(blob, "sizing " + printable(change.path));
            value_bytes = *blob;
        }
        (change.erased() ? size.erases : size.puts) += 1;
        size.content_bytes += change.path.size() + value_bytes;
        frame.add(change.path.size(), value_bytes);
        if (largest_path == nullptr || value_bytes > largest) {
            largest = value_bytes;
            largest_path = &change.path;
        }
    }
    size.commits += 1;
    size.submodules += commit.submodules;
    if (frame.bytes() > size.largest_frame_bytes) {
        size.largest_frame_bytes = frame.bytes();
        size.largest_commit = commit.ordinal;
        size.largest_path = largest_path == nullptr ? std::string() : *largest_path;
        size.largest_value_bytes = largest;
    }
    return {};
}

/// MemAvailable of /proc/meminfo, in bytes; nothing when it can't be read.
std::uint64_t available_memory() {
    std::ifstream file("/proc/meminfo");
    std::string word;
    std::uint64_t kilobytes = 0;
    while (file >> word) {
        if (word == "MemAvailable:" && file >> kilobytes) return kilobytes * 1024;
    }
    return ~std::uint64_t{0};
}

}  // namespace

void FrameEstimate::add(std::uint64_t key_bytes, std::uint64_t value_bytes) noexcept {
    operations_bytes_ += round_up(kOperationOverheadBytes + key_bytes + value_bytes, 8);
}

std::uint64_t FrameEstimate::bytes() const noexcept {
    return round_up(kFrameOverheadBytes + operations_bytes_, kLineBytes);
}

Result<HistorySize> measure_history(const GitRepository& repository, std::span<const Commit> line, std::size_t first,
                                    Progress& progress) {
    auto reader = CommitReader::start(repository, line, first, BlobReader::Wants::sizes);
    if (!reader) return pass_on(reader);
    HistorySize size;
    CommitChanges commit;
    for (;;) {
        auto more = reader->next(commit);
        if (!more) return pass_on(more);
        if (!*more) break;
        if (auto checked = check_limits(commit, line); !checked) return pass_on(checked);
        if (auto measured = measure_commit(*reader, commit, line, size); !measured)
            return pass_on(measured, "sizing commit " + line[commit.ordinal].id);
        progress.advance(size.commits);
    }
    progress.finish();
    return size;
}

Result<RingPlan> plan_rings(const HistorySize& size, const RingPlan& asked, unsigned cores,
                            std::span<const Commit> line) {
    RingPlan plan = asked;
    if (plan.shards == 0) plan.shards = std::clamp(cores, 1u, kShardsMax);
    if (plan.ring_bytes == 0) plan.ring_bytes = std::max(kRingBytesMin, std::bit_ceil(4 * size.largest_frame_bytes));
    if (plan.ring_bytes > kRingBytesMax) return frame_too_large(size, kRingBytesMax, line);
    if (auto fits = check_fits(size, plan, line); !fits) return pass_on(fits);
    return plan;
}

Result<void> check_fits(const HistorySize& size, const RingPlan& rings, std::span<const Commit> line) {
    if (size.commits > 0 && size.largest_frame_bytes > rings.ring_bytes / 4)
        return frame_too_large(size, rings.ring_bytes, line);
    return {};
}

Result<void> check_medium(const std::filesystem::path& store, const RingPlan& plan, std::uint64_t content_bytes) {
    std::error_code ignored;
    std::filesystem::path place = std::filesystem::absolute(store, ignored);
    while (!std::filesystem::exists(place, ignored) && place.has_relative_path()) place = place.parent_path();

    struct statvfs space{};
    if (::statvfs(place.c_str(), &space) != 0)
        return fail(ErrorCode::io, "The free space of " + place.string() + " can't be asked.", errno);
    std::uint64_t available = std::uint64_t{space.f_bavail} * space.f_frsize;
    std::string medium = place.string();

    // A tmpfs may promise more than the memory behind it.
    struct statfs kind{};
    if (::statfs(place.c_str(), &kind) == 0 && kind.f_type == kTmpfsMagic && available_memory() < available) {
        available = available_memory();
        medium += " (memory)";
    }
    const std::uint64_t needed =
        plan.bytes() + plan.shards * kRingFileOverheadBytes + kCopiesWhileMerging * content_bytes;
    if (needed <= available) return {};
    return fail(ErrorCode::full, std::to_string(plan.shards) + " rings of " + bytes_text(plan.ring_bytes) +
                                     " and segments of " + bytes_text(content_bytes) +
                                     ", twice while they merge, need " + bytes_text(needed) + ", but " + medium +
                                     " has " + bytes_text(available) + " free.");
}

}  // namespace zverse::tools
