#include <warm/expiry_job.h>
#include <warm/merge_choice.h>

#include <utility>

namespace zverse::warm {

namespace {

constexpr std::size_t kPieceBytes = cold::BulkReader::kPieceBytesUsual;

cold::SlabPlan plan_for(const Workplace& at, const cold::Component& component) {
    cold::SlabPlan plan = at.slab_plan();
    plan.level = component.level();
    plan.slab_after = component.slab_after();
    plan.slab_upto = component.slab_upto();
    plan.live_component = at.cold.next_id();
    plan.history_component = at.cold.next_id();
    plan.values_stay = plan.by_key = false;
    return plan;
}

}  // namespace

ExpiryJob::ExpiryJob(const Workplace& workplace, std::shared_ptr<const cold::Component> component)
    : at_(workplace), component_(std::move(component)), writer_(at_.io, plan_for(at_, *component_)) {}

Result<Progress> ExpiryJob::step() {
    constexpr std::size_t kBlocksAStep = 64;
    if (auto started = at_.cold.start_writing(); !started) return std::unexpected(std::move(started.error()));
    for (std::size_t done = 0; done < kBlocksAStep; ++done) {
        if (part_ == component_->parts().size()) return commit();
        const cold::Segment& part = *component_->parts()[part_];
        if (block_ == part.zones().blocks()) {
            if (auto ended = end_part(part); !ended) return std::unexpected(std::move(ended.error()));
            continue;
        }
        if (reader_ == nullptr) {
            auto reader = cold::BulkReader::open(at_.io, component_->parts()[part_], kPieceBytes);
            if (!reader) return std::unexpected(std::move(reader.error()));
            reader_ = std::move(*reader);
        }
        if (auto copied = copy(block_++); !copied) return std::unexpected(std::move(copied.error()));
    }
    return Progress::more;
}

/// The records of a block that are not expired; the writer leaves the others out.
Result<void> ExpiryJob::copy(std::size_t number) {
    const cold::Segment& part = reader_->segment();
    auto block = reader_->block(number);
    if (!block) return std::unexpected(std::move(block.error()));
    cold::StoredRecord stored;
    for (std::uint32_t at = block->begin(); at < block->end(); at = stored.next) {
        if (!block->read(at, stored) || !block->read_key(stored, key_)) {
            return std::unexpected(part.damaged(part.offset_of(number) + at, "no record lies there"));
        }
        auto value = stored.is_outside ? part.unread_outside(stored.outside, stored.value_bytes)
                                       : Result<std::string_view>(stored.value);
        if (!value) return std::unexpected(std::move(value.error()));
        const cold::Record record{key_, *value, stored.version, stored.superseded, stored.tombstone};
        cold::SlabWriter::Outside outside;
        if (stored.is_outside) outside = {reader_->shared_segment(), stored.outside};
        if (auto added = writer_.add(record, stored.is_outside ? &outside : nullptr); !added) return added;
    }
    return {};
}

Result<void> ExpiryJob::end_part(const cold::Segment& part) {
    std::optional<std::string> range_end;
    if (part.range_end()) range_end = std::string(*part.range_end());
    auto ended = writer_.end_part(range_end);
    if (!ended) return std::unexpected(std::move(ended.error()));
    segments_.insert(segments_.end(), ended->segments.begin(), ended->segments.end());
    ++part_;
    block_ = 0;
    reader_ = nullptr;
    return {};
}

Result<Progress> ExpiryJob::commit() {
    if (writer_.records_dropped() == 0) return Progress::done;
    writer_.keep_parts();
    cold::TreeChange change;
    change.segments = segments_;
    change.begins.emplace_back(component_->id(), std::nullopt);
    if (auto committed = at_.cold.commit(change); !committed) {
        if (committed.error().code() == ErrorCode::not_found) return Progress::done;
        return std::unexpected(std::move(committed.error()));
    }
    at_.show();
    return Progress::done;
}

std::shared_ptr<const cold::Component> choose_expired(const cold::Tree& tree, Version floor, std::uint64_t after) {
    std::shared_ptr<const cold::Component> chosen;
    for (const cold::Tree::Components& level : tree.history()) {
        for (const auto& component : level) {
            // What a slab's history holds was superseded inside it.
            const bool may_expire = component->slab_after() < floor && !in_the_making(tree, *component);
            if (!may_expire || component->id() <= after) continue;
            if (chosen == nullptr || component->id() < chosen->id()) chosen = component;
        }
    }
    return chosen;
}

}  // namespace zverse::warm
