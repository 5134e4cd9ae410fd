// Opening, up to rings and segments that are there: the platform, the directory or a new store in it, the superblock.
//
// Creation: see creation.h. Rings without a superblock are somebody's data and are never touched.
#include <engine/check_options.h>
#include <engine/creation.h>
#include <engine/opening.h>
#include <platform/answer.h>

#include <sys/sysinfo.h>

#include <algorithm>
#include <random>
#include <string>
#include <system_error>
#include <utility>

namespace zverse::engine {

namespace fs = std::filesystem;

namespace {

std::uint64_t ram_bytes() {
    struct sysinfo info{};
    return ::sysinfo(&info) == 0 ? std::uint64_t{info.totalram} * info.mem_unit : std::uint64_t{1} << 30;
}

std::uint64_t random_word() {
    // Not thread_local: its 5,000 bytes are more than a library loaded at run time may have of that.
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

Result<void> Opening::choose_platform() {
    if (auto good = check_options(options_); !good) return good;
    auto level = platform::choose_kernel_level(options_.force_kernel);
    if (!level) return std::unexpected(std::move(level.error()));
    kernels_ = *level;
    auto choice = platform::make_file_io(options_.force_io);
    if (!choice) return std::unexpected(std::move(choice.error()));
    const auto& wrap = engine_.internals_.wrap_io;
    engine_.io_ = wrap ? wrap(std::move(choice->io)) : std::move(choice->io);
    engine_.io_why_not_ = std::move(choice->why_not);
    return {};
}

/// The largest value that a frame of a quarter of a ring holds, under a key of one byte.
Result<void> Opening::check_value_limit(std::uint64_t ring_bytes) const {
    const std::uint64_t most = options_.value_bytes_max;
    if (most <= 0xffff'ffff && hot::frame_bytes(hot::operation_bytes(1, most)) <= ring_bytes / 4) return {};
    return std::unexpected(bad_option("value_bytes_max is " + std::to_string(most) +
                                      "; a value must fit a quarter of a ring of " + std::to_string(ring_bytes) +
                                      " bytes with its overhead, and 4 GiB - 1"));
}

/// A budget that nobody asked for is no reason not to open: then it is what is needed.
Result<void> Opening::plan_memory_for(std::uint64_t ring_bytes, unsigned shards) {
    const MemoryNeeds needs{.ring_bytes = ring_bytes,
                            .shards = shards,
                            .value_bytes_max = options_.value_bytes_max,
                            .writes = !options_.read_only};
    const std::uint64_t wanted = options_.memory_bytes_max;
    auto plan = plan_memory(wanted != 0 ? wanted : std::max(ram_bytes() / 4, memory_needed(needs)), needs);
    if (!plan) return std::unexpected(std::move(plan.error()));
    engine_.memory_ = *plan;
    if (engine_.internals_.changes_places != 0) engine_.memory_.changes_places = engine_.internals_.changes_places;
    return {};
}

Result<void> Opening::find_or_create() {
    if (dir_.empty()) return std::unexpected(Error(ErrorCode::invalid_argument, "the path of the store is empty"));
    auto other = platform::names_no_directory(dir_);
    if (!other) return std::unexpected(std::move(other.error()));
    if (*other) return std::unexpected(Error(ErrorCode::invalid_argument, dir_.string() + " is not a directory"));
    auto there = io().exists(dir_ / kSuperblockName);
    if (!there) return std::unexpected(std::move(there.error()));
    const bool may_create = options_.create_if_missing && !options_.read_only;
    if (!*there) {
        if (auto free = Creation::check_directory(io(), dir_); !free) return free;
        if (!may_create) return std::unexpected(Error(ErrorCode::not_found, "no store in " + dir_.string()));
    }
    if (*there && options_.error_if_exists) {
        return std::unexpected(Error(ErrorCode::exists, "there is a store in " + dir_.string() + " already"));
    }
    if (!*there) {
        if (auto good = check_value_limit(new_ring_bytes()); !good) return good;
        if (auto planned = plan_memory_for(new_ring_bytes(), new_shards()); !planned) return planned;
        if (auto made = io().create_directories(dir_); !made) return made;
    }
    auto lock = platform::LockFile::acquire(dir_ / kLockName, options_.read_only);
    if (!lock) return std::unexpected(std::move(lock.error()));
    engine_.lock_ = std::move(*lock);
    // Another process may have created it between the look and the lock.
    there = io().exists(dir_ / kSuperblockName);
    if (!there) return std::unexpected(std::move(there.error()));
    if (!*there) {
        // Somebody may have begun a checkpoint there meanwhile, and died.
        if (auto free = Creation::check_directory(io(), dir_); !free) return free;
        return create();
    }
    // Who created it may have died before the rename was durable, and writes must not outlive it.
    return options_.read_only ? Result<void>{} : io().sync_directory(dir_);
}

Result<void> Opening::create() {
    SuperblockFields fields;
    fields.shards = new_shards();
    fields.ring_bytes = new_ring_bytes();
    fields.store[0] = random_word();
    fields.store[1] = random_word();
    fields.secret = {random_word(), random_word()};
    fields.durability = options_.durability;
    fields.boot = platform::current_boot_id();
    fields.created = static_cast<std::uint64_t>(wall_clock_nanoseconds());
    std::size_t path_bytes = 0;
    for (const auto& path : options_.hot_paths) {
        std::error_code error;
        fields.hot_paths.push_back(fs::absolute(path, error));
        path_bytes += fields.hot_paths.back().string().size() + 1;
    }
    if (path_bytes > kHotPathsBytes) {
        return std::unexpected(bad_option("hot_paths take " + std::to_string(path_bytes) + " bytes; at most 8192"));
    }
    return Creation(io(), dir_, std::move(fields), options_.force_granularity).run();
}

/// What an interrupted load left is somebody else's state, half of it: nothing may be written on top.
Result<void> Opening::check_load() const {
    if (!fields_.load_base || options_.read_only || engine_.internals_.load == Load::resume) return {};
    return std::unexpected(Error(ErrorCode::read_only, "a load into the store in " + dir_.string() +
                                                           " was not finished: go on with it (zverse load --resume), "
                                                           "or remove the store; until then it can only be read"));
}

Result<void> Opening::read_superblock() {
    const auto mode = options_.read_only ? platform::OpenMode::read : platform::OpenMode::read_write;
    auto superblock = Superblock::open(io(), dir_ / kSuperblockName, mode);
    if (!superblock) return std::unexpected(std::move(superblock.error()));
    engine_.superblock_.emplace(std::move(*superblock));
    fields_ = engine_.superblock_->fields();
    if (auto may = check_load(); !may) return may;
    if (options_.shards != 0 && options_.shards != fields_.shards) {
        return std::unexpected(bad_option("shards is " + std::to_string(options_.shards) +
                                          ", and the store was created with " + std::to_string(fields_.shards)));
    }
    if (options_.ring_bytes != 0 && options_.ring_bytes != fields_.ring_bytes) {
        return std::unexpected(bad_option("ring_bytes is " + std::to_string(options_.ring_bytes) +
                                          ", and the store was created with " + std::to_string(fields_.ring_bytes)));
    }
    if (auto good = check_value_limit(fields_.ring_bytes); !good) return good;
    return plan_memory_for(fields_.ring_bytes, fields_.shards);
}

Result<void> Opening::open_cold() {
    const auto reads =
        options_.cold_reads == ColdReads::copied ? cold::SegmentReads::copied : cold::SegmentReads::mapped;
    auto cold = cold::ColdTier::open(io(), dir_, fields_.store, engine_.memory_.of(MemoryPlan::kCache), reads);
    if (!cold) return std::unexpected(std::move(cold.error()).during("opening " + dir_.string()));
    engine_.cold_ = std::move(*cold);
    engine_.kernels_ = &platform::kernels_for(kernels_);
    if (const Version cut = engine_.cold_->state()->cut; cut > fields_.clock_limit) {
        return std::unexpected(Error(ErrorCode::corrupt,
                                     "the manifest of " + dir_.string() + " has version " + std::to_string(cut) +
                                         " above the superblock's clock limit " + std::to_string(fields_.clock_limit)));
    }
    return {};
}

/// Rings that are where the store recorded them, but not where the options say, are a mistake in the options.
Result<void> Opening::missing_ring(const fs::path& path, unsigned shard) const {
    const fs::path recorded = ring_path(dir_, fields_.hot_paths, shard);
    if (recorded == path) {
        return std::unexpected(Error(ErrorCode::corrupt, "ring file " + path.string() + " is missing"));
    }
    auto there = io().exists(recorded);
    if (!there) return std::unexpected(std::move(there.error()));
    if (*there) {
        return std::unexpected(bad_option("hot_paths: there is no ring file " + path.string() +
                                          "; the store has it recorded as " + recorded.string() + ", and it is there"));
    }
    return std::unexpected(Error(ErrorCode::corrupt, "ring file " + path.string() + " is missing, and so is " +
                                                         recorded.string() + ", where the store has it recorded"));
}

Result<void> Opening::attach_ring(unsigned shard) {
    const fs::path path = ring_path(dir_, hot_paths(), shard);
    auto exists = io().exists(path);
    if (!exists) return std::unexpected(std::move(exists.error()));
    if (!*exists) return missing_ring(path, shard);
    const auto mode = options_.read_only ? platform::OpenMode::read : platform::OpenMode::read_write;
    auto file = io().open(path, mode);
    if (!file) return std::unexpected(std::move(file.error()));
    auto size = (*file)->size();
    if (!size) return std::unexpected(std::move(size.error()));
    const std::uint64_t bytes = hot::kHeaderAreaBytes + fields_.ring_bytes;
    if (*size != bytes) {
        return std::unexpected(Error(ErrorCode::corrupt, "ring file " + path.string() + " has " +
                                                             std::to_string(*size) + " bytes instead of " +
                                                             std::to_string(bytes)));
    }
    auto mapping = platform::Mapping::map({.path = path,
                                           .descriptor = (*file)->descriptor(),
                                           .bytes = bytes,
                                           .private_copy = options_.read_only,
                                           .force_granularity = options_.force_granularity});
    if (!mapping) return std::unexpected(std::move(mapping.error()));
    const hot::RingIdentity identity{{fields_.store[0], fields_.store[1]}, shard, path.string()};
    auto ring = hot::Ring::attach(mapping->bytes(), identity, mapping->domain(), fields_.secret);
    if (!ring) return std::unexpected(std::move(ring.error()));
    engine_.mappings_.push_back(std::move(*mapping));
    ring_files_.push_back(std::move(*file));
    rings_.push_back(std::move(*ring));
    return {};
}

Result<void> Opening::attach_rings() {
    for (unsigned shard = 0; shard < fields_.shards; ++shard) {
        if (auto done = attach_ring(shard); !done) {
            return std::unexpected(std::move(done.error()).during("opening " + dir_.string()));
        }
    }
    return {};
}

Engine::Engine(std::filesystem::path dir, Options options, Internals internals)
    : dir_(std::move(dir)),
      options_(std::move(options)),
      internals_(std::move(internals)),
      value_bytes_max_(options_.value_bytes_max != 0 ? std::min<std::uint64_t>(options_.value_bytes_max, 0xffff'ffff)
                                                     : 0xffff'ffff),
      events_(options_.on_event) {}

Result<std::shared_ptr<Engine>> Engine::open(const std::filesystem::path& dir, const Options& options,
                                             const Internals& internals) {
    auto engine = std::make_shared<Engine>(dir, options, internals);
    Opening opening(*engine);
    if (auto opened = platform::answer("opening the store", [&] { return opening.run(); }); !opened) {
        engine->upkeep_.reset();
        engine->stop_movers();
        engine->mover_.reset();
        engine->closed_.store(true, std::memory_order_release);  // release: as in close(); nobody else has it
        return std::unexpected(std::move(opened.error()));
    }
    return engine;
}

}  // namespace zverse::engine
