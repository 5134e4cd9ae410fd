// Opening: the steps of opening a store, and what they hand on.
//
// Order: options -> directory -> lock -> superblock -> map and attach rings -> judge (nothing changed so far) ->
// manifest written again -> repair -> superblock {boot, class, clock limit, lost window} -> index -> views -> upkeep ->
// first call.
//
// Threads: one.
#pragma once

#include <engine/engine.h>
#include <platform/topology.h>

#include <hot/recovery.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

namespace zverse::engine {

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
    // open.cpp
    [[nodiscard]] Result<void> choose_platform();
    [[nodiscard]] Result<void> check_value_limit(std::uint64_t ring_bytes) const;
    [[nodiscard]] Result<void> plan_memory_for(std::uint64_t ring_bytes, unsigned shards);
    [[nodiscard]] Result<void> find_or_create();
    [[nodiscard]] Result<void> create();
    [[nodiscard]] Result<void> read_superblock();
    [[nodiscard]] Result<void> check_load() const;
    [[nodiscard]] Result<void> open_cold();
    [[nodiscard]] Result<void> attach_rings();
    [[nodiscard]] Result<void> attach_ring(unsigned shard);
    [[nodiscard]] Result<void> missing_ring(const std::filesystem::path& path, unsigned shard) const;
    // opening_recovery.cpp
    [[nodiscard]] Result<void> keep_private_rings_durable();
    [[nodiscard]] Result<void> check_manifest() const;
    [[nodiscard]] Version start_clock(bool stop_at_mark);
    [[nodiscard]] Result<void> recover();
    [[nodiscard]] hot::TierOptions tier_options() const;
    // opening_start.cpp
    [[nodiscard]] std::vector<std::optional<unsigned>> medium_nodes() const;
    [[nodiscard]] Result<void> place_parts();
    [[nodiscard]] Result<void> start();
    [[nodiscard]] Result<void> start_upkeep();
    [[nodiscard]] Result<void> start_workers();
    [[nodiscard]] Error no_thread(const std::system_error& refused) const;
    void describe_platform();
    void begin_publishing();

    [[nodiscard]] const std::vector<std::filesystem::path>& hot_paths() const {
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
    [[nodiscard]] static unsigned hardware_threads() { return std::max(1U, std::thread::hardware_concurrency()); }

    static constexpr std::uint64_t kRingBytesDefault = std::uint64_t{64} << 20;

    Engine& engine_;
    const Options& options_;
    const std::filesystem::path& dir_;
    platform::KernelLevel kernels_ = platform::KernelLevel::scalar;
    SuperblockFields fields_;
    std::vector<std::unique_ptr<platform::File>> ring_files_;
    std::vector<std::unique_ptr<hot::Ring>> rings_;
    hot::Judgement judgement_;
    platform::Placement placement_;
};

}  // namespace zverse::engine
