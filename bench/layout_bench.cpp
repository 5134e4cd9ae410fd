// Question: how many blocks of a history does a query read, along which curve?
//
// Estimate: layout-study's law. With P blocks a curve has C columns of keys and R rows of versions, C * R is about P;
// changes of a few versions read C blocks or more, a line of versions R. Counts, not times: exact and repeatable.
//
// One history component of 2^18 writes is written along each curve, as a merge writes it, and opened. Counted per
// query, on average: blocks that its zone map lets through ("zones"), what a walk by BIGMIN over the blocks' first
// codes would read instead ("jumps"), and blocks that both let through ("both"). Of histories: blocks that a reader
// goes to, and all that hold the key. "optimum": the records of the answer in full blocks.
#include <cold/segment.h>
#include <cold/segment_checksum.h>
#include <cold/slab_writer.h>
#include <platform/posix_file_io.h>
#include <support/bigmin.h>
#include <support/results.h>
#include <support/stripe.h>
#include <support/temp_store.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace zverse::bench {

namespace {

using test::must;
using test::Random;
using test::Stripe;

constexpr std::size_t kWrites = std::size_t{1} << 18;
constexpr int kQueries = 200;
constexpr const char* kRules[] = {"k", "vk", "vvk", "vvvvk", "vvvvvvk", "kv", "kkv", "kkkkv", "v"};

/// A stripe's history in a segment along a curve.
class Laid {
public:
    Laid(platform::FileIo& io, const std::filesystem::path& directory, const Stripe& stripe, const char* rule)
        : stripe_(stripe) {
        cold::SlabPlan plan;
        plan.directory = directory;
        plan.next_id = [] {
            static std::uint64_t ids = 0;
            return ++ids;
        };
        plan.history_component = 1;
        plan.slab_upto = stripe.upto;
        plan.curve.rule = rule;
        plan.waiting_bytes = plan.segment_bytes = std::uint64_t{1} << 30;
        plan.kernels = &platform::kernels_for(platform::best_kernel_level());
        cold::SlabWriter writer(io, std::move(plan));
        for (const cold::Record& record : stripe.by_key) must(writer.add(record));
        const std::uint64_t id = must(writer.end_part(std::nullopt)).segments.at(0);
        segment_ = must(cold::Segment::open(io, cold::segment_path(directory, id), {0, 0}, id));
        std::vector<std::string> columns;
        for (std::size_t i = 0; i < segment_->column_count(); ++i) columns.emplace_back(segment_->column(i));
        grid_.emplace(segment_->curve(), 0, stripe.upto, std::move(columns));
        read_codes();
    }

    struct Count {
        double zones = 0, jumps = 0, both = 0;
    };
    /// Blocks that the query reads, the second one by first codes only.
    [[nodiscard]] Count count(const cold::Box& box) const {
        Count count;
        const std::vector<bool> jumps = jumped_to(box);
        for (std::size_t block = 0; block < first_codes_.size(); ++block) {
            const bool zone = segment_->zones().may_hold(segment_->zones().block(block), box);
            count.zones += zone ? 1 : 0;
            count.jumps += jumps[block] ? 1 : 0;
            count.both += zone && jumps[block] ? 1 : 0;
        }
        return count;
    }
    /// Blocks that hold the key, and those of them that may hold a version in (after, upto].
    [[nodiscard]] std::pair<double, double> count_key(std::string_view key, Version after, Version upto) const {
        const std::uint64_t hash = cold::hash_key(key, cold::segment_seed({0, 0}, 0));
        return {blocks_of(key, hash, 0, cold::kOpen), blocks_of(key, hash, after, upto)};
    }
    [[nodiscard]] std::size_t blocks() const noexcept { return first_codes_.size(); }

private:
    void read_codes() {
        std::string key;
        cold::StoredRecord record;
        for (std::size_t number = 0; number < segment_->zones().blocks(); ++number) {
            const cold::BlockReader block = must(segment_->block(number));
            if (!block.read(block.begin(), record) || !block.read_key(record, key)) throw std::runtime_error("damaged");
            first_codes_.push_back(segment_->curve().encode(grid_->column_of(key), grid_->row_of(record.version)));
        }
    }

    /// RECT_SCAN of the study: from block to block by BIGMIN of the next one's first code.
    [[nodiscard]] std::vector<bool> jumped_to(const cold::Box& box) const {
        const std::uint64_t last_column = box.end.empty() ? grid_->columns().size() : grid_->column_of(box.end);
        const std::uint64_t low = segment_->curve().encode(grid_->column_of(box.begin), grid_->row_of(box.after + 1));
        const std::uint64_t high =
            segment_->curve().encode(last_column, grid_->row_of(std::min(box.upto, stripe_.upto)));
        std::vector<bool> touched(first_codes_.size());
        for (std::optional<std::uint64_t> code = low; code;) {
            const auto behind = std::ranges::upper_bound(first_codes_, *code);
            auto block = static_cast<std::size_t>(std::max<std::ptrdiff_t>(behind - first_codes_.begin(), 1)) - 1;
            touched[block] = true;
            // Blocks before it that begin with the same code may hold records of the box, too.
            for (std::size_t before = block; before > 0 && first_codes_[before] >= *code; --before) {
                touched[before - 1] = true;
            }
            if (++block == first_codes_.size() || first_codes_[block] > high) break;
            code = test::bigmin(segment_->curve(), first_codes_[block], low, high);
        }
        return touched;
    }

