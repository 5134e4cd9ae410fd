#include <tools/recover/damaged_store.h>

#include <cold/segment_salvage.h>
#include <cold/slab_writer.h>
#include <engine/creation.h>
#include <tools/common/result.h>
#include <tools/recover/damage.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

namespace zverse::tools {

namespace {

namespace fs = std::filesystem;

/// The number in "000000000012.zseg".
std::optional<std::uint64_t> segment_of(const std::string& name) {
    constexpr std::string_view kSuffix = ".zseg";
    if (!name.ends_with(kSuffix)) return std::nullopt;
    std::uint64_t id = 0;
    const char* const end = name.data() + name.size() - kSuffix.size();
    const auto parsed = std::from_chars(name.data(), end, id);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return id;
}

/// Stretches of keys, joined where they touch.
std::vector<KeyStretch> joined(std::vector<KeyStretch> all) {
    std::ranges::sort(all, {}, &KeyStretch::begin);
    std::vector<KeyStretch> apart;
    for (KeyStretch& each : all) {
        if (apart.empty() || (apart.back().end && *apart.back().end < each.begin)) {
            apart.push_back(std::move(each));
        } else if (apart.back().end && (!each.end || *each.end > *apart.back().end)) {
            apart.back().end = std::move(each.end);
        }
    }
    return apart;
}

}  // namespace

bool DamagedComponent::answers_for(std::string_view key) const noexcept {
    if (key < begin) return false;
    const auto behind = std::ranges::upper_bound(replaced, key, {}, &KeyStretch::begin);
    return behind == replaced.begin() || !(behind - 1)->holds(key);
}

fs::path DamagedStore::ring(unsigned shard) const {
    return engine::ring_path(request_.source, request_.hot_paths.empty() ? fields_->hot_paths : request_.hot_paths,
                             shard);
}

Result<void> DamagedStore::read_superblock() {
    const fs::path path = request_.source / engine::kSuperblockName;
    auto superblock = engine::Superblock::open(io_, path, platform::OpenMode::read);
    if (superblock) {
        fields_ = superblock->fields();
        identity_ = StoreIdentity{fields_->store[0], fields_->store[1]};
        return {};
    }
    if (!is_damage(superblock.error())) return pass_on(superblock);
    identity_ = identity_of_segments(io_, request_.source / "cold");
    if (identity_) return {};
    const auto there = io_.exists(path);
    if (there && *there) return pass_on(superblock);
    return fail(ErrorCode::not_found, "no store in " + request_.source.string());
}

/// One that lacks edits is none: it would bring back what was replaced.
Result<void> DamagedStore::read_catalog() {
    const std::uint64_t store[2] = {(*identity_)[0], (*identity_)[1]};
    auto manifest = cold::Manifest::open(io_, request_.source, store);
    if (!manifest) {
        if (!is_damage(manifest.error())) return pass_on(manifest);
        return {};
    }
    const cold::ManifestState& state = manifest->state();
    const Version settled = fields_ ? fields_->settled : 0;
    auto files = list_segments();
    if (!files) return pass_on(files);
    // A directory without a manifest has an empty state.
    const bool missing = state == cold::ManifestState{} && (!files->empty() || !fields_);
    if (missing || state.cut < settled) return {};
    // Without the superblock nothing else tells that edits are lost at its end.
    auto whole = fields_ ? Result<bool>(true) : names_all_settled(state, *files);
    if (!whole) return pass_on(whole);
    if (*whole) catalog_ = state;
    return {};
}

/// Whether no segment holds versions above the state's cut.
Result<bool> DamagedStore::names_all_settled(const cold::ManifestState& state,
                                             const std::vector<SegmentFile>& files) const {
    const std::uint64_t store[2] = {(*identity_)[0], (*identity_)[1]};
    for (const SegmentFile& file : files) {
        auto segment = cold::SegmentSalvage::open(io_, file.path, store, file.id);
        if (!segment && !is_damage(segment.error())) return pass_on(segment);
        if (segment && segment->header().slab_upto > state.cut) return false;
    }
    return true;
}

Result<std::vector<SegmentFile>> DamagedStore::list_segments() const {
    const fs::path directory = request_.source / "cold";
    const auto names = io_.list(directory);
    std::vector<SegmentFile> files;
    if (!names && is_damage(names.error())) return files;
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names) {
        if (const auto id = segment_of(name)) files.push_back({*id, directory / name});
    }
    return files;
}

