// DamagedStore: what of a damaged store says what is what, as far as that can still be told: the superblock, the
// catalog (the manifest), and which segments answer for which keys.
//
// With a catalog the segments that it names count, and each from a key on. Without one every segment counts, but for
// keys that it lists as replaced by another: the outputs of merges name their inputs.
//
// Of a record that another segment answers for, that one has a copy, or retention has dropped it; or the other's
// history was not written yet, which only the catalog could tell.
#pragma once

#include <cold/manifest.h>
#include <engine/superblock.h>
#include <platform/file_io.h>
#include <tools/common/store_identity.h>
#include <tools/recover/recover_request.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::tools {

/// Keys [begin, end), without an end all behind.
struct KeyStretch {
    std::string begin;
    std::optional<std::string> end;
    [[nodiscard]] bool holds(std::string_view key) const noexcept { return key >= begin && (!end || key < *end); }
};

struct SegmentFile {
    std::uint64_t id = 0;
    std::filesystem::path path;
};

/// Segments that say they are one component, in the order of keys.
struct DamagedComponent {
    std::uint64_t id = 0;
    std::string begin;  ///< keys below it are answered by others
    std::vector<KeyStretch> replaced;  ///< where others answer, too: ascending, apart
    std::vector<SegmentFile> parts;
    bool counts = true;  ///< else no part of the store any more

    [[nodiscard]] bool answers_for(std::string_view key) const noexcept;
};

class DamagedStore {
public:
    /// Errors: not_found (no store there), incompatible, io, full. What is damaged is left out.
    [[nodiscard]] static Result<DamagedStore> look_at(platform::FileIo& io, const RecoverRequest& request);

    [[nodiscard]] const std::optional<engine::SuperblockFields>& superblock() const noexcept { return fields_; }
    [[nodiscard]] const std::optional<StoreIdentity>& identity() const noexcept { return identity_; }
    [[nodiscard]] const std::optional<cold::ManifestState>& catalog() const noexcept { return catalog_; }
    [[nodiscard]] const std::vector<DamagedComponent>& components() const noexcept { return components_; }
    /// Everything up to it is in segments, as far as that is known.
    [[nodiscard]] Version settled() const noexcept { return settled_; }
    [[nodiscard]] std::filesystem::path ring(unsigned shard) const;

private:
    DamagedStore(platform::FileIo& io, const RecoverRequest& request) : io_(io), request_(request) {}
    [[nodiscard]] Result<void> read_superblock();
    [[nodiscard]] Result<void> read_catalog();
    [[nodiscard]] Result<std::vector<SegmentFile>> list_segments() const;
    [[nodiscard]] Result<bool> names_all_settled(const cold::ManifestState& state,
                                                 const std::vector<SegmentFile>& files) const;
    void take_named();
    [[nodiscard]] Result<void> take_unnamed();
    [[nodiscard]] Result<void> take_all();

    platform::FileIo& io_;
    const RecoverRequest& request_;
    std::optional<engine::SuperblockFields> fields_;
    std::optional<StoreIdentity> identity_;
    std::optional<cold::ManifestState> catalog_;
    std::vector<DamagedComponent> components_;
    Version settled_ = 0;
};

}  // namespace zverse::tools
