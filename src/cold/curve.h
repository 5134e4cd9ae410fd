// Curve: the order of the blocks of a component in two dimensions, keys and versions.
//
// A curve merges the bits of a column x (the rank of a key among the component's fences) and a row y (a version's
// distance from the slab's begin, cut down to the curve's resolution) into one code, and blocks are stored in the order
// of codes. Which bits alternate how is the curve's mask, written from the highest bit down: "kkk" is key-major, "vvv"
// a log, "vvkk" four version slabs, each key-major, "kvkv" the Z-order curve (G. M. Morton 1966). See
// docs/decisions/0014 for how it is chosen and why queries do not step along it.
#pragma once

#include <platform/kernels.h>
#include <zverse/error.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace zverse::cold {

class Curve {
public:
    /// At most 48 bits, so that a pattern fits its place in a segment's header.
    static constexpr unsigned kBitsMax = 48;

    /// Key-major, without rows: one column.
    Curve() = default;
    /// `pattern`: 'k' and 'v', highest bit first; may be empty. Errors: corrupt (another letter, too long).
    [[nodiscard]] static Result<Curve> parse(std::string_view pattern);

    /// The first `bits` letters of a rule without end, see is_curve_rule().
    [[nodiscard]] static Curve by_rule(std::string_view rule, unsigned bits) noexcept;

    [[nodiscard]] std::string pattern() const;
    /// The shortest rule for it, with ".." behind it: "vvk..".
    [[nodiscard]] std::string name() const;
    [[nodiscard]] unsigned bits() const noexcept { return bits_; }
    [[nodiscard]] unsigned key_bits() const noexcept;
    [[nodiscard]] unsigned version_bits() const noexcept;
    /// The bits of a code that are a key's, and those that are a version's.
    [[nodiscard]] std::uint64_t key_mask() const noexcept { return xs_.spread; }
    [[nodiscard]] std::uint64_t version_mask() const noexcept { return ys_.spread; }
    [[nodiscard]] std::uint64_t columns() const noexcept { return std::uint64_t{1} << key_bits(); }
    [[nodiscard]] std::uint64_t rows() const noexcept { return std::uint64_t{1} << version_bits(); }
    [[nodiscard]] bool operator==(const Curve& other) const noexcept {
        return bits_ == other.bits_ && ys_.spread == other.ys_.spread;
    }

    /// Columns and rows beyond the curve's resolution are cut off at the top: the caller keeps within columns(),
    /// rows().
    [[nodiscard]] std::uint64_t encode(std::uint64_t column, std::uint64_t row) const noexcept;
    void encode(const platform::Kernels& kernels, const std::uint64_t* columns, const std::uint64_t* rows,
                std::uint64_t* codes, std::size_t count) const noexcept {
        kernels.merge_bits(columns, rows, codes, count, xs_, ys_);
    }

    /// Whether the curve, on its way from one code to another, leaves a large part of the grid for another one: a block
    /// with records of both parts would have a wide box with little in it. There are at most 2 * sqrt(2^bits) parts.
    [[nodiscard]] bool leaps(std::uint64_t from, std::uint64_t to) const noexcept;

private:
    Curve(unsigned bits, std::uint64_t version_mask) noexcept;

    unsigned bits_ = 0;
    platform::BitSpread xs_, ys_;
};

/// A rule says how a curve goes on for as many bits as a component has: leading v's stand once, what follows them is
/// repeated, and v's alone are. "vvk" is vvkkk.., "kv" is kvkv.., "k" is kkk... At most Curve::kBitsMax letters.
[[nodiscard]] bool is_curve_rule(std::string_view text) noexcept;

}  // namespace zverse::cold
