// LevelDB as a peer: one database. With versions, each moment is one of its snapshots, kept until the engine closes, so
// that reads as of it need nothing else. Moments of earlier openings are gone; numbers begin at the time of day of the
// opening, so that none of theirs is taken for another.
#include <bench/engines/engines.h>

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

#include <chrono>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>

namespace zverse::bench {

namespace {

void must(const leveldb::Status& status) {
    if (!status.ok()) throw std::runtime_error("LevelDB: " + status.ToString());
}

leveldb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const leveldb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

/// The snapshots by their numbers.
class Moments {
public:
    explicit Moments(leveldb::DB& db)
        : db_(db), last_(static_cast<Moment>(std::chrono::system_clock::now().time_since_epoch().count())) {}
    ~Moments() {
        for (const auto& [moment, snapshot] : snapshots_) db_.ReleaseSnapshot(snapshot);
    }
    Moments(const Moments&) = delete;
    Moments& operator=(const Moments&) = delete;

    [[nodiscard]] Moment now() {
        // Taken under the lock, so that later numbers have later states.
        const std::lock_guard lock(mutex_);
        snapshots_.emplace(++last_, db_.GetSnapshot());
        return last_;
    }
    [[nodiscard]] const leveldb::Snapshot* snapshot(Moment moment) {
        const std::lock_guard lock(mutex_);
        const auto found = snapshots_.find(moment);
        if (found == snapshots_.end()) throw std::runtime_error("LevelDB: no moment " + std::to_string(moment));
        return found->second;
    }

private:
    leveldb::DB& db_;
    std::mutex mutex_;
    Moment last_;
    std::map<Moment, const leveldb::Snapshot*> snapshots_;
};

class PlainSession : public Session {
public:
    PlainSession(leveldb::DB& db, bool sync) : db_(db) { writes_.sync = sync; }

    void put(std::string_view key, std::string_view value) final { must(db_.Put(writes_, slice(key), slice(value))); }
    void erase(std::string_view key) final { must(db_.Delete(writes_, slice(key))); }
    void write(std::span<const Record> batch) final {
        batch_.Clear();
        for (const Record& record : batch) batch_.Put(slice(record.key), slice(record.value));
        must(db_.Write(writes_, &batch_));
    }

    bool get(std::string_view key, std::string& value) final { return get_at(nullptr, key, value); }
    std::uint64_t scan(std::string_view begin, std::uint64_t count, EntrySink& sink) final {
        return scan_at(nullptr, begin, count, sink);
    }
    bool get_in_snapshot(std::string_view key, std::string& value) final {
        struct Release {
            leveldb::DB& db;
            void operator()(const leveldb::Snapshot* snapshot) const { db.ReleaseSnapshot(snapshot); }
        };
        const std::unique_ptr<const leveldb::Snapshot, Release> snapshot(db_.GetSnapshot(), Release{db_});
        return get_at(snapshot.get(), key, value);
    }

protected:
    bool get_at(const leveldb::Snapshot* snapshot, std::string_view key, std::string& value) {
        leveldb::ReadOptions reads;
        reads.snapshot = snapshot;
        const leveldb::Status status = db_.Get(reads, slice(key), &value);
        if (status.IsNotFound()) return false;
        must(status);
        return true;
    }
    std::uint64_t scan_at(const leveldb::Snapshot* snapshot, std::string_view begin, std::uint64_t count,
                          EntrySink& sink) {
        leveldb::ReadOptions reads;
        reads.snapshot = snapshot;
        const std::unique_ptr<leveldb::Iterator> entry(db_.NewIterator(reads));
        std::uint64_t entries = 0;
        for (entry->Seek(slice(begin)); entries < count && entry->Valid(); entry->Next()) {
            sink.take(view(entry->key()), view(entry->value()));
            ++entries;
        }
        must(entry->status());
        return entries;
    }

private:
    leveldb::DB& db_;
    leveldb::WriteOptions writes_;
    leveldb::WriteBatch batch_;
};

class VersionedSession final : public PlainSession {
public:
    VersionedSession(leveldb::DB& db, bool sync, Moments& moments) : PlainSession(db, sync), moments_(moments) {}

