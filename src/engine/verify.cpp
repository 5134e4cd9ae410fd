// verify(): a look at every byte that counts, part by part, while the store goes on. Each part is looked at while
// nobody changes it: the superblock and the headers under their mutexes, frames once they are stamped, the manifest between
// two changes, segments as they never change.
#include <engine/engine.h>

#include <cold/segment_audit.h>
#include <engine/creation.h>
#include <hot/ring_audit.h>

#include <utility>

namespace zverse::engine {

Result<Verification> Engine::verify() {
    if (auto outside = refuse_in_callback("verify()"); !outside) return std::unexpected(std::move(outside.error()));
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    platform::Audit audit([this] { return closed(); });
    {
        const std::scoped_lock lock(superblock_mutex_);
        superblock_->audit(*io_, dir_ / kSuperblockName, audit);
    }
    for (const auto& ring : tier_->rings()) hot::audit_ring(*tier_, *ring, *io_, audit);
    // Held until the end, so that no segment's file goes.
    std::shared_ptr<const cold::Tree> tree;
    Version cut = 0;
    {
        const std::scoped_lock lock(flush_mutex_);
        cold_->audit_manifest(audit);
        tree = cold_->tree();
        cut = cold_->state().cut;
    }
    for (const auto& component : tree->all()) {
        for (const auto& part : component->parts()) {
            cold::audit_segment(*io_, *part, cold_->uuid(), audit);
            if (component->slab_upto() <= cut) continue;
            audit.find(platform::codes::kSegmentCut, part->path(), 0,
                       "its versions go to " + std::to_string(component->slab_upto()) + ", above the manifest's cut " +
                           std::to_string(cut));
        }
    }
    if (closed()) return std::unexpected(closed_error());
    return audit.take();
}

}  // namespace zverse::engine
