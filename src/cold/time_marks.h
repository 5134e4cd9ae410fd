// TimeMarks: which version was the newest at which times of the wall clock; about a mark for each second with writes.
//
// Invariants
//   M1  Versions ascend, and whoever adds marks lets the times ascend too.
//   M2  Copies are cheap: they share all marks but the last few. A state of the manifest is copied for every change.
//   M3  Once thinned, time t is answered as of at most max(1 s, age of t / kAgePart) before it, and the number of marks
//       grows with the logarithm of their age: of ten years with a write in every second at most 700,000 are left.
//
// Threads: one at a time; copies are independent.
#pragma once

#include <zverse/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace zverse::cold {

class TimeMarks {
public:
    struct Mark {
        Version version;
        std::int64_t nanoseconds;  ///< since 1970
        [[nodiscard]] bool operator==(const Mark&) const = default;
    };
    /// What is older than nine hours is known to this part of its age: a week ago to 18 s, a year ago to 16 minutes.
    static constexpr std::int64_t kAgePart = std::int64_t{1} << 15;

    /// A mark of a version that is there already takes its place.
    void add(Version version, std::int64_t nanoseconds);
    void remove_before(Version version);
    [[nodiscard]] std::size_t size() const noexcept { return settled() + recent_.size(); }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] const Mark& operator[](std::size_t i) const noexcept {
        return i < settled() ? (*settled_)[begin_ + i] : recent_[i - settled()];
    }
    [[nodiscard]] const Mark& back() const noexcept { return (*this)[size() - 1]; }
    /// The newest version that is marked at or before the time; nothing before the first mark.
    [[nodiscard]] std::optional<Version> at(std::int64_t nanoseconds) const noexcept;
    /// Without what M3 can do without; ages are counted from the newest mark.
    [[nodiscard]] TimeMarks thinned() const;
    /// Memory, with what copies share.
    [[nodiscard]] std::uint64_t bytes() const noexcept {
        return ((settled_ ? settled_->size() : 0) + recent_.size()) * sizeof(Mark);
    }
    [[nodiscard]] bool operator==(const TimeMarks& other) const noexcept;

private:
    [[nodiscard]] std::size_t settled() const noexcept { return settled_ ? settled_->size() - begin_ : 0; }
    [[nodiscard]] std::vector<Mark> all() const;
    void settle(std::vector<Mark> marks);

    std::shared_ptr<const std::vector<Mark>> settled_;
    std::size_t begin_ = 0;  ///< of settled_: those before are removed
    std::vector<Mark> recent_;
};

}  // namespace zverse::cold
