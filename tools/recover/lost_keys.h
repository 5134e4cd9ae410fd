// LostKeys: which keys and versions lie where something was lost; for many records, and many losses.
#pragma once

#include <tools/recover/recover_report.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::tools {

class LostKeys {
public:
    explicit LostKeys(const std::vector<Loss>& losses);

    [[nodiscard]] bool empty() const noexcept { return pieces_.empty(); }
    /// Whether a record of the key and the version may be among what was lost.
    [[nodiscard]] bool hold(std::string_view key, Version version) const noexcept;
    /// The largest version that a lost record of the key may have, where it may have been the newest; else 0.
    [[nodiscard]] Version newest(std::string_view key) const noexcept;

private:
    template <class Visit>
    void for_each(std::string_view key, const Visit& visit) const noexcept;
    struct Piece {
        const cold::LostPiece* lost;
        bool newest;
        const std::optional<std::string>* last_so_far;  ///< the largest last key of all pieces up to this one
    };
    std::vector<Piece> pieces_;  ///< by first key
};

/// Keys of which something newer than what was found may have been lost.
struct UncertainStretch {
    std::string first;
    std::optional<std::string> last;
};

/// Ascending, apart.
[[nodiscard]] std::vector<UncertainStretch> uncertain_stretches(const std::vector<Loss>& losses);

}  // namespace zverse::tools
