#include <bench/load/workload.h>

#include <algorithm>

namespace zverse::bench {

std::string_view to_string(OperationKind kind) noexcept {
    switch (kind) {
        case OperationKind::read: return "read";
        case OperationKind::read_missing: return "read_missing";
        case OperationKind::multi_read: return "multi_read";
        case OperationKind::update: return "update";
        case OperationKind::insert: return "insert";
        case OperationKind::insert_batch: return "insert_batch";
        case OperationKind::scan: return "scan";
        case OperationKind::read_modify_write: return "read_modify_write";
        case OperationKind::erase: return "erase";
        case OperationKind::read_in_snapshot: return "read_in_snapshot";
        case OperationKind::read_as_of: return "read_as_of";
        case OperationKind::scan_as_of: return "scan_as_of";
        case OperationKind::history: return "history";
    }
    return "";
}

OperationDraw::OperationDraw(const Workload& workload, const ZipfLaw* law, RecordNumbers numbers, unsigned thread,
                             unsigned threads, std::uint64_t seed)
    : workload_(workload),
      choice_(workload.popularity, law),
      numbers_(numbers),
      thread_(thread),
      threads_(threads),
      random_(test::mix(seed, thread)) {}

OperationKind OperationDraw::draw_kind() noexcept {
    if (workload_.mix.size() == 1) return workload_.mix.front().kind;
    std::uint64_t percent = random_.below(100);
    for (const Workload::Share& share : workload_.mix) {
        if (percent < share.percent) return share.kind;
        percent -= share.percent;
    }
    return workload_.mix.back().kind;
}

std::uint64_t OperationDraw::existing() noexcept {
    if (workload_.popularity != Popularity::latest) return choice_.draw(random_, numbers_.count);
    // The others insert as fast as we do; theirs are skipped.
    const std::uint64_t all = numbers_.count + done_ * threads_;
    const std::uint64_t age = all - 1 - choice_.draw(random_, all);
    if (age / threads_ < done_) return dealt(numbers_.next, done_ - 1 - age / threads_);
    return numbers_.count - 1 - std::min(age - done_ * threads_, numbers_.count - 1);
}

void OperationDraw::draw(std::size_t count, std::vector<Operation>& operations) {
    operations.clear();
    done_ = inserted_;
    for (std::size_t i = 0; i < count; ++i) {
        Operation operation{draw_kind(), 0, 1};
        switch (operation.kind) {
            case OperationKind::insert: operation.number = dealt(numbers_.next, inserted_++); break;
            case OperationKind::insert_batch:
                // The first of a group; the others are the thread's next ones.
                operation.number = dealt(numbers_.next, inserted_);
                operation.count = workload_.group;
                inserted_ += workload_.group;
                break;
            case OperationKind::erase: operation.number = dealt(0, erased_++) % numbers_.count; break;
            case OperationKind::read_missing: operation.number = ~random_.below(numbers_.count); break;
            case OperationKind::multi_read:
                operation.number = random_.next();  // the seed of the group's choice
                operation.count = workload_.group;
                break;
            case OperationKind::scan:
            case OperationKind::scan_as_of:
                operation.number = existing();
                operation.count = random_.between(workload_.scan_count_min, workload_.scan_count_max);
                break;
            default: operation.number = existing(); break;
        }
        operations.push_back(operation);
    }
}

RecordNumbers after_inserts(RecordNumbers numbers, const std::vector<std::uint64_t>& inserted) {
    if (inserted.empty()) return numbers;
    const auto [least, most] = std::ranges::minmax(inserted);
    const bool together = numbers.count == numbers.next;
    if (together) numbers.count += least * inserted.size();
    numbers.next += most * inserted.size();
    return numbers;
}

}  // namespace zverse::bench
