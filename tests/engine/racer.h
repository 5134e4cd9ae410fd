// Racer: one thread of a race test. It makes random calls on a few hot keys and logs what it saw and when.
#pragma once

#include <support/random.h>
#include <support/results.h>
#include <support/version_order.h>

#include <zverse/zverse.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::test {

constexpr std::uint32_t kRaceKeys = 6;

inline std::string key_of(std::uint32_t key) { return "hot" + std::to_string(key); }

/// A value that proves itself: its number, repeated as often as the number says.
inline std::string value_of(std::uint64_t number) {
    std::string value(8 * (1 + number % (number % 50 == 0 ? 300 : 12)), '\0');
    for (std::size_t i = 0; i < value.size(); i += 8) std::memcpy(value.data() + i, &number, 8);
    return value;
}

/// The number of a value, 0 when the bytes are not those of one.
inline std::uint64_t number_of(std::string_view value) {
    std::uint64_t number = 0;
    if (value.size() < 8) return 0;
    std::memcpy(&number, value.data(), 8);
    return value == value_of(number) ? number : 0;
}

/// One thread of the race: random calls, each logged with the time around it.
class Racer {
public:
    /// A first version seen and the version of a commit on top of it, with the keys it wrote.
    struct Commit {
        Version start, version;
        std::uint32_t key, other;
    };

    Racer(Store& store, std::uint64_t seed, std::uint64_t thread)
        : store_(store), random_(mix(seed, thread)), next_number_(thread << 40) {}

    void run(std::uint64_t operations) {
        for (std::uint64_t i = 0; i < operations; ++i) {
            const std::uint64_t die = random_.below(100);
            if (die < 30)
                put();
            else if (die < 34)
                erase();
            else if (die < 42)
                write_batch();
            else if (die < 46)
                put_if();
            else if (die < 50)
                transact();
            else if (die < 75)
                read(any_key(), kLatest);
            else if (die < 86)
                read(any_key(), snapshot_ ? snapshot_->version() : kLatest);
            else if (die < 92)
                multi_get();
            else if (die < 97)
                show_latest();
            else
                take_snapshot();
        }
        snapshot_.reset();
    }
    [[nodiscard]] const EventLog& log() const noexcept { return log_; }
    [[nodiscard]] const std::vector<Commit>& commits() const noexcept { return commits_; }
    /// What multi_get and a transaction's get found: they tell no version, so `found` is 0 here.
    [[nodiscard]] const std::vector<ReadEvent>& reads_without_version() const noexcept {
        return reads_without_version_;
    }

private:
    std::uint32_t any_key() { return static_cast<std::uint32_t>(random_.below(kRaceKeys)); }

    void wrote(Moment before, Version version, std::uint32_t key, std::uint64_t value) {
        log_.writes.push_back({{before, now()}, version, key, value});
    }
    void show(Version version, Moment before) { log_.shown.push_back({{before, now()}, version}); }

    void log_without_version(const ReadEvent& event, bool there) {
        if (there && event.value == 0) throw std::runtime_error("bytes that nobody wrote");
        reads_without_version_.push_back(event);
    }

    void show_latest() {
        const Moment before = now();
        show(store_.latest_version(), before);
    }

    void put() {
        const std::uint32_t key = any_key();
        const std::uint64_t number = ++next_number_;
        const Moment before = now();
        wrote(before, must(store_.put(key_of(key), value_of(number))), key, number);
    }

    void erase() {
        const std::uint32_t key = any_key();
        const Moment before = now();
        wrote(before, must(store_.erase(key_of(key))), key, 0);
    }

    void write_batch() {
        WriteBatch batch;
        std::map<std::uint32_t, std::uint64_t> written;
        for (std::uint64_t i = random_.between(1, 4); i > 0; --i) {
            const std::uint32_t key = any_key();
            const bool tombstone = random_.one_in(8);
            written[key] = tombstone ? 0 : ++next_number_;
            tombstone ? batch.erase(key_of(key)) : batch.put(key_of(key), value_of(written[key]));
        }
        const Moment before = now();
        const Version version = must(store_.write(batch));
        const Moment after = now();
        for (const auto& [key, number] : written) log_.writes.push_back({{before, after}, version, key, number});
    }

