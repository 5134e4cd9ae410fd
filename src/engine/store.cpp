// The public classes: forwarding only, and the edge that no exception passes (platform/answer.h). Store::get_into()
// is in read_path.cpp, where the engine's is inlined into it.
#include <engine/cursor_state.h>
#include <engine/engine.h>
#include <engine/transaction.h>
#include <platform/answer.h>

#include <exception>
#include <new>
#include <utility>

namespace zverse {

KeyRange prefix_range(std::string_view prefix) {
    std::string end(prefix);
    while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
    if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
    return {std::string(prefix), std::move(end)};
}

void WriteBatch::put(std::string_view key, std::string_view value) { add(key, value, false); }

void WriteBatch::erase(std::string_view key) { add(key, {}, true); }

void WriteBatch::add(std::string_view key, std::string_view value, bool tombstone) noexcept {
    const std::size_t offset = bytes_.size();
    try {
        bytes_.append(key).append(value);
        operations_.push_back({offset, key.size(), value.size(), tombstone});
    } catch (const std::exception&) {
        bytes_.resize(offset);
        lost_operation_ = true;
    }
}

void WriteBatch::clear() {
    bytes_.clear();
    operations_.clear();
    lost_operation_ = false;
}

namespace {

using platform::answer;

/// A move of a cursor; without memory it loses its place.
template <class Move>
Result<bool> move_cursor(engine::CursorState& state, Move&& move) {
    try {
        return move();
    } catch (const std::exception& thrown) {
        state.lose_place();
        return std::unexpected(platform::error_of(thrown, "the cursor"));
    }
}

/// A call of a transaction that there may be no memory for.
template <class Call>
auto of_transaction(engine::TransactionState* state, Call&& call) -> decltype(call()) {
    if (state == nullptr) return std::unexpected(platform::error_of(std::bad_alloc(), "the transaction"));
    return platform::answer("the transaction", call);
}

/// A write of a transaction: what it lacks is told by commit().
template <class Write>
void note_write(engine::TransactionState* state, Write&& write) noexcept {
    if (state == nullptr) return;
    try {
        write();
    } catch (const std::exception&) {
        state->lose_write();
    }
}

}  // namespace

Cursor::Cursor(std::unique_ptr<engine::CursorState> state) noexcept : state_(std::move(state)) {}
Cursor::Cursor(Cursor&&) noexcept = default;
Cursor& Cursor::operator=(Cursor&&) noexcept = default;
Cursor::~Cursor() = default;
Result<bool> Cursor::next() {
    return move_cursor(*state_, [&] { return state_->next(); });
}
Result<bool> Cursor::seek(std::string_view key) {
    return move_cursor(*state_, [&] { return state_->seek(key); });
}
const Entry& Cursor::entry() const noexcept { return state_->entry(); }

Snapshot::Snapshot(std::unique_ptr<engine::SnapshotState> state) noexcept : state_(std::move(state)) {}
Snapshot::Snapshot(Version unpinned) noexcept : unpinned_(unpinned) {}
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;
Snapshot::~Snapshot() = default;
Version Snapshot::version() const noexcept { return state_ != nullptr ? state_->version() : unpinned_; }

Transaction::Transaction(std::unique_ptr<engine::TransactionState> state) noexcept : state_(std::move(state)) {}
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction& Transaction::operator=(Transaction&&) noexcept = default;
Transaction::~Transaction() = default;
Version Transaction::snapshot_version() const noexcept { return state_ != nullptr ? state_->snapshot_version() : 0; }
Result<std::optional<std::string>> Transaction::get(std::string_view key) {
    return of_transaction(state_.get(), [&] { return state_->get(key); });
}
Result<Cursor> Transaction::scan(const KeyRange& range, const ScanOptions& options) {
    return of_transaction(state_.get(), [&] { return state_->scan(range, options); });
}
void Transaction::put(std::string_view key, std::string_view value) {
    note_write(state_.get(), [&] { state_->put(key, value); });
}
void Transaction::erase(std::string_view key) {
    note_write(state_.get(), [&] { state_->erase(key); });
}
Result<Version> Transaction::commit() {
    return of_transaction(state_.get(), [&] { return state_->commit(); });
}
void Transaction::rollback() {
    if (state_ != nullptr) state_->rollback();
}

Store::Store(std::shared_ptr<engine::Engine> engine) noexcept : engine_(std::move(engine)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&& other) noexcept {
    if (this != &other) {
        if (engine_ != nullptr) (void)close();
        engine_ = std::move(other.engine_);
    }
    return *this;
}
Store::~Store() {
    // Cursors and snapshots may keep the engine's memory alive; the store is closed all the same.
    if (engine_ != nullptr) (void)close();
}

Result<Store> Store::open(const std::filesystem::path& dir, const Options& options) {
    return platform::answer("opening the store", [&]() -> Result<Store> {
        auto engine = engine::Engine::open(dir, options, {.publishes_figures = true});
        if (!engine) return std::unexpected(std::move(engine.error()));
        return Store(std::move(*engine));
    });
}
Result<void> Store::close() {
    return platform::answer("closing the store", [&] { return engine_->close(); });
}

Result<Version> Store::put(std::string_view key, std::string_view value) {
    return platform::answer("the put", [&] { return engine_->put(key, value); });
}
Result<Version> Store::erase(std::string_view key) {
    return platform::answer("the erase", [&] { return engine_->erase(key); });
}
Result<Version> Store::write(const WriteBatch& batch) {
    return platform::answer("the batch", [&] { return engine_->write(batch); });
}
Result<Version> Store::put_if(std::string_view key, std::string_view value, Version expected) {
    return platform::answer("the put", [&] { return engine_->put_if(key, value, expected); });
}

Result<std::optional<std::string>> Store::get(std::string_view key, Version as_of) const {
    return platform::answer("the read", [&] { return engine_->get(key, as_of); });
}
Result<bool> Store::visit_erased(std::string_view key, Version as_of, void (*on_entry)(void*, const Entry&),
                                 void* context) const {
    return engine_->visit(key, as_of, on_entry, context);
}
Result<void> Store::multi_get(std::span<const std::string_view> keys, std::span<std::optional<std::string>> values,
                              Version as_of) const {
    return platform::answer("the reads", [&] { return engine_->multi_get(keys, values, as_of); });
}
Result<Cursor> Store::scan(const KeyRange& range, Version as_of, const ScanOptions& options) const {
    return platform::answer("the scan", [&] { return engine_->scan(range, as_of, options); });
}
Result<Cursor> Store::history(std::string_view key, VersionRange versions, const ScanOptions& options) const {
    return platform::answer("the history", [&] { return engine_->history(key, versions, options); });
}
Result<Cursor> Store::changes(VersionRange versions, const KeyRange& keys, const ScanOptions& options) const {
    return platform::answer("the changes", [&] { return engine_->changes(versions, keys, options); });
}
Snapshot Store::snapshot() const { return engine_->snapshot(); }
Transaction Store::begin() { return engine_->begin(); }

Result<Version> Store::pin(std::string_view name, Version version) {
    return answer("the pin", [&] { return engine_->pin(name, version); });
}
Result<void> Store::unpin(std::string_view name) {
    return answer("the pin", [&] { return engine_->unpin(name); });
}
Result<std::vector<std::pair<std::string, Version>>> Store::pins() const {
    return answer("the pins", [&] { return engine_->named_pins(); });
}

Version Store::latest_version() const { return engine_->latest_version(); }
Version Store::durable_version() const {
    try {
        return engine_->durable_version();
    } catch (const std::exception&) {
        return engine_->tier().durable_mark();
    }
}
Version Store::floor() const {
    try {
        return engine_->floor();
    } catch (const std::exception&) {
        return engine_->latest_version();
    }
}
Result<Version> Store::version_at(std::chrono::system_clock::time_point time) const {
    return platform::answer("the version", [&] { return engine_->version_at(time); });
}
Result<void> Store::sync() {
    return platform::answer("the sync", [&] { return engine_->sync(); });
}
Result<void> Store::flush() {
    return platform::answer("the flush", [&] { return engine_->flush(); });
}
Result<void> Store::compact(const KeyRange& range) {
    return platform::answer("the compaction", [&] { return engine_->compact(range); });
}
Result<void> Store::wait_durable(Version version) {
    return platform::answer("the sync", [&] { return engine_->wait_durable(version); });
}
Result<Version> Store::wait_newer(Version after, std::chrono::milliseconds timeout) const {
    return platform::answer("waiting", [&] { return engine_->wait_newer(after, timeout); });
}
Result<Verification> Store::scrubbed() const {
    return answer("what the scrub found", [&] { return engine_->scrubbed(); });
}

Result<Verification> Store::verify() const {
    return answer("the verification", [&] { return engine_->verify(); });
}
Result<void> Store::checkpoint(const std::filesystem::path& dir) const {
    return answer("the checkpoint", [&] { return engine_->checkpoint(dir); });
}
Stats Store::stats() const {
    try {
        return engine_->stats();
    } catch (const std::exception&) {
        return {};
    }
}

}  // namespace zverse
