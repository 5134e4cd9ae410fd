// WiredTiger as a peer: one row store with a log. With versions, each write commits at a timestamp.
//
// Timestamps come from a WriteClock, taken when a transaction holds its keys already: who writes a key later has the
// later number. They begin at the time of day of the opening, in nanoseconds, which is also the oldest timestamp that
// may be read: files of this release hold no timestamps, so moments of earlier openings can't be answered, and
// WiredTiger itself refuses them. The oldest timestamp then stays, and with it every version since.
#include <bench/engines/engines.h>
#include <bench/engines/write_clock.h>

#include <wiredtiger.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <stdexcept>
#include <thread>

namespace zverse::bench {

namespace {

constexpr const char* kTable = "table:records";

void must(int status) {
    if (status != 0) throw std::runtime_error(std::string("WiredTiger: ") + wiredtiger_strerror(status));
}

WT_ITEM to_item(std::string_view bytes) {
    WT_ITEM item{};
    item.data = bytes.data();
    item.size = bytes.size();
    return item;
}
std::string_view view(const WT_ITEM& item) { return {static_cast<const char*>(item.data), item.size}; }

struct CloseSession {
    void operator()(WT_SESSION* session) const noexcept { session->close(session, nullptr); }
};
using OwnedSession = std::unique_ptr<WT_SESSION, CloseSession>;

OwnedSession open_session(WT_CONNECTION* connection) {
    WT_SESSION* session = nullptr;
    must(connection->open_session(connection, nullptr, "isolation=snapshot", &session));
    return OwnedSession(session);
}

class WiredtigerSession final : public Session {
public:
    /// Without a clock there are no moments.
    WiredtigerSession(WT_CONNECTION* connection, WriteClock* clock, std::uint64_t writes_behind)
        : session_(open_session(connection)), clock_(clock), writes_behind_(writes_behind) {
        must(session_->open_cursor(session_.get(), kTable, nullptr, nullptr, &cursor_));
    }

    void put(std::string_view key, std::string_view value) override {
        // Without a timestamp to give, WiredTiger begins, commits and tries again by itself.
        if (clock_ == nullptr) return must(insert(key, value));
        change([&] { return insert(key, value); });
    }
    void erase(std::string_view key) override {
        change([&] {
            const WT_ITEM key_item = to_item(key);
            cursor_->set_key(cursor_, &key_item);
            const int status = cursor_->remove(cursor_);
            return status == WT_NOTFOUND ? 0 : status;
        });
    }
    void write(std::span<const Record> batch) override {
        change([&] {
            for (const Record& record : batch) {
                if (const int status = insert(record.key, record.value); status != 0) return status;
            }
            return 0;
        });
    }

    bool get(std::string_view key, std::string& value) override {
        const bool found = find(key, value);
        // Else it would hold its page, and old versions with it.
        must(cursor_->reset(cursor_));
        return found;
    }
    std::uint64_t scan(std::string_view begin, std::uint64_t count, EntrySink& sink) override {
        const Reading reading(session_.get(), nullptr);
        return show(begin, count, sink);
    }

    bool get_in_snapshot(std::string_view key, std::string& value) override {
        const Reading reading(session_.get(), nullptr);
        return find(key, value);
    }
    Moment now() override { return clock_ == nullptr ? Session::now() : clock_->now(); }
    bool get_as_of(std::string_view key, Moment moment, std::string& value) override {
        const Reading reading(session_.get(), TimestampText("read_timestamp=", moment).text());
        return find(key, value);
    }
    std::uint64_t scan_as_of(std::string_view begin, std::uint64_t count, Moment moment, EntrySink& sink) override {
        const Reading reading(session_.get(), TimestampText("read_timestamp=", moment).text());
        return show(begin, count, sink);
    }

private:
    /// A setting with a timestamp, as this release takes it: in hexadecimal.
    class TimestampText {
    public:
        TimestampText(const char* setting, Moment moment) noexcept {
            std::snprintf(text_, sizeof(text_), "%s%" PRIx64, setting, moment);
        }
        [[nodiscard]] const char* text() const noexcept { return text_; }

    private:
        char text_[64];
    };

