// Keys and values as stores meet them, and as they hope not to: short, long, alike, with zeros and 0xff inside.
#pragma once

#include <support/random.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::test {

/// Some hundred keys of every shape, and words near them for seeks and bounds.
class KeyPool {
public:
    explicit KeyPool(Random& random);

    /// One of them; every fourth time one of a hot few, so that chains grow long.
    [[nodiscard]] const std::string& any(Random& random) const;
    /// A key or something close to one: cut short, made longer, one byte changed. Never empty.
    [[nodiscard]] std::string near(Random& random) const;
    [[nodiscard]] const std::vector<std::string>& keys() const noexcept { return keys_; }

private:
    std::vector<std::string> keys_;
};

/// Sizes from 0 up: mostly around 100 bytes, one in 30 above 1 KiB, one in 1,000 above 64 KiB, and sometimes `largest`.
[[nodiscard]] std::uint64_t value_bytes(Random& random, std::uint64_t largest);

}  // namespace zverse::test
