// KeyChoice: which record an operation is about.
//
// Zipf's law as YCSB draws it: Gray, Sundaresan, Englert, Baclawski, Weinberger, "Quickly generating billion-record
// synthetic databases", SIGMOD 1994, section 3.2; exponent 0.99. Ranks are scattered over the numbers, so that frequent
// keys are no neighbours.
#pragma once

#include <support/random.h>

#include <cstdint>

namespace zverse::bench {

enum class Popularity {
    uniform,
    zipf,  ///< few are asked for often
    latest,  ///< those inserted last are asked for often
};

/// The constants of a Zipf distribution over `items`. Making them takes as many steps as there are items.
class ZipfLaw {
public:
    static constexpr double kExponent = 0.99;

    explicit ZipfLaw(std::uint64_t items);

    /// 0 is the most frequent rank.
    [[nodiscard]] std::uint64_t rank(test::Random& random) const noexcept;
    [[nodiscard]] std::uint64_t items() const noexcept { return items_; }

private:
    std::uint64_t items_;
    double zeta_, alpha_, eta_;
};

class KeyChoice {
public:
    /// `law` is for zipf and latest, and outlives this.
    KeyChoice(Popularity popularity, const ZipfLaw* law) noexcept : popularity_(popularity), law_(law) {}

    /// One of the numbers below `count`, at least 1; `count` may have grown since the law was made.
    [[nodiscard]] std::uint64_t draw(test::Random& random, std::uint64_t count) const noexcept;

private:
    Popularity popularity_;
    const ZipfLaw* law_;
};

}  // namespace zverse::bench
