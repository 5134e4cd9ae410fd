#include <bench/measure.h>
#include <bench/raw_probe.h>
#include <bench/records.h>

#include <algorithm>
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
    const std::uint64_t records = std::min<std::uint64_t>(kRecords, mapping_.bytes().size() / kRecordBytes);
    for (std::uint64_t line = 0; line < lines; ++line) words[line * 8] = pick(random_, records) * kRecordBytes;
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
