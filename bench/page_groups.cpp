// Orders: the clock is raised under the mutex of the ring that was written, after the tail. A leader that reads the
// clock finds the tails of everything up to it when it takes those mutexes.
#include <bench/measure.h>
#include <bench/page_groups.h>

#include <cstring>
#include <string>

namespace zverse::bench {

namespace {

constexpr std::uint64_t kRecords = GroupedRings::kRingBytes / GroupedRings::kRecordBytes;

std::size_t offset_of(std::uint64_t position) { return position % kRecords * GroupedRings::kRecordBytes; }

}  // namespace

GroupedRings::GroupedRings(const std::filesystem::path& directory, unsigned rings, SyncBy how)
    : io_(platform::make_posix_file_io()), how_(how) {
    for (unsigned i = 0; i < rings; ++i) {
        auto ring = std::make_unique<Ring>();
        ring->path = directory / ("group_ring_" + std::to_string(i));
        ring->file = must(io_->create_zeroed(ring->path, kRingBytes));
        ring->mapping = must(platform::Mapping::map({.path = ring->path,
                                                     .descriptor = ring->file->descriptor(),
                                                     .bytes = kRingBytes,
                                                     .force_granularity = "page"}));
        rings_.push_back(std::move(ring));
    }
#if ZVERSE_HAVE_URING
    if (how_ == SyncBy::uring_together) queue_ = must(platform::UringQueue::create());
#endif
    if (how_ != SyncBy::threads_together) return;
    for (auto& ring : rings_) {
        helpers_.emplace_back([this, &ring](const std::stop_token& stop) { help(stop, *ring); });
    }
}

GroupedRings::~GroupedRings() {
    for (auto& helper : helpers_) helper.request_stop();
    if (!helpers_.empty()) {
        for (auto& ring : rings_) ring->work.release();
    }
    helpers_.clear();
    for (auto& ring : rings_) static_cast<void>(io_->remove(ring->path));
}

void GroupedRings::put(unsigned shard, std::span<const std::byte, kRecordBytes> record) {
    Ring& ring = *rings_[shard];
    std::uint64_t number = 0;
    {
        const std::scoped_lock lock(ring.mutex);
        std::memcpy(ring.mapping.bytes().data() + offset_of(ring.tail++), record.data(), record.size());
        // release: who reads this number finds the tail; see above.
        number = clock_.fetch_add(1, std::memory_order_release) + 1;
    }
    wait_for_group(number);
}

void GroupedRings::wait_for_group(std::uint64_t number) {
    std::unique_lock lock(group_mutex_);
    while (mark_ < number) {
        if (leader_) {
            group_changed_.wait(lock);
            continue;
        }
        leader_ = true;
        lock.unlock();
        // acquire: pairs with the release in put().
        const std::uint64_t mark = clock_.load(std::memory_order_acquire);
        sync_all();
        lock.lock();
        mark_ = mark;
        leader_ = false;
        group_changed_.notify_all();
    }
}

void GroupedRings::sync_all() {
    const auto begin = Clock::now();
    std::vector<Ring*> dirty;
    for (auto& ring : rings_) {
        const std::scoped_lock lock(ring->mutex);
        ring->syncing = ring->tail;
        if (ring->syncing > ring->synced) dirty.push_back(ring.get());
    }
    switch (how_) {
        case SyncBy::msync_each:
            for (Ring* ring : dirty) sync_by_msync(*ring);
            break;
        case SyncBy::uring_together: sync_by_uring(dirty); break;
        case SyncBy::threads_together: sync_by_threads(dirty); break;
    }
    for (Ring* ring : dirty) ring->synced = ring->syncing;
    sync_ns_.push_back(seconds_since(begin) * 1e9);
    ++groups_;
    synced_rings_ += dirty.size();
}

void GroupedRings::sync_by_msync(Ring& ring) const {
    const std::byte* data = ring.mapping.bytes().data();
    const std::size_t begin = offset_of(ring.synced);
    const std::size_t end = offset_of(ring.syncing - 1) + kRecordBytes;
    const platform::PersistDomain domain = ring.mapping.domain();
    if (begin < end) {
        must(domain.sync(data + begin, end - begin));
    } else {
        must(domain.sync(data + begin, kRingBytes - begin));
        must(domain.sync(data, end));
    }
}

void GroupedRings::sync_by_uring(const std::vector<Ring*>& dirty) {
#if ZVERSE_HAVE_URING
    std::vector<platform::UringOperation> operations;
    for (const Ring* ring : dirty) {
        operations.push_back(
            {.what = platform::UringOperation::What::data_sync, .descriptor = ring->file->descriptor()});
    }
    must(queue_->run(operations));
    for (const auto& operation : operations) {
        if (operation.result < 0) throw std::runtime_error("fdatasync: " + std::string(strerror(-operation.result)));
    }
#else
    static_cast<void>(dirty);
    throw std::runtime_error("built without io_uring");
#endif
}

void GroupedRings::sync_by_threads(const std::vector<Ring*>& dirty) {
    for (std::size_t i = 1; i < dirty.size(); ++i) dirty[i]->work.release();
    if (!dirty.empty()) sync_by_msync(*dirty.front());
    for (std::size_t i = 1; i < dirty.size(); ++i) helped_.acquire();
    const std::scoped_lock lock(failure_mutex_);
    if (failure_) std::rethrow_exception(failure_);
}

void GroupedRings::help(const std::stop_token& stop, Ring& ring) {
    for (ring.work.acquire(); !stop.stop_requested(); ring.work.acquire()) {
        try {
            sync_by_msync(ring);
        } catch (...) {
            const std::scoped_lock lock(failure_mutex_);
            failure_ = std::current_exception();
        }
        helped_.release();
    }
}

}  // namespace zverse::bench
