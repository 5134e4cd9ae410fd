// ChangesCursor: every record with a version in a range, by version then key, in bounded memory.
//
// Runs know, for each 64 KiB or so of ring, which versions begin there (warm/run.h U3). A refill takes the spans with
// the nearest versions until they hold enough bytes, which bounds a window of versions; it walks those spans and the
// uncovered tails, sorts what falls into the window, and copies out whole versions. What has settled is for
// SettledChanges: refill() only hands it the tree of its view, and it is read when nothing is pinned.
#pragma once

#include <engine/cursor_state.h>
#include <engine/settled_changes.h>
#include <warm/run.h>

#include <string>
#include <vector>

namespace zverse::engine {

class ChangesCursor final : public BatchCursor {
public:
    /// Versions (after, upto]; `upto` is resolved.
    ChangesCursor(std::shared_ptr<Engine> engine, VersionPins::Pin pin, VersionRange versions, KeyRange keys,
                  const ScanOptions& options);

protected:
    [[nodiscard]] Result<void> refill(hot::WriterSlot& slot, const warm::View& view, std::size_t entries) override;
    [[nodiscard]] Result<void> prepare() override;

private:
    struct Frame {
        Version version;
        hot::Ring* ring;
        std::uint64_t position;
    };

    [[nodiscard]] std::vector<warm::Run::Span> choose_spans(const warm::View& view, Version& after,
                                                            Version& upto) const;
    void collect(hot::WriterSlot& slot, hot::Ring& ring, std::uint64_t begin, std::uint64_t end, Version after,
                 Version upto, Version cut);
    void copy_frame(const Frame& frame);
    void refill_hot(hot::WriterSlot& slot, const warm::View& view, Version after);

    Version after_;
    Version upto_;
    const KeyRange keys_;
    SettledChanges settled_;
    std::vector<Frame> frames_;
    std::vector<hot::OperationRef> operations_;
};

}  // namespace zverse::engine
