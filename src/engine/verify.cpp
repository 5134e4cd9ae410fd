// verify(): a look at every byte that counts, part by part, while the store goes on. Each part is looked at while
// nobody changes it: the superblock and the headers under their mutexes, frames once they are stamped, the manifest
// between two changes, segments as they never change.
#include <engine/engine.h>

#include <cold/segment_audit.h>
#include <engine/creation.h>
#include <hot/ring_audit.h>

#include <utility>

namespace zverse::engine {

Result<Verification> Engine::verify() {
    const hot::ActiveCall call(*tier_);
    if (auto may = check_waiting("verify()"); !may) return std::unexpected(std::move(may.error()));
    platform::Audit audit([this] { return closed(); });
    {
        const std::scoped_lock lock(superblock_mutex_);
        superblock_->audit(*io_, dir_ / kSuperblockName, audit);
    }
    for (const auto& ring : tier_->rings()) hot::audit_ring(*tier_, *ring, *io_, audit);
    cold_->audit_manifest(audit);
    // Held until the end, so that no segment's file goes.
    const cold::ColdTier::Moment moment = cold_->moment();
    for (const auto& component : moment.tree->all()) {
        for (const auto& part : component->parts()) {
            cold::audit_segment(*io_, *part, cold_->uuid(), audit);
            if (component->slab_upto() <= moment.state->cut) continue;
            audit.find(platform::codes::kSegmentCut, part->path(), 0,
                       "its versions go to " + std::to_string(component->slab_upto()) + ", above the manifest's cut " +
                           std::to_string(moment.state->cut));
        }
    }
    if (closed()) return std::unexpected(closed_error());
    return audit.take();
}

Result<Verification> Engine::scrubbed() {
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    return mover_ != nullptr ? mover_->scrubber().found() : Verification{};
}

}  // namespace zverse::engine
