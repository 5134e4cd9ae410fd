// TransactionState: a write set over a snapshot. Optimistic: nothing is shared before commit().
#pragma once

#include <engine/cursor_state.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace zverse::engine {

class SnapshotState {
public:
    SnapshotState(std::shared_ptr<Engine> engine, VersionPins::Pin pin)
        : engine_(std::move(engine)), pin_(std::move(pin)) {}
    [[nodiscard]] Version version() const noexcept { return pin_.version(); }

private:
    std::shared_ptr<Engine> engine_;
    VersionPins::Pin pin_;
};

/// A transaction's writes by key; nullopt is an erase.
using WriteSet = std::map<std::string, std::optional<std::string>, std::less<>>;

class TransactionState {
public:
    TransactionState(std::shared_ptr<Engine> engine, VersionPins::Pin pin)
        : engine_(std::move(engine)), pin_(std::move(pin)) {}

    [[nodiscard]] Version snapshot_version() const noexcept { return pin_.version(); }
    [[nodiscard]] Result<std::optional<std::string>> get(std::string_view key);
    [[nodiscard]] Result<Cursor> scan(const KeyRange& range, const ScanOptions& options);
    void put(std::string_view key, std::string_view value);
    void erase(std::string_view key);
    /// A write found no memory: the transaction can't be read or committed any more.
    void lose_write() noexcept { lost_write_ = true; }
    [[nodiscard]] Result<Version> commit();
    void rollback() noexcept;

private:
    [[nodiscard]] Result<void> check_open() const;

    std::shared_ptr<Engine> engine_;
    VersionPins::Pin pin_;
    WriteSet writes_;
    bool finished_ = false;
    bool lost_write_ = false;
};

}  // namespace zverse::engine
