// RocksDB as a peer: plain, or with user-defined timestamps when versions are asked for.
//
// Versions
//   numbers   Every write takes its timestamp from a WriteClock. A clock begins at the sequence number of the database
//             as it is opened: each write takes at least one of those and exactly one timestamp, so timestamps never
//             run ahead of them, and moments of earlier openings stay valid and lower.
//   order     RocksDB wants the writes of a key in the order of their timestamps. Threads that write the same key are
//             kept in line by a lock that stands for the key, from taking the number to the answer.
//   changes   An iterator from one timestamp to the other, over those tables alone whose timestamps reach into the
//             range. Unlike a walk through archived logs, this needs no logs kept, and no seeking through one for the
//             place to begin.
#include <bench/engines/engines.h>
#include <bench/engines/write_clock.h>

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/snapshot.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <map>
#include <stdexcept>
#include <thread>

namespace zverse::bench {

namespace {

using rocksdb::Slice;

void must(const rocksdb::Status& status) {
    if (!status.ok()) throw std::runtime_error("RocksDB: " + status.ToString());
}

/// As RocksDB's own comparator for 64-bit timestamps has them: little-endian.
class Timestamp {
public:
    explicit Timestamp(Moment moment) noexcept { std::memcpy(bytes_.data(), &moment, sizeof(moment)); }
    [[nodiscard]] Slice slice() const noexcept { return {bytes_.data(), bytes_.size()}; }
    [[nodiscard]] static Moment read(const char* bytes) noexcept {
        Moment moment = 0;
        std::memcpy(&moment, bytes, sizeof(moment));
        return moment;
    }

private:
    static_assert(std::endian::native == std::endian::little);
    std::array<char, sizeof(Moment)> bytes_;
};

std::string_view view(const Slice& slice) { return {slice.data(), slice.size()}; }

/// What its session needs of an open database.
struct Database {
    std::unique_ptr<rocksdb::DB> db;
    rocksdb::WriteOptions writes;
    std::optional<WriteClock> clock;  ///< with versions
    std::uint64_t writes_behind = 0;   ///< with versions: as in the setup
    std::array<std::mutex, 256> key_locks;

    std::size_t key_lock(std::string_view key) const noexcept {
        return std::hash<std::string_view>{}(key) % key_locks.size();
    }
    /// After the write of a number: now and then, what is older than was asked for is let go. Compactions drop it.
    void forget_behind(Moment number) {
        constexpr Moment kBetween = 1 << 16;  // each time the manifest is written
        if (writes_behind == 0 || number % kBetween != 0 || number <= writes_behind) return;
        const Timestamp oldest(number - writes_behind);
        must(db->IncreaseFullHistoryTsLow(db->DefaultColumnFamily(), oldest.slice().ToString()));
    }
};

class PlainSession : public Session {
public:
    explicit PlainSession(Database& database) : database_(database), db_(*database.db) {}

    void put(std::string_view key, std::string_view value) override { must(db_.Put(database_.writes, key, value)); }
    void erase(std::string_view key) override { must(db_.Delete(database_.writes, key)); }
    void write(std::span<const Record> batch) override {
        batch_.Clear();
        for (const Record& record : batch) must(batch_.Put(record.key, record.value));
        must(db_.Write(database_.writes, &batch_));
    }

    bool get(std::string_view key, std::string& value) final { return get_with(reads_, key, value); }
    void multi_get(std::span<const std::string_view> keys, std::span<std::optional<std::string>> values) final {
        keys_.assign(keys.begin(), keys.end());
        found_.resize(std::max(found_.size(), keys.size()));
        statuses_.resize(found_.size());
        db_.MultiGet(reads_, db_.DefaultColumnFamily(), keys.size(), keys_.data(), found_.data(), statuses_.data());
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (statuses_[i].IsNotFound()) {
                values[i].reset();
            } else {
                must(statuses_[i]);
                if (!values[i]) values[i].emplace();
                values[i]->assign(found_[i].data(), found_[i].size());
            }
            found_[i].Reset();
        }
    }
    std::uint64_t scan(std::string_view begin, std::uint64_t count, EntrySink& sink) final {
        return scan_with(reads_, begin, count, sink);
    }
    bool get_in_snapshot(std::string_view key, std::string& value) final {
        rocksdb::ManagedSnapshot snapshot(&db_);
        rocksdb::ReadOptions reads = reads_;
        reads.snapshot = snapshot.snapshot();
        return get_with(reads, key, value);
    }

protected:
    bool get_with(const rocksdb::ReadOptions& reads, std::string_view key, std::string& value) {
        const rocksdb::Status status = db_.Get(reads, db_.DefaultColumnFamily(), key, &value);
        if (status.IsNotFound()) return false;
        must(status);
        return true;
    }
    std::uint64_t scan_with(const rocksdb::ReadOptions& reads, std::string_view begin, std::uint64_t count,
                            EntrySink& sink) {
        const std::unique_ptr<rocksdb::Iterator> entry(db_.NewIterator(reads));
        std::uint64_t entries = 0;
        for (entry->Seek(begin); entries < count && entry->Valid(); entry->Next()) {
            sink.take(view(entry->key()), view(entry->value()));
            ++entries;
        }
        must(entry->status());
        return entries;
    }

