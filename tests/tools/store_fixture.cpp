#include "store_fixture.h"

#include <engine/store_access.h>
#include <support/results.h>

#include <set>

namespace zverse::test {

Options tool_options() {
    Options options = small_options();
    options.force_granularity.clear();
    options.durability = Durability::process;
    options.write_timeout = std::chrono::seconds(10);
    return options;
}

Options reading() {
    Options options;
    options.create_if_missing = false;
    options.read_only = true;
    return options;
}

Store open_quiet(const std::filesystem::path& path) {
    engine::Internals internals;
    internals.stepped_worker = true;
    return must(engine::StoreAccess::open(path, tool_options(), internals));
}

std::vector<Shown> all_of(Result<Cursor> cursor) {
    Cursor moving = must(std::move(cursor));
    std::vector<Shown> all;
    while (must(moving.next())) {
        const Entry& entry = moving.entry();
        all.push_back({entry.version, std::string(entry.key),
                       entry.tombstone ? std::nullopt : std::optional(std::string(entry.value))});
    }
    return all;
}

namespace {

std::string random_key(Random& random) {
    if (random.one_in(4)) return random.bytes(random.between(1, 9));
    return (random.one_in(30) ? std::string(3000, 'k') : std::string("key")) + std::to_string(random.below(60));
}

std::string random_value(Random& random) {
    if (random.one_in(8)) return {};
    if (random.one_in(60)) return random.bytes(random.below(40'000));
    if (random.one_in(3)) return "plain text, \"quoted\" \\ \t\n" + std::to_string(random.next());
    return random.bytes(random.below(300));
}

}  // namespace

void write_random(Store& store, Random& random, int commits, bool pins) {
    for (int commit = 0; commit < commits; ++commit) {
        WriteBatch batch;
        for (std::uint64_t count = random.one_in(5) ? random.between(2, 30) : 1; count > 0; --count) {
            if (random.one_in(5)) {
                batch.erase(random_key(random));
            } else {
                batch.put(random_key(random), random_value(random));
            }
        }
        const Version version = must(store.write(batch));
        if (pins && random.one_in(25)) must(store.pin("pin " + random.bytes(2) + std::to_string(version)));
        if (random.one_in(60)) must(store.flush());
    }
}

void expect_same_stores(const std::filesystem::path& left, const std::filesystem::path& right, Version floor) {
    const Store a = must(Store::open(left, reading()));
    const Store b = must(Store::open(right, reading()));
    EXPECT_EQ(a.latest_version(), b.latest_version());
    EXPECT_EQ(must(a.pins()), must(b.pins()));
    const std::vector<Shown> changes = all_of(a.changes({floor, kLatest}));
    ASSERT_EQ(changes, all_of(b.changes({floor, kLatest})));
    std::set<std::string> keys;
    std::set<Version> versions{floor, a.latest_version()};
    for (const Shown& change : changes) {
        keys.insert(change.key);
        versions.insert(change.version);
    }
    for (const Version version : versions) {
        ASSERT_EQ(all_of(a.scan({}, version)), all_of(b.scan({}, version))) << "as of " << version;
    }
    for (const std::string& key : keys) {
        ASSERT_EQ(all_of(a.history(key, {floor, kLatest})), all_of(b.history(key, {floor, kLatest}))) << key;
    }
}

void ToolTest::fill(const std::string& name, Random& random, int commits) const {
    Store store = must(Store::open(directory_ / name, tool_options()));
    write_random(store, random, commits);
    must(store.close());
}

std::string ToolTest::output_of(const std::vector<std::string>& arguments, int status, std::string_view input) {
    const ProgramRun run = run_tool(arguments, input);
    std::string line;
    for (const std::string& each : arguments) line += each + " ";
    EXPECT_EQ(run.status, status) << "zverse " << line << "said: " << run.errors;
    return run.output;
}

}  // namespace zverse::test