void DamagedStore::take_named() {
    for (const auto& [id, state] : catalog_->components) {
        DamagedComponent component;
        component.id = id;
        component.begin = state.begin;
        for (const std::uint64_t segment : state.segments) {
            component.parts.push_back({segment, cold::segment_path(request_.source / "cold", segment)});
        }
        components_.push_back(std::move(component));
    }
    settled_ = catalog_->cut;
}

/// Files that the catalog does not name: their records may stand in for lost ones.
Result<void> DamagedStore::take_unnamed() {
    std::set<std::uint64_t> named;
    for (const DamagedComponent& component : components_) {
        for (const SegmentFile& part : component.parts) named.insert(part.id);
    }
    auto files = list_segments();
    if (!files) return pass_on(files);
    for (SegmentFile& file : *files) {
        if (named.contains(file.id)) continue;
        DamagedComponent alone;
        alone.counts = false;
        alone.parts.push_back(std::move(file));
        components_.push_back(std::move(alone));
    }
    return {};
}

/// Without a catalog the headers say what belongs together.
Result<void> DamagedStore::take_all() {
    auto files = list_segments();
    if (!files) return pass_on(files);
    const std::uint64_t store[2] = {(*identity_)[0], (*identity_)[1]};
    struct Part {
        std::uint32_t number;
        SegmentFile file;
    };
    std::map<std::uint64_t, std::vector<Part>> parts;
    std::map<std::uint64_t, std::vector<KeyStretch>> replaced;
    settled_ = fields_ ? fields_->settled : 0;
    std::vector<DamagedComponent> unreadable;
    for (SegmentFile& file : *files) {
        auto segment = cold::SegmentSalvage::open(io_, file.path, store, file.id);
        if (!segment) {
            if (!is_damage(segment.error())) return pass_on(segment);
            unreadable.emplace_back().parts.push_back(std::move(file));
            continue;
        }
        const cold::SegmentHeader& header = segment->header();
        const bool live = header.kind == cold::SegmentKind::live;
        if (live && header.last_part != 0) settled_ = std::max(settled_, header.slab_upto);
        // Of what has replaced others for keys that can't be read, it is any.
        const bool range_known = segment->range_begin() && (header.last_part != 0 || segment->range_end());
        const KeyStretch range = range_known ? KeyStretch{*segment->range_begin(), segment->range_end()} : KeyStretch{};
        for (std::uint32_t i = 0; i < header.replaced_count; ++i) replaced[header.replaced[i]].push_back(range);
        parts[header.component].push_back({header.part, std::move(file)});
    }
    for (auto& [id, list] : parts) {
        std::ranges::sort(list, {}, &Part::number);
        DamagedComponent component;
        component.id = id;
        component.replaced = joined(std::move(replaced[id]));
        for (Part& part : list) component.parts.push_back(std::move(part.file));
        components_.push_back(std::move(component));
    }
    std::ranges::move(unreadable, std::back_inserter(components_));
    return {};
}

Result<DamagedStore> DamagedStore::look_at(platform::FileIo& io, const RecoverRequest& request) {
    DamagedStore store(io, request);
    if (auto read = store.read_superblock(); !read) return pass_on(read);
    if (auto read = store.read_catalog(); !read) return pass_on(read);
    if (!store.catalog_) {
        if (auto taken = store.take_all(); !taken) return pass_on(taken);
        return store;
    }
    store.take_named();
    if (auto taken = store.take_unnamed(); !taken) return pass_on(taken);
    return store;
}

}  // namespace zverse::tools
