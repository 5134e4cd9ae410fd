// Goal:    what was dumped comes back: every version, tombstone and pin, in every format; incremental dumps add up to
//          the same store; what is not a whole dump is found, wherever it was cut or changed.
// Method:  random stores dumped and loaded by the program, all reads of both compared; every prefix and every changed
//          byte of a small dump read in this process.
#include <gtest/gtest.h>
#include <support/results.h>
#include <support/seed.h>
#include <tools/dump/base_records.h>
#include <tools/dump/load.h>

#include <algorithm>
#include <sstream>

#include "store_fixture.h"

namespace zverse::test {
namespace {

using namespace tools;  // NOLINT(google-build-using-namespace): this file is about it

class DumpTest : public ToolTest {
protected:
    DumpTest() : random_(seed_.seed()) {}

    /// A store whose floor has risen: versions below it are forgotten.
    Version fill_and_forget(const std::string& name, int commits) {
        Options options = tool_options();
        options.retention.max_versions_behind = 60;
        Store store = must(Store::open(directory_ / name, options));
        write_random(store, random_, commits, false);
        must(store.flush());
        must(store.compact());
        write_random(store, random_, 20, true);
        must(store.close());
        return must(Store::open(directory_ / name, reading())).floor();
    }

    /// One pin goes, and another one means another version.
    void move_pins() const {
        Store store = must(Store::open(store_, tool_options()));
        const auto pins = must(store.pins());
        for (std::size_t i = 0; i < std::min<std::size_t>(2, pins.size()); ++i) {
            must(store.unpin(pins[i].first));
            if (i == 1) must(store.pin(pins[i].first));
        }
        must(store.close());
    }

    /// What is wrong with a dump, read in this process.
    [[nodiscard]] LoadReport read_dump(const std::string& bytes) const {
        write_file(directory_ / "read", bytes);
        auto input = must(Input::open(directory_ / "read"));
        auto reader = DumpReader::open(input);
        if (reader) return verify_dump(**reader);
        LoadReport report;
        report.error = reader.error();
        return report;
    }

    /// Made of nothing random: the same on every machine.
    [[nodiscard]] std::string small_dump(const std::string& format) {
        if (!std::filesystem::exists(store_)) {
            Store store = open_quiet(store_);
            must(store.put("color", "red"));
            WriteBatch batch;
            batch.put("color", std::string("\0\xff", 2));
            batch.put(std::string("\x80key", 4), "");
            batch.erase("other");
            must(store.write(batch));
            must(store.pin("monday"));
            must(store.erase("color"));
            must(store.close());
        }
        return output_of({"dump", store_, "--history", "--format", format});
    }