    Database& database_;
    rocksdb::DB& db_;
    rocksdb::ReadOptions reads_;
    rocksdb::WriteBatch batch_;

private:
    std::vector<Slice> keys_;
    std::vector<rocksdb::PinnableSlice> found_;
    std::vector<rocksdb::Status> statuses_;
};

class VersionedSession final : public PlainSession {
public:
    explicit VersionedSession(Database& database) : PlainSession(database) {
        reads_.timestamp = &latest_slice_;
        reads_as_of_.timestamp = &moment_slice_;
    }

    void put(std::string_view key, std::string_view value) override {
        const std::lock_guard lock(database_.key_locks[database_.key_lock(key)]);
        const WriteClock::Write write(*database_.clock);
        must(db_.Put(database_.writes, key, Timestamp(write.number()).slice(), value));
        database_.forget_behind(write.number());
    }
    void erase(std::string_view key) override {
        const std::lock_guard lock(database_.key_locks[database_.key_lock(key)]);
        const WriteClock::Write write(*database_.clock);
        must(db_.Delete(database_.writes, key, Timestamp(write.number()).slice()));
        database_.forget_behind(write.number());
    }
    void write(std::span<const Record> batch) override {
        // In one order for all threads, each once, so that none waits for another in a circle.
        std::map<std::size_t, std::unique_lock<std::mutex>> locks;
        for (const Record& record : batch) locks.try_emplace(database_.key_lock(record.key));
        for (auto& [number, lock] : locks) lock = std::unique_lock(database_.key_locks[number]);

        const WriteClock::Write write(*database_.clock);
        const Timestamp timestamp(write.number());
        batch_.Clear();
        rocksdb::ColumnFamilyHandle* family = db_.DefaultColumnFamily();
        for (const Record& record : batch) must(batch_.Put(family, record.key, timestamp.slice(), record.value));
        must(db_.Write(database_.writes, &batch_));
        database_.forget_behind(write.number());
    }

    Moment now() override { return database_.clock->now(); }
    bool get_as_of(std::string_view key, Moment moment, std::string& value) override {
        moment_ = Timestamp(moment);
        return get_with(reads_as_of_, key, value);
    }
    std::uint64_t scan_as_of(std::string_view begin, std::uint64_t count, Moment moment, EntrySink& sink) override {
        moment_ = Timestamp(moment);
        return scan_with(reads_as_of_, begin, count, sink);
    }
    std::uint64_t history(std::string_view key, EntrySink& sink) override {
        const Timestamp oldest(0);
        const Slice oldest_slice = oldest.slice();
        rocksdb::ReadOptions reads = reads_;
        reads.iter_start_ts = &oldest_slice;
        return show_versions(reads, &key, sink);
    }
    std::uint64_t changes(Moment after, Moment upto, EntrySink& sink) override {
        const Timestamp first(after + 1), last(upto);
        const Slice first_slice = first.slice(), last_slice = last.slice();
        rocksdb::ReadOptions reads;
        reads.timestamp = &last_slice;
        reads.iter_start_ts = &first_slice;
        reads.fill_cache = false;
        reads.table_filter = [after, upto](const rocksdb::TableProperties& table) {
            const auto& properties = table.user_collected_properties;
            const auto oldest = properties.find("rocksdb.timestamp_min");
            const auto newest = properties.find("rocksdb.timestamp_max");
            if (oldest == properties.end() || newest == properties.end()) return true;
            return Timestamp::read(oldest->second.data()) <= upto && Timestamp::read(newest->second.data()) > after;
        };
        return show_versions(reads, nullptr, sink);
    }

private:
    /// Those of one key, or all.
    std::uint64_t show_versions(const rocksdb::ReadOptions& reads, const std::string_view* key, EntrySink& sink) {
        // With iter_start_ts, a key comes with its timestamp and with sequence number and kind behind it.
        constexpr std::size_t kTail = sizeof(Moment) + sizeof(std::uint64_t);
        const std::unique_ptr<rocksdb::Iterator> entry(db_.NewIterator(reads));
        std::uint64_t entries = 0;
        for (key != nullptr ? entry->Seek(*key) : entry->SeekToFirst(); entry->Valid(); entry->Next()) {
            std::string_view found = view(entry->key());
            found.remove_suffix(kTail);
            if (key != nullptr && found != *key) break;
            sink.take(found, view(entry->value()));
            ++entries;
        }
        must(entry->status());
        return entries;
    }

