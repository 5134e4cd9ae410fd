// ZVerse, by its public interface alone.
#include <bench/engines/engines.h>
#include <bench/must.h>
#include <zverse/zverse.h>
#include <zverse_config.h>

#include <algorithm>
#include <bit>

namespace zverse::bench {

namespace {

class ZVerseSession final : public Session {
public:
    explicit ZVerseSession(Store& store) : store_(store) {}

    void put(std::string_view key, std::string_view value) override { static_cast<void>(must(store_.put(key, value))); }
    void erase(std::string_view key) override { static_cast<void>(must(store_.erase(key))); }
    void write(std::span<const Record> batch) override {
        batch_.clear();
        for (const Record& record : batch) batch_.put(record.key, record.value);
        static_cast<void>(must(store_.write(batch_)));
    }
    bool get(std::string_view key, std::string& value) override { return must(store_.get_into(key, value)); }
    void multi_get(std::span<const std::string_view> keys, std::span<std::optional<std::string>> values) override {
        must(store_.multi_get(keys, values));
    }
    std::uint64_t scan(std::string_view begin, std::uint64_t count, EntrySink& sink) override {
        return scan_as_of(begin, count, kLatest, sink);
    }

    bool get_in_snapshot(std::string_view key, std::string& value) override {
        const Snapshot snapshot = store_.snapshot();
        return must(store_.get_into(key, value, snapshot.version()));
    }
    Moment now() override { return store_.latest_version(); }
    bool get_as_of(std::string_view key, Moment moment, std::string& value) override {
        return must(store_.get_into(key, value, moment));
    }
    std::uint64_t scan_as_of(std::string_view begin, std::uint64_t count, Moment moment, EntrySink& sink) override {
        if (count == 0) return 0;  // the store takes a limit of 0 for none
        return show(must(store_.scan({std::string(begin), {}}, moment, {.limit = count})), sink);
    }
    std::uint64_t history(std::string_view key, EntrySink& sink) override {
        return show(must(store_.history(key)), sink);
    }
    std::uint64_t changes(Moment after, Moment upto, EntrySink& sink) override {
        return show(must(store_.changes({.after = after, .upto = upto})), sink);
    }

private:
    static std::uint64_t show(Cursor cursor, EntrySink& sink) {
        std::uint64_t entries = 0;
        for (; must(cursor.next()); ++entries) sink.take(cursor.entry().key, cursor.entry().value);
        return entries;
    }

    Store& store_;
    WriteBatch batch_;
};

class ZVerseEngine final : public Engine {
public:
    explicit ZVerseEngine(const EngineSetup& setup) {
        Options options;
        options.durability = setup.promise == Promise::power ? Durability::power : Durability::process;
        options.force_granularity = setup.force_granularity;
        // Half of the memory for rings, as others have half of it for write buffers.
        const std::uint64_t rings = std::bit_floor(std::max(setup.cache_bytes / 2 / setup.threads, kRingBytesMin));
        options.shards = setup.threads;
        options.ring_bytes = rings;
        if (setup.writes_behind != 0) options.retention.max_versions_behind = setup.writes_behind;
        store_.emplace(must(Store::open(setup.directory, options)));
        settings_ = "ZVerse " ZVERSE_VERSION ", " + std::to_string(setup.threads) + " x " +
                    std::to_string(rings >> 20) + " MiB of rings, class " + std::string(to_string(setup.promise));
        if (setup.writes_behind != 0) {
            settings_ += ", versions of the last " + std::to_string(setup.writes_behind) + " writes kept";
        }
        const Stats stats = store_->stats();
        for (const Capability& row : stats.platform()) {
            if (row.name != "persistence of ring 0") continue;
            settings_ += ", granularity " + row.used;
            if (!row.used.starts_with(row.found)) settings_ += " EMULATED (the medium has " + row.found + ")";
        }
    }

    std::string_view name() const noexcept override { return "zverse"; }
    std::string settings() const override { return settings_; }
    Abilities abilities() const noexcept override {
        return {.as_of = true, .history = true, .changes = true, .snapshots = true, .forgets = true};
    }
    std::unique_ptr<Session> session() override { return std::make_unique<ZVerseSession>(*store_); }
    void settle() override {
        must(store_->flush());
        must(store_->compact());
    }
    std::optional<std::uint64_t> bytes_written() const override {
        const Stats stats = store_->stats();
        return static_cast<std::uint64_t>(stats.value("zverse_flushed_segment_bytes_total").value_or(0) +
                                          stats.value("zverse_merged_segment_bytes_total").value_or(0));
    }

private:
    static constexpr std::uint64_t kRingBytesMin = std::uint64_t{16} << 20;

    std::optional<Store> store_;
    std::string settings_;
};

}  // namespace

std::unique_ptr<Engine> open_zverse(const EngineSetup& setup) { return std::make_unique<ZVerseEngine>(setup); }

}  // namespace zverse::bench
