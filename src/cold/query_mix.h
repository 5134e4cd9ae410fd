// The mix of queries that histories are asked: counted as cursors end, summed up when a history is written.
//
// Only queries that reach what has settled and is superseded count: histories of a key, scans as of an older version,
// changes. Gets are not counted; an index answers them in about a block whatever the order of blocks is.
//
// Widths are kept as powers of two. What is remembered is the last thousands of queries, by number and not by time, so
// that a quiet night forgets nothing. In memory only.
//
// Orders: all counts are relaxed. They are figures to decide by, and nothing else rests on them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace zverse::cold {

enum class QueryKind : std::uint8_t {
    history,  ///< versions of one key
    as_of,    ///< keys of a range as of an older version
    changes,  ///< everything in a range of versions
};
inline constexpr std::size_t kQueryKinds = 3;

/// Queries of about the same shape.
struct QueryClass {
    QueryKind kind = QueryKind::history;
    double versions = 0;  ///< width of a history or of changes
    double keys = 0;      ///< number of them that a scan shows
    double share = 1;     ///< of all keys that changes are asked of
    double weight = 0;    ///< number of such queries
};

/// Immutable once made.
struct QueryMix {
    std::vector<QueryClass> classes;  ///< the heaviest first
    [[nodiscard]] double queries() const noexcept;
    [[nodiscard]] double queries(QueryKind kind) const noexcept;
};

class QueryCounts {
public:
    /// So many queries are remembered; older ones fade.
    static constexpr std::uint64_t kRemembered = 8192;

    void note_history(std::uint64_t versions) noexcept;
    void note_as_of(std::uint64_t keys) noexcept;
    /// `share`: of all keys, 0 .. 1.
    void note_changes(std::uint64_t versions, double share) noexcept;
    /// What was asked lately. Any thread.
    [[nodiscard]] QueryMix mix();
    /// Without letting anything fade.
    [[nodiscard]] QueryMix look() const;

private:
    static constexpr std::size_t kWidths = 48, kShares = 8;
    static constexpr std::size_t kCells = 2 * kWidths + kWidths * kShares;
    /// Threads on different CPUs seldom meet in a line.
    struct alignas(64) Shard {
        std::array<std::atomic<std::uint64_t>, kCells> cells{};
    };
    static constexpr std::size_t kShards = 8;

    void add(std::size_t cell) noexcept;
    [[nodiscard]] static QueryClass class_of(std::size_t cell) noexcept;

    std::array<Shard, kShards> shards_;
    std::mutex fading_;  ///< one at a time lets counts fade
};

}  // namespace zverse::cold
