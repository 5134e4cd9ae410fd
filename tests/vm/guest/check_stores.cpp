// The checker: opens both stores as they were left, which recovers them, and holds every record against the operation
// that it says it is of. What it can't know, whether something acknowledged is missing, the host finds in its report.
//
//   found STORE RUN THREAD COUNT CRC   operations 0 .. COUNT-1 are there, whole; CRC-32 of their versions in hex
//   versions STORE THREAD FIRST V...   of the run asked for: versions from operation FIRST on, in hex
//   segments STORE COUNT               segment files that reads look into
//   wrong STORE ...                    something that no order of power cuts may leave
//   checked STORE                      the whole of it was read; closed again, without an error
#include <vm/guest/operations.h>
#include <vm/guest/programs.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <utility>

namespace zverse::test {

namespace {

std::string hex(std::uint64_t number) {
    char text[20];
    std::snprintf(text, sizeof text, "%lx", number);
    return text;
}

class Check {
public:
    Check(Report& report, const Store& store, std::string name)
        : report_(report), store_(store), name_(std::move(name)) {}

    /// Every record there is, commit by commit.
    Result<void> read_changes() {
        Result<Cursor> cursor = store_.changes({});
        if (!cursor.has_value()) return std::unexpected(cursor.error());
        Version version = 0;
        std::vector<Change> commit;
        for (;;) {
            const Result<bool> more = cursor->next();
            if (!more.has_value()) return std::unexpected(more.error());
            if (!commit.empty() && (!*more || cursor->entry().version != version)) {
                take_commit(version, commit);
                commit.clear();
            }
            if (!*more) return {};
            const Entry& entry = cursor->entry();
            version = entry.version;
            std::optional<std::string> value;
            if (!entry.tombstone) value = std::string(entry.value);
            commit.push_back({std::string(entry.key), std::move(value)});
        }
    }

    /// Point reads give what the changes add up to.
    Result<void> read_latest() {
        for (const auto& [key, newest] : latest_) {
            std::string value;
            Version version = 0;
            const Result<bool> there = store_.get_into(key, value, kLatest, &version);
            if (!there.has_value()) return std::unexpected(there.error());
            const bool right = *there ? newest.second == value && version == newest.first : !newest.second.has_value();
            if (!right) wrong("get of " + key + " does not give what the changes say");
        }
        return {};
    }

    void tell(std::uint64_t run) {
        for (const auto& [writer, versions] : found_) {
            Crc32 crc;
            for (const Version version : versions) crc.add(hex(version) + ' ');
            report_.say("found " + name_ + ' ' + hex(writer.first) + ' ' + std::to_string(writer.second) + ' ' +
                        std::to_string(versions.size()) + ' ' + hex(crc.value()));
            if (writer.first == run) tell_versions(writer.second, versions);
        }
        const std::optional<double> segments = store_.stats().value("zverse_segments");
        report_.say("segments " + name_ + ' ' + std::to_string(static_cast<std::uint64_t>(segments.value_or(0))));
    }

private:
    using WriterId = std::pair<std::uint64_t, std::uint32_t>;  // run and thread

    void wrong(const std::string& what) { report_.say("wrong " + name_ + ' ' + what); }

    static std::optional<VmIdentity> identity_of(const std::vector<Change>& commit) {
        for (const Change& change : commit) {
            if (change.value.has_value()) return VmIdentity::parse(*change.value);
        }
        const std::string& key = commit.front().key;
        if (!key.starts_with(kVmErased)) return std::nullopt;
        return VmIdentity::parse(std::string_view(key).substr(kVmErased.size()));
    }

    /// One version is one whole operation, and the next one of its thread.
    void take_commit(Version version, std::vector<Change>& commit) {
        const std::string which = "version " + std::to_string(version);
        const std::optional<VmIdentity> identity = identity_of(commit);
        if (!identity) return wrong(which + " is of no writer");
        const auto by_key = [](const Change& left, const Change& right) { return left.key < right.key; };
        std::vector<Change> wanted = vm_operation(*identity).changes;
        std::ranges::sort(wanted, by_key);
        std::ranges::sort(commit, by_key);
        const auto same = [](const Change& left, const Change& right) {
            return left.key == right.key && left.value == right.value;
        };
        if (!std::ranges::equal(wanted, commit, same)) {
            return wrong(which + " is not the whole operation " + identity->text());
        }
        std::vector<Version>& versions = found_[{identity->run, identity->thread}];
        if (identity->number != versions.size()) {
            wrong(which + " is operation " + identity->text() + ", and number " + std::to_string(versions.size()) +
                  " should be next");
        }
        versions.push_back(version);
        for (Change& change : commit) latest_[change.key] = {version, std::move(change.value)};
    }

    void tell_versions(std::uint32_t thread, const std::vector<Version>& versions) {
        constexpr std::size_t kPerLine = 32;
        for (std::size_t first = 0; first < versions.size(); first += kPerLine) {
            std::string line = "versions " + name_ + ' ' + std::to_string(thread) + ' ' + std::to_string(first);
            for (std::size_t i = first; i < std::min(first + kPerLine, versions.size()); ++i) {
                line += ' ' + hex(versions[i]);
            }
            report_.say(line);
        }
    }

    Report& report_;
    const Store& store_;
    std::string name_;
    std::map<WriterId, std::vector<Version>> found_;
    std::map<std::string, std::pair<Version, std::optional<std::string>>> latest_;
};

int check_store(Report& report, const std::filesystem::path& folder, const VmStore& which, std::uint64_t run) {
    Result<Store> store = open_vm_store(folder, which);
    if (!store.has_value()) return failed(report, "opening " + which.name, store.error());
    Check check(report, *store, which.name);
    Result<void> done = check.read_changes();
    if (done.has_value()) done = check.read_latest();
    if (done.has_value()) check.tell(run);
    if (done.has_value()) done = store->close();
    if (!done.has_value()) return failed(report, "reading " + which.name, done.error());
    report.say("checked " + which.name);
    return 0;
}

}  // namespace

int check_stores(Report& report, const std::vector<std::string>& words) {
    std::uint64_t run = 0;
    if (words.size() != 2 ||
        std::from_chars(words[1].data(), words[1].data() + words[1].size(), run, 16).ec != std::errc()) {
        return 4;
    }
    int status = 0;
    for (const VmStore& which : vm_stores()) status = std::max(status, check_store(report, words[0], which, run));
    return status;
}

}  // namespace zverse::test
