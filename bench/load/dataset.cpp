#include <bench/load/dataset.h>

#include <support/random.h>

#include <cstring>

namespace zverse::bench {

namespace {

constexpr std::uint64_t kLastWord = 0x5eed'0f'7a11'ed;  // makes a value's end of its number

std::uint64_t big_endian(std::uint64_t word) noexcept { return __builtin_bswap64(word); }

}  // namespace

Dataset::Dataset(const RecordShape& shape, KeyOrder order)
    : shape_(shape), order_(order), filler_(test::Random(7).bytes(shape.value_bytes_max)) {}

void Dataset::key(std::uint64_t number, std::string& key) const {
    key.assign(shape_.key_bytes, 'k');
    // The number ends the key, so that two keys never are the same, and number_of() needs no table.
    const std::uint64_t first = order_ == KeyOrder::scattered ? test::Random(number).next() : big_endian(number);
    std::memcpy(key.data(), &first, sizeof first);
    std::memcpy(key.data() + key.size() - sizeof number, &number, sizeof number);
}

std::uint64_t Dataset::number_of(std::string_view key) noexcept {
    std::uint64_t number = 0;
    if (key.size() >= sizeof number) std::memcpy(&number, key.data() + key.size() - sizeof number, sizeof number);
    return number;
}

void Dataset::value(std::uint64_t number, std::uint64_t round, std::string& value) const {
    std::size_t bytes = shape_.value_bytes_max;
    if (shape_.value_bytes_min < bytes) {
        bytes = shape_.value_bytes_min + test::mix(number, round) % (bytes - shape_.value_bytes_min + 1);
    }
    value.assign(filler_, 0, bytes);
    const std::uint64_t last = number ^ kLastWord;
    std::memcpy(value.data(), &number, sizeof number);
    std::memcpy(value.data() + sizeof number, &round, sizeof round);
    std::memcpy(value.data() + bytes - sizeof last, &last, sizeof last);
}

std::uint64_t Dataset::round_of(std::string_view value) noexcept {
    std::uint64_t round = 0;
    if (value.size() >= sizeof(std::uint64_t) + sizeof round)
        std::memcpy(&round, value.data() + sizeof(std::uint64_t), sizeof round);
    return round;
}

bool Dataset::belongs(std::string_view value, std::uint64_t number) const noexcept {
    if (value.size() < shape_.value_bytes_min || value.size() > shape_.value_bytes_max) return false;
    const std::uint64_t last = number ^ kLastWord;
    return std::memcmp(value.data(), &number, sizeof number) == 0 &&
           std::memcmp(value.data() + value.size() - sizeof last, &last, sizeof last) == 0;
}

}  // namespace zverse::bench
