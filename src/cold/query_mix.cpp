// Orders: see query_mix.h.
#include <cold/query_mix.h>
#include <platform/topology.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace zverse::cold {

namespace {

/// The power of two next to it.
std::size_t width_of(std::uint64_t count, std::size_t widths) noexcept {
    const double power = std::round(std::log2(static_cast<double>(std::max<std::uint64_t>(count, 1))));
    return std::min(static_cast<std::size_t>(power), widths - 1);
}

}  // namespace

double QueryMix::queries() const noexcept {
    double sum = 0;
    for (const QueryClass& each : classes) sum += each.weight;
    return sum;
}

double QueryMix::queries(QueryKind kind) const noexcept {
    double sum = 0;
    for (const QueryClass& each : classes) sum += each.kind == kind ? each.weight : 0;
    return sum;
}

void QueryCounts::add(std::size_t cell) noexcept {
    // relaxed: see query_mix.h.
    shards_[platform::current_cpu() % kShards].cells[cell].fetch_add(1, std::memory_order_relaxed);
}

void QueryCounts::note_history(std::uint64_t versions) noexcept { add(width_of(versions, kWidths)); }

void QueryCounts::note_as_of(std::uint64_t keys) noexcept { add(kWidths + width_of(keys, kWidths)); }

void QueryCounts::note_changes(std::uint64_t versions, double share) noexcept {
    // Shares by powers of four.
    const double power = share > 0 ? std::round(-std::log2(std::min(share, 1.0)) / 2) : kShares;
    const std::size_t narrow = std::min(static_cast<std::size_t>(power), kShares - 1);
    add((2 + narrow) * kWidths + width_of(versions, kWidths));
}

QueryClass QueryCounts::class_of(std::size_t cell) noexcept {
    const double width = std::exp2(static_cast<double>(cell % kWidths));
    if (cell < kWidths) return {.kind = QueryKind::history, .versions = width};
    if (cell < 2 * kWidths) return {.kind = QueryKind::as_of, .keys = width};
    const auto narrow = static_cast<double>(cell / kWidths - 2);
    return {.kind = QueryKind::changes, .versions = width, .share = std::exp2(-2 * narrow)};
}

QueryMix QueryCounts::look() const {
    QueryMix mix;
    for (std::size_t cell = 0; cell < kCells; ++cell) {
        std::uint64_t count = 0;
        // relaxed: see query_mix.h.
        for (const Shard& shard : shards_) count += shard.cells[cell].load(std::memory_order_relaxed);
        if (count == 0) continue;
        QueryClass each = class_of(cell);
        each.weight = static_cast<double>(count);
        mix.classes.push_back(each);
    }
    std::ranges::stable_sort(mix.classes, std::ranges::greater(), &QueryClass::weight);
    return mix;
}

QueryMix QueryCounts::mix() {
    const std::scoped_lock lock(fading_);
    QueryMix mix = look();
    const auto queries = static_cast<std::uint64_t>(mix.queries());
    const auto halvings = std::bit_width(queries / kRemembered);
    if (halvings == 0) return mix;
    for (Shard& shard : shards_) {
        for (auto& cell : shard.cells) {
            // relaxed, both: see query_mix.h. Others only add, so it stays at or above 0.
            const std::uint64_t count = cell.load(std::memory_order_relaxed);
            if (count != 0) cell.fetch_sub(count - (count >> halvings), std::memory_order_relaxed);
        }
    }
    return mix;
}

}  // namespace zverse::cold
