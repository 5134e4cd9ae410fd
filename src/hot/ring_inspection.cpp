#include <hot/ring_inspection.h>

#include <platform/sparse_memory.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace zverse::hot {

namespace {

namespace codes = platform::codes;
constexpr std::uint64_t kStretchBytes = std::uint64_t{1} << 20;  // loaded and let go at a time
constexpr std::uint64_t kPieceBytes = 4096;  // of a stretch that can't be read as a whole

/// The file as if it were in memory: zeros where it could not be read, or where it was cut off.
class RingImage {
public:
    RingImage(platform::File& file, std::uint64_t file_bytes, platform::SparseMemory memory, platform::Audit& audit)
        : file_(file), file_bytes_(file_bytes), memory_(std::move(memory)), audit_(audit) {}

    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return memory_.bytes(); }
    void load(std::uint64_t offset, std::uint64_t bytes) {
        bytes = std::min(bytes, file_bytes_ - std::min(offset, file_bytes_));
        const std::span<std::byte> all = memory_.bytes().subspan(offset, bytes);
        if (file_.read_exact(all, offset)) {
            audit_.count_bytes(bytes);
            return;
        }
        for (std::uint64_t done = 0; done < bytes; done += kPieceBytes) {
            const auto piece = all.subspan(done, std::min(kPieceBytes, bytes - done));
            if (!audit_.read(file_, piece, offset + done)) std::ranges::fill(piece, std::byte{0});
        }
    }
    void release(std::uint64_t offset, std::uint64_t bytes) const noexcept { memory_.release(offset, bytes); }

private:
    platform::File& file_;
    const std::uint64_t file_bytes_;
    platform::SparseMemory memory_;
    platform::Audit& audit_;
};

/// Goes once around the ring, from the head on.
class Inspection {
public:
    Inspection(RingImage& image, const Ring& ring, const InspectedRing& asked, const FrameVisit& visit,
               platform::Audit& audit, RingContents& found)
        : image_(image),
          ring_(ring),
          asked_(asked),
          visit_(visit),
          audit_(audit),
          found_(found),
          marks_(ring.marks()),
          loaded_(marks_.head),
          whole_upto_(marks_.head) {}

    void run() {
        const std::uint64_t limit = marks_.head + ring_.bytes();
        std::uint64_t position = marks_.head, kept = position;
        while (position < limit && !audit_.stopped()) {
            const std::uint64_t end = std::min(position + kStretchBytes, limit);
            position = walk_frames(ring_, {position, end, limit}, asked_.secret, *this);
            release(kept, position);
            kept = position;
            if (asked_.progress) asked_.progress(position - marks_.head);
        }
        if (!audit_.stopped()) miss(marks_.settled);
    }

    // ---- What the walk calls.

    /// A length that no check has seen yet is believed up to the quarter of a ring that a frame with operations may
    /// take; of fillers the first line is enough.
    void need(std::uint64_t position, std::uint64_t bytes) {
        const std::uint64_t most_of_it = std::min(bytes, ring_.bytes() / 4);
        const std::uint64_t end = std::min(position + most_of_it, marks_.head + ring_.bytes());
        while (loaded_ < end) {
            // In one piece up to the end of the area.
            const std::uint64_t until_wrap = ring_.bytes() - (loaded_ & (ring_.bytes() - 1));
            const std::uint64_t most = marks_.head + ring_.bytes() - loaded_;
            const std::uint64_t piece = std::min({std::max(end - loaded_, kStretchBytes), until_wrap, most});
            image_.load(ring_.file_offset(loaded_), piece);
            loaded_ += piece;
        }
    }
    void whole(std::uint64_t position, const FrameHeader& frame, const FrameCheck& check) {
        miss(std::min(position, marks_.settled));
        whole_upto_ = position + check.bytes;
        problem_ = nullptr;
        ++found_.frames;
        if (position >= marks_.settled) ++found_.unsettled;
        if (frame.kind() == FrameKind::filler) return;
        const Version version = check.stamp.number();
        found_.newest = std::max(found_.newest, version);
        if (version > asked_.clock_limit) {
            audit_.find(codes::kFrameVersion, ring_.path(), ring_.file_offset(position),
                        "a frame has version " + std::to_string(version) + ", and none above " +
                            std::to_string(asked_.clock_limit) + " was handed out");
        }
        if (check.stamp.is_committed() && frame.kind() == FrameKind::data) {
            found_.records += frame.count();
            audit_.count_records(frame.count());
        }
        if (visit_) visit_(ring_, position, frame, version);
    }
    void broken(std::uint64_t position, const char* problem) {
        if (position >= marks_.settled) {
            ++found_.torn;
        } else if (position == whole_upto_) {
            problem_ = problem;
        }
    }

private:
    /// Every byte below `upto` belongs to a frame, or the place where none does is a finding.
    void miss(std::uint64_t upto) {
        if (whole_upto_ >= upto) return;
        if (found_.lost.size() < platform::Audit::kFindingsMax) {
            found_.lost.push_back({ring_.file_offset(whole_upto_), upto - whole_upto_});
        }
        const char* what = problem_ != nullptr ? problem_ : "no frame begins where one must";
        audit_.find(problem_ != nullptr ? codes::kFrameDamaged : codes::kFrameMissing, ring_.path(),
                    ring_.file_offset(whole_upto_),
                    std::string(what) + "; the next whole frame begins " + std::to_string(upto - whole_upto_) +
                        " bytes further on");
        whole_upto_ = upto;
    }
    void release(std::uint64_t begin, std::uint64_t end) const noexcept {
        const std::uint64_t until_wrap = ring_.bytes() - (begin & (ring_.bytes() - 1));
        const std::uint64_t first = std::min(end - begin, until_wrap);
        image_.release(ring_.file_offset(begin), first);
        image_.release(kHeaderAreaBytes, end - begin - first);
    }

