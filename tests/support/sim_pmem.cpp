#include <support/sim_pmem.h>

#include <algorithm>
#include <cstring>
#include <random>

namespace zverse::test {

namespace {
constexpr std::size_t kLine = 64;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kExhaustive = 12;
}  // namespace

SimPmem::SimPmem(std::span<std::byte> memory, platform::Granularity granularity)
    : memory_(memory), medium_(memory.begin(), memory.end()), granularity_(granularity) {}

std::vector<std::size_t> SimPmem::dirty_units() const {
    std::vector<std::size_t> units;
    if (granularity_ == platform::Granularity::byte) return units;
    const std::size_t size = unit_bytes();
    for (std::size_t offset = 0; offset < memory_.size(); offset += size) {
        if (std::memcmp(memory_.data() + offset, medium_.data() + offset, size) != 0) units.push_back(offset / size);
    }
    return units;
}

void SimPmem::call(const std::function<void()>& callback) {
    if (!callback || inside_callback_) return;
    inside_callback_ = true;
    callback();
    inside_callback_ = false;
}

void SimPmem::on_flush(const void* address, std::size_t bytes) noexcept {
    ++flushes;
    const std::size_t begin = static_cast<std::size_t>(static_cast<const std::byte*>(address) - memory_.data());
    for (std::size_t offset = begin / kLine * kLine; offset < begin + bytes; offset += kLine) {
        Snapshot& line = flushed_.emplace_back();
        line.offset = offset;
        line.thread = std::this_thread::get_id();
        std::memcpy(line.bytes, memory_.data() + offset, kLine);
    }
    call(after_flush);
}

void SimPmem::on_drain() noexcept {
    call(before_drain);
    ++drains;
    if (granularity_ == platform::Granularity::byte) {
        std::copy(memory_.begin(), memory_.end(), medium_.begin());
        flushed_.clear();
        return;
    }
    // A fence waits for the flushes of its own thread only.
    const auto mine = [me = std::this_thread::get_id()](const Snapshot& line) { return line.thread == me; };
    if (granularity_ == platform::Granularity::cache_line) {
        for (auto line = flushed_.begin(); line != flushed_.end(); ++line) {
            if (!mine(*line)) continue;
            std::memcpy(medium_.data() + line->offset, line->bytes, kLine);
            // What another thread flushed earlier must not take the medium back when that thread drains.
            for (auto earlier = flushed_.begin(); earlier != line; ++earlier) {
                if (earlier->offset == line->offset) std::memcpy(earlier->bytes, line->bytes, kLine);
            }
        }
    }
    std::erase_if(flushed_, mine);
}

Result<void> SimPmem::on_sync(const void* address, std::size_t bytes) noexcept {
    if (granularity_ != platform::Granularity::page) {
        on_flush(address, bytes);
        on_drain();
        return {};
    }
    call(before_drain);
    ++syncs;
    const std::size_t begin = static_cast<std::size_t>(static_cast<const std::byte*>(address) - memory_.data());
    const std::size_t first = begin / kPage * kPage;
    const std::size_t last = std::min((begin + bytes + kPage - 1) / kPage * kPage, memory_.size());
    if (before_sync) before_sync(first, last);
    if (fail_syncs_with != 0) {
        return std::unexpected(Error(ErrorCode::io, "simulated sync failure", fail_syncs_with));
    }
    std::memcpy(medium_.data() + first, memory_.data() + first, last - first);
    return {};
}

void CrashImages::explore(const SimPmem& pmem, std::uint64_t seed, std::size_t cap,
                          const std::function<void(std::span<std::byte>)>& visit) {
    std::vector<std::byte> image(pmem.medium().size());
    if (pmem.granularity() == platform::Granularity::byte) {
        std::copy(pmem.memory().begin(), pmem.memory().end(), image.begin());
        visit(image);
        return;
    }
    const std::vector<std::size_t> dirty = pmem.dirty_units();
    const std::size_t unit = pmem.unit_bytes();
    const std::size_t count = dirty.size();
    const auto make = [&](const auto& arrived, const auto& word_arrived) {
        std::copy(pmem.medium().begin(), pmem.medium().end(), image.begin());
        for (std::size_t i = 0; i < count; ++i) {
            if (!arrived(i)) continue;
            const std::size_t offset = dirty[i] * unit;
            for (std::size_t word = 0; word < unit; word += 8) {
                if (word_arrived(i, word / 8)) {
                    std::memcpy(image.data() + offset + word, pmem.memory().data() + offset + word, 8);
                }
            }
        }
        visit(image);
    };
    const auto whole = [](std::size_t, std::size_t) { return true; };
    std::mt19937_64 random(seed);
    if (count <= kExhaustive) {
        for (std::size_t set = 0; set < (std::size_t{1} << count); ++set) {
            make([set](std::size_t i) { return (set >> i & 1) != 0; }, whole);
        }
    } else {
        const std::size_t some = std::min(count, cap);
        make([](std::size_t) { return false; }, whole);
        make([](std::size_t) { return true; }, whole);
        for (std::size_t k = 0; k < some; ++k) {
            const std::size_t pick = count <= cap ? k : random() % count;
            make([pick](std::size_t i) { return i == pick; }, whole);
            make([pick](std::size_t i) { return i != pick; }, whole);
            make([pick](std::size_t i) { return i < pick; }, whole);
            make([pick](std::size_t i) { return i > pick; }, whole);
        }
        for (std::size_t k = 0; k < cap; ++k) {
            const std::uint64_t salt = random();
            make([salt](std::size_t i) { return ((salt >> (i % 61)) ^ (salt * (i + 1) >> 40)) & 1; }, whole);
        }
    }
    if (count == 0 || pmem.granularity() == platform::Granularity::page) return;
    for (std::size_t k = 0; k < 4 * std::min<std::size_t>(count, cap); ++k) {
        const std::uint64_t lines = k % 2 == 0 ? ~std::uint64_t{0} : random();
        const std::uint64_t words = random();
        const std::size_t torn = random() % count;
        make([&](std::size_t i) { return i == torn || ((lines >> (i % 64)) & 1) != 0; },
             [&](std::size_t i, std::size_t word) { return i != torn || ((words >> word) & 1) != 0; });
    }
}

}  // namespace zverse::test
