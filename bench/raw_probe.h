// RawProbe: the floors under a durable put and under a get, on a file like a ring: same medium, same size, mapped the
// same way.
//
//   write   192 bytes (the frame of a 16-byte key and a 100-byte value), line write-back and one fence
//   read    a random line of a table of the size of the store's index, and the 100 bytes that this line names in the
//           file: two misses, the second behind the first, as many records as the store has keys
//   get     the same, but each begins when the one before it has its bytes: what two misses take alone
//   lookup  a hash index that knows of no versions, no other threads and no other sizes: hash of a 16-byte key, tags of
//           a line, key compared, 100 bytes copied; independent ones, of which the CPU overlaps as many as fit into its
//           window of instructions. What get_into() would take if a store were nothing else
#pragma once

#include <bench/records.h>
#include <platform/file_io.h>
#include <platform/mapping.h>
#include <support/random.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace zverse::bench {

class RawProbe {
public:
    static constexpr std::size_t kRecordBytes = 192;
    static constexpr std::uint64_t kWrites = 20'000;

    RawProbe(const std::filesystem::path& path, std::uint64_t bytes, const std::string& granularity);

    static constexpr std::uint64_t kReads = 50'000;
    static constexpr std::uint64_t kRecords = 1'000'000;

    /// Nanoseconds per record of the next kWrites ones, in ring order.
    [[nodiscard]] double write();
    /// Nanoseconds per record of kReads random ones; they are independent, so the CPU overlaps them as far as it can.
    [[nodiscard]] double read();
    /// Nanoseconds per record of kReads random ones, one after the other.
    [[nodiscard]] double get();
    /// Nanoseconds per record of kReads random ones, by their keys.
    [[nodiscard]] double lookup();

private:
    void fill_table();
    void fill_index();
    [[nodiscard]] std::uint64_t records() const noexcept;

    platform::AnonymousMemory table_;  // of lines; the first word of a line is where its record lies
    platform::AnonymousMemory index_;  // of lines, see platform/match_tags.h; empty: the records were overwritten
    DrawnKeys drawn_{52};
    test::Random random_{51};
    std::unique_ptr<platform::FileIo> io_;
    std::unique_ptr<platform::File> file_;
    platform::Mapping mapping_;
    std::array<std::byte, kRecordBytes> record_{};
    std::size_t record_bytes_ = kRecordBytes;  // not a constant, so that the copy is the library's vector code
    std::uint64_t position_ = 0;
    std::uint64_t number_ = 0;
};

}  // namespace zverse::bench
