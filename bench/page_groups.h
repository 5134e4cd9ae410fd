// GroupedRings: the group commit of page granularity in the small, so that ways to sync can be compared without the
// rest of a store: writers fill their ring and wait; one of them leads, reads the clock, syncs what every ring has up
// to it, and wakes all whose write that covered.
//
//   msync_each        the leader syncs one ring after the other, as the engine does
//   uring_together    one fdatasync per ring, all in one io_uring submission
//   threads_together  one thread per ring, each in its msync
#pragma once

#include <platform/file_io.h>
#include <platform/mapping.h>

#include <zverse_config.h>

#if ZVERSE_HAVE_URING
#include <platform/uring_queue.h>
#endif

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <semaphore>
#include <span>
#include <thread>
#include <vector>

namespace zverse::bench {

enum class SyncBy { msync_each, uring_together, threads_together };

class GroupedRings {
public:
    static constexpr std::size_t kRecordBytes = 192;  // the frame of a 16-byte key and a 100-byte value
    static constexpr std::size_t kRingBytes = std::size_t{4} << 20;

    /// `rings` files of written zeros in `directory`, removed at the end.
    GroupedRings(const std::filesystem::path& directory, unsigned rings, SyncBy how);
    ~GroupedRings();
    GroupedRings(const GroupedRings&) = delete;
    GroupedRings& operator=(const GroupedRings&) = delete;

    /// Returns when the record survives power loss. Any thread.
    void put(unsigned ring, std::span<const std::byte, kRecordBytes> record);

    [[nodiscard]] std::uint64_t groups() const noexcept { return groups_; }
    [[nodiscard]] std::uint64_t synced_rings() const noexcept { return synced_rings_; }
    /// Nanoseconds of each group's syncs.
    [[nodiscard]] const std::vector<double>& sync_ns() const noexcept { return sync_ns_; }

private:
    struct Ring {
        std::filesystem::path path;
        std::unique_ptr<platform::File> file;
        platform::Mapping mapping;
        std::mutex mutex;  ///< guards tail and the filling below it
        std::uint64_t tail = 0;
        std::uint64_t synced = 0, syncing = 0;  ///< the leader's
        std::binary_semaphore work{0};
    };

    void wait_for_group(std::uint64_t number);
    void sync_all();
    void sync_by_msync(Ring& ring) const;
    void sync_by_uring(const std::vector<Ring*>& dirty);
    void sync_by_threads(const std::vector<Ring*>& dirty);
    void help(const std::stop_token& stop, Ring& ring);

    std::unique_ptr<platform::FileIo> io_;
    std::vector<std::unique_ptr<Ring>> rings_;
    SyncBy how_;
#if ZVERSE_HAVE_URING
    std::unique_ptr<platform::UringQueue> queue_;
#endif
    std::atomic<std::uint64_t> clock_{0};
    std::mutex group_mutex_;  ///< guards mark_ and leader_
    std::condition_variable group_changed_;
    std::uint64_t mark_ = 0;
    bool leader_ = false;
    std::uint64_t groups_ = 0, synced_rings_ = 0;  ///< the leader's, as sync_ns_
    std::vector<double> sync_ns_;
    std::counting_semaphore<> helped_{0};
    std::mutex failure_mutex_;
    std::exception_ptr failure_;
    std::vector<std::jthread> helpers_;
};

}  // namespace zverse::bench
