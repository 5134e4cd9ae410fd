// The choice of a history's curve: from the queries that were observed, when its records are at hand.
//
// Data flow: query mix -> what each class asks of this slab -> the model ranks all rules (curve_cost.h) -> the best
// three, and the default, are ranked again on the records themselves: a sample of them is put in the curve's order and
// cut into as many blocks as there will be, and the blocks that queries would read are counted by the boxes of blocks.
//
// Each segment of a component has its own curve: readers take them one by one, each by its own mask and fences; parts
// are written at different times, some after a reopening, when the mix is another; and each has its own number of
// blocks.
#pragma once

#include <cold/curve_cost.h>
#include <platform/kernels.h>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::cold {

/// How curves are chosen.
struct CurvePolicy {
    std::string rule;           ///< for all histories; empty: by what is asked
    double queries_min = 64;    ///< with fewer observed the default curve is taken
};

/// What is to be stored along a curve.
struct CurveTask {
    std::span<const Record> by_key;  ///< in (key, version descending) order; not empty
    Version after = 0, upto = 0;     ///< its slab
    Version floor = 0;               ///< since when there are versions
    double blocks = 1;
    double slab_keys = 0;  ///< all keys of the slab, superseded or not; 0: those at hand
};

struct CurveChoice {
    std::string rule;
    Curve curve;
    std::uint64_t segment = 0;
    double blocks = 0;
    bool adapted = false;  ///< whether queries had a say; only then the rest
    double queries = 0;    ///< observed
    std::array<double, kQueryKinds> shares{};       ///< of each kind among those that this slab is asked
    double expected = 0, expected_by_default = 0;  ///< blocks that such a query reads
};

[[nodiscard]] CurveChoice choose_curve(const CurveTask& task, const CurvePolicy& policy, const QueryMix& mix,
                                       const platform::Kernels& kernels);

/// What one class of queries asks of a slab, and how many of them do so.
struct SlabQuery {
    CurveBox box;
    double versions = 0;  ///< width of its window
    double weight = 0;
};
/// Windows of versions lie anywhere between the floor and the slab's end: a wide one meets every slab, a narrow one the
/// slab that it lies in. A version lies in one slab of each level.
[[nodiscard]] std::vector<SlabQuery> queries_of_slab(const QueryMix& mix, const CurveTask& task, double keys);

/// Blocks of records along a curve, found without writing them, and how many of them a query reads.
class CurveSample {
public:
    CurveSample(const CurveTask& task, const Curve& curve, const platform::Kernels& kernels);

    /// All versions in (after, upto] of the key whose first record is `by_key[first]`; by the index.
    [[nodiscard]] std::size_t blocks_of_key(std::size_t first, Version after, Version upto) const;
    /// Keys of by_key[begin, end); records with versions in (after, upto], superseded after `alive_at`.
    [[nodiscard]] std::size_t blocks_of_box(std::size_t begin, std::size_t end, Version after, Version upto,
                                            Version alive_at) const noexcept;
    [[nodiscard]] std::size_t blocks() const noexcept { return blocks_.size(); }

private:
    struct Place {
        std::uint64_t code;
        std::uint32_t record;
        [[nodiscard]] auto operator<=>(const Place&) const noexcept = default;
    };
    struct Block {
        Place first;
        std::uint32_t record_min, record_max;
        Version version_min, version_max, superseded_max;
    };
    void cut(const std::vector<Place>& places);
    [[nodiscard]] std::size_t column_of(std::size_t record) const;

    const CurveTask& task_;
    const Curve curve_;
    std::vector<std::size_t> fences_;  ///< first record of each column but the first
    std::vector<Block> blocks_;
};

/// The last choices. Any thread.
class CurveLog {
public:
    static constexpr std::size_t kKept = 64;

    void note(const CurveChoice& choice);
    [[nodiscard]] std::vector<CurveChoice> recent() const;
    /// Histories written so far, by curve.
    [[nodiscard]] std::map<std::string, std::uint64_t> counts() const;

private:
    mutable std::mutex mutex_;  ///< guards what follows
    std::deque<CurveChoice> recent_;
    std::map<std::string, std::uint64_t> counts_;
};

}  // namespace zverse::cold
