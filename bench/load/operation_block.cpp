#include <bench/load/operation_block.h>

#include <stdexcept>

namespace zverse::bench {

namespace {

/// What a scan may show: keys in order from the first on, with values of their own.
class CheckedEntries final : public EntrySink {
public:
    CheckedEntries(const Dataset& dataset, std::string_view begin) : dataset_(dataset), last_(begin) {}

    void take(std::string_view key, std::string_view value) override {
        right_ =
            right_ && (entries_ == 0 ? key >= last_ : key > last_) && dataset_.belongs(value, Dataset::number_of(key));
        last_.assign(key);
        ++entries_;
    }
    [[nodiscard]] bool right() const noexcept { return right_; }

private:
    const Dataset& dataset_;
    std::string last_;
    std::uint64_t entries_ = 0;
    bool right_ = true;
};

/// What a history may show: values of one record, the newest first.
class CheckedVersions final : public EntrySink {
public:
    CheckedVersions(const Dataset& dataset, std::uint64_t number) : dataset_(dataset), number_(number) {}

    void take(std::string_view, std::string_view value) override {
        const std::uint64_t round = Dataset::round_of(value);
        right_ = right_ && dataset_.belongs(value, number_) && round < last_;
        last_ = round;
    }
    [[nodiscard]] bool right() const noexcept { return right_; }

private:
    const Dataset& dataset_;
    const std::uint64_t number_;
    std::uint64_t last_ = ~std::uint64_t{0};
    bool right_ = true;
};

}  // namespace

void OperationBlock::add_record(std::uint64_t number, bool with_value) {
    if (records_ == keys_.size()) {
        keys_.emplace_back();
        values_.emplace_back();
    }
    setting_.dataset.key(number, keys_[records_]);
    if (with_value) setting_.dataset.value(number, ++round_, values_[records_]);
    ++records_;
}

void OperationBlock::prepare(OperationDraw& draw, std::size_t count) {
    draw.draw(count, operations_);
    first_records_.clear();
    records_ = 0;
    for (const Operation& operation : operations_) {
        first_records_.push_back(records_);
        switch (operation.kind) {
            case OperationKind::insert_batch:
                for (std::uint64_t i = 0; i < operation.count; ++i) {
                    add_record(operation.number + i * setting_.threads, true);
                }
                break;
            case OperationKind::multi_read: {
                test::Random random(operation.number);
                for (std::uint64_t i = 0; i < operation.count; ++i) {
                    add_record(random.below(setting_.numbers.count), false);
                }
                break;
            }
            case OperationKind::update:
            case OperationKind::insert:
            case OperationKind::read_modify_write: add_record(operation.number, true); break;
            default: add_record(operation.number, false); break;
        }
    }
}

std::uint64_t OperationBlock::perform(std::size_t index) {
    const Operation& operation = operations_[index];
    const std::size_t first = first_records_[index];
    const std::string& key = keys_[first];
    Session& session = setting_.session;
    switch (operation.kind) {
        case OperationKind::read: get_checked(operation, key); return 1;
        case OperationKind::read_missing:
            if (session.get(key, answer_)) wrong(operation, key, "found a record that never was");
            return 1;
        case OperationKind::read_in_snapshot: {
            const bool found = session.get_in_snapshot(key, answer_);
            check(operation, found, answer_, key);
            return 1;
        }
        case OperationKind::update:
        case OperationKind::insert: session.put(key, values_[first]); return 1;
        case OperationKind::read_modify_write:
            get_checked(operation, key);
            session.put(key, values_[first]);
            return 1;
        case OperationKind::erase: session.erase(key); return 1;
        case OperationKind::multi_read: return read_group(operation, first);
        case OperationKind::insert_batch: return write_group(operation, first);
        case OperationKind::scan: return scan(operation, key);
        case OperationKind::read_as_of:
        case OperationKind::scan_as_of:
        case OperationKind::history: return read_old(operation, key);
    }
    return 0;
}

void OperationBlock::check(const Operation& operation, bool found, std::string_view value, std::string_view key) const {
    if (!found) wrong(operation, key, "found nothing");
    if (!setting_.dataset.belongs(value, Dataset::number_of(key))) {
        wrong(operation, key, "found " + std::to_string(value.size()) + " bytes that are not its value");
    }
}

void OperationBlock::get_checked(const Operation& operation, std::string_view key) {
    const bool found = setting_.session.get(key, answer_);
    check(operation, found, answer_, key);
}

std::uint64_t OperationBlock::read_group(const Operation& operation, std::size_t first) {
    asked_.assign(keys_.begin() + static_cast<std::ptrdiff_t>(first),
                  keys_.begin() + static_cast<std::ptrdiff_t>(first + operation.count));
    answers_.resize(operation.count);
    setting_.session.multi_get(asked_, answers_);
    for (std::size_t i = 0; i < asked_.size(); ++i) {
        check(operation, answers_[i].has_value(), answers_[i] ? std::string_view(*answers_[i]) : std::string_view{},
              asked_[i]);
    }
    return operation.count;
}

std::uint64_t OperationBlock::write_group(const Operation& operation, std::size_t first) {
    batch_.clear();
    for (std::size_t i = first; i < first + operation.count; ++i) batch_.push_back({keys_[i], values_[i]});
    setting_.session.write(batch_);
    return operation.count;
}

std::uint64_t OperationBlock::scan(const Operation& operation, std::string_view begin) {
    CheckedEntries entries(setting_.dataset, begin);
    const std::uint64_t found = setting_.session.scan(begin, operation.count, entries);
    if (found == 0 || found > operation.count) wrong(operation, begin, "found " + std::to_string(found) + " entries");
    if (!entries.right()) wrong(operation, begin, "found entries out of order, or with values of others");
    return 1;
}

std::uint64_t OperationBlock::read_old(const Operation& operation, std::string_view key) {
    if (operation.kind == OperationKind::history) {
        CheckedVersions versions(setting_.dataset, operation.number);
        const std::uint64_t found = setting_.session.history(key, versions);
        if (found != setting_.moments.size() || !versions.right())
            wrong(operation, key, "found " + std::to_string(found) + " versions, or not those");
        return 1;
    }
    const std::size_t round = test::Random(operation.number + round_++).next() % setting_.moments.size();
    const Moment moment = setting_.moments[round];
    if (operation.kind == OperationKind::scan_as_of) {
        CheckedEntries entries(setting_.dataset, key);
        if (setting_.session.scan_as_of(key, operation.count, moment, entries) == 0 || !entries.right())
            wrong(operation, key, "found nothing, or not what there was");
        return 1;
    }
    const bool found = setting_.session.get_as_of(key, moment, answer_);
    check(operation, found, answer_, key);
    if (Dataset::round_of(answer_) != round) wrong(operation, key, "found another version than there was");
    return 1;
}

void OperationBlock::wrong(const Operation& operation, std::string_view key, const std::string& what) const {
    throw std::runtime_error(std::string(setting_.engine.name()) +
                             " gave a wrong answer: " + std::string(to_string(operation.kind)) + " of record " +
                             std::to_string(Dataset::number_of(key)) + " " + what);
}

}  // namespace zverse::bench