    // Options hold pointers to slices, and slices to timestamps.
    const Timestamp latest_{std::numeric_limits<Moment>::max()};
    const Slice latest_slice_ = latest_.slice();
    Timestamp moment_{0};
    const Slice moment_slice_ = moment_.slice();
    rocksdb::ReadOptions reads_as_of_;
};

class RocksdbEngine final : public Engine {
public:
    explicit RocksdbEngine(const EngineSetup& setup) : versions_(setup.versions) {
        std::filesystem::create_directories(setup.directory);
        rocksdb::DB* db = nullptr;
        const rocksdb::Options options = tuned(setup);
        must(rocksdb::DB::Open(options, setup.directory.string(), &db));
        database_.db.reset(db);
        database_.writes.sync = setup.promise == Promise::power;
        database_.writes_behind = setup.writes_behind;
        if (versions_) database_.clock.emplace(db->GetLatestSequenceNumber());
        settings_ = "RocksDB " + rocksdb::GetRocksVersionAsString() + ", " +
                    std::to_string(options.db_write_buffer_size >> 20) + " MiB of write buffers, as much block cache," +
                    " index and filters in memory beside it, Bloom filter of 10 bits for tables and one for write" +
                    " buffers, hash index in data blocks for point reads, dynamic level sizes, no compression as the" +
                    " values are random, log " +
                    (database_.writes.sync ? "synced by each write" : "left to the page cache") +
                    (versions_ ? ", versions by user-defined timestamps (which exclude the hash index)" : "") +
                    (setup.writes_behind != 0 ? ", full_history_ts_low raised every 65536 writes" : "");
    }

    std::string_view name() const noexcept override { return "rocksdb"; }
    std::string settings() const override { return settings_; }
    Abilities abilities() const noexcept override {
        return {
            .as_of = versions_, .history = versions_, .changes = versions_, .snapshots = true, .forgets = versions_};
    }
    std::unique_ptr<Session> session() override {
        if (versions_) return std::make_unique<VersionedSession>(database_);
        return std::make_unique<PlainSession>(database_);
    }
    void settle() override {
        must(database_.db->Flush(rocksdb::FlushOptions()));
        rocksdb::CompactRangeOptions compaction;
        compaction.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
        compaction.max_subcompactions = std::thread::hardware_concurrency();
        must(database_.db->CompactRange(compaction, nullptr, nullptr));
    }
    std::optional<std::uint64_t> bytes_written() const override {
        // Kept in any case, so that it costs nothing, unlike statistics; flushes are the writes of level 0.
        std::map<std::string, std::string> figures;
        if (!database_.db->GetMapProperty(rocksdb::DB::Properties::kCFStats, &figures)) return std::nullopt;
        const auto written = figures.find("compaction.Sum.WriteGB");
        if (written == figures.end()) return std::nullopt;
        return static_cast<std::uint64_t>(std::stod(written->second) * double{1 << 30});
    }

private:
    static rocksdb::Options tuned(const EngineSetup& setup) {
        rocksdb::Options options;
        options.create_if_missing = true;
        options.compression = rocksdb::kNoCompression;
        options.IncreaseParallelism(std::max(2, static_cast<int>(std::thread::hardware_concurrency())));

        // Half for write buffers, four of them so that writers rarely wait for a flush; half for blocks.
        constexpr int kWriteBuffers = 4;
        options.db_write_buffer_size = setup.cache_bytes / 2;
        options.write_buffer_size = options.db_write_buffer_size / kWriteBuffers;
        options.max_write_buffer_number = kWriteBuffers;
        // Level 1 as large as the level 0 that is merged into it.
        options.max_bytes_for_level_base =
            options.write_buffer_size * static_cast<std::uint64_t>(options.level0_file_num_compaction_trigger);
        options.level_compaction_dynamic_level_bytes = true;
        options.memtable_prefix_bloom_size_ratio = 0.1;
        options.memtable_whole_key_filtering = true;

        rocksdb::BlockBasedTableOptions table;
        table.block_cache = rocksdb::NewLRUCache(setup.cache_bytes / 2);
        table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
        table.optimize_filters_for_memory = true;
        if (setup.versions) {
            // The header of this release doesn't have the function, but its registry knows the comparator.
            must(rocksdb::Comparator::CreateFromString(rocksdb::ConfigOptions(), "leveldb.BytewiseComparator.u64ts",
                                                       &options.comparator));
        } else {
            table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
        }
        options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
        return options;
    }

    const bool versions_;
    Database database_;
    std::string settings_;
};

}  // namespace

std::unique_ptr<Engine> open_rocksdb(const EngineSetup& setup) { return std::make_unique<RocksdbEngine>(setup); }

}  // namespace zverse::bench
