// Gathering: everything of a damaged store that can be proved -> one sort by version and key; and what can't -> losses.
//
// Data flow: segments that count -> rings -> where something of either is lost, what other segments have of it -> sort.
//
// Marks of sorted records
//   record    as it was written
//   suspect   too, but retention may have dropped it since, and what erased it
//   ending    no record: the key's older one was over at this version, so one was written there
//   version   no record: the version was given to a frame that holds none
#pragma once

#include <cold/segment_salvage.h>
#include <cold/spill_sort.h>
#include <hot/ring_inspection.h>
#include <platform/file_io.h>
#include <tools/recover/damaged_store.h>
#include <tools/recover/lost_keys.h>
#include <tools/recover/recover_report.h>
#include <tools/recover/recover_request.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zverse::tools {

enum class SortMark : std::uint8_t { record = 0, suspect = 1, ending = 2, version = 3 };

/// The files that large values stay in until they are written.
class ValueFiles {
public:
    ValueFiles(platform::FileIo& io, const RecoverRequest& request, RecoverReport& report)
        : io_(io), request_(request), report_(report) {}
    /// Returns the number that a sorted record has it by.
    [[nodiscard]] std::uint32_t add(const std::filesystem::path& path, std::uint64_t seed);
    /// Valid until the next call. Errors: corrupt, io, full.
    [[nodiscard]] Result<std::string_view> read(const cold::SortedRecord& record);
    /// What it is that a record's value can't be had.
    [[nodiscard]] Loss loss_of(const cold::SortedRecord& record) const;

private:
    struct Source {
        std::filesystem::path path;
        std::uint64_t seed;
    };
    platform::FileIo& io_;
    const RecoverRequest& request_;
    RecoverReport& report_;
    std::vector<Source> files_;
    std::unique_ptr<platform::File> open_;  ///< of the last value
    std::optional<std::uint32_t> open_number_;
    std::vector<std::byte> buffer_;
};

class Gathering {
public:
    Gathering(platform::FileIo& io, const RecoverRequest& request, const DamagedStore& store, cold::SpillSort& sort,
              ValueFiles& values, RecoverReport& report);

    /// Errors: io and full of the sort; what cancels.
    [[nodiscard]] Result<void> run();

private:
    class SegmentVisitor;
    struct PartSeen;

    [[nodiscard]] Result<void> check_stopped() const;
    void choose_floor();
    [[nodiscard]] Result<void> take_component(const DamagedComponent& component);
    [[nodiscard]] Result<std::optional<PartSeen>> take_part(const DamagedComponent& component, const SegmentFile& file);
    void lose_parts(const DamagedComponent& component, const std::vector<std::optional<PartSeen>>& seen);
    void lose_missing_numbers(const DamagedComponent& component, const std::vector<std::optional<PartSeen>>& seen);
    [[nodiscard]] Result<void> take_rings();
    void take_frame(const hot::Ring& ring, std::uint64_t position, const hot::FrameHeader& frame, Version version);
    void take_operation(const hot::Ring& ring, std::uint64_t position, const hot::OperationHeader& op, Version version);
    void note_ring_losses(const std::filesystem::path& path, const hot::RingContents& found,
                          const platform::Audit& audit, std::size_t findings_before);
    [[nodiscard]] Result<void> add(const cold::SortedRecord& record);
    void lose(Loss loss);
    void miss_slabs();

    platform::FileIo& io_;
    const RecoverRequest& request_;
    const DamagedStore& store_;
    cold::SpillSort& sort_;
    ValueFiles& values_;
    RecoverReport& report_;
    Version floor_ = 0;  ///< what is superseded at or before it nobody may read
    std::optional<LostKeys> lost_keys_;  ///< once the segments that count were read: where others may stand in
    bool standing_in_ = false;  ///< what else there is of segments is looked at
    std::vector<std::pair<Version, Version>> slabs_;  ///< of live components
    std::uint64_t parts_ = 0, parts_done_ = 0;
    std::uint32_t ring_values_ = 0;  ///< the ring's number in values_
    Result<void> ring_failure_;  ///< of the sort, while a ring is walked
};

}  // namespace zverse::tools
