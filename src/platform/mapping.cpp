#include <platform/aligned_range.h>
#include <platform/mapping.h>
#include <platform/mapping_facts.h>
#include <platform/os_error.h>
#include <platform/pmem2_map.h>

#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace zverse::platform {

namespace {

// Younger than some kernel headers this is built with; an older kernel answers EINVAL.
#ifndef MADV_POPULATE_READ
constexpr int MADV_POPULATE_READ = 22;
constexpr int MADV_POPULATE_WRITE = 23;
#endif
#ifndef MADV_COLLAPSE
constexpr int MADV_COLLAPSE = 25;
#endif

Result<std::optional<Granularity>> parse_granularity(const std::string& name) {
    if (name.empty()) return std::nullopt;
    for (const Granularity one : {Granularity::byte, Granularity::cache_line, Granularity::page}) {
        if (name == to_string(one)) return one;
    }
    return std::unexpected(
        Error(ErrorCode::invalid_argument,
              "options.force_granularity is \"" + name + "\"; it may be empty, \"byte\", \"cache_line\" or \"page\""));
}

/// Touching a mapping behind the end of its file kills the process, so the length is checked first.
Result<void> check_length(const MappingRequest& request) {
    struct stat status = {};
    if (fstat(request.descriptor, &status) != 0) {
        return std::unexpected(os_error("stat of " + request.path.string(), errno));
    }
    const auto file_bytes = static_cast<std::uint64_t>(status.st_size);
    if (request.bytes == 0) {
        return std::unexpected(
            Error(ErrorCode::invalid_argument, "a mapping of " + request.path.string() + " needs at least one byte"));
    }
    if (request.bytes <= file_bytes) return {};
    return std::unexpected(Error(ErrorCode::corrupt, request.path.string() + " ends at " + std::to_string(file_bytes) +
                                                         ", inside the " + std::to_string(request.bytes) +
                                                         " bytes to be mapped"));
}

/// Maps the file at a huge-page boundary.
Result<std::span<std::byte>> map_file(const MappingRequest& request) {
    auto range = reserve_range(request.bytes);
    if (!range) return range;
    const int sharing = request.private_copy ? MAP_PRIVATE : MAP_SHARED;
    void* mapped =
        mmap(range->data(), range->size(), PROT_READ | PROT_WRITE, sharing | MAP_FIXED, request.descriptor, 0);
    if (mapped == MAP_FAILED) {
        const int number = errno;
        unmap_range(*range);
        return std::unexpected(
            memory_error("mmap of " + std::to_string(request.bytes) + " bytes of " + request.path.string(), number));
    }
    return range->first(request.bytes);
}

/// For kernels before 5.14: one access to each page. A failing medium then kills the process with SIGBUS.
void touch_pages(std::span<std::byte> bytes, bool write) noexcept {
    for (std::size_t at = 0; at < bytes.size(); at += page_bytes()) {
        volatile std::byte& touched = bytes[at];
        const std::byte value = touched;
        if (write) touched = value;
    }
}

Result<void> prefault(const MappingRequest& request, std::span<std::byte> bytes, bool write) {
    const int advice = write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
    while (madvise(bytes.data(), whole_pages(bytes.size()), advice) != 0) {
        const int number = errno;
        if (number == EINTR) continue;
        if (number == EINVAL) {
            touch_pages(bytes, write);
            return {};
        }
        return std::unexpected(
            memory_error("faulting in " + std::to_string(bytes.size()) + " bytes of " + request.path.string(), number));
    }
    return {};
}

/// Whether syncs write pages of a page cache to a medium. The pages of tmpfs are the medium.
bool is_written_back(const MappingRequest& request, Granularity used) noexcept {
    if (used != Granularity::page) return false;
    struct statfs file_system = {};
    return fstatfs(request.descriptor, &file_system) != 0 || file_system.f_type != TMPFS_MAGIC;
}

/// The page cache keeps what it reads ahead, or what one call wrote, in pieces of up to 2 MiB, and a sync writes the
/// whole of each piece in which one byte changed: 4 ms instead of 0.1. What is read by this advice comes in single
/// pages; the kernel limits a call, so there are many.
void read_by_single_pages(const MappingRequest& request, std::span<std::byte> bytes) noexcept {
    constexpr std::size_t kPart = std::size_t{128} << 10;
    for (std::size_t at = 0; at < bytes.size(); at += kPart) {
        posix_fadvise(request.descriptor, static_cast<off_t>(at), kPart, POSIX_FADV_WILLNEED);
    }
    // What the faults still find missing is not read ahead either.
    static_cast<void>(madvise(bytes.data(), whole_pages(bytes.size()), MADV_RANDOM));
}

/// At least half counts as huge: the rest is what the file system had no contiguous space for.
bool mostly_huge(std::size_t bytes, const MappingFacts& facts) noexcept { return facts.huge_bytes >= bytes / 2; }

}  // namespace

