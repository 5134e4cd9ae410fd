#include <cold/manifest.h>
#include <cold/record.h>
#include <cold/segment_checksum.h>
#include <platform/answer.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

namespace zverse::cold {

namespace {

constexpr std::string_view kPrefix = "MANIFEST-";
constexpr std::string_view kUnfinished = ".writing";
constexpr std::uint64_t kRollBytes = std::uint64_t{1} << 20;
constexpr std::size_t kTimesBetweenRolls = std::size_t{1} << 14;
constexpr std::uint64_t kRoomBytes = std::uint64_t{1} << 16;  ///< a hundred edits or more
constexpr std::uint64_t kEditBytesMax = std::uint64_t{1} << 30;
constexpr std::uint64_t kFileBytesMax = 16 * kEditBytesMax;  ///< a file is written anew at four times its first edit

std::uint64_t padded(std::uint64_t bytes) noexcept { return (bytes + 7) / 8 * 8; }

/// The number of a manifest's file; nothing for other names.
std::optional<std::uint64_t> number_of(std::string_view name) {
    if (!name.starts_with(kPrefix)) return std::nullopt;
    name.remove_prefix(kPrefix.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
    return number;
}

/// Takes numbers and texts out of an edit.
class EditReader {
public:
    explicit EditReader(std::span<const std::byte> bytes) noexcept
        : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}
    [[nodiscard]] bool more() const noexcept { return at_ != end_; }
    [[nodiscard]] bool take(std::uint8_t& byte) noexcept {
        if (at_ == end_) return false;
        byte = static_cast<std::uint8_t>(*at_++);
        return true;
    }
    [[nodiscard]] bool take(std::uint64_t& number) noexcept { return read_number(at_, end_, number); }
    [[nodiscard]] bool take(std::string& text) {
        std::uint64_t bytes = 0;
        if (!take(bytes) || bytes > static_cast<std::uint64_t>(end_ - at_)) return false;
        text.assign(reinterpret_cast<const char*>(at_), bytes);
        at_ += bytes;
        return true;
    }

private:
    const std::byte* at_;
    const std::byte* end_;
};

}  // namespace

void Edit::put(Tag tag, std::initializer_list<std::uint64_t> numbers) {
    bytes_.push_back(static_cast<std::byte>(tag));
    for (const std::uint64_t number : numbers) {
        std::byte buffer[kNumberBytesMax];
        bytes_.insert(bytes_.end(), buffer, write_number(buffer, number));
    }
}

void Edit::put_text(std::string_view text) {
    std::byte buffer[kNumberBytesMax];
    bytes_.insert(bytes_.end(), buffer, write_number(buffer, text.size()));
    const auto* first = reinterpret_cast<const std::byte*>(text.data());
    bytes_.insert(bytes_.end(), first, first + text.size());
}

void Edit::set_begin(std::uint64_t component, std::string_view begin) {
    put(Tag::set_begin, {component});
    put_text(begin);
}

void Edit::pin(std::string_view name, Version version) {
    put(Tag::pin, {version});
    put_text(name);
}

void Edit::unpin(std::string_view name) {
    put(Tag::unpin, {});
    put_text(name);
}

Edit Edit::whole(const ManifestState& state) {
    Edit edit;
    edit.set_cut(state.cut);
    edit.set_floor(state.floor);
    edit.set_ids(state.ids);
    for (const auto& [id, component] : state.components) {
        for (const std::uint64_t segment : component.segments) edit.add_segment(id, segment);
        if (!component.begin.empty()) edit.set_begin(id, component.begin);
    }
    for (const auto& [name, version] : state.pins) edit.pin(name, version);
    for (std::size_t i = 0; i < state.times.size(); ++i) {
        edit.add_time(state.times[i].version, state.times[i].nanoseconds);
    }
    return edit;
}

bool Edit::apply(std::span<const std::byte> bytes, ManifestState& state) {
    EditReader reader(bytes);
    while (reader.more()) {
        std::uint8_t tag = 0;
        std::uint64_t a = 0, b = 0;
        std::string text;
        if (!reader.take(tag)) return false;
        if (static_cast<Tag>(tag) != Tag::unpin && !reader.take(a)) return false;
        switch (static_cast<Tag>(tag)) {
            case Tag::cut: state.cut = a; break;
            case Tag::floor: state.floor = a; break;
            case Tag::ids: state.ids = a; break;
            case Tag::add_segment:
                if (!reader.take(b)) return false;
                state.components[a].segments.push_back(b);
                state.ids = std::max({state.ids, a, b});
                break;
            case Tag::remove_segment:
                if (!reader.take(b) || !state.components.contains(a)) return false;
                if (std::erase(state.components[a].segments, b) == 0) return false;
                break;
            case Tag::set_begin:
                if (!reader.take(text) || !state.components.contains(a)) return false;
                state.components[a].begin = text;
                break;
            case Tag::remove_component:
                if (state.components.erase(a) == 0) return false;
                break;
            case Tag::pin:
                if (!reader.take(text)) return false;
                state.pins[text] = a;
                break;
            case Tag::unpin:
                if (!reader.take(text)) return false;
                state.pins.erase(text);
                break;
            case Tag::time:
                if (!reader.take(b)) return false;
                state.times.add(a, static_cast<std::int64_t>(b));
                break;
            case Tag::times_before: state.times.remove_before(a); break;
            default: return false;
        }
    }
    return true;
}

std::filesystem::path Manifest::path_of(std::uint64_t number) const {
    return directory_ / (std::string(kPrefix) + std::to_string(number));
}

/// Both copies of an edit, as they lie at `offset`.
std::vector<std::byte> Manifest::encode(std::span<const std::byte> payload, std::uint64_t number, std::uint64_t offset,
                                        std::uint32_t sequence) const {
    const std::uint64_t copy = sizeof(EditHeader) + padded(payload.size());
    std::vector<std::byte> bytes(2 * copy);
    for (std::uint64_t at = 0; at < bytes.size(); at += copy) {
        EditHeader header{0, static_cast<std::uint32_t>(payload.size()), sequence};
        std::memcpy(&bytes[at], &header, sizeof(header));
        std::ranges::copy(payload, bytes.begin() + static_cast<std::ptrdiff_t>(at + sizeof(header)));
        const std::span<const std::byte> covered(&bytes[at + 8], sizeof(header) - 8 + payload.size());
        header.checksum = piece_checksum(covered, segment_seed(store_, number), offset + at);
        std::memcpy(&bytes[at], &header, sizeof(header));
    }
    return bytes;
}

namespace {

struct ManifestBytes {
    std::vector<std::byte> all;  ///< zeros where the medium does not give them
    std::optional<Error> unread;  ///< why not
    std::uint64_t unread_end = 0;  ///< behind the last of those
};

/// Errors: all but what a bad sector makes.
Result<ManifestBytes> read_bytes(platform::FileIo& io, const std::filesystem::path& path) {
    constexpr std::size_t kPieceBytes = 512;
    auto file = io.open(path, platform::OpenMode::read);
    if (!file) return std::unexpected(std::move(file.error()));
    auto size = (*file)->size();
    if (!size) return std::unexpected(std::move(size.error()));
    if (*size > kFileBytesMax) {
        return std::unexpected(Error(ErrorCode::corrupt, path.string() + " is damaged at offset 0: it has " +
                                                             std::to_string(*size) +
                                                             " bytes, and no manifest so many"));
    }
    ManifestBytes bytes;
    bytes.all.resize(*size);
    auto whole = (*file)->read_exact(bytes.all, 0);
    if (whole) return bytes;
    if (whole.error().os_errno() != EIO) return std::unexpected(std::move(whole.error()));
    bytes.unread = std::move(whole.error());
    for (std::size_t at = 0; at < bytes.all.size(); at += kPieceBytes) {
        const auto piece = std::span(bytes.all).subspan(at, std::min(kPieceBytes, bytes.all.size() - at));
        if ((*file)->read_exact(piece, at)) continue;
        std::ranges::fill(piece, std::byte{0});
        bytes.unread_end = at + piece.size();
    }
    return bytes;
}

}  // namespace

/// `edits`: gets them with two good copies each. A copy that can't be read is stood in for by the other.
Result<void> Manifest::read(std::uint64_t number, std::vector<std::byte>* edits) {
    number_ = number;
    end_ = 0;
    sequence_ = 0;
    auto read = read_bytes(*io_, path_of(number));
    if (!read) return std::unexpected(std::move(read.error()));
    const std::vector<std::byte>& bytes = read->all;
    const std::uint64_t seed = segment_seed(store_, number);
    // The payload of a good copy at `offset` of the edit `sequence`, or a later one.
    const auto copy_at = [&](std::uint64_t offset, std::span<const std::byte>& payload, bool or_later = false) {
        EditHeader header{};
        if (offset > bytes.size() || bytes.size() - offset < sizeof(header)) return false;
        std::memcpy(&header, &bytes[offset], sizeof(header));
        // No more edits can follow than there is room for.
        const std::uint64_t behind = or_later ? (bytes.size() - end_) / sizeof(header) : 0;
        const bool wanted = header.sequence >= sequence_ && header.sequence - sequence_ <= behind;
        if (!wanted || header.bytes > bytes.size() - offset - sizeof(header)) return false;
        payload = std::span(bytes).subspan(offset + sizeof(header), header.bytes);
        const auto covered = std::span(bytes).subspan(offset + 8, sizeof(header) - 8 + header.bytes);
        return header.checksum == piece_checksum(covered, seed, offset);
    };
    ManifestState state;
    while (end_ < bytes.size()) {
        std::span<const std::byte> payload;
        bool good = copy_at(end_, payload);
        // The first copy's length may be what is damaged: then the second is looked for.
        for (std::uint64_t at = end_ + sizeof(EditHeader); !good && at < bytes.size(); at += 8)
            good = copy_at(at, payload);
        if (!good) {
            // An edit that a crash cut short is the last one.
            for (std::uint64_t at = end_ + sizeof(EditHeader); at < bytes.size(); at += 8) {
                if (!copy_at(at, payload, true)) continue;
                return std::unexpected(Error(ErrorCode::corrupt, path_of(number).string() + " is damaged at offset " +
                                                                     std::to_string(end_) +
                                                                     ": both copies of an edit that others follow"));
            }
            break;
        }
        if (!Edit::apply(payload, state)) {
            return std::unexpected(Error(ErrorCode::incompatible, path_of(number).string() + " has an edit at offset " +
                                                                      std::to_string(end_) +
                                                                      " that this build does not understand"));
        }
        if (edits != nullptr) {
            const std::vector<std::byte> copies = encode(payload, number, end_, sequence_);
            edits->insert(edits->end(), copies.begin(), copies.end());
        }
        last_ = end_;
        end_ += 2 * (sizeof(EditHeader) + padded(payload.size()));
        ++sequence_;
    }
    // What stands behind the edits was left by a crash; but where nobody can look, there may be more of them.
    if (read->unread_end > end_) return std::unexpected(std::move(*read->unread));
    if (sequence_ == 0) {
        return std::unexpected(
            Error(ErrorCode::corrupt, path_of(number).string() + " is damaged at offset 0: it has no first edit"));
    }
    state_ = std::make_shared<const ManifestState>(std::move(state));
    return {};
}

/// Writes the state as a manifest of the next number, and removes the older ones.
Result<void> Manifest::roll() {
    const std::uint64_t next = number_ + 1;
    std::filesystem::path unfinished = path_of(next);
    unfinished += kUnfinished;
    if (auto there = io_->exists(unfinished); there && *there) {
        if (auto removed = io_->remove(unfinished); !removed) return removed;
    }
    auto file = io_->open(unfinished, platform::OpenMode::create);
    if (!file) return std::unexpected(std::move(file.error()));
    std::shared_ptr<const ManifestState> state = state_;
    if (TimeMarks times = state_->times.thinned(); times.size() < state_->times.size()) {
        auto thinned = std::make_shared<ManifestState>(*state_);
        thinned->times = std::move(times);
        state = std::move(thinned);
    }
    const std::vector<std::byte> bytes = encode(Edit::whole(*state).bytes(), next, 0, 0);
    Result<void> done = (*file)->write(bytes, 0);
    if (done) done = (*file)->sync();
    if (done) done = io_->rename(unfinished, path_of(next));
    if (!done) {
        (void)io_->remove(unfinished);  // what stays is removed before the next try
        return done;
    }
    // From here on a crash may leave either file; they say the same as long as nothing is appended to the older one.
    file_ = nullptr;
    if (auto synced = io_->sync_directory(directory_); !synced) return synced;
    const std::uint64_t older = std::exchange(number_, next);
    state_ = std::move(state);
    rolled_times_ = state_->times.size();
    file_ = std::move(*file);
    end_ = rolled_bytes_ = bytes.size();
    sequence_ = 1;
    tail_ = Tail::nothing;
    room_end_ = 0;
    set_room_aside();
    if (auto there = io_->exists(path_of(older)); there && *there) {
        if (auto removed = io_->remove(path_of(older)); !removed) return removed;
    }
    set_room_aside();  // which the older file may have had
    return {};
}

namespace {

/// The numbers of all manifests in a directory, ascending.
Result<std::vector<std::uint64_t>> numbers_in(platform::FileIo& io, const std::filesystem::path& directory) {
    auto names = io.list(directory);
    if (!names) return std::unexpected(std::move(names.error()));
    std::vector<std::uint64_t> numbers;
    for (const std::string& name : *names) {
        if (const auto number = number_of(name)) numbers.push_back(*number);
    }
    std::ranges::sort(numbers);
    return numbers;
}

}  // namespace

Result<Manifest> Manifest::open(platform::FileIo& io, const std::filesystem::path& directory,
                                const std::uint64_t (&store)[2]) {
    Manifest manifest(io, directory, store);
    auto numbers = numbers_in(io, directory);
    if (!numbers) return std::unexpected(std::move(numbers.error()));
    if (numbers->empty()) return manifest;
    if (auto done = manifest.read(numbers->back()); !done) return std::unexpected(std::move(done.error()));
    return manifest;
}

Result<void> Manifest::create(platform::FileIo& io, const std::filesystem::path& directory,
                              const std::uint64_t (&store)[2], const ManifestState& state) {
    Manifest manifest(io, directory, store);
    manifest.state_ = std::make_shared<const ManifestState>(state);
    return manifest.roll();
}

void Manifest::remove_created(platform::FileIo& io, const std::filesystem::path& directory) {
    const std::filesystem::path first = directory / (std::string(kPrefix) + "1");
    std::filesystem::path unfinished = first;
    unfinished += kUnfinished;
    for (const auto& path : {first, unfinished}) {
        if (auto there = io.exists(path); there && *there) (void)io.remove(path);
    }
}

Result<void> Manifest::start_writing() {
    auto numbers = numbers_in(*io_, directory_);
    if (!numbers) return std::unexpected(std::move(numbers.error()));
    // What a crash left of earlier rolls. The newest may not have reached the disk yet, where only a process died.
    if (numbers->size() > 1) {
        if (auto synced = io_->sync_directory(directory_); !synced) return synced;
    }
    for (const std::uint64_t number : *numbers) {
        if (number == number_) continue;
        if (auto removed = io_->remove(path_of(number)); !removed) return removed;
    }
    if (number_ == 0) return {};
    auto rolled = roll();
    const bool no_room = !rolled && rolled.error().code() == ErrorCode::full;
    if (!no_room) return rolled;
    // A new file that got as far as its name is the one that the next opening reads.
    auto named = io_->exists(path_of(number_ + 1));
    if (!named) return std::unexpected(std::move(named.error()));
    return *named ? rolled : write_over();
}

/// Asked for when half of it is used up; what the disk refuses is asked for again at the next edit.
void Manifest::set_room_aside() noexcept {
    if (end_ + kRoomBytes / 2 <= room_end_) return;
    if (file_->reserve(end_ + kRoomBytes)) room_end_ = end_ + kRoomBytes;
}

/// The same edits in the same place: whatever a crash leaves of them, the file says what it said. Some zeros behind all
/// that is there make its size new, too: an earlier process may have had a sync that failed, and then no later one
/// would make the size durable. The next edit goes over them.
Result<void> Manifest::write_over() {
    std::vector<std::byte> edits;
    if (auto done = read(number_, &edits); !done) return done;
    auto file = io_->open(path_of(number_), platform::OpenMode::read_write);
    if (!file) return std::unexpected(std::move(file.error()));
    auto size = (*file)->size();
    if (!size) return std::unexpected(std::move(size.error()));
    constexpr std::array<std::byte, 8> kZeros{};
    if (auto written = (*file)->write(edits, 0); !written) return written;
    if (auto written = (*file)->write(kZeros, std::max(*size, end_)); !written) return written;
    if (auto synced = (*file)->sync(); !synced) return synced;
    if (auto synced = io_->sync_directory(directory_); !synced) return synced;
    file_ = std::move(*file);
    tail_ = Tail::nothing;
    set_room_aside();
    return {};
}

/// A new file without it leaves no doubt. Without room for one, the next edit goes over what was written in part: what
/// stays of it behind the next one has a number that is over. What was not synced waits for room.
Result<void> Manifest::leave_failed_edit() {
    auto rolled = roll();
    const bool no_room = !rolled && rolled.error().code() == ErrorCode::full;
    if (no_room && tail_ == Tail::torn && file_ != nullptr) return {};
    return rolled;
}

Result<void> Manifest::append(const Edit& edit) {
    if (edit.bytes().size() > kEditBytesMax) {
        return std::unexpected(Error(ErrorCode::full, "an edit of the manifest is larger than 1 GiB"));
    }
    if (tail_ != Tail::nothing) {
        if (auto left = leave_failed_edit(); !left) return left;
    }
    // All that needs memory comes before the edit counts.
    auto next = std::make_shared<ManifestState>(*state_);
    if (!Edit::apply(edit.bytes(), *next)) {
        return std::unexpected(Error(ErrorCode::invalid_argument, "an edit of the manifest does not fit its state"));
    }
    const std::vector<std::byte> bytes = encode(edit.bytes(), number_, end_, sequence_);
    tail_ = Tail::torn;
    if (auto written = file_->write(bytes, end_); !written) return written;
    tail_ = Tail::unknown;
    if (auto synced = file_->sync(); !synced) return synced;
    tail_ = Tail::nothing;
    end_ += bytes.size();
    ++sequence_;
    state_ = std::move(next);
    // Where there is no space or no memory for a new file, the old one goes on: the edit counts, whatever follows.
    const bool long_file = end_ > kRollBytes && end_ > 4 * rolled_bytes_;
    const bool many_times = state_->times.size() > 2 * rolled_times_ + kTimesBetweenRolls;
    if (long_file || many_times) {
        const auto rolled = platform::answer("writing a new manifest", [this] { return roll(); });
        if (!rolled && file_ == nullptr) tail_ = Tail::unknown;
    }
    if (file_ != nullptr) set_room_aside();
    return {};
}

}  // namespace zverse::cold
