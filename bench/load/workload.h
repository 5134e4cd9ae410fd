// Workload: what the threads of a phase do, as shares of kinds of operations over a way of choosing records.
#pragma once

#include <bench/load/dataset.h>
#include <bench/load/key_choice.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace zverse::bench {

enum class OperationKind : std::uint8_t {
    read,
    read_missing,
    multi_read,         ///< of several records at once; counts as so many operations
    update,             ///< a put of a record that is there
    insert,             ///< a put of the next record
    insert_batch,       ///< of the next records, atomically; counts as so many operations
    scan,
    read_modify_write,
    erase,              ///< of the next record from the beginning
    read_in_snapshot,   ///< taken for it and let go
    read_as_of,
    scan_as_of,
    history,
};
inline constexpr std::size_t kOperationKinds = static_cast<std::size_t>(OperationKind::history) + 1;
[[nodiscard]] std::string_view to_string(OperationKind kind) noexcept;

struct Workload {
    struct Share {
        OperationKind kind;
        unsigned percent;
    };
    std::vector<Share> mix;  ///< adds up to 100
    Popularity popularity = Popularity::uniform;
    std::uint64_t scan_count_min = 100, scan_count_max = 100;
    std::size_t group = 16;  ///< records of a multi_read or an insert_batch
    /// Threads beyond those that are measured that only update, as fast as they can.
    unsigned writers_beside = 0;
};

struct Operation {
    OperationKind kind;
    std::uint64_t number;  ///< of the (first) record
    std::uint64_t count;   ///< of a scan
};

/// Which records there are: those that operations may choose, and where inserts go on.
struct RecordNumbers {
    std::uint64_t count = 0;  ///< all numbers below it are stored
    std::uint64_t next = 0;   ///< numbers from it on have never been
};

/// The operations of one thread of several. Inserts and erases are dealt out by number, so that no two threads have the
/// same record, and what a thread reads was stored at the beginning or inserted by itself.
class OperationDraw {
public:
    /// `law`: for the workload's popularity, may be null for uniform. `thread` is one of 0 .. threads - 1.
    OperationDraw(const Workload& workload, const ZipfLaw* law, RecordNumbers numbers, unsigned thread,
                  unsigned threads, std::uint64_t seed);

    /// Replaces `operations` by the next ones, which come after all those drawn before were done.
    void draw(std::size_t count, std::vector<Operation>& operations);
    /// How many records the thread has inserted when all that was drawn is done.
    [[nodiscard]] std::uint64_t inserted() const noexcept { return inserted_; }

private:
    [[nodiscard]] OperationKind draw_kind() noexcept;
    [[nodiscard]] std::uint64_t existing() noexcept;
    [[nodiscard]] std::uint64_t dealt(std::uint64_t first, std::uint64_t index) const noexcept {
        return first + index * threads_ + thread_;
    }

    const Workload& workload_;
    const KeyChoice choice_;
    const RecordNumbers numbers_;
    const unsigned thread_, threads_;
    std::uint64_t inserted_ = 0, erased_ = 0;
    std::uint64_t done_ = 0;  ///< of those inserted, when the next operations begin
    test::Random random_;
};

/// Where the numbers stand after threads have inserted so many records each.
[[nodiscard]] RecordNumbers after_inserts(RecordNumbers numbers, const std::vector<std::uint64_t>& inserted);

}  // namespace zverse::bench
