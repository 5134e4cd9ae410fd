#include <support/model_store.h>

#include <algorithm>
#include <ranges>

namespace zverse::test {

namespace {

/// All of the map, or the part that a KeyRange bounds.
template <class Map>
auto part_of(const Map& map, const KeyRange& range) {
    const auto begin = map.lower_bound(range.begin);
    const auto end = range.end.empty() ? map.end() : map.lower_bound(range.end);
    return std::ranges::subrange(begin, end);
}

/// The records of a map by version in (after, upto].
template <class Map>
auto part_of(const Map& map, VersionRange versions) {
    const auto begin = map.upper_bound(versions.after);
    const auto end = versions.upto <= versions.after ? begin : map.upper_bound(versions.upto);
    return std::ranges::subrange(begin, end);
}

ModelEntry entry_of(const std::string& key, Version version, const std::optional<std::string>& value) {
    return {key, value.has_value() ? std::string_view(*value) : std::string_view(), version, !value.has_value()};
}

std::string abbreviated(std::string_view bytes) {
    constexpr std::size_t kShown = 24;
    std::string text;
    for (const char byte : bytes.substr(0, kShown)) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        const auto code = static_cast<unsigned char>(byte);
        if (code >= 0x20 && code < 0x7f) {
            text += byte;
        } else {
            text += {'\\', kDigits[code >> 4], kDigits[code & 15]};
        }
    }
    return text + (bytes.size() > kShown ? "... (" + std::to_string(bytes.size()) + " bytes)" : "");
}

}  // namespace

bool equal(const Entry& left, const Entry& right) {
    return left.version == right.version && left.tombstone == right.tombstone && left.key == right.key &&
           left.value == right.value;
}

std::string describe(const Entry& entry) {
    return "'" + abbreviated(entry.key) + "' @" + std::to_string(entry.version) +
           (entry.tombstone ? " erased" : " = '" + abbreviated(entry.value) + "'");
}

void ModelStore::commit(Version version, const std::vector<Change>& changes) {
    std::vector<std::string>& keys = commits_[version];
    for (const Change& change : changes) {
        const auto [at, inserted] = keys_[change.key].insert_or_assign(version, change.value);
        if (!inserted) continue;
        ++records_;
        keys.push_back(change.key);
    }
    std::ranges::sort(keys);
}

ModelStore::Found ModelStore::find(std::string_view key, Version as_of) const {
    const auto records = keys_.find(key);
    if (records == keys_.end()) return {};
    const auto above = records->second.upper_bound(as_of);
    if (above == records->second.begin()) return {};
    const auto& [version, value] = *std::prev(above);
    return {value, version};
}

bool ModelStore::matches(std::string_view key, Version expected) const {
    const Found found = find(key);
    return expected == (found.value.has_value() ? found.version : 0);
}

std::vector<ModelEntry> ModelStore::scan(const KeyRange& range, Version as_of, bool reverse) const {
    std::vector<ModelEntry> entries;
    for (const auto& [key, records] : part_of(keys_, range)) {
        const auto above = records.upper_bound(as_of);
        if (above == records.begin()) continue;
        const auto& [version, value] = *std::prev(above);
        if (value.has_value()) entries.push_back(entry_of(key, version, value));
    }
    if (reverse) std::ranges::reverse(entries);
    return entries;
}

std::vector<ModelEntry> ModelStore::history(std::string_view key, VersionRange versions, bool reverse) const {
    std::vector<ModelEntry> entries;
    const auto records = keys_.find(key);
    if (records == keys_.end()) return entries;
    for (const auto& [version, value] : part_of(records->second, versions)) {
        entries.push_back(entry_of(records->first, version, value));
    }
    if (!reverse) std::ranges::reverse(entries);
    return entries;
}

std::vector<ModelEntry> ModelStore::changes(VersionRange versions, const KeyRange& range, bool reverse) const {
    std::vector<ModelEntry> entries;
    for (const auto& [version, keys] : part_of(commits_, versions)) {
        for (const std::string& key : keys) {
            if (!contains(range, key)) continue;
            entries.push_back(entry_of(key, version, keys_.find(key)->second.find(version)->second));
        }
    }
    if (reverse) std::ranges::reverse(entries);
    return entries;
}

void ModelStore::forget(Version version, const std::vector<std::string>& keys) {
    for (const std::string& key : keys) {
        const auto records = keys_.find(key);
        records->second.erase(version);
        if (records->second.empty()) keys_.erase(records);
        --records_;
    }
}

void ModelStore::drain(Version upto) {
    const auto end = commits_.upper_bound(upto);
    for (auto commit = commits_.begin(); commit != end; commit = commits_.erase(commit)) {
        forget(commit->first, commit->second);
    }
}

Version ModelStore::cut_off_above(Version last) {
    const auto begin = commits_.upper_bound(last);
    const Version oldest = begin == commits_.end() ? 0 : begin->first;
    for (auto commit = begin; commit != commits_.end(); commit = commits_.erase(commit)) {
        forget(commit->first, commit->second);
    }
    return oldest;
}

Version ModelStore::newest_version() const { return commits_.empty() ? 0 : commits_.rbegin()->first; }

bool contains(const KeyRange& range, std::string_view key) {
    return key >= range.begin && (range.end.empty() || key < range.end);
}

std::vector<ModelEntry> limited(std::vector<ModelEntry> entries, const ScanOptions& options) {
    if (options.limit != 0 && entries.size() > options.limit) entries.resize(options.limit);
    if (options.keys_only) {
        for (ModelEntry& entry : entries) entry.value = {};
    }
    return entries;
}

const ModelEntry* ModelCursor::take() {
    if (options_.limit != 0 && taken_ == options_.limit) return nullptr;
    if (next_ >= entries_.size()) return nullptr;
    ++taken_;
    ModelEntry& entry = entries_[next_++];
    if (options_.keys_only) entry.value = {};
    return &entry;
}

const ModelEntry* ModelCursor::next() { return take(); }

const ModelEntry* ModelCursor::seek(std::string_view key) {
    const auto wanted = [&](const ModelEntry& entry) { return options_.reverse ? entry.key <= key : entry.key >= key; };
    next_ = static_cast<std::size_t>(std::ranges::find_if(entries_, wanted) - entries_.begin());
    return take();
}

}  // namespace zverse::test
