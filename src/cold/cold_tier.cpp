#include <cold/cold_tier.h>
#include <cold/segment_checksum.h>
#include <cold/spill_space.h>
#include <platform/answer.h>
#include <platform/probes.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>

namespace zverse::cold {

Result<std::shared_ptr<Segment>> ColdTier::open_segment(std::uint64_t segment) const {
    return Segment::open(io_, segment_path(directory(), segment), uuid_, segment, cache_, reads_);
}

/// Parts are of their component, and follow each other in keys.
Result<void> ColdTier::check_part(std::uint64_t component, const Segment& part) const {
    const auto found = components_.parts.find(component);
    const Segment* before = found == components_.parts.end() || found->second.segments.empty()
                                ? nullptr
                                : found->second.segments.back().get();
    if (is_next_part(component, before, part)) return {};
    return std::unexpected(part.damaged(0, "it does not follow the other parts of its component"));
}

/// What no edits of ours make, whatever their checksums say.
Result<void> ColdTier::check_manifest() const {
    const auto refuse = [this](const std::string& what) {
        return std::unexpected(Error(ErrorCode::corrupt, "the manifest of " + store_.string() + " has " + what));
    };
    const ManifestState& state = manifest_.state();
    if (state.floor > state.cut) {
        return refuse("floor " + std::to_string(state.floor) + " above what has settled, version " +
                      std::to_string(state.cut));
    }
    return {};
}

Result<void> ColdTier::missing_segment(std::uint64_t segment) const {
    return std::unexpected(Error(ErrorCode::corrupt, "segment file " + segment_path(directory(), segment).string() +
                                                         ", which the manifest names, is missing"));
}

Result<void> ColdTier::open_components() {
    if (auto good = check_manifest(); !good) return good;
    for (const auto& [id, state] : manifest_.state().components) {
        if (state.segments.empty()) {
            return std::unexpected(manifest_.damaged("component " + std::to_string(id) + " has no segments"));
        }
        components_.parts[id].begin = state.begin;
        for (const std::uint64_t segment : state.segments) {
            auto part = open_segment(segment);
            if (!part && part.error().os_errno() == ENOENT) return missing_segment(segment);
            if (!part) return std::unexpected(std::move(part.error()));
            if (auto good = check_part(id, **part); !good) return good;
            components_.parts[id].segments.push_back(std::move(*part));
        }
    }
    // relaxed: nobody else has it yet.
    ids_.store(manifest_.state().ids, std::memory_order_relaxed);
    tree_ = components_.tree(segment_seed(uuid_, 0));
    state_ = manifest_.shared_state();
    return {};
}

Result<std::unique_ptr<ColdTier>> ColdTier::open(platform::FileIo& io, const std::filesystem::path& store,
                                                 const std::uint64_t (&uuid)[2], std::uint64_t cache_bytes,
                                                 SegmentReads reads) {
    auto manifest = Manifest::open(io, store, uuid);
    if (!manifest) return std::unexpected(std::move(manifest.error()));
    std::unique_ptr<ColdTier> tier(new ColdTier(io, store, uuid, std::move(*manifest), cache_bytes, reads));
    if (auto opened = tier->open_components(); !opened) return std::unexpected(std::move(opened.error()));
    return tier;
}

Result<void> ColdTier::start_writing() {
    if (auto started = manifest_.start_writing(); !started) return started;
    state_ = manifest_.shared_state();
    return remove_leftovers();
}

Result<void> ColdTier::remove_leftovers() {
    std::set<std::string> named;
    for (const auto& [id, state] : manifest_.state().components) {
        for (const std::uint64_t segment : state.segments) {
            named.insert(segment_path(directory(), segment).filename().string());
        }
    }
    auto names = io_.list(directory());
    if (!names) return std::unexpected(std::move(names.error()));
    for (const std::string& name : *names) {
        const bool ours = name.find(".zseg") != std::string::npos || name.ends_with(kSpillSuffix);
        if (named.contains(name) || !ours) continue;
        if (auto removed = io_.remove(directory() / name); !removed) return removed;
    }
    no_leftovers_ = true;
    return {};
}

void ColdTier::audit_manifest(platform::Audit& audit) {
    {
        const std::scoped_lock lock(change_mutex_);
        manifest_.audit(audit);
    }
    if (!no_leftovers_) return;
    auto names = io_.list(directory());
    if (!names) {
        audit.find(names.error(), directory(), 0);
        return;
    }
    // relaxed: the files were listed before, and their ids drawn before that.
    const std::uint64_t ids = ids_.load(std::memory_order_relaxed);
    for (const std::string& name : *names) {
        const std::size_t digits = name.find(".zseg");
        if (digits == std::string::npos) continue;
        std::uint64_t id = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + digits, id);
        const bool numbered = error == std::errc{} && end == name.data() + digits;
        if (numbered && id <= ids) continue;  // in the tree, or left by a merge, or in the making
        audit.find(platform::codes::kSegmentStray, directory() / name, 0,
                   "a segment that this store never wrote: its ids go to " + std::to_string(ids));
    }
}

