// A stripe of writes for tests and benches of curves: the records that are superseded inside it, as a merge delivers
// them, and the blocks that they make along a curve.
#pragma once

#include <support/random.h>

#include <cold/curve_order.h>
#include <cold/zone_map.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace zverse::test {

/// Draws numbers below a count, evenly or as Zipf says with the exponent 0.99 (the YCSB's).
class KeyDraw {
public:
    KeyDraw(std::size_t count, bool zipf) : count_(count) {
        if (!zipf) return;
        double sum = 0;
        for (std::size_t i = 1; i <= count; ++i) sums_.push_back(sum += std::pow(static_cast<double>(i), -0.99));
    }
    [[nodiscard]] std::size_t draw(Random& random) const {
        if (sums_.empty()) return random.below(count_);
        const double at = static_cast<double>(random.next() >> 11) * 0x1p-53 * sums_.back();
        return static_cast<std::size_t>(std::ranges::upper_bound(sums_, at) - sums_.begin());
    }

private:
    std::size_t count_;
    std::vector<double> sums_;
};

class Stripe {
public:
    /// `writes` versions of random keys; the newest of each key is not part of the history.
    Stripe(Random& random, std::size_t writes, std::size_t keys, bool zipf, std::string_view value = {})
        : upto(writes), keys_(keys) {
        const KeyDraw draw(keys, zipf);
        std::vector<std::vector<Version>> versions(keys);
        for (Version version = 1; version <= writes; ++version) versions[draw.draw(random)].push_back(version);
        std::vector<std::size_t> order;
        for (std::size_t i = 0; i < keys; ++i) {
            // Hot keys lie anywhere.
            keys_[i] = Random(i).bytes(16);
            if (versions[i].size() > 1) order.push_back(i);
        }
        std::ranges::sort(order, {}, [this](std::size_t i) { return std::string_view(keys_[i]); });
        for (const std::size_t i : order) {
            starts.push_back(by_key.size());
            for (std::size_t at = versions[i].size() - 1; at-- > 0;) {
                by_key.push_back({keys_[i], value, versions[i][at], versions[i][at + 1], false});
            }
        }
    }

    Version upto;
    std::vector<cold::Record> by_key;
    std::vector<std::size_t> starts;  ///< first record of each key

    [[nodiscard]] std::size_t end_of(std::size_t key) const {
        return key + 1 == starts.size() ? by_key.size() : starts[key + 1];
    }

private:
    std::vector<std::string> keys_;
};

/// The blocks of a stripe along a curve, `records_each` in each: their zone map, and where each record is.
class StripeBlocks {
public:
    StripeBlocks(const Stripe& stripe, const cold::Curve& curve, std::size_t records_each)
        : block_of_(stripe.by_key.size()) {
        const cold::CurveGrid grid(curve, 0, stripe.upto, cold::even_columns(stripe.by_key, curve));
        const auto order = cold::curve_order(stripe.by_key, grid, platform::kernels_for(platform::best_kernel_level()));
        std::size_t noted = 0;
        for (std::size_t at = 0; at < order.records.size(); ++at) {
            if (noted == records_each || (noted > 0 && std::ranges::binary_search(order.leaps, at))) {
                builder_.end_block(static_cast<std::uint32_t>(builder_.blocks()), 1);
                noted = 0;
            }
            builder_.note(stripe.by_key[order.records[at]]);
            block_of_[order.records[at]] = builder_.blocks();
            ++noted;
        }
        builder_.end_block(static_cast<std::uint32_t>(builder_.blocks()), 1);
        blocks_ = builder_.blocks();
        zones_ = builder_.build();
    }

    [[nodiscard]] std::size_t blocks() const noexcept { return blocks_; }
    [[nodiscard]] std::size_t count(const cold::Box& box) const {
        const cold::ZoneMap map(zones_, blocks_, builder_.keys().bytes());
        std::size_t count = 0;
        for (std::size_t at = map.next(0, box); at < blocks_; at = map.next(at + 1, box)) ++count;
        return count;
    }
    /// That hold one of records [begin, end) with a version in (after, upto].
    [[nodiscard]] std::size_t count(const Stripe& stripe, std::size_t begin, std::size_t end, Version after,
                                    Version upto) const {
        std::vector<std::size_t> found;
        for (std::size_t i = begin; i < end; ++i) {
            const Version version = stripe.by_key[i].version;
            if (version > after && version <= upto) found.push_back(block_of_[i]);
        }
        std::ranges::sort(found);
        return found.size() - std::ranges::unique(found).size();
    }

private:
    mutable cold::ZoneMapBuilder builder_;
    std::vector<cold::Zone> zones_;
    std::vector<std::size_t> block_of_;
    std::size_t blocks_ = 0;
};

}  // namespace zverse::test
