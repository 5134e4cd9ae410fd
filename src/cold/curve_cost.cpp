#include <cold/curve_cost.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace zverse::cold {

KeyProfile profile_of(std::span<const Record> by_key) {
    KeyProfile profile;
    for (std::size_t begin = 0, end = 0; begin < by_key.size(); begin = end) {
        while (end < by_key.size() && by_key[end].key == by_key[begin].key) ++end;
        const std::size_t versions = end - begin;
        KeyProfile::Group& group =
            profile.groups[std::min<std::size_t>(std::bit_width(versions) - 1, profile.groups.size() - 1)];
        group.keys += 1;
        group.records += static_cast<double>(versions);
        profile.keys += 1;
        profile.records += static_cast<double>(versions);
    }
    return profile;
}

namespace {

/// What the formulas of curve_cost.h are about.
struct Component {
    const Curve& curve;
    const KeyProfile& profile;
    double blocks;
    double columns, rows;  ///< C, R

    /// Of all records that one key of the group has.
    [[nodiscard]] double share(const KeyProfile::Group& group) const noexcept {
        return group.records / group.keys / profile.records;
    }
    [[nodiscard]] bool heavy(const KeyProfile::Group& group) const noexcept {
        return group.keys > 0 && share(group) * columns > 1;
    }
};

double norm(const Component& of, double wx, double wy) noexcept {
    const std::uint64_t versions = of.curve.version_mask();
    const auto part = [&](double ex, double ey) {
        return std::min(1.0, wx + ex / of.columns) * std::min(1.0, wy + ey / of.rows);
    };
    double sum = 0, pr = 1, columns_below = 1, rows_below = 1;  // 2^kx, 2^ky
    for (unsigned j = 0; j < of.curve.bits(); ++j) {
        pr /= 2;
        const bool is_version = (versions >> j & 1) != 0;
        if (of.curve.leaps(0, std::uint64_t{1} << j)) {
            sum += pr * part(1, 1);
        } else {
            sum += pr * (is_version ? part(columns_below, 2) : part(1, rows_below));
        }
        (is_version ? rows_below : columns_below) *= 2;
    }
    return sum + pr * part(1, 1);
}

double blocks_of_box(const Component& of, double wx, double wy) noexcept {
    double heavy_blocks = 0, heavy_share = 0;
    for (const KeyProfile::Group& group : of.profile.groups) {
        if (!of.heavy(group)) continue;
        const double columns = of.share(group) * of.columns;
        heavy_share += group.records / of.profile.records;
        heavy_blocks += group.keys * of.rows *
                        ((columns - 1) * std::min(1.0, wy + 1 / (of.rows * columns)) + std::min(1.0, wy + 1 / of.rows));
    }
    return (1 - heavy_share) * of.blocks * norm(of, wx, wy) + wx * heavy_blocks;
}

/// How far below a version, which is anywhere, blocks still hold what was alive then.
double depth_alive(const Component& of) noexcept {
    constexpr int kSteps = 64;
    const double block_records = of.profile.records / of.blocks;
    double depth = 0;
    for (int step = 0; step < kSteps; ++step) {
        const double t = (step + 0.5) / kSteps;
        double alive = 0;
        for (const KeyProfile::Group& group : of.profile.groups) {
            if (group.keys > 0) alive += group.records / of.profile.records * std::exp(-group.records / group.keys * t);
        }
        depth += (1 - t) * (1 - std::exp(-block_records * alive)) / kSteps;
    }
    return depth;
}

double blocks_of_history(const Component& of, double wy) noexcept {
    double sum = 0;
    for (const KeyProfile::Group& group : of.profile.groups) {
        if (group.keys == 0) continue;
        const double share = of.share(group);
        const double rows = of.rows * wy + (wy < 1 ? 1 : 0);
        const double lines = of.heavy(group) ? share * of.blocks * wy + 1 : rows * (1 + share * of.columns);
        const double versions = group.records / group.keys * wy;
        sum += group.keys * std::max(1.0, lines * (1 - std::exp(-versions / lines)));
    }
    return sum / of.profile.keys;
}

}  // namespace

double expected_blocks(const Curve& curve, const KeyProfile& profile, double blocks, const CurveBox& box) noexcept {
    const Component of{curve, profile, blocks, static_cast<double>(curve.columns()), static_cast<double>(curve.rows())};
    double expected = 0;
    switch (box.kind) {
        case QueryKind::history: expected = blocks_of_history(of, box.versions); break;
        case QueryKind::as_of: expected = blocks_of_box(of, box.keys, depth_alive(of)); break;
        case QueryKind::changes: expected = blocks_of_box(of, box.keys, box.versions); break;
    }
    return std::clamp(expected, 0.0, blocks);
}

}  // namespace zverse::cold
