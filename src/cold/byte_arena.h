// ByteArena: keeps copies of keys and values in large pieces of memory, until all of them are let go together.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace zverse::cold {

class ByteArena {
public:
    /// A copy that stays until clear().
    [[nodiscard]] std::string_view keep(std::string_view bytes) {
        if (bytes.empty()) return {};
        if (bytes.size() > left_) {
            const std::size_t piece = std::max(bytes.size(), kPieceBytes);
            pieces_.push_back(std::make_unique_for_overwrite<char[]>(piece));
            next_ = pieces_.back().get();
            left_ = piece;
        }
        char* const copy = next_;
        std::memcpy(copy, bytes.data(), bytes.size());
        next_ += bytes.size();
        left_ -= bytes.size();
        used_ += bytes.size();
        return {copy, bytes.size()};
    }
    /// Of all copies; a piece more is taken at most, and what does not fit the end of one.
    [[nodiscard]] std::uint64_t used_bytes() const noexcept { return used_; }
    void clear() noexcept {
        pieces_.clear();
        left_ = 0;
        used_ = 0;
    }

private:
    static constexpr std::size_t kPieceBytes = std::size_t{64} << 10;

    std::vector<std::unique_ptr<char[]>> pieces_;
    char* next_ = nullptr;
    std::size_t left_ = 0;
    std::uint64_t used_ = 0;
};

}  // namespace zverse::cold