    void put_if() {
        const std::uint32_t key = any_key();
        const ReadEvent seen = read(key, kLatest);
        const std::uint64_t number = ++next_number_;
        const Moment before = now();
        const Result<Version> written = store_.put_if(key_of(key), value_of(number), seen.found);
        if (written.has_value()) return wrote(before, *written, key, number);
        expect_error(written, ErrorCode::conflict);
    }

    void transact() {
        const Moment before_begin = now();
        Transaction transaction = store_.begin();
        const Version start = transaction.snapshot_version();
        show(start, before_begin);
        const std::uint32_t key = any_key();
        const Moment before_read = now();
        const std::optional<std::string> value = must(transaction.get(key_of(key)));
        log_without_version({{before_read, now()}, start, 0, key, value ? number_of(*value) : 0}, value.has_value());
        const std::uint64_t number = ++next_number_;
        const std::uint32_t other = (key + 1) % kRaceKeys;
        transaction.put(key_of(key), value_of(number));
        transaction.put(key_of(other), value_of(number));
        const Moment before = now();
        const Result<Version> committed = transaction.commit();
        const Moment after = now();
        if (!committed.has_value()) {
            expect_error(committed, ErrorCode::conflict);
            return;
        }
        log_.writes.push_back({{before, after}, *committed, key, number});
        log_.writes.push_back({{before, after}, *committed, other, number});
        commits_.push_back({start, *committed, key, other});
    }

    ReadEvent read(std::uint32_t key, Version as_of) {
        ReadEvent event{{now(), 0}, as_of, 0, key, 0};
        const bool there = must(store_.get_into(key_of(key), buffer_, as_of, &event.found));
        event.when.after = now();
        event.value = there ? number_of(buffer_) : 0;
        log_.reads.push_back(event);
        return event;
    }

    /// All keys as of one version, by get, multi_get and scan: the log's check knows what each must have found.
    void multi_get() {
        const Moment before = now();
        const Snapshot snapshot = store_.snapshot();
        show(snapshot.version(), before);
        std::vector<std::string> words;
        for (std::uint32_t key = 0; key < kRaceKeys; ++key) words.push_back(key_of(key));
        const std::vector<std::string_view> keys(words.begin(), words.end());
        std::vector<std::optional<std::string>> values(kRaceKeys);
        Moment start = now();
        must(store_.multi_get(keys, values, snapshot.version()));
        for (std::uint32_t key = 0; key < kRaceKeys; ++key) {
            const std::uint64_t number = values[key].has_value() ? number_of(*values[key]) : 0;
            log_without_version({{start, now()}, snapshot.version(), 0, key, number}, values[key].has_value());
        }
        start = now();
        std::vector<ReadEvent> scanned(kRaceKeys);
        Cursor cursor = must(store_.scan(prefix_range("hot"), snapshot.version()));
        while (must(cursor.next())) {
            const Entry& entry = cursor.entry();
            ReadEvent& event = scanned.at(std::stoul(std::string(entry.key.substr(3))));
            event.found = entry.version;
            event.value = number_of(entry.value);
        }
        for (std::uint32_t key = 0; key < kRaceKeys; ++key) {
            scanned[key].key = key;
            scanned[key].as_of = snapshot.version();
            scanned[key].when = {start, now()};
            log_.reads.push_back(scanned[key]);
            static_cast<void>(read(key, snapshot.version()));
        }
    }

    void take_snapshot() {
        const Moment before = now();
        snapshot_.emplace(store_.snapshot());
        show(snapshot_->version(), before);
    }

    Store& store_;
    Random random_;
    std::uint64_t next_number_;
    std::string buffer_;
    std::optional<Snapshot> snapshot_;
    std::vector<Commit> commits_;
    std::vector<ReadEvent> reads_without_version_;
    EventLog log_;
};

}  // namespace zverse::test
