// What tests of the hot tier build it from: memory for rings, a host without lower tiers, rings on a simulated medium.
#pragma once

#include <hot/recovery.h>
#include <hot/tier.h>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace zverse::test {

inline constexpr hot::Secret kTestSecret{0x123456789abcdef1, 0xfedcba9876543211};

/// 4096-byte aligned, zeroed.
class AlignedMemory {
public:
    explicit AlignedMemory(std::size_t bytes)
        : bytes_(bytes), data_(static_cast<std::byte*>(std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096))) {
        std::memset(data_, 0, bytes);
    }
    ~AlignedMemory() { std::free(data_); }
    AlignedMemory(const AlignedMemory&) = delete;
    AlignedMemory& operator=(const AlignedMemory&) = delete;
    [[nodiscard]] std::span<std::byte> span() const noexcept { return {data_, bytes_}; }

private:
    std::size_t bytes_;
    std::byte* data_;
};

/// A medium that is never asked: the memory is all there is.
class NoObserver final : public platform::PersistObserver {
public:
    void on_flush(const void*, std::size_t) noexcept override {}
    void on_drain() noexcept override {}
    Result<void> on_sync(const void*, std::size_t) noexcept override { return {}; }
};

/// A store of the hot tier alone.
class LonelyHost final : public hot::Host {
public:
    std::atomic<Version> cut_value{0};
    hot::Tier* tier = nullptr;

    [[nodiscard]] Version cut() const noexcept override { return cut_value.load(std::memory_order_acquire); }
    [[nodiscard]] Result<Newest> newest_below(std::string_view) const override { return Newest{}; }
    [[nodiscard]] Result<void> extend_limit(Version wanted) override {
        tier->raise_limit(wanted + 1000);
        return {};
    }
};

inline constexpr std::uint64_t kTestStore[2] = {1, 2};

[[nodiscard]] inline hot::RingIdentity test_identity(unsigned shard) {
    return {{kTestStore[0], kTestStore[1]}, shard, "ring-" + std::to_string(shard)};
}

/// `count` rings one behind the other in `memory`, formatted.
inline void format_rings(std::span<std::byte> memory, unsigned count, const platform::PersistDomain& domain) {
    const std::size_t each = memory.size() / count;
    for (unsigned shard = 0; shard < count; ++shard) {
        ASSERT_TRUE(hot::format_ring(memory.subspan(shard * each, each), test_identity(shard), domain));
    }
}

/// Empty when one of them does not attach; then `problem` says why.
[[nodiscard]] inline std::vector<std::unique_ptr<hot::Ring>> attach_rings(std::span<std::byte> memory, unsigned count,
                                                                          const platform::PersistDomain& domain,
                                                                          std::string& problem) {
    std::vector<std::unique_ptr<hot::Ring>> rings;
    const std::size_t each = memory.size() / count;
    for (unsigned shard = 0; shard < count; ++shard) {
        auto ring = hot::Ring::attach(memory.subspan(shard * each, each), test_identity(shard), domain, kTestSecret);
        if (!ring) {
            problem = ring.error().message();
            return {};
        }
        rings.push_back(std::move(*ring));
    }
    return rings;
}

/// A tier over plain memory that nothing can cut the power of.
class PlainTier {
public:
    PlainTier(unsigned rings, std::uint64_t ring_bytes, hot::TierOptions options = {},
              platform::Granularity granularity = platform::Granularity::byte)
        : memory_(rings * (hot::kHeaderAreaBytes + ring_bytes)), domain_(granularity, nobody_) {
        format_rings(memory_.span(), rings, domain_);
        std::string problem;
        auto attached = attach_rings(memory_.span(), rings, domain_, problem);
        EXPECT_EQ(problem, "");
        options.secret = kTestSecret;
        if (options.index_bytes == 0) options.index_bytes = std::uint64_t{1} << 16;
        auto tier = hot::Tier::create(std::move(attached), std::move(options), host, 0);
        EXPECT_TRUE(tier);
        tier_ = std::move(*tier);
        host.tier = tier_.get();
        tier_->raise_limit(Version{1} << 40);
    }

    [[nodiscard]] hot::Tier* operator->() const noexcept { return tier_.get(); }
    [[nodiscard]] hot::Tier& operator*() const noexcept { return *tier_; }

    Result<Version> put(std::string_view key, std::string_view value) {
        return tier_->put({key, value, tier_->hash(key), false});
    }
    /// The version of the newest record of `key` as of `as_of`; 0: none.
    Version read(std::string_view key, Version as_of) {
        hot::WriterSlot& slot = tier_->slots().mine();
        const hot::PinGuard pin(tier_->epochs(), slot);
        return tier_->find(slot, key, tier_->hash(key), as_of, host.cut()).version;
    }
    /// Everything so far leaves the tier, as after a flush that nobody reads beside.
    Version drain() {
        const auto sealed = tier_->sync_all();
        EXPECT_TRUE(sealed);
        host.cut_value.store(*sealed, std::memory_order_release);
        const auto ends = tier_->prefix_ends(*sealed);
        tier_->move_dead_heads(ends);
        tier_->sweep_index();
        EXPECT_TRUE(tier_->move_free_heads(ends));
        return *sealed;
    }

    LonelyHost host;

private:
    AlignedMemory memory_;
    NoObserver nobody_;
    platform::PersistDomain domain_;
    std::unique_ptr<hot::Tier> tier_;
};

}  // namespace zverse::test
