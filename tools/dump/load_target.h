// LoadTarget: the store that a dump is loaded into. Once open(), add() for each record, then finish(), or leave() when
// something went wrong on the way.
#pragma once

#include <tools/dump/dump_format.h>
#include <tools/dump/load.h>
#include <zverse/store.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zverse::tools {

class LoadTarget {
public:
    LoadTarget(const LoadRequest& request, const DumpHeader& header, LoadReport& report)
        : request_(request), header_(header), report_(report) {}
    virtual ~LoadTarget() = default;

    [[nodiscard]] virtual Result<void> open() = 0;
    [[nodiscard]] virtual Result<void> add(const DumpRecord& record) = 0;
    /// The store with all that was added so far.
    [[nodiscard]] virtual Result<const Store*> loaded() = 0;
    /// On return everything survives power loss.
    [[nodiscard]] virtual Result<void> finish() = 0;
    /// What came so far stays, and survives power loss where that can still be had.
    void leave();

protected:
    [[nodiscard]] Options options() const;
    /// Ends a load that came to nothing, so that the store is what it was.
    virtual void before_leaving() {}
    [[nodiscard]] Result<void> close();
    void note_versions();
    [[nodiscard]] std::uint64_t ring_bytes() const;

    using Pin = std::pair<std::string, Version>;

    const LoadRequest& request_;
    const DumpHeader& header_;
    LoadReport& report_;
    std::optional<Store> store_;
    Version start_ = 0;  ///< the newest version when the load began
    WriteBatch batch_;
    std::vector<Pin> pins_;
};

[[nodiscard]] std::unique_ptr<LoadTarget> preserving_load(const LoadRequest& request, const DumpHeader& header,
                                                          LoadReport& report);
[[nodiscard]] std::unique_ptr<LoadTarget> renumbering_load(const LoadRequest& request, const DumpHeader& header,
                                                           bool is_text, LoadReport& report);

}  // namespace zverse::tools
