// Manifest: which segments are the tree, what they stand for, and what else the cold tier must remember.
//
//   MANIFEST-<n>   edits, one after the other; the first is the whole state
//
// An edit is durable before anyone acts on it: before a view shows its components, before a head moves, before a file
// is unlinked. What an opening reads may have been written by a process that died before its sync, or after one that
// failed, so it is acted on only when start_writing() has written it again: as n + 1, and then n goes; or, where the
// disk has no room for that, over itself. The next edit goes over one that failed, in the same place.
//
// Room for some more edits is always set aside, where the file system can, so that on a full disk components can
// still be dropped.
//
// Each edit is written twice, side by side, and one good copy is enough. Where both copies are bad and nothing follows,
// a crash cut the edit short, and nobody acted on it. Where something follows, the file is damaged.
//
// Times are thinned when the state is written anew, and only then: what the edits of a file make is its state. It is
// written anew, too, when there are twice as many times as then.
//
// Threads: one at a time.
#pragma once

#include <cold/time_marks.h>
#include <platform/audit.h>
#include <platform/file_io.h>
#include <zverse/error.h>
#include <zverse/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace zverse::cold {

/// In front of each copy of an edit; on a multiple of 8 bytes.
///
///   offset  size  field
///        0     8  checksum   XXH3-64 of the bytes behind it up to the payload's end, seeded with store, number, offset
///        8     4  bytes      of the payload; zeros follow up to a multiple of 8
///       12     4  sequence   0, 1, ..: equal in both copies
struct EditHeader {
    std::uint64_t checksum;
    std::uint32_t bytes;
    std::uint32_t sequence;
};
static_assert(sizeof(EditHeader) == 16);

/// What the manifest says.
struct ManifestState {
    struct ComponentState {
        std::string begin;  ///< see Component
        std::vector<std::uint64_t> segments;  ///< its parts, ascending in keys
        [[nodiscard]] bool operator==(const ComponentState&) const = default;
    };

    Version cut = 0;
    Version floor = 0;
    std::uint64_t ids = 0;  ///< every id of a segment or component so far is at most this
    std::map<std::uint64_t, ComponentState> components;
    std::map<std::string, Version> pins;
    TimeMarks times;  ///< a change of it is shared by what else holds the state

    [[nodiscard]] bool operator==(const ManifestState&) const = default;
};

/// Changes to the state; numbers are LEB128, texts their length and bytes.
class Edit {
public:
    void set_cut(Version cut) { put(Tag::cut, {cut}); }
    void set_floor(Version floor) { put(Tag::floor, {floor}); }
    void set_ids(std::uint64_t ids) { put(Tag::ids, {ids}); }
    /// The next part of a component, which the first one creates.
    void add_segment(std::uint64_t component, std::uint64_t segment) { put(Tag::add_segment, {component, segment}); }
    /// A part that the component no longer answers for.
    void remove_segment(std::uint64_t component, std::uint64_t segment) {
        put(Tag::remove_segment, {component, segment});
    }
    /// Keys below it are answered by what replaced the component.
    void set_begin(std::uint64_t component, std::string_view begin);
    void remove_component(std::uint64_t component) { put(Tag::remove_component, {component}); }
    void pin(std::string_view name, Version version);
    void unpin(std::string_view name);
    void add_time(Version version, std::int64_t nanoseconds) {
        put(Tag::time, {version, static_cast<std::uint64_t>(nanoseconds)});
    }
    void remove_times_before(Version version) { put(Tag::times_before, {version}); }

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
    /// Applies an edit's bytes; false when they make no sense.
    [[nodiscard]] static bool apply(std::span<const std::byte> bytes, ManifestState& state);
    /// The edit that makes `state` out of nothing.
    [[nodiscard]] static Edit whole(const ManifestState& state);

private:
    enum class Tag : std::uint8_t {
        cut = 1,
        floor,
        ids,
        add_segment,
        set_begin,
        remove_component,
        pin,
        unpin,
        time,
        times_before,
        remove_segment
    };
    void put(Tag tag, std::initializer_list<std::uint64_t> numbers);
    void put_text(std::string_view text);