    /// A transaction that only reads. Its end resets the cursor.
    class Reading {
    public:
        Reading(WT_SESSION* session, const char* settings) : session_(session) {
            must(session_->begin_transaction(session_, settings));
        }
        ~Reading() { session_->rollback_transaction(session_, nullptr); }
        Reading(const Reading&) = delete;
        Reading& operator=(const Reading&) = delete;

    private:
        WT_SESSION* const session_;
    };

    int insert(std::string_view key, std::string_view value) {
        const WT_ITEM key_item = to_item(key), value_item = to_item(value);
        cursor_->set_key(cursor_, &key_item);
        cursor_->set_value(cursor_, &value_item);
        return cursor_->insert(cursor_);
    }

    /// Again as long as others are in the way.
    template <class Apply>
    void change(Apply&& apply) {
        int status = WT_ROLLBACK;
        while (status == WT_ROLLBACK) {
            must(session_->begin_transaction(session_.get(), nullptr));
            status = apply();
            if (status == 0) {
                status = commit();
            } else {
                session_->rollback_transaction(session_.get(), nullptr);
            }
        }
        must(status);
    }
    int commit() {
        if (clock_ == nullptr) return session_->commit_transaction(session_.get(), nullptr);
        const WriteClock::Write write(*clock_);
        const TimestampText settings("commit_timestamp=", write.number());
        const int status = session_->commit_transaction(session_.get(), settings.text());
        if (status == 0) forget_behind(write.number());
        return status;
    }
    /// After the write of a number: now and then, what is older than was asked for is let go.
    void forget_behind(Moment number) {
        constexpr Moment kBetween = 1 << 12;
        if (writes_behind_ == 0 || number % kBetween != 0) return;
        WT_CONNECTION* const connection = session_->connection;
        must(connection->set_timestamp(connection, TimestampText("oldest_timestamp=", number - writes_behind_).text()));
    }

    bool find(std::string_view key, std::string& value) {
        const WT_ITEM key_item = to_item(key);
        cursor_->set_key(cursor_, &key_item);
        const int status = cursor_->search(cursor_);
        if (status == WT_NOTFOUND) return false;
        must(status);
        WT_ITEM found{};
        must(cursor_->get_value(cursor_, &found));
        value.assign(view(found));
        return true;
    }

    std::uint64_t show(std::string_view begin, std::uint64_t count, EntrySink& sink) {
        const WT_ITEM begin_item = to_item(begin);
        int side = 0;
        cursor_->set_key(cursor_, &begin_item);
        int status = cursor_->search_near(cursor_, &side);
        if (status == 0 && side < 0) status = cursor_->next(cursor_);
        for (std::uint64_t entries = 0;; ++entries, status = cursor_->next(cursor_)) {
            if (entries == count || status == WT_NOTFOUND) return entries;
            must(status);
            WT_ITEM key{}, value{};
            must(cursor_->get_key(cursor_, &key));
            must(cursor_->get_value(cursor_, &value));
            sink.take(view(key), view(value));
        }
    }

    const OwnedSession session_;
    WriteClock* const clock_;
    const std::uint64_t writes_behind_;
    WT_CURSOR* cursor_ = nullptr;  // goes with the session
};

class WiredtigerEngine final : public Engine {
public:
    explicit WiredtigerEngine(const EngineSetup& setup)
        : cache_bytes_(setup.cache_bytes), writes_behind_(setup.writes_behind) {
        std::filesystem::create_directories(setup.directory);
        const bool power = setup.promise == Promise::power;
        const std::string settings = "create,statistics=(fast),cache_size=" + std::to_string(setup.cache_bytes) +
                                     ",session_max=" + std::to_string(setup.threads + kSessionsOfItsOwn) +
                                     ",eviction_dirty_target=20,eviction_dirty_trigger=40" +
                                     ",checkpoint=(wait=60,log_size=1GB),log=(enabled=true,prealloc=true)" +
                                     ",transaction_sync=(enabled=true,method=" + (power ? "fsync)" : "none)");
        WT_CONNECTION* connection = nullptr;
        must(wiredtiger_open(setup.directory.c_str(), nullptr, settings.c_str(), &connection));
        connection_.reset(connection);
        const OwnedSession session = open_session(connection);
        must(session->create(session.get(), kTable, "key_format=u,value_format=u"));
        if (setup.versions) begin_versions();

        int major = 0, minor = 0, patch = 0;
        wiredtiger_version(&major, &minor, &patch);
        settings_ =
            "WiredTiger " + std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch) +
            ", row store, " + std::to_string(setup.cache_bytes >> 20) + " MiB of cache, of which 20 to 40 %" +
            " may be dirty (by default 5 to 20 %, which rewrites pages all the time under small random writes)," +
            " checkpoints each minute or GB of log so that the log stays short, no compression as the" +
            " values are random, log " +
            (power ? "synced by each commit (method=fsync)" : "handed to the page cache by each commit (method=none)") +
            (setup.versions ? ", commits with timestamps; history that the cache can't hold goes to its"
                              " overflow file"
                            : "") +
            (setup.writes_behind != 0 ? ", oldest_timestamp raised every 4096 writes" : "");
    }