struct Mapping::State {
    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { unmap_range(own); }

    Pmem2Map pmem2;              ///< owns the mapping when it is better than page
    std::span<std::byte> own;    ///< our own mmap otherwise
    std::span<std::byte> bytes;  ///< whichever it is
    Granularity found = Granularity::page;
    Granularity used = Granularity::page;
    bool dax = false;
    bool huge_pages = false;
    std::string why_not, huge_why_not;
};

namespace {

struct HugeOutcome {
    bool huge = false;
    bool synchronous = false;
    std::string why_not;
};

/// Asks for huge pages, faults the range in, and looks at what came of it.
Result<HugeOutcome> fault_in(const MappingRequest& request, std::span<std::byte> bytes, Granularity used) {
    HugeOutcome outcome;
    const bool written_back = is_written_back(request, used);
    if (written_back) read_by_single_pages(request, bytes);
    const bool large = bytes.size() >= kHugePageBytes && !written_back;
    if (large) static_cast<void>(madvise(bytes.data(), whole_pages(bytes.size()), MADV_HUGEPAGE));
    if (request.prefault) {
        // Only reading on page granularity: a write fault dirties the page, and the whole file would be written back
        // for nothing; and every write-back protects the pages again.
        const bool write = !request.private_copy && used != Granularity::page;
        if (auto done = prefault(request, bytes, write); !done) return std::unexpected(std::move(done.error()));
    }
    MappingFacts facts = mapping_facts(bytes.data());
    if (large && request.prefault && !request.private_copy && !mostly_huge(bytes.size(), facts)) {
        // tmpfs takes this even where it ignores MADV_HUGEPAGE; most others refuse at once.
        if (madvise(bytes.data(), whole_pages(bytes.size()), MADV_COLLAPSE) == 0) facts = mapping_facts(bytes.data());
    }
    outcome.synchronous = facts.synchronous;
    outcome.huge = large && mostly_huge(bytes.size(), facts);
    if (outcome.huge) return outcome;
    if (written_back) {
        outcome.why_not = "a sync would write the whole of a huge page in which one byte changed";
    } else if (!large) {
        outcome.why_not = "the mapping is smaller than a huge page";
    } else if (!facts.known) {
        outcome.why_not = "/proc/self/smaps does not tell";
    } else {
        outcome.why_not = "the kernel maps " + std::to_string(facts.huge_bytes) + " of " +
                          std::to_string(bytes.size()) + " bytes by huge pages" +
                          (request.prefault ? "" : ", and the mapping was not faulted in");
    }
    return outcome;
}

}  // namespace

Mapping::Mapping() noexcept = default;
Mapping::Mapping(Mapping&&) noexcept = default;
Mapping& Mapping::operator=(Mapping&&) noexcept = default;
Mapping::~Mapping() = default;

Result<Mapping> Mapping::map(const MappingRequest& request) {
    auto forced = parse_granularity(request.force_granularity);
    if (!forced) return std::unexpected(std::move(forced.error()));
    if (auto fits = check_length(request); !fits) return std::unexpected(std::move(fits.error()));

    auto state = std::make_unique<State>();
    Pmem2Answer answer = ask_pmem2(request.descriptor, request.bytes, request.private_copy);
    state->found = answer.granularity;
    state->used = forced->value_or(answer.granularity);
    state->why_not = std::move(answer.why_not);
    if (answer.granularity != Granularity::page && !request.private_copy) {
        state->pmem2 = std::move(answer.map);
        state->bytes = state->pmem2.bytes();
    } else {
        auto own = map_file(request);
        if (!own) return std::unexpected(std::move(own.error()));
        state->own = state->bytes = *own;
    }
    auto outcome = fault_in(request, state->bytes, state->used);
    if (!outcome) return std::unexpected(std::move(outcome.error()));
    state->dax = outcome->synchronous;
    state->huge_pages = outcome->huge;
    state->huge_why_not = std::move(outcome->why_not);

    Mapping mapping;
    mapping.state_ = std::move(state);
    return mapping;
}

std::span<std::byte> Mapping::bytes() const noexcept { return state_ ? state_->bytes : std::span<std::byte>(); }
Granularity Mapping::found() const noexcept { return state_->found; }
Granularity Mapping::used() const noexcept { return state_->used; }
bool Mapping::dax() const noexcept { return state_->dax; }
bool Mapping::huge_pages() const noexcept { return state_->huge_pages; }
const std::string& Mapping::why_not() const noexcept { return state_->why_not; }
const std::string& Mapping::huge_why_not() const noexcept { return state_->huge_why_not; }

PersistDomain Mapping::domain() const noexcept {
    const bool by_line = state_->used == Granularity::cache_line;
    return PersistDomain(state_->used, by_line ? best_flush_kind() : FlushKind::none);
}

}  // namespace zverse::platform
