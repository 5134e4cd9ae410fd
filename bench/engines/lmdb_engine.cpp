// LMDB as a peer: one tree in one writable map, a transaction for each write.
//
// A session keeps one read transaction and one cursor for its lifetime. Between operations the transaction is reset, so
// that it holds back no page, and each operation renews it, so that it sees what returned before.
#include <bench/engines/engines.h>

#include <lmdb.h>

#include <algorithm>
#include <stdexcept>

namespace zverse::bench {

namespace {

void must(int status) {
    if (status != MDB_SUCCESS) throw std::runtime_error(std::string("LMDB: ") + mdb_strerror(status));
}

/// LMDB takes pointers to what it doesn't change.
MDB_val to_val(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }
std::string_view view(const MDB_val& val) { return {static_cast<const char*>(val.mv_data), val.mv_size}; }

class LmdbSession final : public Session {
public:
    LmdbSession(MDB_env* env, MDB_dbi tree) : env_(env), tree_(tree) {
        must(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &reads_));
        const int status = mdb_cursor_open(reads_, tree_, &cursor_);
        if (status != MDB_SUCCESS) mdb_txn_abort(reads_);
        must(status);
        mdb_txn_reset(reads_);
    }
    ~LmdbSession() override {
        mdb_cursor_close(cursor_);
        mdb_txn_abort(reads_);
    }

    void put(std::string_view key, std::string_view value) override {
        const Record record{key, value};
        write({&record, 1});
    }
    void erase(std::string_view key) override {
        change([&](MDB_txn* txn) {
            MDB_val key_val = to_val(key);
            const int status = mdb_del(txn, tree_, &key_val, nullptr);
            return status == MDB_NOTFOUND ? MDB_SUCCESS : status;
        });
    }
    void write(std::span<const Record> batch) override {
        change([&](MDB_txn* txn) {
            for (const Record& record : batch) {
                MDB_val key = to_val(record.key), value = to_val(record.value);
                if (const int status = mdb_put(txn, tree_, &key, &value, 0); status != MDB_SUCCESS) return status;
            }
            return MDB_SUCCESS;
        });
    }

    bool get(std::string_view key, std::string& value) override {
        const Reading reading(reads_);
        return find(key, value);
    }
    void multi_get(std::span<const std::string_view> keys, std::span<std::optional<std::string>> values) override {
        const Reading reading(reads_);
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (!values[i]) values[i].emplace();
            if (!find(keys[i], *values[i])) values[i].reset();
        }
    }
    std::uint64_t scan(std::string_view begin, std::uint64_t count, EntrySink& sink) override {
        const Reading reading(reads_);
        must(mdb_cursor_renew(reads_, cursor_));
        MDB_val key = to_val(begin), value{};
        // LMDB has no empty key, so there is none to look for either.
        MDB_cursor_op step = begin.empty() ? MDB_FIRST : MDB_SET_RANGE;
        for (std::uint64_t entries = 0;; ++entries, step = MDB_NEXT) {
            if (entries == count) return entries;
            const int status = mdb_cursor_get(cursor_, &key, &value, step);
            if (status == MDB_NOTFOUND) return entries;
            must(status);
            sink.take(view(key), view(value));
        }
    }

    /// Its reads are of snapshots anyway.
    bool get_in_snapshot(std::string_view key, std::string& value) override { return get(key, value); }

private:
    /// Renews the transaction for one operation.
    class Reading {
    public:
        explicit Reading(MDB_txn* txn) : txn_(txn) { must(mdb_txn_renew(txn)); }
        ~Reading() { mdb_txn_reset(txn_); }
        Reading(const Reading&) = delete;
        Reading& operator=(const Reading&) = delete;

    private:
        MDB_txn* const txn_;
    };

    bool find(std::string_view key, std::string& value) {
        MDB_val key_val = to_val(key), found{};
        const int status = mdb_get(reads_, tree_, &key_val, &found);
        if (status == MDB_NOTFOUND) return false;
        must(status);
        value.assign(view(found));
        return true;
    }

    template <class Change>
    void change(Change&& apply) {
        MDB_txn* txn = nullptr;
        must(mdb_txn_begin(env_, nullptr, 0, &txn));
        const int status = apply(txn);
        if (status != MDB_SUCCESS) mdb_txn_abort(txn);
        must(status);
        must(mdb_txn_commit(txn));
    }

    MDB_env* const env_;
    const MDB_dbi tree_;
    MDB_txn* reads_ = nullptr;
    MDB_cursor* cursor_ = nullptr;
};

class LmdbEngine final : public Engine {
public:
    explicit LmdbEngine(const EngineSetup& setup) {
        std::filesystem::create_directories(setup.directory);
        MDB_env* env = nullptr;
        must(mdb_env_create(&env));
        env_.reset(env);

        // Address space and a file with holes, so that room costs nothing: pages are half full after random inserts,
        // and values that don't fit in half a page take whole pages.
        const std::uint64_t map_bytes =
            (setup.records * setup.record_bytes * 4 + (std::uint64_t{1} << 30)) & ~0xfffffULL;
        must(mdb_env_set_mapsize(env, map_bytes));
        must(mdb_env_set_maxreaders(env, std::max(kReadersMin, setup.threads + kReadersMin / 2)));
        const bool power = setup.promise == Promise::power;
        const unsigned flags = MDB_WRITEMAP | MDB_NOTLS | (power ? 0 : MDB_NOSYNC);
        must(mdb_env_open(env, setup.directory.c_str(), flags, 0644));

        MDB_txn* txn = nullptr;
        must(mdb_txn_begin(env, nullptr, 0, &txn));
        const int status = mdb_dbi_open(txn, nullptr, 0, &tree_);
        if (status != MDB_SUCCESS) mdb_txn_abort(txn);
        must(status);
        must(mdb_txn_commit(txn));

        settings_ = std::string(mdb_version(nullptr, nullptr, nullptr)) + ", map of " +
                    std::to_string(map_bytes >> 20) + " MiB over the page cache, MDB_WRITEMAP (no copies of pages)," +
                    " MDB_NOTLS (read transactions belong to sessions), " +
                    (power ? "synced by each commit"
                           : "MDB_NOSYNC, as what is in the map stays in the page cache when the process dies") +
                    "; cache_bytes doesn't apply";
    }

    std::string_view name() const noexcept override { return "lmdb"; }
    std::string settings() const override { return settings_; }
    Abilities abilities() const noexcept override { return {.snapshots = true}; }
    std::unique_ptr<Session> session() override { return std::make_unique<LmdbSession>(env_.get(), tree_); }
    /// A tree is always in its one form; only what the page cache owes to the medium is left.
    void settle() override { must(mdb_env_sync(env_.get(), 1)); }

private:
    static constexpr unsigned kReadersMin = 126;  // its default

    struct Close {
        void operator()(MDB_env* env) const noexcept { mdb_env_close(env); }
    };
    std::unique_ptr<MDB_env, Close> env_;
    MDB_dbi tree_ = 0;
    std::string settings_;
};

}  // namespace

std::unique_ptr<Engine> open_lmdb(const EngineSetup& setup) { return std::make_unique<LmdbEngine>(setup); }

}  // namespace zverse::bench