    std::vector<std::byte> bytes_;
};

class Manifest {
public:
    /// Reads the newest manifest in `directory`; a directory without one has an empty state. Changes nothing.
    /// Errors: corrupt (file and offset named), incompatible, io.
    [[nodiscard]] static Result<Manifest> open(platform::FileIo& io, const std::filesystem::path& directory,
                                               const std::uint64_t (&store)[2]);
    /// Writes the first manifest of a store; its directory has none. On return it survives power loss. Errors: io,
    /// full.
    [[nodiscard]] static Result<void> create(platform::FileIo& io, const std::filesystem::path& directory,
                                             const std::uint64_t (&store)[2], const ManifestState& state);
    /// Removes what create() made, and forgets what fails.
    static void remove_created(platform::FileIo& io, const std::filesystem::path& directory);
    /// Before anyone who may write acts on the state, and before the first append(): makes it durable and removes older
    /// manifests. On a full disk 8 bytes of room are enough, and those are set aside. Errors: io, full, corrupt.
    [[nodiscard]] Result<void> start_writing();

    [[nodiscard]] const ManifestState& state() const noexcept { return *state_; }
    /// The same, for whoever keeps it while others append.
    [[nodiscard]] std::shared_ptr<const ManifestState> shared_state() const noexcept { return state_; }
    /// What a state that makes no sense makes of an opening.
    [[nodiscard]] Error damaged(const std::string& what) const {
        return {ErrorCode::corrupt, path_of(number_).string() + " is damaged at offset 0: " + what};
    }
    /// Appends and applies; on return it survives power loss. After a failure the edit is not applied, but after a
    /// crash it may be there; the next append() begins a new file without it, or, where there is no room for one, goes
    /// over it.
    [[nodiscard]] Result<void> append(const Edit& edit);

    /// Offset of the last edit that open() found: the one that a crash may have left half.
    [[nodiscard]] std::uint64_t last_edit() const noexcept { return last_; }
    /// Reads both copies of every edit that counts, and whether they make state().
    void audit(platform::Audit& audit) const;

private:
    Manifest(platform::FileIo& io, std::filesystem::path directory, const std::uint64_t (&store)[2])
        : io_(&io), directory_(std::move(directory)), store_{store[0], store[1]} {}
    [[nodiscard]] Result<void> read(std::uint64_t number, std::vector<std::byte>* edits = nullptr);
    [[nodiscard]] Result<void> roll();
    [[nodiscard]] Result<void> write_over();
    [[nodiscard]] Result<void> leave_failed_edit();
    void set_room_aside() noexcept;
    [[nodiscard]] std::filesystem::path path_of(std::uint64_t number) const;
    [[nodiscard]] std::vector<std::byte> encode(std::span<const std::byte> payload, std::uint64_t number,
                                                std::uint64_t offset, std::uint32_t sequence) const;

    platform::FileIo* io_;
    std::filesystem::path directory_;
    std::uint64_t store_[2];
    std::shared_ptr<const ManifestState> state_ = std::make_shared<const ManifestState>();
    std::uint64_t number_ = 0;
    std::unique_ptr<platform::File> file_;  ///< when open for writing
    std::uint64_t end_ = 0;  ///< of the file's good edits
    std::uint64_t last_ = 0;  ///< where the last one that open() found begins
    std::uint64_t room_end_ = 0;  ///< up to here there was room when it was last asked for
    std::uint64_t rolled_bytes_ = 0;  ///< what the state took when it was written as a whole
    std::size_t rolled_times_ = 0;  ///< how many it had then
    std::uint32_t sequence_ = 0;  ///< of the next edit
    /// What may stand behind end_. After a failed sync nobody can know what is on the medium, and before
    /// start_writing() nobody does.
    enum class Tail : std::uint8_t { nothing, torn, unknown } tail_ = Tail::unknown;
};

}  // namespace zverse::cold
