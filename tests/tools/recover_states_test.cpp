// Goal:    zverse-recover takes stores as crashes, merges and retention leave them, with and without a catalog, and
//          brings back nothing that was erased; it can be stopped and gone on with, and leaves out what it is told to.
// Method:  stores made into those states, and each time a whole recovery against what was written.
#include "recover_fixture.h"

#include <support/failing_file_io.h>

#include <cold/manifest.h>
#include <cold/segment_salvage.h>
#include <engine/superblock.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace zverse::test {
namespace {

using namespace std::chrono_literals;

class RecoverStatesTest : public RecoverTest {
protected:
    static std::map<std::string, std::string> newest(const Store& store) {
        std::map<std::string, std::string> all;
        Cursor scan = must(store.scan({}));
        while (must(scan.next())) {
            if (!scan.entry().key.starts_with("lost+found/")) all[std::string(scan.entry().key)] = scan.entry().value;
        }
        return all;
    }
    /// Whatever of `found` is there is what it was at last; returns how much of it is missing.
    static std::size_t missing_of(const std::map<std::string, std::string>& written,
                                  const std::map<std::string, std::string>& found, const std::string& what) {
        for (const auto& [key, value] : found) {
            const auto there = written.find(key);
            EXPECT_TRUE(there != written.end() && there->second == value) << what << ": " << key << " came back";
        }
        return written.size() - std::min(written.size(), found.size());
    }
    [[nodiscard]] std::map<std::string, std::string> newest_as_of(Version version) const {
        std::map<std::string, std::string> alive;
        for (const auto& [id, value] : truth->records()) {
            if (id.first > version) break;
            if (value) alive[id.second] = *value;
            if (!value) alive.erase(id.second);
        }
        return alive;
    }
    RecoverReport recover_as(const RecoverRequest& asked, const std::string& what) {
        fs::remove_all(target);
        RecoverReport report;
        const auto done = tools::recover_store(*io, asked, report);
        EXPECT_TRUE(done.has_value()) << what << ": " << (done ? "" : done.error().message());
        return report;
    }
    /// Opened for writing, with nothing that holds the floor.
    [[nodiscard]] Store open_unpinned() {
        Store store = must(StoreAccess::open(path, options, internals));
        for (int i = 0; i < 6; ++i) must(store.unpin("pin" + std::to_string(i)));
        return store;
    }
    /// Steps until a second passed, in which retention looks once.
    static void let_retention_look(Store& store) {
        const auto end = std::chrono::steady_clock::now() + 1100ms;
        while (std::chrono::steady_clock::now() < end) {
            if (!must(StoreAccess::step(store))) std::this_thread::sleep_for(5ms);
        }
    }
    /// Whether some component answers for the last keys only.
    [[nodiscard]] bool is_merging() const {
        const auto fields = must(engine::Superblock::open(*io, superblock(), platform::OpenMode::read)).fields();
        const cold::Manifest manifest = must(cold::Manifest::open(*io, path, fields.store));
        return std::ranges::any_of(manifest.state().components,
                                   [](const auto& each) { return !each.second.begin.empty(); });
    }
    std::map<std::string, std::string> images() const {
        std::map<std::string, std::string> all;
        for (const fs::path& segment : segments()) all[segment.string()] = read_file(segment);
        return all;
    }
};

TEST_F(RecoverStatesTest, WhatRetentionForgotDoesNotComeBack) {
    options.retention.max_versions_behind = 40;
    std::map<std::string, std::string> removed;  // files as they were before something replaced them
    Store store = open_unpinned();
    for (int round = 0; round < 4; ++round) {
        for (int i = 0; i < 60; ++i) {
            const std::string key = "key" + std::to_string(random.below(90));
            if (random.below(3) == 0) {
                must(store.put(key, random.bytes(50)));
            } else {
                must(store.erase(key));
            }
        }
        must(store.flush());
        removed.merge(images());
        let_retention_look(store);
        must(store.compact());
    }
    ASSERT_GT(store.floor(), 0U);
    const auto written = newest(store);
    must(store.close());
    RecoverRequest asked = request();
    asked.floor.reset();
    RecoverReport report = recover_as(asked, "with retention");
    EXPECT_TRUE(report.lossless());
    EXPECT_EQ(newest(open_to_read(target)), written);

    // Files that were replaced are back, as after a restore from two backups.
    for (const auto& [file, image] : removed) {
        if (!fs::exists(file)) write_file(file, image);
    }
    report = recover_as(asked, "with leftovers");
    EXPECT_TRUE(report.lossless());
    EXPECT_EQ(newest(open_to_read(target)), written);

    // They stand in where what replaced them is damaged, and bring back nothing that was erased.
    std::uint64_t stood_in = 0;
    for (int i = 0; i < (kSanitized ? 10 : 60); ++i) {
        std::vector<fs::path> current;
        for (const fs::path& segment : segments()) {
            if (!removed.contains(segment.string())) current.push_back(segment);
        }
        const fs::path& damaged = current[random.below(current.size())];
        const std::uint64_t bit = random.below(fs::file_size(damaged) * 8);
        flip_bit(damaged, bit);
        report = recover_as(asked, "with leftovers and damage");
        missing_of(written, newest(open_to_read(target)), "with leftovers and damage");
        stood_in += report.older_copies;
        flip_bit(damaged, bit);
    }
    EXPECT_GT(stood_in, 0U);

    fs::remove(manifest());
    report = recover_as(asked, "with leftovers and without a catalog");
    missing_of(written, newest(open_to_read(target)), "with leftovers and without a catalog");
    EXPECT_FALSE(report.floor_known);
    EXPECT_EQ(open_to_read(target).floor(), report.floor);
    for (const auto& [file, image] : removed) fs::remove(file);
}

TEST_F(RecoverStatesTest, WhatOthersHaveReplacedIsUncertainWithoutACatalog) {
    // Key by key a merge drops what was erased; then the file of before is back, and the catalog is lost.
    options.retention.max_versions_behind = 1;
    std::map<std::string, std::string> before;
    Store store = open_unpinned();
    must(store.put("erased", "value"));
    must(store.flush());
    before = images();
    must(store.erase("erased"));
    for (int i = 0; i < 90; ++i) must(store.put("key" + std::to_string(i), "newer"));
    must(store.flush());
    let_retention_look(store);
    must(store.compact());
    const auto written = newest(store);
    must(store.close());
    ASSERT_FALSE(written.contains("erased"));
    for (const auto& [file, image] : before) {
        if (!fs::exists(file)) write_file(file, image);
    }
    RecoverRequest asked = request();
    EXPECT_EQ(recover_as(asked, "with the catalog").older_copies, 0U) << "what was replaced does not count";
    EXPECT_EQ(newest(open_to_read(target)), written);
    EXPECT_FALSE(must(open_to_read(target).get("erased", open_to_read(target).latest_version())).has_value());
    fs::remove(manifest());
    asked.floor.reset();
    const RecoverReport report = recover_as(asked, "without the catalog");
    EXPECT_EQ(missing_of(written, newest(open_to_read(target)), "without the catalog"), 0U);
    EXPECT_GT(report.older_copies, 0U);
    EXPECT_EQ(must(open_to_read(target).get("lost+found/erased")), "value");
}

TEST_F(RecoverStatesTest, WhatReplacedARecordIsMissedByWhatItReplaced) {
    // All that is newest in one component; then it is gone, and with it the catalog that would miss it.
    Store store = must(StoreAccess::open(path, options, internals));
    must(store.compact());
    must(store.close());
    learn();
    const auto fields = must(engine::Superblock::open(*io, superblock(), platform::OpenMode::read)).fields();
    std::uint64_t removed = 0;
    for (const fs::path& file : segments()) {
        const auto id = static_cast<std::uint64_t>(std::stoull(file.filename().string()));
        const auto segment = must(cold::SegmentSalvage::open(*io, file, fields.store, id));
        if (segment.header().kind != cold::SegmentKind::live) continue;
        fs::remove(file);
        ++removed;
    }
    ASSERT_GT(removed, 0U);
    fs::remove(manifest());
    const RecoverReport report = recover_as(request(), "no live segment");
    EXPECT_GT(report.lost_records_count, 50U);
    EXPECT_EQ(missing_of(newest_as_of(truth->latest()), newest(open_to_read(target)), "no live segment"),
              newest_as_of(truth->latest()).size());
}

TEST_F(RecoverStatesTest, AKilledStoreThatWasOpenedAgainHasNoGap) {
    // Its clock leaps to the limit that the killed process had; with a torn frame each missing version would count.
    for (int round = 0; round < 2; ++round) {
        Store store = must(StoreAccess::open(path, options, internals));
        for (int i = 0; i < 10; ++i) must(store.put("later" + std::to_string(i), "value"));
        StoreAccess::abandon(store);
    }
    learn();
    const std::string image = read_file(ring());
    const std::size_t last = image.rfind("later9");
    ASSERT_NE(last, std::string::npos);
    flip_bit(ring(), last * 8);
    const RecoverReport report = recover_as(request(), "the last frame is torn");
    EXPECT_EQ(report.torn_frames, 1U);
    EXPECT_EQ(report.complete_up_to(), truth->newest() - 1);
}

TEST_F(RecoverStatesTest, WithoutACatalogRetentionStillErases) {
    options.retention.max_versions_behind = 1;
    Store store = open_unpinned();
    for (int i = 0; i < 90; ++i) must(store.erase("key" + std::to_string(i)));
    must(store.put("kept", "value"));
    must(store.flush());
    let_retention_look(store);
    must(store.compact());
    const auto written = newest(store);
    must(store.close());
    fs::remove(manifest());
    RecoverRequest asked = request();
    asked.floor.reset();
    recover_as(asked, "without a catalog");
    EXPECT_EQ(missing_of(written, newest(open_to_read(target)), "without a catalog"), 0U);
}

TEST_F(RecoverStatesTest, AStoreThatWasKilledIsRecoveredWithAndWithoutItsCatalog) {
    for (int steps = 0; steps < (kSanitized ? 4 : 12); ++steps) {
        fs::remove_all(path);
        fill();
        Store store = must(StoreAccess::open(path, options, internals));
        for (int i = 0; i < 200; ++i) must(store.put("key" + std::to_string(random.below(90)), random.bytes(400)));
        internals.flush_age = std::chrono::milliseconds(0);
        for (int i = 0; i < steps; ++i) static_cast<void>(must(StoreAccess::step(store)));
        for (int i = 0; i < 50; ++i) must(store.put("key" + std::to_string(random.below(90)), random.bytes(400)));
        StoreAccess::abandon(store);
        learn();
        const std::string what = "killed after " + std::to_string(steps) + " steps";
        EXPECT_TRUE(recover(what).lossless()) << what;
        EXPECT_EQ(open_to_read(target).latest_version(), truth->latest()) << what;
        fs::remove(manifest());
        const RecoverReport report = recover(what + ", no catalog");
        EXPECT_EQ(report.uncertain_count, 0U) << what;
        if (HasFailure()) break;
    }
}

TEST_F(RecoverStatesTest, AMergeThatWasCutShortIsRecoveredWithAndWithoutItsCatalog) {
    path = directory / "merging";
    options.ring_bytes = std::uint64_t{8} << 20;
    const auto failures = std::make_shared<Failures>();
    failures->only = ".zseg";
    internals.wrap_io = [&](auto real) { return std::make_unique<FailingFileIo>(std::move(real), failures); };
    Store store = must(StoreAccess::open(path, options, internals));
    const std::string value = random.bytes(16'000);
    std::vector<std::string> keys;
    for (int i = 0; i < 1'500; ++i) keys.push_back(random.bytes(12));
    for (int i = 0; i < 5'000; ++i) {
        if (i % 400 == 399) must(store.flush());
        must(store.put(keys[random.below(keys.size())], value));
    }
    // The directory is copied each time that a segment is touched while the merge puts its output in place.
    std::uint64_t calls = 0, states = 0;
    const fs::path merging = path;
    failures->before_call = [&](const fs::path&) {
        if (++calls % 8 != 0 || states > 3 || (states > 1 && !is_merging())) return;
        fs::copy(merging, directory / ("state" + std::to_string(states++)), fs::copy_options::recursive);
    };
    std::uint64_t in_parts = 0;
    must(store.compact());
    failures->before_call = {};
    StoreAccess::abandon(store);
    internals.wrap_io = {};
    ASSERT_EQ(states, 4U);
    for (std::uint64_t i = 0; i < states && !HasFailure(); ++i) {
        path = directory / ("state" + std::to_string(i));
        learn();
        if (is_merging()) ++in_parts;
        EXPECT_TRUE(recover("state " + std::to_string(i)).lossless());
        fs::remove(manifest());
        const RecoverReport report = recover("state " + std::to_string(i) + ", no catalog");
        EXPECT_EQ(report.uncertain_count, 0U);
        fs::remove_all(path);
    }
    EXPECT_GT(in_parts, 0U) << "no merge had its output in place for some keys only";
}

TEST_F(RecoverStatesTest, ACatalogThatLacksEditsIsNone) {
    const fs::path file = manifest();
    const std::string early = read_file(file);
    Store store = must(StoreAccess::open(path, options, internals));
    for (int i = 0; i < 90; ++i) must(store.put("key" + std::to_string(i), "later"));
    must(store.flush());
    must(store.close());
    learn();
    fs::remove(manifest());
    write_file(file, early);
    const RecoverReport report = recover("an early catalog");
    EXPECT_TRUE(report.catalog_lost);
    EXPECT_EQ(newest(open_to_read(target)), newest_as_of(truth->latest()));
}

TEST_F(RecoverStatesTest, AnInterruptedRecoveryIsGoneOnWith) {
    std::uint64_t interrupted = 0;
    for (std::uint64_t calls = 1; calls < 40 && !HasFailure(); calls += 2) {
        fs::remove_all(target);
        flip_bit(segments()[0], 8 * 5'000);
        RecoverRequest asked = request();
        std::uint64_t left = calls;
        asked.stopped = [&] { return left == 0 || --left == 0; };
        RecoverReport report;
        const auto stopped = tools::recover_store(*io, asked, report);
        asked.stopped = [] { return false; };
        if (!stopped) {
            EXPECT_TRUE(report.cancelled) << stopped.error().message();
            EXPECT_FALSE(report.finished);
            ++interrupted;
            asked.resume = true;
            report = {};
            must(tools::recover_store(*io, asked, report));
        }
        truth->expect_recovered(open_to_read(target), report, "stopped after " + std::to_string(calls));
        flip_bit(segments()[0], 8 * 5'000);
    }
    EXPECT_GT(interrupted, 5U);
}

TEST_F(RecoverStatesTest, OnlyWhatWasAskedFor) {
    const Version half = truth->newest() / 2;
    RecoverRequest asked = request();
    asked.rewind = half;
    RecoverReport report = recover_as(asked, "rewind");
    {
        const Store store = open_to_read(target);
        EXPECT_EQ(newest(store), newest_as_of(half));
        EXPECT_EQ(store.latest_version(), half);
        EXPECT_GT(report.left_out, 0U);
        EXPECT_GT(Truth::read(store).size(), newest(store).size());
    }
    const auto rewound = newest(open_to_read(target));
    asked.rewind.reset();
    asked.as_of = half;
    report = recover_as(asked, "as of");
    EXPECT_EQ(newest(open_to_read(target)), rewound);
    EXPECT_EQ(open_to_read(target).floor(), half);
    EXPECT_GT(report.expired, 0U);

    asked = request();
    asked.from = tools::RecoverFrom::segments;
    report = recover_as(asked, "segments");
    EXPECT_EQ(report.frames, 0U);
    EXPECT_LT(report.complete_up_to(), truth->newest());
    asked.from = tools::RecoverFrom::rings;
    report = recover_as(asked, "rings");
    EXPECT_EQ(report.segments, 0U);
    EXPECT_GT(report.written, 0U);
    asked = request();
    asked.dry_run = true;
    report = recover_as(asked, "dry run");
    EXPECT_FALSE(fs::exists(target));
    EXPECT_EQ(report.written, truth->records().size());
}

TEST_F(RecoverStatesTest, WhatIsUncertainIsKeptDroppedOrPutAside) {
    // The newest live block that has overwritten keys is lost.
    RecoverReport report;
    for (int i = 0; i < 500 && report.uncertain_count == 0; ++i) {
        const fs::path segment = segments()[random.below(segments().size())];
        const std::uint64_t bit = random.below(fs::file_size(segment) * 8);
        flip_bit(segment, bit);
        report = recover("a block");
        if (report.uncertain_count == 0) flip_bit(segment, bit);
    }
    ASSERT_NE(report.uncertain_count, 0U);
    const std::string key = report.uncertain.front();
    {
        const Store store = open_to_read(target);
        EXPECT_FALSE(must(store.get(key)).has_value());
        const auto aside = must(store.get("lost+found/" + key));
        ASSERT_TRUE(aside.has_value());
        EXPECT_EQ(must(store.get(key, truth->latest())), aside) << "its history stays";
    }
    RecoverRequest asked = request();
    asked.uncertain = tools::UncertainPolicy::drop;
    recover_as(asked, "drop");
    EXPECT_FALSE(must(open_to_read(target).get(key)).has_value());
    EXPECT_FALSE(must(open_to_read(target).get("lost+found/" + key)).has_value());
    asked.uncertain = tools::UncertainPolicy::keep;
    report = recover_as(asked, "keep");
    EXPECT_TRUE(must(open_to_read(target).get(key)).has_value());
    EXPECT_EQ(report.uncertain.front(), key);
    EXPECT_EQ(open_to_read(target).latest_version(), truth->latest());
}

}  // namespace
}  // namespace zverse::test
