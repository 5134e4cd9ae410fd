#include <tools/recover/lost_keys.h>

#include <algorithm>
#include <utility>

namespace zverse::tools {

namespace {

/// Nothing is behind everything.
bool is_behind(const std::optional<std::string>& a, const std::optional<std::string>& b) noexcept {
    if (!a || !b) return !a && b;
    return *a > *b;
}

}  // namespace

LostKeys::LostKeys(const std::vector<Loss>& losses) {
    pieces_.reserve(losses.size());
    for (const Loss& loss : losses) pieces_.push_back({&loss.piece, loss.newest, nullptr});
    std::ranges::sort(pieces_, {}, [](const Piece& piece) -> const std::string& { return piece.lost->keys.first; });
    const std::optional<std::string>* last = nullptr;
    for (Piece& piece : pieces_) {
        if (last == nullptr || is_behind(piece.lost->keys.last, *last)) last = &piece.lost->keys.last;
        piece.last_so_far = last;
    }
}

/// visit(piece) of each that holds the key; it returns false to end.
template <class Visit>
void LostKeys::for_each(std::string_view key, const Visit& visit) const noexcept {
    auto at = std::ranges::upper_bound(pieces_, key, {},
                                       [](const Piece& piece) -> std::string_view { return piece.lost->keys.first; });
    while (at != pieces_.begin()) {
        --at;
        if (*at->last_so_far && **at->last_so_far < key) return;
        if (at->lost->keys.holds(key) && !visit(*at)) return;
    }
}

bool LostKeys::hold(std::string_view key, Version version) const noexcept {
    bool held = false;
    for_each(key, [&](const Piece& piece) {
        held = version >= piece.lost->version_min && version <= piece.lost->version_max;
        return !held;
    });
    return held;
}

Version LostKeys::newest(std::string_view key) const noexcept {
    Version newest = 0;
    for_each(key, [&](const Piece& piece) {
        if (piece.newest) newest = std::max(newest, piece.lost->version_max);
        return true;
    });
    return newest;
}

std::vector<UncertainStretch> uncertain_stretches(const std::vector<Loss>& losses) {
    std::vector<UncertainStretch> all;
    for (const Loss& loss : losses) {
        if (!loss.newest) continue;
        all.push_back({loss.piece.keys.first, loss.piece.keys.last});
    }
    std::ranges::sort(all, {}, &UncertainStretch::first);
    std::vector<UncertainStretch> apart;
    for (UncertainStretch& each : all) {
        if (apart.empty() || (apart.back().last && *apart.back().last < each.first)) {
            apart.push_back(std::move(each));
            continue;
        }
        UncertainStretch& before = apart.back();
        if (is_behind(each.last, before.last)) before.last = std::move(each.last);
    }
    return apart;
}

}  // namespace zverse::tools
