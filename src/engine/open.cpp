// Opening and creating a store.
//
// Order: options -> directory -> lock -> superblock -> map and attach rings -> judge (nothing changed so far) ->
// repair -> superblock {boot, class, clock limit, lost window} -> index -> views -> upkeep -> first call.
//
// Creation: see creation.h. Rings without a superblock are somebody's data and are never touched.
#include <engine/check_options.h>
#include <engine/creation.h>
#include <engine/engine.h>
#include <engine/thread_home.h>
#include <engine/worker_home.h>
#include <platform/answer.h>

#include <hot/recovery.h>
#include <platform/topology.h>

#include <sys/sysinfo.h>

#include <algorithm>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace zverse::engine {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kRingBytesDefault = std::uint64_t{64} << 20;

std::uint64_t ram_bytes() {
    struct sysinfo info{};
    return ::sysinfo(&info) == 0 ? std::uint64_t{info.totalram} * info.mem_unit : std::uint64_t{1} << 30;
}

std::uint64_t random_word() {
    static thread_local std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
}

unsigned hardware_threads() { return std::max(1U, std::thread::hardware_concurrency()); }

/// Adds the time it runs to a figure.
class Stopwatch {
public:
    explicit Stopwatch(double& seconds) noexcept : seconds_(seconds) { resume(); }
    ~Stopwatch() { pause(); }
    void resume() noexcept { since_ = std::chrono::steady_clock::now(); }
    void pause() noexcept {
        seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - since_).count();
    }
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;

private:
    double& seconds_;
    std::chrono::steady_clock::time_point since_;
};

}  // namespace

/// The steps of opening, and what they hand on.
class Opening {
public:
    explicit Opening(Engine& engine) : engine_(engine), options_(engine.options_), dir_(engine.dir_) {}

    [[nodiscard]] Result<void> run() {
        using Step = Result<void> (Opening::*)();
        for (const Step step : {&Opening::choose_platform, &Opening::find_or_create, &Opening::read_superblock,
                                &Opening::attach_rings, &Opening::open_cold, &Opening::recover, &Opening::start}) {
            if (auto done = (this->*step)(); !done) return done;
        }
        return {};
    }

private:
    [[nodiscard]] Result<void> choose_platform();
    [[nodiscard]] Result<void> check_value_limit(std::uint64_t ring_bytes) const;
    [[nodiscard]] Result<void> plan_memory_for(std::uint64_t ring_bytes, unsigned shards);
    [[nodiscard]] Result<void> find_or_create();
    [[nodiscard]] Result<void> create();
    [[nodiscard]] Result<void> read_superblock();
    [[nodiscard]] Result<void> open_cold();
    [[nodiscard]] Result<void> attach_rings();
    [[nodiscard]] Result<void> attach_ring(unsigned shard);
    [[nodiscard]] Result<void> missing_ring(const fs::path& path, unsigned shard) const;
    [[nodiscard]] Result<void> keep_private_rings_durable();
    [[nodiscard]] Result<void> check_manifest() const;
    [[nodiscard]] Result<void> recover();
    [[nodiscard]] Result<void> place_parts();
    [[nodiscard]] Result<void> start();
    [[nodiscard]] Result<void> start_upkeep();
    [[nodiscard]] Result<void> start_workers();
    [[nodiscard]] Error no_thread(const std::system_error& refused) const;
    [[nodiscard]] hot::TierOptions tier_options() const;
    void describe_platform();

    [[nodiscard]] const std::vector<fs::path>& hot_paths() const {
        return options_.hot_paths.empty() ? fields_.hot_paths : options_.hot_paths;
    }
    [[nodiscard]] std::uint64_t new_ring_bytes() const {
        return options_.ring_bytes != 0 ? options_.ring_bytes : kRingBytesDefault;
    }
    [[nodiscard]] unsigned new_shards() const {
        return options_.shards != 0 ? options_.shards : std::min(hardware_threads(), hot::kShardsMax);
    }
    [[nodiscard]] unsigned worker_count() const {
        return options_.workers != 0 ? options_.workers : static_cast<unsigned>(engine_.topology_.nodes.size());
    }
    [[nodiscard]] platform::FileIo& io() const { return *engine_.io_; }

