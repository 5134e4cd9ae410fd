// The oracle's writes: single, batched, conditional and transactional.
#include <engine/oracle.h>
#include <support/results.h>

#include <hot/layout.h>

#include <algorithm>
#include <ranges>
#include <utility>

namespace zverse::test {

namespace {

constexpr std::size_t kTransactionsHeld = 3;
constexpr std::size_t kVersionsKept = 4096;

/// The largest value that fits a quarter of the ring together with its key.
std::uint64_t largest_value(std::uint64_t ring_bytes, std::string_view key) {
    const std::uint64_t frame = ring_bytes / 4;
    return frame - sizeof(hot::FrameHeader) - hot::operation_bytes(key.size(), 0) - hot::kUnitBytes;
}

}  // namespace

std::string Oracle::new_value(std::string_view key) {
    std::string value = random_.bytes(value_bytes(random_, largest_value(config_.options.ring_bytes, key)));
    if (config_.options.compression == Compression::none || random_.one_in(4)) return value;
    for (std::size_t i = 1; i < value.size(); ++i) value[i] = static_cast<char>(value[0] + static_cast<int>(i % 29));
    return value;
}

template <class Write>
Result<Version> Oracle::with_space(Write write) {
    Result<Version> written = write();
    if (written.has_value() || written.error().code() != ErrorCode::full) return written;
    count("full");
    flush();
    written = write();
    check(written.has_value() || written.error().code() != ErrorCode::full, "full again after a flush");
    return written;
}

void Oracle::accept(Version version, const std::vector<Change>& changes) {
    check(version > last_write_,
          [&] { return "version " + std::to_string(version) + " after " + std::to_string(last_write_); });
    check(version > latest_ && version <= kVersionMax, "a version that was shown before");
    last_write_ = version;
    if (versions_.size() == kVersionsKept) versions_[random_.below(kVersionsKept)] = version;
    if (versions_.size() < kVersionsKept) versions_.push_back(version);
    model_.commit(version, changes);
    latest_ = store_->latest_version();
    check(latest_ >= version, "the write that returned is not in latest_version()");
}

void Oracle::put() {
    const std::string key = random_.one_in(16) ? pool_.near(random_) : pool_.any(random_);
    std::string value = new_value(key);
    const Version version = must(with_space([&] { return store_->put(key, value); }));
    accept(version, {{key, std::move(value)}});
}

void Oracle::erase() {
    const std::string key = random_.one_in(8) ? pool_.near(random_) : pool_.any(random_);
    const Version version = must(with_space([&] { return store_->erase(key); }));
    accept(version, {{key, std::nullopt}});
}

void Oracle::write_batch() {
    WriteBatch batch;
    std::vector<Change> changes;
    const std::uint64_t bytes_max = config_.options.ring_bytes / 4 - sizeof(hot::FrameHeader) - hot::kLineBytes;
    std::uint64_t bytes = 0;
    const std::uint64_t wanted = random_.one_in(200) ? random_.between(100, 1500) : random_.between(1, 12);
    while (changes.size() < wanted) {
        const bool again = !changes.empty() && random_.one_in(6);
        const std::string key = again ? changes[random_.below(changes.size())].key : pool_.any(random_);
        std::optional<std::string> value;
        if (!random_.one_in(5)) value = new_value(key);
        bytes += hot::operation_bytes(key.size(), value.has_value() ? value->size() : 0);
        if (bytes > bytes_max) break;
        value.has_value() ? batch.put(key, *value) : batch.erase(key);
        changes.push_back({key, std::move(value)});
    }
    if (changes.empty()) return;
    check(batch.size() == changes.size(), "WriteBatch::size()");
    const Version version = must(with_space([&] { return store_->write(batch); }));
    accept(version, changes);
}

void Oracle::put_if() {
    const std::string key = pool_.any(random_);
    const ModelStore::Found found = model_.find(key);
    const Version guesses[] = {found.version, found.value.has_value() ? found.version : 0, 0, any_version()};
    const Version expected = guesses[random_.below(std::size(guesses))];
    std::string value = new_value(key);
    const Result<Version> written = with_space([&] { return store_->put_if(key, value, expected); });
    // A drain on the way may have forgotten what was there.
    if (model_.matches(key, expected)) {
        check(written.has_value(), [&] { return "put_if lost: " + (written ? "" : describe(written.error())); });
        accept(*written, {{key, std::move(value)}});
        count("put_if won");
        return;
    }
    check(!written.has_value(), "put_if won against a newer version");
    check(written.error().code() == ErrorCode::conflict, [&] { return "put_if: " + describe(written.error()); });
    const ModelStore::Found now = model_.find(key);
    const Version shown = written.error().version();
    check(shown == now.version || (!now.value.has_value() && shown == 0), [&] {
        return "put_if found version " + std::to_string(shown) + " instead of " + std::to_string(now.version);
    });
    count("put_if lost");
}

void Oracle::begin_transaction() {
    if (transactions_.size() == kTransactionsHeld) return use_transaction();
    Transaction transaction = store_->begin();
    const Version version = transaction.snapshot_version();
    check(version >= last_write_ && version <= store_->latest_version(), "the start of a transaction");
    latest_ = std::max(latest_, version);
    transactions_.push_back({std::move(transaction), {}});
}

void Oracle::use_transaction() {
    if (transactions_.empty()) return begin_transaction();
    HeldTransaction& held = transactions_[random_.below(transactions_.size())];
    switch (random_.below(8)) {
        case 0: check_transaction_scan(held); break;
        case 1:
        case 2:
        case 3: check_transaction_read(held); break;
        case 4: {
            const std::string& key = pool_.any(random_);
            held.transaction.erase(key);
            held.writes[key] = std::nullopt;
            break;
        }
        default: {
            // Small, so that the whole transaction surely fits its frame.
            const std::string key = pool_.any(random_).substr(0, 600);
            std::string value = random_.bytes(random_.below(300));
            held.transaction.put(key, value);
            held.writes[key] = std::move(value);
            break;
        }
    }
}

void Oracle::check_transaction_read(HeldTransaction& held) {
    std::string key = pool_.any(random_);
    if (!held.writes.empty() && random_.one_in(2)) {
        key = std::next(held.writes.begin(), random_.below(held.writes.size()))->first;
    }
    const std::optional<std::string> value = must(held.transaction.get(key));
    if (const auto own = held.writes.find(key); own != held.writes.end()) {
        check(value == own->second, "a transaction does not read its own write");
    } else {
        check(value == model_.find(key, held.transaction.snapshot_version()).value,
              "a transaction reads another version than its snapshot's");
    }
}

void Oracle::check_transaction_scan(HeldTransaction& held) {
    const KeyRange range = any_range();
    const ScanOptions options = any_scan_options();
    std::map<std::string_view, ModelEntry> merged;
    for (const ModelEntry& entry : model_.scan(range, held.transaction.snapshot_version(), false)) {
        merged[entry.key] = entry;
    }
    for (const auto& [key, value] : held.writes) {
        if (!contains(range, key)) continue;
        value.has_value() ? void(merged[key] = {key, *value}) : void(merged.erase(key));
    }
    std::vector<ModelEntry> expected;
    for (const ModelEntry& entry : merged | std::views::values) expected.push_back(entry);
    if (options.reverse) std::ranges::reverse(expected);
    expected = limited(std::move(expected), options);

    Cursor cursor = must(held.transaction.scan(range, options));
    for (const ModelEntry& entry : expected) {
        check(must(cursor.next()), [&] { return "a transaction's scan ends early, before " + describe(entry); });
        const Entry& found = cursor.entry();
        // An own write has no version yet.
        const bool own = held.writes.contains(std::string(entry.key));
        check(found.key == entry.key && found.value == entry.value && !found.tombstone &&
                  (own || found.version == entry.version),
              [&] { return "a transaction's scan: " + describe(found) + " instead of " + describe(entry); });
    }
    check(!must(cursor.next()), "a transaction's scan goes on after its end");
}

void Oracle::commit_transaction() {
    if (transactions_.empty()) return begin_transaction();
    const std::size_t index = random_.below(transactions_.size());
    HeldTransaction held = std::move(transactions_[index]);
    transactions_.erase(transactions_.begin() + static_cast<std::ptrdiff_t>(index));
    if (random_.one_in(5)) {
        if (random_.one_in(2)) held.transaction.rollback();
        return count("transactions rolled back");
    }
    const Version start = held.transaction.snapshot_version();
    const Result<Version> committed = held.transaction.commit();
    if (held.writes.empty()) {
        check(committed == start, "a transaction without writes returns its snapshot's version");
        return count("transactions without writes");
    }
    expect_error(held.transaction.commit(), ErrorCode::invalid_argument);
    if (!committed.has_value() && committed.error().code() == ErrorCode::full) {
        count("full");
        return flush();
    }
    if (!committed.has_value()) return check_conflict(held, committed.error());
    std::vector<Change> changes;
    for (const auto& [key, value] : held.writes) {
        check(model_.find(key).version <= start, "a transaction overwrote a newer version");
        changes.push_back({key, value});
    }
    accept(*committed, changes);
    count("transactions committed");
}

void Oracle::check_conflict(const HeldTransaction& held, const Error& error) {
    check(error.code() == ErrorCode::conflict, [&] { return "commit: " + describe(error); });
    check(error.version() > held.transaction.snapshot_version(),
          [&] { return "conflict with an old version: " + describe(error); });
    const bool named = std::ranges::any_of(held.writes | std::views::keys, [&](const std::string& key) {
        return model_.find(key).version == error.version();
    });
    check(named || held.drained, [&] { return "conflict with no version of a written key: " + describe(error); });
    count("transactions lost");
}

}  // namespace zverse::test
