// Rebuilding: what was gathered -> a new store, under the versions that it had; and what the losses make of it.
//
// Data flow: sorted records -> one of each version and key -> a load that keeps versions -> keys that a lost record may
// have made another of -> erased at a version above all, and put aside.
//
// What is missing never lets an older record pass for it where that can be known: at a version at which a record is
// known to have been, and is lost, the key is erased.
#pragma once

#include <cold/spill_sort.h>
#include <tools/dump/load.h>
#include <tools/dump/load_target.h>
#include <tools/recover/damaged_store.h>
#include <tools/recover/gathering.h>
#include <tools/recover/recover_report.h>
#include <tools/recover/recover_request.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace zverse::tools {

/// What uncertain keys are put aside under.
inline constexpr std::string_view kLostAndFound = "lost+found/";

class Rebuilding {
public:
    /// The sort is placed on its first record.
    Rebuilding(const RecoverRequest& request, const DamagedStore& store, cold::SpillSort& sort, ValueFiles& values,
               RecoverReport& report);
    /// Errors: those of the new store, io, full; what cancels.
    [[nodiscard]] Result<void> run();

private:
    struct Chosen;

    [[nodiscard]] Result<void> rebuild();
    [[nodiscard]] Result<void> open();
    [[nodiscard]] Result<void> write_records();
    [[nodiscard]] Result<void> write(const Chosen& chosen);
    [[nodiscard]] Result<void> end_key(const Chosen& chosen);
    [[nodiscard]] Result<void> add(DumpRecordKind kind, std::string_view key, std::string_view value, Version version);
    void note_version(Version version);
    void note_end_of_versions();
    [[nodiscard]] Result<void> set_pins();
    [[nodiscard]] Result<void> find_uncertain();
    [[nodiscard]] Result<void> judge_stretch(const Store& so_far, const UncertainStretch& stretch,
                                             const LostKeys& lost);
    [[nodiscard]] Result<void> judge_suspects(const Store& so_far, const LostKeys& lost);
    void begin_aside(std::uint64_t bytes);
    [[nodiscard]] Result<void> put_aside(const Store& so_far, std::string_view key, std::string_view value);
    [[nodiscard]] Result<std::string> name_aside(const Store& so_far, std::string_view key);

    const RecoverRequest& request_;
    const DamagedStore& store_;
    cold::SpillSort& sort_;
    ValueFiles& values_;
    RecoverReport& report_;
    DumpHeader header_;
    LoadRequest load_;
    LoadReport load_report_;
    std::unique_ptr<LoadTarget> target_;  ///< null: nothing is written
    Version last_ = 0;  ///< of the last record that was found
    Version counted_upto_ = 0;  ///< versions of rings, without a gap but those that nobody was handed out
    std::optional<Version> gap_;  ///< the first version of which nothing was found
    std::vector<std::pair<std::string, Version>> suspects_;  ///< of copies alone
    std::uint64_t aside_bytes_ = 0;  ///< put aside at this version
    std::set<std::string> names_aside_;
};

}  // namespace zverse::tools
