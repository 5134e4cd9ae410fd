// SegmentReader: reads a segment, which may lie, in every way that there is, and hands each error to the test.
#pragma once

#include <support/random.h>
#include <support/results.h>

#include <cold/bulk_reader.h>
#include <cold/key_history.h>
#include <cold/segment_audit.h>
#include <cold/segment_checksum.h>
#include <cold/tree_records.h>
#include <cold/tree_scan.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace zverse::test {

class SegmentReader {
public:
    struct Sought {
        std::string key;
        Version version;
    };

    SegmentReader(platform::FileIo& io, std::shared_ptr<cold::Segment> segment, const std::uint64_t (&store)[2],
                  const std::vector<Sought>& sought, std::function<void(const Error&)> failed)
        : io_(io),
          segment_(std::move(segment)),
          component_(std::make_shared<const cold::Component>(cold::Component::Parts{segment_}, "")),
          tree_({component_}, cold::segment_seed(store, 0)),
          store_{store[0], store[1]},
          sought_(sought),
          failed_(std::move(failed)) {}

    void read_in_every_way(Random& random) {
        find_all();
        read_blocks();
        const std::string& some = sought_[random.below(sought_.size())].key;
        for (const bool reverse : {false, true}) {
            scan({}, kVersionMax, reverse);
            scan({some, some + "\xff"}, random.between(segment_->header().slab_after, kVersionMax), reverse);
            list(reverse);
        }
        if (component_->kind() == cold::SegmentKind::live) merge();
        platform::Audit audit;
        cold::audit_segment(io_, *segment_, store_, audit);
        find_all();  // again, when all that was touched counts as checked
    }
    void find_all() {
        for (std::size_t i = 0; i < sought_.size(); i += 3) {
            for (const Version as_of : {sought_[i].version, kVersionMax}) {
                cold::Segment::Hit hit;
                const std::string& key = sought_[i].key;
                const auto found = segment_->find(key, tree_.hash(key), as_of, hit);
                if (good(found) && hit) (void)good(segment_->value(hit.record, hit.hold));
            }
        }
    }
    void read_blocks() {
        const auto bulk = must(cold::BulkReader::open(io_, segment_));
        std::string key;
        for (std::size_t i = 0; i < segment_->zones().blocks(); ++i) {
            for (const bool in_bulk : {false, true}) {
                const auto block = in_bulk ? bulk->block(i) : segment_->block(i);
                if (!good(block)) continue;
                cold::StoredRecord record;
                for (std::uint32_t at = block->begin(); at != block->end(); at = record.next) {
                    if (!block->read(at, record) || !block->read_key(record, key)) break;
                    (void)good(in_bulk ? bulk->value(record) : segment_->value(record, hold_));
                }
            }
        }
    }
    void scan(const cold::KeySpan& keys, Version as_of, bool reverse) {
        auto scan = cold::TreeScan::open(tree_, keys, as_of, reverse);
        if (!good(scan)) return;
        while (scan->valid()) {
            (void)good(scan->value());
            if (!good(scan->next())) return;
        }
    }
    void list(bool reverse) {
        std::vector<cold::RecordPlace> places;
        std::string key;
        (void)good(cold::records_of_range(io_, tree_, {}, {0, kVersionMax}, reverse, 50, places));
        for (std::size_t i = 0; i < places.size(); i += 5) (void)good(cold::read_record(places[i], key));
        for (std::size_t i = 0; i < sought_.size(); i += 9) {
            auto history = cold::KeyHistory::open(tree_, sought_[i].key, {0, kVersionMax}, reverse);
            while (good(history) && history->valid()) {
                (void)good(history->value());
                if (!good(history->next())) break;
            }
        }
    }
    /// As a merge reads it.
    void merge() {
        auto cursor = cold::BulkCursor::open(io_, *component_, std::size_t{1} << 14);
        while (good(cursor) && (*cursor)->valid()) {
            (void)good((*cursor)->value());
            if (!good((*cursor)->next())) return;
        }
    }

private:
    template <class T>
    bool good(const Result<T>& result) const {
        if (!result) failed_(result.error());
        return result.has_value();
    }

    platform::FileIo& io_;
    const std::shared_ptr<cold::Segment> segment_;
    const std::shared_ptr<const cold::Component> component_;
    const cold::Tree tree_;
    const std::uint64_t store_[2];
    const std::vector<Sought>& sought_;
    const std::function<void(const Error&)> failed_;
    cold::BlockHold hold_;
};

}  // namespace zverse::test
