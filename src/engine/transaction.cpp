#include <engine/transaction.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace zverse::engine {

namespace {

bool in_range(std::string_view key, const KeyRange& range) noexcept {
    return key >= range.begin && (range.end.empty() || key < range.end);
}

/// A scan of the snapshot with a copy of the write set laid over it.
class OverlayCursor final : public CursorState {
public:
    OverlayCursor(std::shared_ptr<Engine> engine, Cursor base, WriteSet writes, const ScanOptions& options)
        : engine_(std::move(engine)), base_(std::move(base)), writes_(std::move(writes)), options_(options) {
        place_writes(std::nullopt);
    }

    Result<bool> next() override {
        if (engine_->closed()) return std::unexpected(Engine::closed_error());
        if (lost_place_) return std::unexpected(lost_place_error());
        if (options_.limit != 0 && delivered_ >= options_.limit) return false;
        if (base_state_ == BaseState::unread) {
            if (auto read = read_base(base_.next()); !read) return read;
        }
        return deliver();
    }

    Result<bool> seek(std::string_view key) override {
        if (engine_->closed()) return std::unexpected(Engine::closed_error());
        if (lost_place_) return std::unexpected(lost_place_error());
        if (options_.limit != 0 && delivered_ >= options_.limit) return false;
        if (auto read = read_base(base_.seek(key)); !read) return read;
        place_writes(key);
        return deliver();
    }

private:
    enum class BaseState { unread, ready, ended };

    Result<bool> read_base(Result<bool> moved) {
        if (!moved) return moved;
        base_state_ = *moved ? BaseState::ready : BaseState::ended;
        return moved;
    }
    /// Puts the write set's place at the first write to come: from `key` on, or from the beginning.
    void place_writes(std::optional<std::string_view> key) {
        if (options_.reverse) {
            reverse_ = key ? std::make_reverse_iterator(writes_.upper_bound(*key)) : writes_.rbegin();
        } else {
            forward_ = key ? writes_.lower_bound(*key) : writes_.begin();
        }
    }
    [[nodiscard]] const WriteSet::value_type* write() const {
        if (options_.reverse) return reverse_ == writes_.rend() ? nullptr : &*reverse_;
        return forward_ == writes_.end() ? nullptr : &*forward_;
    }
    void skip_write() {
        if (options_.reverse) {
            ++reverse_;
        } else {
            ++forward_;
        }
    }

    Result<bool> deliver() {
        for (;;) {
            const WriteSet::value_type* own = write();
            if (own == nullptr && base_state_ == BaseState::ended) return false;
            int order = own == nullptr                    ? 1
                        : base_state_ == BaseState::ended ? -1
                                                          : own->first.compare(base_.entry().key);
            if (options_.reverse && own != nullptr && base_state_ == BaseState::ready) order = -order;
            if (order > 0) {
                current_key_.assign(base_.entry().key);
                current_value_.assign(base_.entry().value);
                show(base_.entry().version);
                base_state_ = BaseState::unread;
                return true;
            }
            if (order == 0) {
                // Our own write hides the stored record.
                if (auto read = read_base(base_.next()); !read) return read;
            }
            const bool erased = !own->second;
            if (!erased) {
                current_key_ = own->first;
                current_value_ = options_.keys_only ? std::string() : *own->second;
            }
            skip_write();
            if (erased) continue;
            show(0);  // not committed yet
            return true;
        }
    }
    void show(Version version) {
        entry_ = {current_key_, current_value_, version, false};
        ++delivered_;
    }

    std::shared_ptr<Engine> engine_;
    Cursor base_;
    WriteSet writes_;
    ScanOptions options_;
    WriteSet::const_iterator forward_;
    WriteSet::const_reverse_iterator reverse_;
    BaseState base_state_ = BaseState::unread;
    std::string current_key_, current_value_;
    std::uint64_t delivered_ = 0;
};

}  // namespace

Result<void> TransactionState::check_open() const {
    if (engine_->closed()) return std::unexpected(Engine::closed_error());
    if (finished_) {
        return std::unexpected(
            Error(ErrorCode::invalid_argument, "the transaction was committed or rolled back already"));
    }
    if (lost_write_) {
        return std::unexpected(Error(ErrorCode::full, "the transaction lost a write when there was no memory"));
    }
    return {};
}

Result<std::optional<std::string>> TransactionState::get(std::string_view key) {
    if (auto open = check_open(); !open) return std::unexpected(std::move(open.error()));
    if (const auto own = writes_.find(key); own != writes_.end()) return own->second;
    return engine_->get(key, snapshot_version());
}

Result<Cursor> TransactionState::scan(const KeyRange& range, const ScanOptions& options) {
    if (auto open = check_open(); !open) return std::unexpected(std::move(open.error()));
    // The overlay counts the limit: own erases hide stored records.
    auto base = engine_->scan(range, snapshot_version(), {options.reverse, 0, options.keys_only});
    if (!base) return std::unexpected(std::move(base.error()));
    WriteSet writes;
    for (const auto& write : writes_) {
        if (in_range(write.first, range)) writes.emplace_hint(writes.end(), write);
    }
    return Cursor(std::make_unique<OverlayCursor>(engine_, std::move(*base), std::move(writes), options));
}

void TransactionState::put(std::string_view key, std::string_view value) {
    if (!finished_) writes_.insert_or_assign(std::string(key), std::string(value));
}

void TransactionState::erase(std::string_view key) {
    if (!finished_) writes_.insert_or_assign(std::string(key), std::nullopt);
}

Result<Version> TransactionState::commit() {
    if (auto open = check_open(); !open) return std::unexpected(std::move(open.error()));
    finished_ = true;
    const Version snapshot = snapshot_version();
    if (writes_.empty()) return snapshot;
    std::vector<hot::Operation> operations;
    operations.reserve(writes_.size());
    for (const auto& [key, value] : writes_) {
        operations.push_back({key, value ? std::string_view(*value) : std::string_view(), 0, !value.has_value()});
    }
    return engine_->commit(std::move(operations), snapshot);
}

void TransactionState::rollback() noexcept {
    finished_ = true;
    writes_.clear();
}

}  // namespace zverse::engine
