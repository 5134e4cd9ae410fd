// Dataset: which records a benchmark stores, made anew from their numbers whenever they are needed, and told apart from
// all wrong answers.
//
// Record `number` has a key that is different for each number, and in each round a value that begins and ends with what
// only this number and round have; between them lie random bytes, which no compression makes smaller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace zverse::bench {

enum class KeyOrder {
    scattered,  ///< Neighbours in number are anywhere in key order.
    by_number,
};

struct RecordShape {
    static constexpr std::size_t kKeyBytesMin = 16;
    static constexpr std::size_t kValueBytesMin = 24;

    std::size_t key_bytes = 16;
    std::size_t value_bytes_min = 100, value_bytes_max = 100;  ///< uniform between them, both included
};

class Dataset {
public:
    Dataset(const RecordShape& shape, KeyOrder order);

    /// Writes the key into `key`, whose memory is kept.
    void key(std::uint64_t number, std::string& key) const;
    /// `round`: which of the values that the record has had.
    void value(std::uint64_t number, std::uint64_t round, std::string& value) const;
    [[nodiscard]] static std::uint64_t number_of(std::string_view key) noexcept;
    [[nodiscard]] static std::uint64_t round_of(std::string_view value) noexcept;
    /// Whether this is the record's value of some round.
    [[nodiscard]] bool belongs(std::string_view value, std::uint64_t number) const noexcept;

    [[nodiscard]] const RecordShape& shape() const noexcept { return shape_; }
    [[nodiscard]] double record_bytes() const noexcept {
        return static_cast<double>(shape_.key_bytes) +
               static_cast<double>(shape_.value_bytes_min + shape_.value_bytes_max) / 2;
    }

private:
    RecordShape shape_;
    KeyOrder order_;
    std::string filler_;
};

}  // namespace zverse::bench