    SeedScope seed_;
    Random random_;
};

TEST_F(DumpTest, AHistoryComesBackInEveryFormatAndEncoding) {
    fill("store", random_, 250);
    const std::vector<std::vector<std::string>> ways{
        {}, {"--hex"}, {"--base64"}, {"--format", "binary"}, {"--format", "jsonl", "--hex"}};
    for (std::size_t i = 0; i < ways.size(); ++i) {
        std::vector<std::string> dumping{"dump", store_, "--history"};
        dumping.insert(dumping.end(), ways[i].begin(), ways[i].end());
        const std::string copy = path("copy" + std::to_string(i));
        const std::string dumped = output_of(dumping);
        const std::string said = output_of({"load", copy, "--shards", "1"}, 0, dumped);
        EXPECT_NE(said.find("under their versions"), std::string::npos) << said;
        expect_same_stores(store_, copy, 0);
        EXPECT_EQ(output_of(dumping), dumped) << "a dump of the same store is the same";
        std::vector<std::string> again = dumping;
        again[1] = copy;
        EXPECT_EQ(output_of(again), dumped) << "and so is one of the copy";
    }
}

TEST_F(DumpTest, IncrementalDumpsInARowGiveTheSameStore) {
    fill("store", random_, 80);
    const std::string copy = path("copy");
    output_of({"load", copy, "--shards", "1", "-q"}, 0, output_of({"dump", store_, "--history"}));
    for (int round = 0; round < 4; ++round) {
        const Version since = must(Store::open(copy, reading())).latest_version();
        fill("store", random_, static_cast<int>(random_.below(60)));
        move_pins();
        const Version until = must(Store::open(store_, reading())).latest_version();
        const std::string format = random_.one_in(2) ? "jsonl" : "binary";
        const std::string dumped = output_of({"dump", store_, "--since", std::to_string(since), "--format", format});
        output_of({"load", copy, "-q"}, 0, dumped);
        expect_same_stores(store_, copy, 0);
        // The same piece twice, or one too few, does not fit.
        if (until > since) {
            const ProgramRun again = run_tool({"load", copy}, dumped);
            EXPECT_EQ(again.status, 8);
            EXPECT_NE(again.errors.find("continues a store at version"), std::string::npos) << again.errors;
        }
    }
}

TEST_F(DumpTest, AStoreThatForgotComesBackFromItsFloorOn) {
    const Version floor = fill_and_forget("store", 300);
    ASSERT_GT(floor, 0u);
    const std::string copy = path("copy");
    output_of({"load", copy, "--shards", "1"}, 0, output_of({"dump", store_, "--history", "--sort-memory", "500"}));
    expect_same_stores(store_, copy, floor);
    const Store loaded = must(Store::open(copy, reading()));
    EXPECT_EQ(loaded.floor(), floor);
    expect_error(loaded.get("key1", floor - 1), ErrorCode::version_too_old);
}

TEST_F(DumpTest, RecordsBelowTheFloorComeByVersionWhateverMemoryThereIs) {
    const Version floor = fill_and_forget("store", 200);
    const Store store = must(Store::open(store_, reading()));
    std::vector<Shown> expected = all_of(store.scan({}, floor));
    std::ranges::sort(expected, {}, [](const Shown& each) { return std::pair(each.version, each.key); });
    for (const std::uint64_t bytes : {1ULL, 300ULL, 5000ULL, 1ULL << 30}) {
        BaseRecords base(store, {}, floor, bytes);
        for (const Shown& each : expected) {
            ASSERT_TRUE(must(base.next()));
            ASSERT_EQ(std::pair(base.version(), base.key()), std::pair(each.version, each.key));
        }
        EXPECT_FALSE(must(base.next()));
        EXPECT_FALSE(must(base.next()));
        if (bytes == 1) {
            EXPECT_EQ(base.passes(), expected.size());
        }
        if (bytes == 1ULL << 30) {
            EXPECT_EQ(base.passes(), 1u);
        }
    }
}

TEST_F(DumpTest, MoreThanTheRingsHoldAndValuesOfMegabytesComeBack) {
    {
        Store store = must(Store::open(store_, tool_options()));
        for (int i = 0; i < 200; ++i) {
            must(store.put("key" + std::to_string(random_.below(50)), random_.bytes(random_.below(120'000))));
            if (i % 20 == 0) must(store.put("small" + std::to_string(i), ""));
        }
        must(store.close());
    }
    output_of({"load", path("copy"), "--shards", "1", "-q"}, 0, output_of({"dump", store_, "--history"}));
    expect_same_stores(store_, path("copy"), 0);
    EXPECT_EQ(output_of({"verify", path("copy"), "-q"}), "");

    Options options = tool_options();
    options.ring_bytes = std::uint64_t{16} << 20;
    {
        Store store = must(Store::open(path("large"), options));
        must(store.put("bytes", random_.bytes(3'000'000)));
        must(store.put("text", std::string(3'000'000, '"')));
        must(store.close());
    }
    for (const std::string format : {"jsonl", "binary"}) {
        const std::string copy = path("large-" + format);
        output_of({"load", copy, "--shards", "1", "-q"}, 0,
                  output_of({"dump", path("large"), "--history", "--format", format}));
        expect_same_stores(path("large"), copy, 0);
    }
    const ProgramRun small = run_tool({"load", path("small"), "--shards", "1", "--ring-bytes", "1048576"},
                                      output_of({"dump", path("large"), "--history"}));
    EXPECT_EQ(small.status, 8);
    EXPECT_NE(small.errors.find("at most a quarter of a ring, 262144 while loading version"), std::string::npos)
        << small.errors;
}

TEST_F(DumpTest, ManySmallRecordsThatFillTheIndexOfTheRingsComeBack) {
    {
        Store store = must(Store::open(store_, tool_options()));
        int key = 0;
        for (const int count : {4700, 5900, 6000, 6000}) {  // 14,336 fit, and from 10,752 on they are flushed
            WriteBatch batch;
            for (int i = 0; i < count; ++i) batch.put(std::to_string(++key), "");
            must(store.write(batch));
        }
        must(store.close());
    }
    output_of({"load", path("copy"), "--shards", "1", "-q"}, 0, output_of({"dump", store_, "--history"}));
    expect_same_stores(store_, path("copy"), 0);
}

TEST_F(DumpTest, AStateComesBackUnderNewVersions) {
    fill("store", random_, 150);
    const Store store = must(Store::open(store_, reading()));
    const auto values_of = [](const Store& from, Version as_of) {
        std::vector<std::pair<std::string, std::string>> values;
        for (Shown& each : all_of(from.scan({}, as_of)))
            values.emplace_back(std::move(each.key), std::move(*each.value));
        return values;
    };
    const Version middle = store.latest_version() / 2;
    for (const std::string format : {"jsonl", "text", "binary"}) {
        for (const Version as_of : {middle, store.latest_version()}) {
            const std::string copy = path("copy-" + format + std::to_string(as_of));
            output_of({"load", copy, "--shards", "1", "--ring-bytes", "1048576", "--batch", "7"}, 0,
                      output_of({"dump", store_, "--as-of", std::to_string(as_of), "--format", format}));
            EXPECT_EQ(values_of(must(Store::open(copy, reading())), kLatest), values_of(store, as_of));
        }
    }
}

TEST_F(DumpTest, AHistoryUnderNewVersionsHasTheSameStepsAndPins) {
    fill("store", random_, 120);
    const std::string copy = path("copy");
    output_of({"load", copy, "--renumber", "--shards", "1"}, 0, output_of({"dump", store_, "--history"}));
    const Store a = must(Store::open(store_, reading()));
    const Store b = must(Store::open(copy, reading()));
    // The n-th commit of one is the n-th of the other.
    const auto steps = [](const Store& store) {
        std::vector<std::vector<Shown>> all;
        Version last = 0;
        for (Shown& each : all_of(store.changes({}))) {
            if (each.version != last) all.emplace_back();
            last = std::exchange(each.version, 0);
            all.back().push_back(std::move(each));
        }
        return all;
    };
    EXPECT_EQ(steps(a), steps(b));
    const auto pins = must(b.pins());
    ASSERT_EQ(pins.size(), must(a.pins()).size());
    for (const auto& [name, version] : must(a.pins())) {
        const auto found = std::ranges::find(pins, name, &std::pair<std::string, Version>::first);
        ASSERT_NE(found, pins.end());
        std::vector<Shown> left = all_of(a.scan({}, version)), right = all_of(b.scan({}, found->second));
        for (Shown& each : left) each.version = 0;
        for (Shown& each : right) each.version = 0;
        EXPECT_EQ(left, right) << name;
    }
}

TEST_F(DumpTest, ARangeOfKeysAndDumpsWithoutValues) {
    {
        Store store = open_quiet(store_);
        for (const char* key : {"a", "b", "c", "d"}) must(store.put(key, key));
        must(store.close());
    }
    const std::string some = output_of({"dump", store_, "--from", "b", "--to", "d"});
    EXPECT_EQ(std::ranges::count(some, '\n'), 4) << some;
    EXPECT_NE(some.find(R"({"k":"b","v":"b","ver":2,"op":"put"})"), std::string::npos) << some;
    const std::string bare = output_of({"dump", store_, "--history", "--no-values"});
    EXPECT_NE(bare.find(R"({"k":"b","ver":2,"op":"put"})"), std::string::npos) << bare;
    EXPECT_EQ(output_of({"load", "--verify-only"}, 0, bare), "The dump is whole: 4 records.\n");
    const ProgramRun refused = run_tool({"load", path("copy")}, bare);
    EXPECT_EQ(refused.status, 8);
    EXPECT_NE(refused.errors.find("without values"), std::string::npos) << refused.errors;
    EXPECT_FALSE(std::filesystem::exists(path("copy")));
}

TEST_F(DumpTest, TheFormatsAreAsTheyWere) {
    EXPECT_EQ(small_dump("jsonl"),
              R"({"schema":"zverse.dump/1","kind":"history","floor":0,"until":4,"values":true,"ring_bytes":1048576}
{"pin":"monday","ver":2}
{"k":"color","v":"red","ver":1,"op":"put"}
{"k":"color","v64":"AP8=","ver":2,"op":"put"}
{"k":"other","ver":2,"op":"del"}
{"k64":"gGtleQ==","v":"","ver":2,"op":"put"}
{"k":"color","ver":3,"op":"del"}
{"end":true,"records":6,"xxh3_128":"d612754e029d3ae0b018efb73c711d51"}
)");
    const std::string binary = small_dump("binary");
    EXPECT_EQ(binary.size(), 411u);
    EXPECT_EQ(binary.substr(0, 8), "ZVDUMP1\n");
    EXPECT_EQ(to_hex(binary.substr(8, 17)), "4800000000620000000000000000000000") << "the header's head";
    EXPECT_EQ(to_hex(binary.substr(8 + 17 + 98 + 8, 17)), "5006000000000000000200000000000000") << "the pin's";
    EXPECT_EQ(to_hex(binary.substr(8 + 17 + 98 + 8 + 17, 6 + 8)), to_hex("monday") + "5220fe65d28e4d22");
}

TEST_F(DumpTest, EveryPrefixOfADumpIsRefused) {
    for (const std::string format : {"jsonl", "binary"}) {
        const std::string dumped = small_dump(format);
        EXPECT_FALSE(read_dump(dumped).error);
        for (std::size_t length = 0; length < dumped.size(); ++length) {
            const LoadReport report = read_dump(dumped.substr(0, length));
            ASSERT_TRUE(report.error) << length << " bytes of " << dumped.size();
            ASSERT_EQ(report.error->code(), ErrorCode::corrupt) << report.error->message();
        }
        EXPECT_TRUE(read_dump(dumped + "\n").error) << "and so is what goes on behind its end";
        EXPECT_TRUE(read_dump(dumped + dumped).error);
    }
}

TEST_F(DumpTest, EveryChangedByteIsFound) {
    for (const std::string format : {"jsonl", "binary"}) {
        const std::string dumped = small_dump(format);
        for (std::size_t at = 0; at < dumped.size(); ++at) {
            for (int bit = 0; bit < 8; ++bit) {
                std::string changed = dumped;
                changed[at] = static_cast<char>(changed[at] ^ 1 << bit);
                ASSERT_TRUE(read_dump(changed).error) << "bit " << bit << " of byte " << at << ": " << changed;
            }
            std::string changed = dumped;
            changed[at] = static_cast<char>(random_.next());
            if (changed != dumped) {
                ASSERT_TRUE(read_dump(changed).error) << "byte " << at << ": " << changed;
            }
        }
    }
}

TEST_F(DumpTest, LinesThatAreMissingDoubledOrExchangedAreFound) {
    const std::string dumped = small_dump("jsonl");
    std::vector<std::string> lines;
    std::istringstream stream(dumped);
    for (std::string line; std::getline(stream, line);) lines.push_back(line + "\n");
    const auto joined = [](const std::vector<std::string>& parts) {
        std::string all;
        for (const std::string& part : parts) all += part;
        return all;
    };
    for (std::size_t i = 0; i < lines.size(); ++i) {
        std::vector<std::string> changed = lines;
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_TRUE(read_dump(joined(changed)).error) << "without line " << i;
        changed = lines;
        changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(i), lines[i]);
        EXPECT_TRUE(read_dump(joined(changed)).error) << "with line " << i << " twice";
        for (std::size_t j = 0; j < i; ++j) {
            changed = lines;
            std::swap(changed[i], changed[j]);
            EXPECT_TRUE(read_dump(joined(changed)).error) << "lines " << i << " and " << j;
        }
    }
}

/// A dump with the trailer that fits, whatever is in it.
std::string with_trailer(const std::string& header, const std::vector<DumpRecord>& records,
                         const std::vector<std::string>& lines) {
    DumpHash hash;
    hash.add_header(header);
    std::string text = header + "\n";
    for (std::size_t i = 0; i < records.size(); ++i) {
        hash.add(records[i]);
        text += lines[i] + "\n";
    }
    return text + hash.trailer_text() + "\n";
}

TEST_F(DumpTest, AWrongOrderIsRefusedEvenUnderARightHash) {
    const std::string history = R"({"schema":"zverse.dump/1","kind":"history","floor":0,"until":9,"values":true})";
    const std::string state = R"({"schema":"zverse.dump/1","kind":"state","floor":0,"until":9,"values":true})";
    const DumpRecord a5{DumpRecordKind::put, "a", "1", 5}, b4{DumpRecordKind::put, "b", "1", 4};
    const std::string line_a5 = R"({"k":"a","v":"1","ver":5,"op":"put"})",
                      line_b4 = R"({"k":"b","v":"1","ver":4,"op":"put"})";
    EXPECT_FALSE(read_dump(with_trailer(history, {b4, a5}, {line_b4, line_a5})).error);
    EXPECT_FALSE(read_dump(with_trailer(state, {a5, b4}, {line_a5, line_b4})).error);
    const auto message = [&](const std::string& dump) {
        const LoadReport report = read_dump(dump);
        return report.error ? report.error->message() : std::string();
    };
    EXPECT_NE(message(with_trailer(history, {a5, b4}, {line_a5, line_b4})).find("line 3"), std::string::npos);
    EXPECT_NE(message(with_trailer(state, {b4, a5}, {line_b4, line_a5})).find("out of order"), std::string::npos);
    EXPECT_NE(message(with_trailer(state, {a5, a5}, {line_a5, line_a5})).find("out of order"), std::string::npos);
    const DumpRecord late{DumpRecordKind::put, "c", "1", 10}, pin{DumpRecordKind::pin, "p", "", 5};
    EXPECT_NE(message(with_trailer(history, {late}, {R"({"k":"c","v":"1","ver":10,"op":"put"})"})).find("version"),
              std::string::npos);
    EXPECT_NE(message(with_trailer(history, {a5, pin}, {line_a5, R"({"pin":"p","ver":5})"})).find("out of order"),
              std::string::npos);
}

TEST_F(DumpTest, OtherSchemasAndOtherFilesAreRefused) {
    const auto code = [&](const std::string& bytes) { return read_dump(bytes).error.value().code(); };
    EXPECT_EQ(code(R"({"schema":"zverse.dump/2","kind":"state"})"
                   "\n"),
              ErrorCode::incompatible);
    EXPECT_EQ(code("ZVDUMP2\n" + std::string(100, '\0')), ErrorCode::incompatible);
    EXPECT_EQ(code("VERSION=2\nHEADER=END\nDATA=END\n"), ErrorCode::incompatible);
    EXPECT_EQ(code("VERSION=3\nduplicates=1\nHEADER=END\nDATA=END\n"), ErrorCode::incompatible);
    EXPECT_EQ(code("VERSION=3\ntype=recno\nHEADER=END\nDATA=END\n"), ErrorCode::incompatible);
    EXPECT_EQ(code(""), ErrorCode::corrupt);
    EXPECT_EQ(code("hello\n"), ErrorCode::corrupt);
    EXPECT_EQ(code("{}\n"), ErrorCode::corrupt);
    EXPECT_EQ(code("{\n"), ErrorCode::corrupt);
    EXPECT_EQ(code(std::string(100'000, '[') + "\n"), ErrorCode::corrupt);
    EXPECT_EQ(code("{\"schema\":" + std::string(100'000, '[') + "\n"), ErrorCode::corrupt);
}

TEST_F(DumpTest, WhatOtherDatabasesWriteIsRead) {
    const std::string printed =
        "VERSION=3\nformat=print\ntype=btree\nmapsize=1048576\nmaxreaders=126\ndb_pagesize=4096\nHEADER=END\n"
        " b\n two\\0alines\\\\\n a\n \nDATA=END\n";
    output_of({"load", store_, "--shards", "1"}, 0, printed);
    EXPECT_EQ(output_of({"get", store_, "b"}), "two\nlines\\");
    EXPECT_EQ(output_of({"dump", store_, "--format", "text"}),
              "VERSION=3\nformat=bytevalue\ntype=btree\nHEADER=END\n 61\n \n 62\n 74776f0a6c696e65735c\nDATA=END\n");
    for (const char* bad : {"VERSION=3\nHEADER=END\n 61\nDATA=END\n", "VERSION=3\nHEADER=END\n 6\n 61\nDATA=END\n",
                            "VERSION=3\nHEADER=END\n 61\n 61\n", "VERSION=3\nformat=base64\nHEADER=END\nDATA=END\n",
                            "VERSION=3\nHEADER=END\nDATA=END\nVERSION=3\nHEADER=END\nDATA=END\n"}) {
        EXPECT_TRUE(read_dump(bad).error) << bad;
    }
}

}  // namespace
}  // namespace zverse::test
