// What tests of the movers build a store from: one ring over plain memory, views, and a cold tier in a directory whose
// files, like the ring's medium, can be told to fail.
//
// Threads: as the parts themselves.
#pragma once

#include <support/failing_file_io.h>
#include <support/hot_parts.h>
#include <support/results.h>
#include <support/temp_store.h>

#include <platform/posix_file_io.h>
#include <warm/mover.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace zverse::test {

/// A medium whose syncs fail while it is told so.
class FailingMedium final : public platform::PersistObserver {
public:
    std::atomic<bool> fails{false};
    void on_flush(const void*, std::size_t) noexcept override {}
    void on_drain() noexcept override {}
    Result<void> on_sync(const void*, std::size_t) noexcept override {
        if (fails) return std::unexpected(platform::os_error("a sync", EIO));
        return {};
    }
};

class MoverParts {
public:
    static constexpr std::uint64_t kRingBytes = std::uint64_t{2} << 20;

    explicit MoverParts(platform::Granularity granularity = platform::Granularity::byte,
                        Durability durability = Durability::power)
        : durability_(durability),
          domain_(granularity, medium),
          io_(platform::make_posix_file_io(), failures),
          tier_(make_tier()),
          views_(tier_->epochs(), first_view()),
          runs_(*tier_, views_),
          cold_(must(cold::ColdTier::open(io_, directory_.path(), kTestStore))) {}

    [[nodiscard]] warm::Workplace workplace() {
        return {.tier = *tier_,
                .views = views_,
                .runs = runs_,
                .cold = *cold_,
                .io = io_,
                .kernels = platform::kernels_for(platform::best_kernel_level()),
                .add_times = [this](Version, Version upto, cold::Edit& edit) { edit.add_time(upto, ++times); },
                .wall_clock_nanoseconds = [] { return std::int64_t{1}; },
                .wanted_floor = [] { return Version{0}; },
                .raise_floor = [](Version wanted) { return wanted; },
                .note_settled = [](Version) { return Result<void>(); }};
    }

    Version put(std::string_view key, std::string_view value) {
        return must(tier_->put({key, value, tier_->hash(key), false}));
    }
    /// `count` records of 32 KiB; 16 of them are a quarter of the ring.
    Version put_large(const std::string& prefix, int count) {
        Version last = 0;
        for (int i = 0; i < count; ++i) {
            last = put(prefix + std::to_string(100 + i), std::string(std::size_t{32} << 10, 'v'));
        }
        return last;
    }
    [[nodiscard]] hot::Tier& tier() { return *tier_; }
    [[nodiscard]] hot::Ring& ring() { return tier_->rings()[0]; }
    [[nodiscard]] warm::Views& views() { return views_; }
    [[nodiscard]] cold::ColdTier& cold() { return *cold_; }
    [[nodiscard]] Version settled() const { return cold_->state()->cut; }
    /// Of the view that readers see.
    [[nodiscard]] Version cut() {
        const hot::PinGuard pin(tier_->epochs(), tier_->slots().mine());
        return views_.current().cut;
    }
    [[nodiscard]] std::size_t stripes_at(std::uint32_t level) const {
        std::size_t count = 0;
        for (const auto& component : cold_->tree()->live()) count += component->level() == level ? 1 : 0;
        return count;
    }
    [[nodiscard]] std::uint64_t records() const {
        std::uint64_t records = 0;
        for (const auto& component : cold_->tree()->all()) records += component->records();
        return records;
    }
    /// As the next opening would find them.
    [[nodiscard]] std::uint64_t records_on_disk() {
        const auto again = must(cold::ColdTier::open(io_, directory_.path(), kTestStore));
        std::uint64_t records = 0;
        for (const auto& component : again->tree()->all()) records += component->records();
        return records;
    }
    [[nodiscard]] bool has_settled(const std::string& key) const {
        const auto tree = cold_->tree();
        cold::Tree::Hit hit;
        must(tree->find(key, tree->hash(key), kVersionMax, hit));
        return hit && must(hit.segment->value(hit.record, hit.hold)).size() > 0;
    }

    FailingMedium medium;
    std::shared_ptr<Failures> failures = std::make_shared<Failures>();
    std::int64_t times = 0;  ///< that add_times() was asked for

private:
    [[nodiscard]] std::unique_ptr<hot::Tier> make_tier() {
        format_rings(memory_.span(), 1, domain_);
        std::string problem;
        auto rings = attach_rings(memory_.span(), 1, domain_, problem);
        EXPECT_EQ(problem, "");
        hot::TierOptions options;
        options.secret = kTestSecret;
        options.index_bytes = std::uint64_t{1} << 18;
        options.durability = durability_;
        auto tier = must(hot::Tier::create(std::move(rings), std::move(options), host_, 0));
        host_.tier = tier.get();
        tier->raise_limit(Version{1} << 40);
        return tier;
    }
    [[nodiscard]] std::unique_ptr<const warm::View> first_view() {
        auto view = std::make_unique<warm::View>();
        view->coverage.push_back(ring().tail.load());
        return view;
    }

    const Durability durability_;
    TempDirectory directory_;
    AlignedMemory memory_{hot::kHeaderAreaBytes + kRingBytes};
    platform::PersistDomain domain_;
    LonelyHost host_;
    FailingFileIo io_;
    std::unique_ptr<hot::Tier> tier_;
    warm::Views views_;
    warm::RunBuilder runs_;
    std::unique_ptr<cold::ColdTier> cold_;
};

}  // namespace zverse::test
