#include <support/sim_file_io.h>
#include <support/sim_inode.h>

#include <algorithm>

namespace zverse::test {

namespace {
constexpr std::uint64_t kSector = SimFileIo::kSectorBytes;
}

std::size_t SimInode::read(std::span<std::byte> data, std::uint64_t offset) const {
    if (offset >= live_.size()) return 0;
    const std::size_t count = std::min<std::uint64_t>(data.size(), live_.size() - offset);
    std::copy_n(live_.begin() + static_cast<std::ptrdiff_t>(offset), count, data.begin());
    return count;
}

std::uint64_t SimInode::put(std::span<const std::byte> data, std::uint64_t offset) {
    const std::uint64_t end = offset + data.size();
    if (end > live_.size()) {
        live_.resize(end);
        note_size();
    }
    std::ranges::copy(data, live_.begin() + static_cast<std::ptrdiff_t>(offset));
    return end;
}

void SimInode::write(std::span<const std::byte> data, std::uint64_t offset) {
    if (!data.empty()) touch(offset, put(data, offset), true);
}

void SimInode::begin_write(std::span<const std::byte> data, std::uint64_t offset) {
    if (!data.empty()) touch(offset, put(data, offset), false);
}

void SimInode::end_write(std::size_t bytes, std::uint64_t offset) {
    for (std::uint64_t index = offset / kSector; index * kSector < offset + bytes; ++index) {
        if (const auto found = pending_.find(index); found != pending_.end()) found->second.dirty = true;
    }
}

void SimInode::truncate(std::uint64_t bytes) {
    const std::uint64_t before = live_.size();
    if (bytes == before) return;
    live_.resize(bytes);
    note_size();
    // What was cut off reads as zeros when the file grows again.
    if (bytes < before) touch(bytes, before, true);
}

void SimInode::sync() {
    for (auto it = pending_.begin(); it != pending_.end();) {
        if (!it->second.dirty) {
            ++it;
            continue;
        }
        put_sector(durable_, it->first, live_sector(it->first));
        it = pending_.erase(it);
    }
    if (size_dirty_) {
        durable_size_ = live_.size();
        size_candidates_.clear();
        size_dirty_ = false;
    }
}

void SimInode::fail_sync() {
    for (auto& [index, sector] : pending_) sector.dirty = false;
    size_dirty_ = false;
}

std::shared_ptr<SimInode> SimInode::crash(const std::function<std::size_t(std::size_t)>& choose) const {
    auto survivor = std::make_shared<SimInode>();
    std::uint64_t size = durable_size_;
    if (!size_candidates_.empty()) {
        const std::size_t chosen = choose(size_candidates_.size() + 1);
        if (chosen > 0) size = size_candidates_[chosen - 1];
    }
    survivor->live_ = durable_;
    for (const auto& [index, sector] : pending_) {
        const std::size_t chosen = choose(sector.candidates.size() + 1);
        if (chosen > 0) put_sector(survivor->live_, index, sector.candidates[chosen - 1]);
    }
    survivor->live_.resize(size);
    survivor->durable_ = survivor->live_;
    survivor->durable_size_ = size;
    return survivor;
}

void SimInode::touch(std::uint64_t begin, std::uint64_t end, bool dirty) {
    for (std::uint64_t index = begin / kSector; index * kSector < end; ++index) {
        Sector& sector = pending_[index];
        sector.candidates.push_back(live_sector(index));
        sector.dirty = sector.dirty || dirty;
    }
}

void SimInode::note_size() {
    size_candidates_.push_back(live_.size());
    size_dirty_ = true;
}

SimInode::Bytes SimInode::live_sector(std::uint64_t index) const {
    Bytes sector(kSector);
    static_cast<void>(read(sector, index * kSector));
    return sector;
}

void SimInode::put_sector(Bytes& contents, std::uint64_t index, const Bytes& sector) {
    if (contents.size() < (index + 1) * kSector) contents.resize((index + 1) * kSector);
    std::ranges::copy(sector, contents.begin() + static_cast<std::ptrdiff_t>(index * kSector));
}

}  // namespace zverse::test