    Engine& engine_;
    const Options& options_;
    const fs::path& dir_;
    platform::KernelLevel kernels_ = platform::KernelLevel::scalar;
    SuperblockFields fields_;
    std::vector<std::unique_ptr<platform::File>> ring_files_;
    std::vector<std::unique_ptr<hot::Ring>> rings_;
    hot::Judgement judgement_;
    platform::Placement placement_;
};

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

Result<void> Opening::read_superblock() {
    const auto mode = options_.read_only ? platform::OpenMode::read : platform::OpenMode::read_write;
    auto superblock = Superblock::open(io(), dir_ / kSuperblockName, mode);
    if (!superblock) return std::unexpected(std::move(superblock.error()));
    engine_.superblock_.emplace(std::move(*superblock));
    fields_ = engine_.superblock_->fields();
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

/// A read-only open changes no byte, but what it shows must survive: lines that a dead process left in the cache are
/// flushed, pages it left dirty are synced, before the private copies are repaired.
Result<void> Opening::keep_private_rings_durable() {
    for (std::size_t i = 0; i < rings_.size(); ++i) {
        const hot::Ring& ring = *rings_[i];
        if (ring.domain().granularity() == platform::Granularity::page) {
            if (auto synced = ring_files_[i]->sync(); !synced) return synced;
        } else {
            ring.flush(ring.marks().settled, judgement_.rings[i].tail);
            ring.domain().drain();
        }
    }
    return {};
}

/// Before anything is removed: what the manifest does not name may be what its lost edits named.
Result<void> Opening::check_manifest() const {
    const Version cut = engine_.cold_->state()->cut;
    if (cut >= fields_.settled) return {};
    return std::unexpected(
        Error(ErrorCode::corrupt, "MANIFEST-* in " + dir_.string() + " is damaged or missing: it ends with version " +
                                      std::to_string(cut) + ", and everything up to " +
                                      std::to_string(fields_.settled) + " had left the rings for the segments"));
}

Result<void> Opening::recover() {
    Stopwatch watch(engine_.recovery_seconds_);
    if (auto whole = check_manifest(); !whole) return whole;
    const platform::BootId boot = engine_.internals_.boot_id.value_or(platform::current_boot_id());
    hot::RecoveryOptions recovery;
    recovery.secret = fields_.secret;
    recovery.cut = engine_.cold_->state()->cut;
    // A machine that does not tell its boots apart may have lost power every time.
    const bool same_boot = boot == fields_.boot && boot != platform::BootId{};
    recovery.stop_at_mark = !same_boot && fields_.durability == Durability::process;
    recovery.threads = hardware_threads();
    auto judgement = hot::judge(rings_, recovery);
    if (!judgement) {
        return std::unexpected(std::move(judgement.error()).during("opening " + dir_.string()));
    }
    judgement_ = std::move(*judgement);
    if (judgement_.newest > fields_.clock_limit) {
        return std::unexpected(Error(ErrorCode::corrupt, "a ring holds version " + std::to_string(judgement_.newest) +
                                                             " above the superblock's clock limit " +
                                                             std::to_string(fields_.clock_limit) + " in " +
                                                             dir_.string()));
    }
    if (options_.read_only) {
        if (auto kept = keep_private_rings_durable(); !kept) return kept;
    }
    if (auto placed = place_parts(); !placed) return placed;
    if (!options_.read_only) {
        if (auto cleared = engine_.cold_->remove_leftovers(); !cleared) return cleared;
        engine_.spills_ = std::make_unique<cold::SpillSpace>(io(), engine_.cold_->directory());
    }
    if (auto repaired = hot::repair(rings_, judgement_, fields_.secret); !repaired) return repaired;
    watch.pause();  // the superblock's syncs cost the same however much there is to recover

    // The clock starts at the limit: nothing above it was ever handed out. What a power cut took may reach up to it;
    // then the clock starts behind, so that the latest version is a known one.
    Version clock = fields_.clock_limit;
    if (recovery.stop_at_mark && judgement_.mark < clock) {
        clock = std::min(clock + 1, kVersionMax);
        fields_.add_lost({judgement_.mark, clock - 1});
    }
    const std::shared_ptr<const cold::ManifestState> settled = engine_.cold_->state();
    fields_.add_leap({std::max(judgement_.newest, settled->cut), clock - std::min<Version>(clock, 1)}, settled->floor);
    fields_.settled = settled->cut;
    fields_.boot = boot;
    fields_.durability = options_.durability;
    if (!options_.read_only) {
        fields_.clock_limit = std::min(clock + engine_.internals_.clock_block, kVersionMax);
        if (auto written = engine_.superblock_->write(fields_); !written) return written;
    }
    engine_.lost_ = fields_.lost;
    engine_.leaps_ = fields_.leaps;

    watch.resume();
    auto tier = hot::Tier::create(std::move(rings_), tier_options(), engine_, clock);
    if (!tier) return std::unexpected(std::move(tier.error()));
    engine_.tier_ = std::move(*tier);
    if (auto linked = hot::rebuild_index(*engine_.tier_, judgement_, hardware_threads()); !linked) return linked;
    engine_.tier_->raise_limit(fields_.clock_limit);
    // From here on everything up to the clock is called durable. Not before the superblock was written: until then the
    // mark decides what is lost.
    if (!options_.read_only && engine_.tier_->rings()[0].marks().durable < clock) {
        if (auto spread = engine_.tier_->spread_mark(); !spread) return spread;
    }
    engine_.recovered_records_ = judgement_.operations();
    return {};
}

Result<void> Opening::place_parts() {
    static const platform::Topology machine = platform::Topology::detect();  // takes milliseconds; does not change
    const std::string& pretended = engine_.internals_.topology;
    if (pretended.empty()) {
        engine_.topology_ = machine;
    } else if (auto topology = platform::Topology::synthetic_of(pretended)) {
        engine_.topology_ = std::move(*topology);
    } else {
        return std::unexpected(std::move(topology.error()));
    }
    placement_ = platform::place(engine_.topology_, fields_.shards, worker_count());
    return {};
}

hot::TierOptions Opening::tier_options() const {
    hot::TierOptions tier;
    tier.secret = fields_.secret;
    tier.durability = options_.durability;
    tier.sharding = options_.sharding;
    tier.write_timeout = options_.write_timeout;
    tier.clock_margin = engine_.internals_.clock_margin;
    tier.index_address_bits = engine_.internals_.index_address_bits;
    // 7 entries for each 512 bytes of ring: more than frames of common sizes need, and at most an eighth of the ring.
    tier.index_bytes = engine_.memory_.index_table_bytes;
    tier.shard_of_cpu = placement_.shard_of_cpu;
    tier.overflow_order = placement_.overflow_order;
    return tier;
}

Result<void> Opening::start() {
    auto view = std::make_unique<warm::View>();
    const std::shared_ptr<const cold::ManifestState> settled = engine_.cold_->state();
    view->cut = settled->cut;
    view->floor = settled->floor;
    view->tree = engine_.cold_->settled().tree;
    if (auto loaded = engine_.load_pins(*settled, fields_.clock_limit); !loaded) return loaded;
    for (const auto& ring : engine_.tier_->rings()) view->coverage.push_back(ring->marks().head);
    engine_.views_ = std::make_unique<warm::Views>(engine_.tier_->epochs(), std::move(view));
    engine_.runs_ = std::make_unique<warm::RunBuilder>(*engine_.tier_, *engine_.views_);
    engine_.times_.add(static_cast<std::int64_t>(fields_.created), 0);
    // A clock that was set back is held at the latest time seen, so that one is needed.
    if (!settled->times.empty()) engine_.times_.add(settled->times.back().nanoseconds, settled->times.back().version);
    std::vector<hot::RecoveredTime> times;
    for (const auto& ring : judgement_.rings) times.insert(times.end(), ring.times.begin(), ring.times.end());
    std::sort(times.begin(), times.end(), [](const auto& a, const auto& b) { return a.version < b.version; });
    for (const auto& time : times) engine_.times_.add(time.nanoseconds, time.version);
    engine_.times_.add(wall_clock_nanoseconds(), engine_.tier_->clock());
    engine_.last_time_version_ = engine_.tier_->clock();
    describe_platform();
    if (options_.read_only) {
        engine_.tier_->refuse_writes(Error(ErrorCode::read_only, "the store was opened read-only"));
    }
    if (!options_.read_only) engine_.make_mover();
    if (auto started = start_upkeep(); !started) return started;
    return start_workers();
}

Result<void> Opening::start_workers() {
    const Internals& internals = engine_.internals_;
    if (options_.read_only || internals.stepped_worker || internals.flush_by_hand) {
        engine_.platform_rows_.push_back(WorkerHome::describe_none(
            options_.read_only ? "the store was opened read-only" : "each step of the workers is asked for"));
        return {};
    }
    std::vector<WorkerHome> homes;
    for (const unsigned node : placement_.node_of_worker) homes.emplace_back(engine_.topology_, node);
    try {
        engine_.workers_ = std::make_unique<warm::Workers>(*engine_.mover_, static_cast<unsigned>(homes.size()),
                                                           [&](unsigned i) { homes[i].move_in(i); });
    } catch (const std::system_error& refused) {
        return std::unexpected(no_thread(refused));
    }
    for (std::size_t i = 0; i < homes.size(); ++i) engine_.platform_rows_.push_back(homes[i].describe(i));
    return {};
}

Error Opening::no_thread(const std::system_error& refused) const {
    return Error(ErrorCode::io,
                 "a thread of the store in " + dir_.string() + " could not be started: " + refused.code().message(),
                 refused.code().value());
}

Result<void> Opening::start_upkeep() {
    const ThreadHome home(engine_.topology_, placement_.home);
    if (options_.read_only || engine_.internals_.stepped_worker) {
        engine_.platform_rows_.push_back(home.describe_none(
            options_.read_only ? "the store was opened read-only" : "each step of the upkeep is asked for"));
        return {};
    }
    const bool soon = options_.durability == Durability::process;
    const auto every = options_.sync.every.count() > 0 ? options_.sync.every : std::chrono::milliseconds(100);
    const auto tick = options_.sync.every_writes > 0
                          ? std::chrono::milliseconds(1)
                          : std::clamp(every, std::chrono::milliseconds(1), std::chrono::milliseconds(100));
    try {
        engine_.upkeep_ = std::make_unique<Upkeep>(engine_, soon ? tick : std::chrono::milliseconds(100), home);
    } catch (const std::system_error& refused) {
        return std::unexpected(no_thread(refused));
    }
    engine_.platform_rows_.push_back(home.describe(engine_.upkeep_->moved_in()));
    return {};
}

void Opening::describe_platform() {
    engine_.platform_rows_ = platform::machine_capabilities();
    engine_.platform_rows_.push_back({"kernels", options_.force_kernel.empty() ? "best" : options_.force_kernel,
                                      platform::to_string(platform::best_kernel_level()), platform::to_string(kernels_),
                                      ""});
    engine_.platform_rows_.push_back({"file io", options_.force_io.empty() ? "best" : options_.force_io,
                                      engine_.io_why_not_.empty() ? "uring" : "posix", engine_.io_->name(),
                                      engine_.io_why_not_});
    for (std::size_t i = 0; i < engine_.mappings_.size(); ++i) {
        const platform::Mapping& mapping = engine_.mappings_[i];
        engine_.platform_rows_.push_back({"persistence of ring " + std::to_string(i),
                                          options_.force_granularity.empty() ? "best" : options_.force_granularity,
                                          platform::to_string(mapping.found()),
                                          std::string(platform::to_string(mapping.used())) + " by " +
                                              platform::to_string(mapping.domain().flush_kind()) +
                                              (mapping.dax() ? ", DAX" : ""),
                                          mapping.why_not()});
    }
}

Engine::Engine(std::filesystem::path dir, Options options, Internals internals)
    : dir_(std::move(dir)),
      options_(std::move(options)),
      internals_(std::move(internals)),
      value_bytes_max_(options_.value_bytes_max != 0 ? std::min<std::uint64_t>(options_.value_bytes_max, 0xffff'ffff)
                                                     : 0xffff'ffff) {}

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