    std::string_view name() const noexcept override { return "wiredtiger"; }
    std::string settings() const override { return settings_; }
    Abilities abilities() const noexcept override {
        return {.as_of = clock_.has_value(), .snapshots = true, .forgets = clock_.has_value()};
    }
    std::unique_ptr<Session> session() override {
        return std::make_unique<WiredtigerSession>(connection_.get(), clock_ ? &*clock_ : nullptr, writes_behind_);
    }
    void settle() override {
        const OwnedSession session = open_session(connection_.get());
        must(session->checkpoint(session.get(), nullptr));
        // It gives up where history leaves the cache too little room: then the file stays as large as it is.
        if (const int status = session->compact(session.get(), kTable, "timeout=0"); status != EBUSY) must(status);
        // History is read best where it is, in the cache.
        if (!clock_) empty_cache();
    }
    std::optional<std::uint64_t> bytes_written() const override { return figure(WT_STAT_CONN_BLOCK_BYTE_WRITE); }

private:
    static constexpr unsigned kSessionsOfItsOwn = 100;  // its default, of which its servers take a part

    /// Pages that took small writes keep them as lists beside what they were read as. Out of the cache and in again,
    /// they are plain arrays, which are several times faster to scan. There is no call for that, but a cache that gets
    /// small evicts all.
    void empty_cache() {
        constexpr std::uint64_t kSmall = std::uint64_t{16} << 20;
        constexpr int kPatience = 500;
        resize_cache(std::min(kSmall, cache_bytes_));
        std::uint64_t used = figure(WT_STAT_CONN_CACHE_BYTES_INUSE);
        for (int waits_in_vain = 0; used > kSmall && waits_in_vain < kPatience; ++waits_in_vain) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            const std::uint64_t now_used = figure(WT_STAT_CONN_CACHE_BYTES_INUSE);
            if (now_used < used) waits_in_vain = 0;
            used = now_used;
        }
        resize_cache(cache_bytes_);
    }
    void resize_cache(std::uint64_t bytes) {
        must(connection_->reconfigure(connection_.get(), ("cache_size=" + std::to_string(bytes)).c_str()));
    }

    std::uint64_t figure(int key) const {
        const OwnedSession session = open_session(connection_.get());
        WT_CURSOR* figures = nullptr;
        must(session->open_cursor(session.get(), "statistics:", nullptr, "statistics=(fast)", &figures));
        figures->set_key(figures, key);
        must(figures->search(figures));
        const char* description = nullptr;
        const char* text = nullptr;
        std::int64_t value = 0;
        must(figures->get_value(figures, &description, &text, &value));
        return static_cast<std::uint64_t>(value);
    }

    void begin_versions() {
        const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
        const Moment oldest = static_cast<Moment>(std::chrono::nanoseconds(since_epoch).count());
        clock_.emplace(oldest);
        char settings[64];
        std::snprintf(settings, sizeof(settings), "oldest_timestamp=%" PRIx64, oldest);
        must(connection_->set_timestamp(connection_.get(), settings));
    }

    const std::uint64_t cache_bytes_, writes_behind_;
    struct Close {
        void operator()(WT_CONNECTION* connection) const noexcept { connection->close(connection, nullptr); }
    };
    std::unique_ptr<WT_CONNECTION, Close> connection_;
    std::optional<WriteClock> clock_;
    std::string settings_;
};

}  // namespace

std::unique_ptr<Engine> open_wiredtiger(const EngineSetup& setup) { return std::make_unique<WiredtigerEngine>(setup); }

}  // namespace zverse::bench
