// ColdTier: the settled versions of one store: its manifest, its segments, and the tree that they are now.
//
//   <store>/MANIFEST-<n>   see manifest.h
//   <store>/cold/          segments; what the manifest does not name is left over from a crash, like files of sorts
//                          (spill_space.h) that still have a name
//
// A change goes: segments written, synced, renamed, directory synced (slab_writer.h) -> opened here, read back -> edit
// appended, which is the moment it counts -> tree() shows it. Files that no tree refers to any more are removed when
// the last tree that does goes.
//
// Threads: any, once open() and start_writing() are done; changes take turns.
#pragma once

#include <cold/component.h>
#include <cold/manifest.h>
#include <cold/settled.h>
#include <cold/slab_writer.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zverse::cold {

/// What a flush, a part of a merge, or retention changes.
struct TreeChange {
    std::vector<std::uint64_t> segments;  ///< new ones, each the next part of its component
    /// Components that answer only for keys from here on; without a key: for none any more.
    std::vector<std::pair<std::uint64_t, std::optional<std::string>>> begins;
    std::optional<Version> cut;
    std::optional<Version> floor;
    Edit others;  ///< pins and times
};

class ColdTier {
public:
    /// Reads what is there; changes nothing. `cache_bytes`: at most, for blocks that were decompressed or copied.
    /// Errors: corrupt, incompatible, io, full.
    [[nodiscard]] static Result<std::unique_ptr<ColdTier>> open(platform::FileIo& io,
                                                                const std::filesystem::path& store,
                                                                const std::uint64_t (&uuid)[2],
                                                                std::uint64_t cache_bytes = BlockCache::kBytesUsual,
                                                                SegmentReads reads = SegmentReads::mapped);
    /// Before the first change, and before anyone acts on what the manifest says: makes it durable, and removes what it
    /// does not name. See Manifest::start_writing(). Errors: io, full, corrupt.
    [[nodiscard]] Result<void> start_writing();
    /// For segments. Errors: io, full.
    [[nodiscard]] Result<void> create_directory() { return io_.create_directories(directory()); }

    /// Checks the manifest, and, once leftovers are removed, that no segment has an id that was never drawn.
    void audit_manifest(platform::Audit& audit);

    [[nodiscard]] std::shared_ptr<const Tree> tree() const {
        const std::scoped_lock lock(shown_mutex_);
        return tree_;
    }
    [[nodiscard]] std::shared_ptr<const ManifestState> state() const {
        const std::scoped_lock lock(shown_mutex_);
        return state_;
    }
    /// Both, as they belong together.
    struct Moment {
        std::shared_ptr<const Tree> tree;
        std::shared_ptr<const ManifestState> state;
    };
    [[nodiscard]] Moment moment() const {
        const std::scoped_lock lock(shown_mutex_);
        return {tree_, state_};
    }
    [[nodiscard]] Settled settled() const {
        const std::scoped_lock lock(shown_mutex_);
        return {state_->cut, state_->floor, tree_->empty() ? nullptr : tree_};
    }
    [[nodiscard]] BlockCache& cache() const noexcept { return *cache_; }
    [[nodiscard]] const std::uint64_t (&uuid() const noexcept)[2] { return uuid_; }
    [[nodiscard]] std::filesystem::path directory() const { return store_ / "cold"; }
    /// For segments and components. Any thread.
    [[nodiscard]] std::uint64_t next_id() noexcept {
        // relaxed: only uniqueness matters.
        return ids_.fetch_add(1, std::memory_order_relaxed) + 1;
    }
    /// On return the change survives power loss and tree() shows it. After a failure nothing was changed that anyone
    /// sees. Takes the files of the change's segments, unless a component that it names is gone (not_found): where it
    /// fails, they are removed; where after a crash the change may be there, once a later one counts. Errors:
    /// not_found, corrupt (a new segment does not read back), io, full.
    [[nodiscard]] Result<void> commit(const TreeChange& change);
    /// The store is closed: segments that somebody still holds leave their files, replaced or not.
    void stop_removing() noexcept { remover_->stop(); }

private:
    /// Blocks of a usual size, copied, are kept.
    static constexpr std::size_t kCopiedBytesKept = 2 * kRecordsBeginMax;

    ColdTier(platform::FileIo& io, std::filesystem::path store, const std::uint64_t (&uuid)[2], Manifest manifest,
             std::uint64_t cache_bytes, SegmentReads reads)
        : io_(io),
          store_(std::move(store)),
          uuid_{uuid[0], uuid[1]},
          reads_(reads),
          cache_(std::make_shared<BlockCache>(
              cache_bytes, reads == SegmentReads::copied ? kCopiedBytesKept : BlockCache::kBlockBytesKept)),
          remover_(std::make_shared<FileRemover>(io)),
          manifest_(std::move(manifest)) {}
    [[nodiscard]] Result<std::shared_ptr<Segment>> open_segment(std::uint64_t segment) const;
    [[nodiscard]] Result<void> check_manifest() const;
    [[nodiscard]] Result<void> missing_segment(std::uint64_t segment) const;
    [[nodiscard]] Result<void> open_components();
    [[nodiscard]] Result<void> remove_leftovers();
    [[nodiscard]] Result<void> check_part(std::uint64_t component, const Segment& part) const;
    using Removed = std::vector<std::shared_ptr<Segment>>;
    [[nodiscard]] Result<void> commit(const TreeChange& change, bool& appending);
    void remove_segments(const std::vector<std::uint64_t>& segments) const noexcept;
    [[nodiscard]] Result<Edit> edit_of(const TreeChange& change,
                                       const std::vector<std::shared_ptr<Segment>>& opened) const;

    struct Parts {
        std::vector<std::shared_ptr<Segment>> segments;
        std::string begin;
        /// How many of the first segments lie below a key; all of them below none.
        [[nodiscard]] std::size_t below(const std::optional<std::string>& key) const noexcept;
    };

    /// All components, and those of them that did not change since they were last part of a tree.
    struct Components {
        std::map<std::uint64_t, Parts> parts;
        std::map<std::uint64_t, std::shared_ptr<const Component>> shown;

        /// Returns the segments that nobody answers from any more.
        Removed apply(const TreeChange& change, const std::vector<std::shared_ptr<Segment>>& opened);
        [[nodiscard]] std::shared_ptr<const Tree> tree(std::uint64_t hash_seed);
    };

    platform::FileIo& io_;
    const std::filesystem::path store_;
    const std::uint64_t uuid_[2];
    const SegmentReads reads_;
    const std::shared_ptr<BlockCache> cache_;
    const std::shared_ptr<FileRemover> remover_;
    std::atomic<std::uint64_t> ids_{0};
    std::mutex change_mutex_;  ///< guards what follows: one change at a time
    Manifest manifest_;
    bool no_leftovers_ = false;  ///< of an earlier opening
    std::vector<std::uint64_t> doubtful_;  ///< segments of changes that failed and may be in the manifest's file
    Components components_;
    mutable std::mutex shown_mutex_;  ///< guards what follows: the last change that counts
    std::shared_ptr<const Tree> tree_;
    std::shared_ptr<const ManifestState> state_;
};

}  // namespace zverse::cold