    [[nodiscard]] double blocks_of(std::string_view key, std::uint64_t hash, Version after, Version upto) const {
        std::vector<cold::Segment::Place> places;
        must(segment_->postings(key, hash, after, upto, places));
        std::vector<std::size_t> blocks;
        cold::StoredRecord record;
        for (const cold::Segment::Place& place : places) {
            bool same = true;
            for (std::size_t number = place.block; same && number < segment_->zones().blocks(); ++number) {
                const cold::BlockReader block = must(segment_->block(number));
                std::uint32_t at = number == place.block ? place.offset : block.begin();
                if (!block.read(at, record) || !block.has_key(record, key)) break;
                blocks.push_back(number);
                while (same && at != block.end()) {
                    same = block.read(at, record) && block.has_key(record, key) && record.version > after;
                    at = record.next;
                }
            }
        }
        std::ranges::sort(blocks);
        return static_cast<double>(blocks.size() - std::ranges::unique(blocks).size());
    }

    const Stripe& stripe_;
    std::shared_ptr<cold::Segment> segment_;
    std::optional<cold::CurveGrid> grid_;
    std::vector<std::uint64_t> first_codes_;
};

struct Query {
    const char* name;
    enum { key, box, alive } kind;
    double versions, keys;
};
constexpr Query kAsked[] = {
    {"history", Query::key, 1, 0},
    {"history 10%v", Query::key, 0.1, 0},
    {"as-of 100 keys", Query::alive, 0, 0},
    {"as-of all keys", Query::alive, 0, 1},
    {"changes 64", Query::box, 64.0 / kWrites, 1},
    {"changes 1%", Query::box, 0.01, 1},
    {"changes 10%", Query::box, 0.1, 1},
    {"1%v x 1%k", Query::box, 0.01, 0.01},
    {"10%v x .1%k", Query::box, 0.1, 0.001},
};

void print_query(const Query& query, const Stripe& stripe, const std::vector<std::unique_ptr<Laid>>& laid) {
    std::vector<Laid::Count> sums(laid.size());
    double answer = 0;
    Random random(99);
    for (int i = 0; i < kQueries; ++i) {
        const auto count = static_cast<double>(stripe.starts.size());
        const double share = query.kind == Query::alive && query.keys == 0 ? 100 / count : query.keys;
        const auto wide = std::max<std::size_t>(1, static_cast<std::size_t>(count * share));
        const std::size_t from = random.below(stripe.starts.size() - wide + 1), to = from + wide;
        const auto window = static_cast<Version>(static_cast<double>(stripe.upto) * query.versions);
        const Version after = random.below(stripe.upto - window + 1), v = random.between(1, stripe.upto);
        cold::Box box{stripe.by_key[stripe.starts[from]].key,
                      to == stripe.starts.size() ? "" : stripe.by_key[stripe.starts[to]].key, after, after + window, 0};
        if (query.kind == Query::alive) box.after = 0, box.upto = box.alive_at = v;
        for (std::size_t record = stripe.starts[from]; record < stripe.end_of(to - 1); ++record) {
            const cold::Record& each = stripe.by_key[record];
            const bool inside = each.version > box.after && each.version <= box.upto;
            answer += inside && each.superseded > box.alive_at ? 1 : 0;
        }
        for (std::size_t j = 0; j < laid.size(); ++j) {
            Laid::Count count_of{};
            if (query.kind == Query::key) {
                std::tie(count_of.jumps, count_of.zones) = laid[j]->count_key(box.begin, box.after, box.upto);
            } else {
                count_of = laid[j]->count(box);
            }
            sums[j].zones += count_of.zones;
            sums[j].jumps += count_of.jumps;
            sums[j].both += count_of.both;
        }
    }
    const double each = static_cast<double>(stripe.by_key.size()) / static_cast<double>(laid[0]->blocks());
    std::printf("%-15s %8.1f", query.name, std::max(1.0, answer / kQueries / each));
    for (const Laid::Count& sum : sums) {
        if (query.kind == Query::key) {
            std::printf(" | %7.1f all %7.1f", sum.zones / kQueries, sum.jumps / kQueries);
        } else {
            std::printf(" | %6.1f %6.1f %6.1f", sum.zones / kQueries, sum.jumps / kQueries, sum.both / kQueries);
        }
    }
    std::printf("\n");
}

void print_world(const char* name, std::size_t keys, bool zipf) {
    Random random(7);
    const std::string value(100, 'v');
    const Stripe stripe(random, kWrites, keys, zipf, value);
    const test::TempDirectory directory;
    const auto io = platform::make_posix_file_io();
    std::vector<std::unique_ptr<Laid>> laid;
    for (const char* rule : kRules) laid.push_back(std::make_unique<Laid>(*io, directory.path(), stripe, rule));
    std::printf("\n%s: %zu records of %zu keys in %zu blocks; zones, jumps, both\n%-15s %8s", name,
                stripe.by_key.size(), stripe.starts.size(), laid[0]->blocks(), "", "optimum");
    for (const char* rule : kRules) std::printf(" | %-20s", (std::string(rule) + "..").c_str());
    std::printf("\n");
    for (const Query& query : kAsked) print_query(query, stripe, laid);
}

}  // namespace

}  // namespace zverse::bench

int main() {
    zverse::bench::print_world("uniform, 40 versions a key", zverse::bench::kWrites / 40, false);
    zverse::bench::print_world("uniform, 4 versions a key", zverse::bench::kWrites / 4, false);
    zverse::bench::print_world("zipf 0.99, 40 versions a key", zverse::bench::kWrites / 40, true);
    zverse::bench::print_world("zipf 0.99, 4 versions a key", zverse::bench::kWrites / 4, true);
    return 0;
}