    RingImage& image_;
    const Ring& ring_;
    const InspectedRing& asked_;
    const FrameVisit& visit_;
    platform::Audit& audit_;
    RingContents& found_;
    const RingMarks marks_;
    std::uint64_t loaded_;  ///< everything below was read, and may have been let go
    std::uint64_t whole_upto_;  ///< below it every byte belongs to a frame, or was found missing
    const char* problem_ = nullptr;  ///< of what begins at whole_upto_
};

void inspect_headers(const RingImage& image, const InspectedRing& asked, platform::Audit& audit) {
    HeaderArea area;
    std::memcpy(area.data(), image.bytes().data(), area.size());
    const HeaderProblems problems = check_headers(area, asked.identity, asked.bytes);
    for (std::size_t copy = 0; copy < problems.size(); ++copy) {
        if (!problems[copy]) continue;
        audit.find(codes::kRingHeader, asked.identity.path, copy * kHeaderCopyBytes, problems[copy]->message());
    }
    if (problems[0] && problems[1]) {
        audit.find(codes::kRingHeaders, asked.identity.path, 0,
                   "both copies of the header are bad, so no frame of this ring can be told from other bytes");
    }
}

/// A file that was cut off has frames still.
std::unique_ptr<platform::File> open_ring(platform::FileIo& io, const std::string& path, std::uint64_t bytes,
                                          platform::Audit& audit) {
    const std::size_t findings = audit.findings();
    auto file = audit.open(io, path, bytes, codes::kRingSize);
    const bool cut_off =
        file == nullptr && audit.findings() > findings && audit.seen().findings.back().code == codes::kRingSize;
    if (!cut_off) return file;
    auto again = io.open(path, platform::OpenMode::read);
    if (again) return std::move(*again);
    audit.find(again.error(), path, 0);
    return nullptr;
}

}  // namespace

RingContents inspect_ring(platform::FileIo& io, const InspectedRing& asked, const FrameVisit& visit,
                          platform::Audit& audit) {
    RingContents found;
    const std::string& path = asked.identity.path;
    const auto file = open_ring(io, path, kHeaderAreaBytes + asked.bytes, audit);
    if (file == nullptr) return found;
    const auto file_bytes = file->size();
    if (!file_bytes) {
        audit.find(file_bytes.error(), path, 0);
        return found;
    }
    auto memory = platform::SparseMemory::reserve(kHeaderAreaBytes + asked.bytes);
    if (!memory) {
        audit.find(memory.error(), path, 0);
        return found;
    }
    file->advise(platform::Advice::once);
    RingImage image(*file, *file_bytes, std::move(*memory), audit);
    image.load(0, kHeaderAreaBytes);
    inspect_headers(image, asked, audit);
    const platform::PersistDomain nothing_to_flush(platform::Granularity::byte, platform::FlushKind::none);
    auto ring = Ring::attach(image.bytes(), asked.identity, nothing_to_flush, asked.secret);
    if (!ring) return found;
    found.marks = (*ring)->marks();
    Inspection(image, **ring, asked, visit, audit, found).run();
    return found;
}

}  // namespace zverse::hot
