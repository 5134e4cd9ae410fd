// A small store with something in every kind of file, and the check behind zverse-fsck over it.
#pragma once

#include <support/file_tree.h>
#include <support/random.h>
#include <support/results.h>
#include <support/seed.h>
#include <support/temp_store.h>

#include <engine/store_access.h>
#include <platform/audit.h>
#include <platform/compression.h>
#include <tools/fsck/store_check.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace zverse::test {

namespace fs = std::filesystem;
namespace codes = platform::codes;
using engine::StoreAccess;
using tools::CheckLevel;
using tools::CheckPart;
using tools::CheckReport;
using tools::CheckRequest;

class StoreCheckTest : public ::testing::Test {
protected:
    StoreCheckTest() {
        internals.stepped_worker = true;
        options.compression = platform::has_compression() ? Compression::history : Compression::none;
        fill();
        contents = read();
    }

    /// Live and history segments, outside values, pins, and frames of all kinds in the ring; closed cleanly.
    void fill() {
        Store store = must(StoreAccess::open(path, options, internals));
        for (int round = 0; round < 6; ++round) {
            for (int i = 0; i < 60; ++i) {
                must(store.put("key" + std::to_string(random.below(90)), random.bytes(random.below(300))));
                if (i % 7 == 0) must(store.erase("key" + std::to_string(random.below(90))));
            }
            WriteBatch batch;
            for (int j = 0; j < 4; ++j) batch.put("batch" + std::to_string(random.below(9)), random.bytes(40));
            must(store.write(batch));
            must(store.put("large", random.bytes(6'000)));
            if (round < 5) must(store.flush());
            must(store.pin("pin" + std::to_string(round)));
        }
        must(store.close());
    }
    [[nodiscard]] std::vector<std::string> read() const {
        Options read_only = options;
        read_only.read_only = true;
        Store store = must(Store::open(path, read_only));
        std::vector<std::string> all;
        Cursor changes = must(store.changes({}));
        while (must(changes.next())) {
            const Entry& entry = changes.entry();
            all.push_back(std::to_string(entry.version) + (entry.tombstone ? "!" : "=") + std::string(entry.key) + ":" +
                          std::string(entry.value));
        }
        for (const auto& [name, version] : must(store.pins())) all.push_back(name + std::to_string(version));
        return all;
    }

    [[nodiscard]] CheckRequest request(CheckLevel level = CheckLevel::full, CheckPart only = CheckPart::all) const {
        CheckRequest asked;
        asked.store = path;
        asked.level = level;
        asked.only = only;
        return asked;
    }
    [[nodiscard]] Result<CheckReport> try_check(CheckLevel level = CheckLevel::full,
                                                CheckPart only = CheckPart::all) const {
        return tools::check_store(*io, request(level, only));
    }
    [[nodiscard]] CheckReport check(CheckLevel level = CheckLevel::full, CheckPart only = CheckPart::all) const {
        return must(try_check(level, only));
    }
    static void expect_clean(const CheckReport& report, const std::string& when) {
        for (const Finding& finding : report.seen.findings) {
            ADD_FAILURE() << when << ": " << finding.code << " " << finding.file << " at " << finding.offset << ": "
                          << finding.what;
        }
    }
    static std::set<std::string> codes_of(const CheckReport& report) {
        std::set<std::string> all;
        for (const Finding& finding : report.seen.findings) all.insert(finding.code);
        return all;
    }
    [[nodiscard]] std::vector<fs::path> files(const std::string& folder, const std::string& part) const {
        std::vector<fs::path> found;
        for (const fs::directory_entry& entry : fs::directory_iterator(path / folder)) {
            if (entry.path().filename().string().find(part) != std::string::npos) found.push_back(entry.path());
        }
        std::ranges::sort(found);
        return found;
    }
    [[nodiscard]] fs::path superblock() const { return path / "SUPERBLOCK"; }
    [[nodiscard]] fs::path ring() const { return files("hot", "ring-").at(0); }
    [[nodiscard]] fs::path manifest() const { return files("", "MANIFEST-").at(0); }
    [[nodiscard]] std::vector<fs::path> segments() const { return files("cold", ".zseg"); }

    const SeedScope seed;
    Random random{seed.seed()};
    TempDirectory directory;
    fs::path path = directory / "store";
    Options options = small_options();
    engine::Internals internals;
    std::unique_ptr<platform::FileIo> io = platform::make_posix_file_io();
    std::vector<std::string> contents;
};

}  // namespace zverse::test
