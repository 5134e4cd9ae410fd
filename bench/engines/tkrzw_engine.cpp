// Tkrzw as a peer: its HashDBM over a mapped file, for points alone, since a hash table has no order to scan.
//
// Against loss of power it has Synchronize(hard), which for each write cuts the file to its content, syncs it, syncs
// its head again and lets the file grow once more, with all others locked out. fdatasync() on a descriptor of our own
// writes the same dirty pages of the map, once. What is missing after it is the mark that the file was closed, and
// without that mark, as after a death of the process, an opening takes every record from the file that is there.
#include <bench/engines/engines.h>

#include <fcntl.h>
#include <tkrzw_dbm_hash.h>
#include <tkrzw_file_mmap.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace zverse::bench {

namespace {

void must(const tkrzw::Status& status) {
    if (!status.IsOK()) throw std::runtime_error("Tkrzw: " + tkrzw::ToString(status));
}

/// Of the table's file, to sync it.
class FileToSync {
public:
    explicit FileToSync(const std::string& path) : descriptor_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
        if (descriptor_ < 0) fail();
    }
    ~FileToSync() { ::close(descriptor_); }
    FileToSync(const FileToSync&) = delete;
    FileToSync& operator=(const FileToSync&) = delete;

    void sync() const {
        if (::fdatasync(descriptor_) != 0) fail();
    }

private:
    [[noreturn]] static void fail() {
        throw std::runtime_error("Tkrzw: its file: " + std::system_category().message(errno));
    }
    const int descriptor_;
};

class TkrzwSession final : public Session {
public:
    /// Without a file to sync, writes are left to the page cache.
    TkrzwSession(tkrzw::HashDBM& table, const FileToSync* file) : table_(table), file_(file) {}

    void put(std::string_view key, std::string_view value) override {
        must(table_.Set(key, value));
        keep();
    }
    void erase(std::string_view key) override {
        const tkrzw::Status status = table_.Remove(key);
        if (status != tkrzw::Status::NOT_FOUND_ERROR) must(status);
        keep();
    }
    void write(std::span<const Record> batch) override {
        tkrzw::Status status;
        std::vector<tkrzw::DBM::RecordProcessorSet> setters;
        std::vector<std::pair<std::string_view, tkrzw::DBM::RecordProcessor*>> changes;
        setters.reserve(batch.size());
        changes.reserve(batch.size());
        for (const Record& record : batch) {
            setters.emplace_back(&status, record.value, true, nullptr);
            changes.emplace_back(record.key, &setters.back());
        }
        must(table_.ProcessMulti(changes, true));
        must(status);
        keep();
    }
    bool get(std::string_view key, std::string& value) override {
        const tkrzw::Status status = table_.Get(key, &value);
        if (status == tkrzw::Status::NOT_FOUND_ERROR) return false;
        must(status);
        return true;
    }

private:
    void keep() {
        if (file_ != nullptr) file_->sync();
    }

    tkrzw::HashDBM& table_;
    const FileToSync* const file_;
};

class TkrzwEngine final : public Engine {
public:
    explicit TkrzwEngine(const EngineSetup& setup) : table_(std::make_unique<tkrzw::MemoryMapParallelFile>()) {
        std::filesystem::create_directories(setup.directory);
        tkrzw::HashDBM::TuningParameters tuning;
        tuning.offset_width = 5;
        tuning.num_buckets = std::max(kBucketsMin, static_cast<std::int64_t>(setup.records * 2));
        // One read for the whole record.
        tuning.min_read_size = static_cast<std::int32_t>(std::clamp<std::uint64_t>(setup.record_bytes + 16, 48, 4096));
        const std::string path = (setup.directory / "records.tkh").string();
        must(table_.OpenAdvanced(path, true, tkrzw::File::OPEN_DEFAULT, tuning));
        if (setup.promise == Promise::power) file_.emplace(path);
        settings_ =
            std::string("Tkrzw ") + tkrzw::PACKAGE_VERSION + " HashDBM over a mapped file, " +
            std::to_string(table_.CountBuckets()) + " buckets (two for each record), offset_width 5 for files" +
            " beyond 32 GiB, min_read_size that takes a record in one read, no compression, updates in place, " +
            (file_ ? "fdatasync by each write" : "left to the page cache, where the map survives") +
            "; no log, so a death inside a write can lose the record it replaced, and batches are atomic for" +
            " readers alone; cache_bytes doesn't apply";
    }

    std::string_view name() const noexcept override { return "tkrzw"; }
    std::string settings() const override { return settings_; }
    Abilities abilities() const noexcept override { return {.scan = false}; }
    std::unique_ptr<Session> session() override {
        return std::make_unique<TkrzwSession>(table_, file_ ? &*file_ : nullptr);
    }
    /// Nothing to merge: a rebuild would only squeeze out the space that moved records left.
    void settle() override { must(table_.Synchronize(false)); }

private:
    static constexpr std::int64_t kBucketsMin = 1'048'583;  // its default

    // The table goes first: closing any descriptor of its file lets go of the lock that it holds on it.
    std::optional<FileToSync> file_;
    tkrzw::HashDBM table_;
    std::string settings_;
};

}  // namespace

std::unique_ptr<Engine> open_tkrzw(const EngineSetup& setup) { return std::make_unique<TkrzwEngine>(setup); }

}  // namespace zverse::bench
