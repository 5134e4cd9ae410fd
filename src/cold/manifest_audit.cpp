// A look at the manifest as it lies on the medium: every edit that counts, in both copies. What lies behind them was
// left by a crash or a failed call, and means nothing.
#include <cold/manifest.h>
#include <cold/segment_checksum.h>

#include <cstring>
#include <optional>
#include <utility>

namespace zverse::cold {

namespace {

namespace codes = platform::codes;

/// The copies of one edit after the other.
class EditAudit {
public:
    EditAudit(std::span<const std::byte> bytes, std::filesystem::path path, std::uint64_t seed, platform::Audit& audit)
        : bytes_(bytes), path_(std::move(path)), seed_(seed), audit_(audit) {}

    /// The state that the edits make; nothing where one of them is lost.
    [[nodiscard]] std::optional<ManifestState> run(std::uint32_t edits) {
        ManifestState state;
        for (std::uint32_t sequence = 0; sequence < edits; ++sequence) {
            const auto payload = next(sequence);
            if (!payload) return std::nullopt;
            if (!Edit::apply(*payload, state)) {
                audit_.find(codes::kManifestEdit, path_, at_, "an edit makes no sense");
                return std::nullopt;
            }
            at_ += 2 * copy_bytes(payload->size());
        }
        return state;
    }

private:
    static std::uint64_t copy_bytes(std::uint64_t payload) noexcept {
        return sizeof(EditHeader) + (payload + 7) / 8 * 8;
    }
    [[nodiscard]] std::optional<std::span<const std::byte>> copy_at(std::uint64_t offset,
                                                                    std::uint32_t sequence) const {
        EditHeader header{};
        if (offset > bytes_.size() || bytes_.size() - offset < sizeof(header)) return std::nullopt;
        std::memcpy(&header, &bytes_[offset], sizeof(header));
        if (header.sequence != sequence || header.bytes > bytes_.size() - offset - sizeof(header)) return std::nullopt;
        const auto covered = bytes_.subspan(offset + 8, sizeof(header) - 8 + header.bytes);
        if (header.checksum != piece_checksum(covered, seed_, offset)) return std::nullopt;
        return bytes_.subspan(offset + sizeof(header), header.bytes);
    }
    void find_bad(std::uint64_t offset, std::uint32_t sequence, const char* which) {
        audit_.find(codes::kManifestCopy, path_, offset,
                    std::string("the ") + which + " copy of edit " + std::to_string(sequence) + " is damaged");
    }
    /// The payload of the edit at the place reached; a finding for each copy that is bad.
    [[nodiscard]] std::optional<std::span<const std::byte>> next(std::uint32_t sequence) {
        if (const auto first = copy_at(at_, sequence)) {
            const std::uint64_t second = at_ + copy_bytes(first->size());
            if (!copy_at(second, sequence)) find_bad(second, sequence, "second");
            return first;
        }
        find_bad(at_, sequence, "first");
        // Its length may be what is damaged.
        for (std::uint64_t at = at_ + sizeof(EditHeader); at < bytes_.size(); at += 8) {
            if (const auto second = copy_at(at, sequence)) return second;
        }
        audit_.find(codes::kManifestEdit, path_, at_,
                    "edit " + std::to_string(sequence) + " is lost: both of its copies are damaged");
        return std::nullopt;
    }

    std::span<const std::byte> bytes_;
    std::filesystem::path path_;
    std::uint64_t seed_;
    platform::Audit& audit_;
    std::uint64_t at_ = 0;
};

}  // namespace

void Manifest::audit(platform::Audit& audit) const {
    if (number_ == 0) return;  // nothing was ever written
    const std::filesystem::path path = path_of(number_);
    auto file = io_->open(path, platform::OpenMode::read);
    if (!file) {
        audit.find(file.error(), path, 0);
        return;
    }
    std::vector<std::byte> bytes(end_);
    if (!audit.read(**file, bytes, 0)) return;
    const auto found = EditAudit(bytes, path, segment_seed(store_, number_), audit).run(sequence_);
    if (found && *found != *state_) {
        audit.find(codes::kManifestState, path, 0, "the edits do not make the state that the open store goes by");
    }
}

}  // namespace zverse::cold
