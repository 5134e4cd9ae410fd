// The public classes: forwarding only. Store::get_into() is in read_path.cpp, where the engine's is inlined into it.
#include <engine/cursor_state.h>
#include <engine/engine.h>
#include <engine/transaction.h>

#include <utility>

namespace zverse {

KeyRange prefix_range(std::string_view prefix) {
    std::string end(prefix);
    while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
    if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
    return {std::string(prefix), std::move(end)};
}

void WriteBatch::put(std::string_view key, std::string_view value) {
    operations_.push_back({bytes_.size(), key.size(), value.size(), false});
    bytes_.append(key).append(value);
}

void WriteBatch::erase(std::string_view key) {
    operations_.push_back({bytes_.size(), key.size(), 0, true});
    bytes_.append(key);
}

void WriteBatch::clear() {
    bytes_.clear();
    operations_.clear();
}

Cursor::Cursor(std::unique_ptr<engine::CursorState> state) noexcept : state_(std::move(state)) {}
Cursor::Cursor(Cursor&&) noexcept = default;
Cursor& Cursor::operator=(Cursor&&) noexcept = default;
Cursor::~Cursor() = default;
Result<bool> Cursor::next() { return state_->next(); }
Result<bool> Cursor::seek(std::string_view key) { return state_->seek(key); }
const Entry& Cursor::entry() const noexcept { return state_->entry(); }

Snapshot::Snapshot(std::unique_ptr<engine::SnapshotState> state) noexcept : state_(std::move(state)) {}
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;
Snapshot::~Snapshot() = default;
Version Snapshot::version() const noexcept { return state_->version(); }

Transaction::Transaction(std::unique_ptr<engine::TransactionState> state) noexcept : state_(std::move(state)) {}
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction& Transaction::operator=(Transaction&&) noexcept = default;
Transaction::~Transaction() = default;
Version Transaction::snapshot_version() const noexcept { return state_->snapshot_version(); }
Result<std::optional<std::string>> Transaction::get(std::string_view key) { return state_->get(key); }
Result<Cursor> Transaction::scan(const KeyRange& range, const ScanOptions& options) {
    return state_->scan(range, options);
}
void Transaction::put(std::string_view key, std::string_view value) { state_->put(key, value); }
void Transaction::erase(std::string_view key) { state_->erase(key); }
Result<Version> Transaction::commit() { return state_->commit(); }
void Transaction::rollback() { state_->rollback(); }

Store::Store(std::shared_ptr<engine::Engine> engine) noexcept : engine_(std::move(engine)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&& other) noexcept {
    if (this != &other) {
        if (engine_ != nullptr) (void)engine_->close();
        engine_ = std::move(other.engine_);
    }
    return *this;
}
Store::~Store() {
    // Cursors and snapshots may keep the engine's memory alive; the store is closed all the same.
    if (engine_ != nullptr) (void)engine_->close();
}

Result<Store> Store::open(const std::filesystem::path& dir, const Options& options) {
    auto engine = engine::Engine::open(dir, options, {});
    if (!engine) return std::unexpected(std::move(engine.error()));
    return Store(std::move(*engine));
}
Result<void> Store::close() { return engine_->close(); }

Result<Version> Store::put(std::string_view key, std::string_view value) { return engine_->put(key, value); }
Result<Version> Store::erase(std::string_view key) { return engine_->erase(key); }
Result<Version> Store::write(const WriteBatch& batch) { return engine_->write(batch); }
Result<Version> Store::put_if(std::string_view key, std::string_view value, Version expected) {
    return engine_->put_if(key, value, expected);
}

Result<std::optional<std::string>> Store::get(std::string_view key, Version as_of) const {
    return engine_->get(key, as_of);
}
Result<bool> Store::visit_erased(std::string_view key, Version as_of, void (*on_entry)(void*, const Entry&),
                                 void* context) const {
    return engine_->visit(key, as_of, on_entry, context);
}
Result<void> Store::multi_get(std::span<const std::string_view> keys, std::span<std::optional<std::string>> values,
                              Version as_of) const {
    return engine_->multi_get(keys, values, as_of);
}
Result<Cursor> Store::scan(const KeyRange& range, Version as_of, const ScanOptions& options) const {
    return engine_->scan(range, as_of, options);
}
Result<Cursor> Store::history(std::string_view key, VersionRange versions, const ScanOptions& options) const {
    return engine_->history(key, versions, options);
}
Result<Cursor> Store::changes(VersionRange versions, const KeyRange& keys, const ScanOptions& options) const {
    return engine_->changes(versions, keys, options);
}
Snapshot Store::snapshot() const { return engine_->snapshot(); }
Transaction Store::begin() { return engine_->begin(); }

Version Store::latest_version() const { return engine_->latest_version(); }
Version Store::durable_version() const { return engine_->durable_version(); }
Version Store::floor() const { return engine_->floor(); }
Result<Version> Store::version_at(std::chrono::system_clock::time_point time) const {
    return engine_->version_at(time);
}
Result<void> Store::sync() { return engine_->sync(); }
Result<void> Store::wait_durable(Version version) { return engine_->wait_durable(version); }
Result<Version> Store::wait_newer(Version after, std::chrono::milliseconds timeout) const {
    return engine_->wait_newer(after, timeout);
}
Stats Store::stats() const { return engine_->stats(); }

}  // namespace zverse
