// SimInode: the contents of one simulated file, live and durable; see sim_file_io.h for the model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace zverse::test {

class SimInode {
public:
    [[nodiscard]] std::uint64_t size() const { return live_.size(); }
    [[nodiscard]] std::size_t read(std::span<std::byte> data, std::uint64_t offset) const;
    void write(std::span<const std::byte> data, std::uint64_t offset);
    /// A write on its way: seen at once, but no sync before end_write() makes it durable.
    void begin_write(std::span<const std::byte> data, std::uint64_t offset);
    void end_write(std::size_t bytes, std::uint64_t offset);
    void truncate(std::uint64_t bytes);
    void sync();
    /// The kernel gave up on what was dirty and calls it clean: no later sync will write it.
    void fail_sync();

    [[nodiscard]] std::size_t doubts() const { return pending_.size() + (size_candidates_.empty() ? 0 : 1); }
    /// The file after a power cut.
    [[nodiscard]] std::shared_ptr<SimInode> crash(const std::function<std::size_t(std::size_t)>& choose) const;

private:
    using Bytes = std::vector<std::byte>;
    struct Sector {
        std::vector<Bytes> candidates;  ///< oldest first
        bool dirty = false;             ///< a sync would write it
    };
    /// Puts data into the live content; returns where it ends.
    std::uint64_t put(std::span<const std::byte> data, std::uint64_t offset);
    /// Notes the live content of the sectors of [begin, end) as candidates.
    void touch(std::uint64_t begin, std::uint64_t end, bool dirty);
    void note_size();
    [[nodiscard]] Bytes live_sector(std::uint64_t index) const;
    static void put_sector(Bytes& contents, std::uint64_t index, const Bytes& sector);

    Bytes live_, durable_;  ///< durable_ is as long as any sector it got; durable_size_ says what counts
    std::uint64_t durable_size_ = 0;
    std::map<std::uint64_t, Sector> pending_;  ///< by sector index
    std::vector<std::uint64_t> size_candidates_;
    bool size_dirty_ = false;
};

}  // namespace zverse::test