    Moment now() override { return moments_.now(); }
    bool get_as_of(std::string_view key, Moment moment, std::string& value) override {
        return get_at(moments_.snapshot(moment), key, value);
    }
    std::uint64_t scan_as_of(std::string_view begin, std::uint64_t count, Moment moment, EntrySink& sink) override {
        return scan_at(moments_.snapshot(moment), begin, count, sink);
    }

private:
    Moments& moments_;
};

class LeveldbEngine final : public Engine {
public:
    explicit LeveldbEngine(const EngineSetup& setup)
        : sync_(setup.promise == Promise::power),
          cache_(leveldb::NewLRUCache(setup.cache_bytes / 2)),
          filter_(leveldb::NewBloomFilterPolicy(10)) {
        std::filesystem::create_directories(setup.directory);
        leveldb::Options options;
        options.create_if_missing = true;
        options.compression = leveldb::kNoCompression;
        options.block_cache = cache_.get();
        options.filter_policy = filter_.get();
        // There are two of them while one is flushed.
        options.write_buffer_size = setup.cache_bytes / 4;
        options.max_file_size = std::size_t{32} << 20;
        options.max_open_files = 10'000;
        leveldb::DB* db = nullptr;
        must(leveldb::DB::Open(options, setup.directory.string(), &db));
        db_.reset(db);
        if (setup.versions) moments_.emplace(*db_);
        settings_ = "LevelDB " + std::to_string(leveldb::kMajorVersion) + "." + std::to_string(leveldb::kMinorVersion) +
                    ", 2 x " + std::to_string(options.write_buffer_size >> 20) + " MiB of write buffers, " +
                    std::to_string(setup.cache_bytes / 2 >> 20) + " MiB of block cache, Bloom filter of 10 bits," +
                    " tables of 32 MiB, all of them kept open, no compression as the values are random, log " +
                    (sync_ ? "synced by each write" : "left to the page cache") +
                    (setup.versions ? ", a snapshot kept for each moment" : "");
    }

    std::string_view name() const noexcept override { return "leveldb"; }
    std::string settings() const override { return settings_; }
    Abilities abilities() const noexcept override { return {.as_of = moments_.has_value(), .snapshots = true}; }
    std::unique_ptr<Session> session() override {
        if (moments_) return std::make_unique<VersionedSession>(*db_, sync_, *moments_);
        return std::make_unique<PlainSession>(*db_, sync_);
    }
    void settle() override { db_->CompactRange(nullptr, nullptr); }
    /// From its table of levels, whose last column is MiB written, in whole ones.
    std::optional<std::uint64_t> bytes_written() const override {
        std::string table;
        if (!db_->GetProperty("leveldb.stats", &table)) return std::nullopt;
        std::istringstream lines(table);
        std::uint64_t mebibytes = 0;
        for (std::string line; std::getline(lines, line);) {
            std::istringstream columns(line);
            double level = 0, files = 0, size = 0, seconds = 0, read = 0, written = 0;
            // Its head is no numbers.
            if (columns >> level >> files >> size >> seconds >> read >> written) {
                mebibytes += static_cast<std::uint64_t>(written);
            }
        }
        return mebibytes << 20;
    }

private:
    const bool sync_;
    // In the order of their needs: each uses those above.
    const std::unique_ptr<leveldb::Cache> cache_;
    const std::unique_ptr<const leveldb::FilterPolicy> filter_;
    std::unique_ptr<leveldb::DB> db_;
    std::optional<Moments> moments_;
    std::string settings_;
};

}  // namespace

std::unique_ptr<Engine> open_leveldb(const EngineSetup& setup) { return std::make_unique<LeveldbEngine>(setup); }

}  // namespace zverse::bench
