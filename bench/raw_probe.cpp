#include <bench/measure.h>
#include <bench/raw_probe.h>
#include <platform/match_tags.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

namespace zverse::bench {

RawProbe::RawProbe(const std::filesystem::path& path, std::uint64_t bytes, const std::string& granularity)
    : io_(platform::make_posix_file_io()),
      file_(must(io_->create_zeroed(path, bytes))),
      mapping_(must(platform::Mapping::map(
          {.path = path, .descriptor = file_->descriptor(), .bytes = bytes, .force_granularity = granularity}))) {}

/// One line for each 512 bytes of a ring, as the index has.
void RawProbe::fill_table() {
    const std::size_t lines = std::bit_floor(mapping_.bytes().size() / 512) * 2;
    table_ = must(platform::AnonymousMemory::allocate(lines * 64));
    auto* words = reinterpret_cast<std::uint64_t*>(table_.bytes().data());
    for (std::uint64_t line = 0; line < lines; ++line) words[line * 8] = pick(random_, records()) * kRecordBytes;
}

std::uint64_t RawProbe::records() const noexcept {
    return std::min<std::uint64_t>(kRecords, mapping_.bytes().size() / kRecordBytes);
}

namespace {

constexpr std::size_t kKeyAt = 24, kEntries = 7;
constexpr unsigned kTagShift = 48;

using Line = std::array<std::atomic<std::uint64_t>, 8>;

std::uint64_t hash_of(const Key& key) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(key.words[0] ^ 0x9E3779B97F4A7C15) * (key.words[1] ^ 0xD1B54A32D192ED03);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t tag_of(std::uint64_t hash) noexcept { return (hash & 0x7FFF) | 1; }

}  // namespace

/// As many lines as the store's index has for the same ring; they hardly ever overflow, and then into the next one.
void RawProbe::fill_index() {
    const std::size_t lines = std::bit_floor(mapping_.bytes().size() / 512) * 2;
    index_ = must(platform::AnonymousMemory::allocate(lines * sizeof(Line)));
    auto* line_of = reinterpret_cast<Line*>(index_.bytes().data());
    const unsigned shift = 64 - static_cast<unsigned>(std::countr_zero(lines));
    for (std::uint64_t number = 0; number < records(); ++number) {
        const Key key(number);
        std::byte* record = mapping_.bytes().data() + number * kRecordBytes;
        std::memcpy(record + kKeyAt, key.words.data(), kKeyBytes);
        std::memcpy(record + kKeyAt + kKeyBytes, Value(number).bytes.data(), kValueBytes);
        const std::uint64_t hash = hash_of(key);
        for (std::uint64_t line = hash >> shift;; line = (line + 1) % lines) {
            const auto free = std::find(line_of[line].begin(), line_of[line].begin() + kEntries, 0U);
            if (free == line_of[line].begin() + kEntries) continue;
            free->store(tag_of(hash) << kTagShift | number,
                        std::memory_order_relaxed);  // relaxed: nobody else is there
            break;
        }
    }
}

double RawProbe::lookup() {
    if (index_.bytes().empty()) fill_index();
    drawn_.draw(kReads, records());
    const std::size_t lines = index_.bytes().size() / sizeof(Line);
    const auto* line_of = reinterpret_cast<const Line*>(index_.bytes().data());
    const unsigned shift = 64 - static_cast<unsigned>(std::countr_zero(lines));
    const std::byte* data = mapping_.bytes().data();
    std::array<std::byte, kValueBytes> value;
    const auto found = [&](const Key& key, std::uint64_t hash, std::uint64_t line) {
        for (unsigned matches = platform::match_tags(line_of[line].data(), tag_of(hash)); matches != 0;
             matches &= matches - 1) {
            const auto& word = line_of[line][static_cast<std::size_t>(std::countr_zero(matches))];
            const std::uint64_t entry = word.load(std::memory_order_relaxed);  // relaxed: nobody else is there
            const std::byte* record = data + (entry & ((std::uint64_t{1} << kTagShift) - 1)) * kRecordBytes;
            if (std::memcmp(record + kKeyAt, key.words.data(), kKeyBytes) != 0) continue;
            std::memcpy(value.data(), record + kKeyAt + kKeyBytes, value.size());
            return true;
        }
        return false;
    };
    const auto begin = Clock::now();
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(kReads); ++i) {
        const std::uint64_t hash = hash_of(drawn_[i]);
        for (std::uint64_t line = hash >> shift; !found(drawn_[i], hash, line); line = (line + 1) % lines) {}
        benchmark::DoNotOptimize(value);
    }
    return seconds_since(begin) * 1e9 / static_cast<double>(kReads);
}

double RawProbe::read() {
    if (table_.bytes().empty()) fill_table();
    const auto* words = reinterpret_cast<const std::uint64_t*>(table_.bytes().data());
    const std::uint64_t lines = table_.bytes().size() / 64;
    const std::byte* data = mapping_.bytes().data();
    std::array<std::byte, kValueBytes> value;
    const auto begin = Clock::now();
    for (std::uint64_t i = 0; i < kReads; ++i) {
        const std::uint64_t place = words[pick(random_, lines) * 8];
        std::memcpy(value.data(), data + place + kRecordBytes - value.size(), value.size());
        benchmark::DoNotOptimize(value);
    }
    return seconds_since(begin) * 1e9 / static_cast<double>(kReads);
}

double RawProbe::get() {
    if (table_.bytes().empty()) fill_table();
    const auto* words = reinterpret_cast<const std::uint64_t*>(table_.bytes().data());
    const std::uint64_t lines = table_.bytes().size() / 64;
    const std::byte* data = mapping_.bytes().data();
    std::array<std::byte, kValueBytes> value;
    std::uint64_t last = 0;
    const auto begin = Clock::now();
    for (std::uint64_t i = 0; i < kReads; ++i) {
        const std::uint64_t place = words[(pick(random_, lines) + last) % lines * 8];
        std::memcpy(value.data(), data + place + kRecordBytes - value.size(), value.size());
        std::memcpy(&last, value.data() + value.size() - sizeof last, sizeof last);
    }
    benchmark::DoNotOptimize(last);
    return seconds_since(begin) * 1e9 / static_cast<double>(kReads);
}

double RawProbe::write() {
    benchmark::DoNotOptimize(record_bytes_);
    const std::span<std::byte> bytes = mapping_.bytes();
    const platform::PersistDomain domain = mapping_.domain();
    index_ = {};
    const auto begin = Clock::now();
    for (std::uint64_t i = 0; i < kWrites; ++i) {
        if (position_ + kRecordBytes > bytes.size()) position_ = 0;
        ++number_;
        std::memcpy(record_.data(), &number_, sizeof number_);
        std::memcpy(bytes.data() + position_, record_.data(), record_bytes_);
        domain.persist(bytes.data() + position_, record_bytes_);
        position_ += kRecordBytes;
    }
    return seconds_since(begin) * 1e9 / static_cast<double>(kWrites);
}

}  // namespace zverse::bench