std::size_t ColdTier::Parts::below(const std::optional<std::string>& key) const noexcept {
    if (!key) return segments.size();
    const auto first = std::ranges::find_if(segments, [&](const auto& each) { return each->last_key() >= *key; });
    return static_cast<std::size_t>(first - segments.begin());
}

Result<Edit> ColdTier::edit_of(const TreeChange& change, const std::vector<std::shared_ptr<Segment>>& opened) const {
    Edit edit = change.others;
    // relaxed: ids of this change were drawn before.
    edit.set_ids(ids_.load(std::memory_order_relaxed));
    for (const auto& segment : opened) edit.add_segment(segment->header().component, segment->header().segment);
    for (const auto& [id, begin] : change.begins) {
        const auto found = components_.parts.find(id);
        if (found == components_.parts.end()) {
            return std::unexpected(Error(ErrorCode::not_found, "component " + std::to_string(id) + " is gone"));
        }
        const auto& segments = found->second.segments;
        const std::size_t released = found->second.below(begin);
        if (released == segments.size()) {
            edit.remove_component(id);
            continue;
        }
        for (std::size_t i = 0; i < released; ++i) edit.remove_segment(id, segments[i]->header().segment);
        edit.set_begin(id, *begin);
    }
    if (change.cut) edit.set_cut(*change.cut);
    if (change.floor) edit.set_floor(*change.floor);
    return edit;
}

ColdTier::Removed ColdTier::Components::apply(const TreeChange& change,
                                              const std::vector<std::shared_ptr<Segment>>& opened) {
    Removed removed;
    for (const auto& segment : opened) {
        const std::uint64_t id = segment->header().component;
        parts[id].segments.push_back(segment);
        shown.erase(id);
    }
    for (const auto& [id, begin] : change.begins) {
        Parts& each = parts[id];
        shown.erase(id);
        const auto first = each.segments.begin();
        const auto end = first + static_cast<std::ptrdiff_t>(each.below(begin));
        removed.insert(removed.end(), first, end);
        each.segments.erase(first, end);
        if (each.segments.empty()) {
            parts.erase(id);
        } else {
            each.begin = *begin;
        }
    }
    return removed;
}

std::shared_ptr<const Tree> ColdTier::Components::tree(std::uint64_t hash_seed) {
    Tree::Components all;
    for (const auto& [id, each] : parts) {
        std::shared_ptr<const Component>& component = shown[id];
        if (component == nullptr) {
            component = std::make_shared<const Component>(Component::Parts(each.segments.begin(), each.segments.end()),
                                                          each.begin);
        }
        all.push_back(component);
    }
    return std::make_shared<const Tree>(std::move(all), hash_seed);
}

/// What can't be removed is, when the store is opened again.
void ColdTier::remove_segments(const std::vector<std::uint64_t>& segments) const noexcept {
    (void)platform::answer("removing segments", [&]() -> Result<void> {
        for (const std::uint64_t id : segments) (void)io_.remove(segment_path(directory(), id));
        return {};
    });
}

Result<void> ColdTier::commit(const TreeChange& change) {
    const std::scoped_lock one_at_a_time(change_mutex_);
    doubtful_.reserve(doubtful_.size() + change.segments.size());
    bool appending = false;
    auto done = commit(change, appending);
    if (done) {
        remove_segments(doubtful_);
        doubtful_.clear();
    } else if (appending) {
        doubtful_.insert(doubtful_.end(), change.segments.begin(), change.segments.end());
    } else if (done.error().code() != ErrorCode::not_found) {
        remove_segments(change.segments);
    }
    return done;
}

/// `appending`: whether the edit may be on the medium.
Result<void> ColdTier::commit(const TreeChange& change, bool& appending) {
    std::vector<std::shared_ptr<Segment>> opened;
    for (const std::uint64_t id : change.segments) {
        auto segment = open_segment(id);
        if (!segment) return std::unexpected(std::move(segment.error()));
        if (auto good = check_part((*segment)->header().component, **segment); !good) return good;
        opened.push_back(std::move(*segment));
    }
    auto edit = edit_of(change, opened);
    if (!edit) return std::unexpected(std::move(edit.error()));
    // All that needs memory comes before the edit counts.
    Components next = components_;
    const Removed removed = next.apply(change, opened);
    std::shared_ptr<const Tree> tree = next.tree(segment_seed(uuid_, 0));
    appending = true;
    if (auto appended = manifest_.append(*edit); !appended) return appended;
    std::swap(components_, next);
    for (const auto& segment : removed) segment->remove_when_unused(remover_);
    for (const auto& segment : opened) {
        ZVERSE_PROBE2(segment__publish, segment->header().segment, segment->header().file_bytes);
    }
    const std::scoped_lock lock(shown_mutex_);
    tree_.swap(tree);
    state_ = manifest_.shared_state();
    return {};
}

}  // namespace zverse::cold
