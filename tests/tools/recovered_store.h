// What a recovery must hold, whatever was done to the source: the oracle of the tests of zverse-recover.
#pragma once

#include <support/results.h>

#include <tools/recover/recover_report.h>
#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace zverse::test {

/// Every record that a store ever held.
class Truth {
public:
    /// By (version, key); nothing: an erasure.
    using Records = std::map<std::pair<Version, std::string>, std::optional<std::string>>;

    explicit Truth(const Store& store) : records_(read(store)), latest_(store.latest_version()) {
        for (const auto& [name, version] : must(store.pins())) pins_[name] = version;
    }
    [[nodiscard]] static Records read(const Store& store) {
        Records records;
        Cursor changes = must(store.changes({.after = store.floor()}));
        while (must(changes.next())) {
            const Entry& entry = changes.entry();
            auto& value = records[{entry.version, std::string(entry.key)}];
            if (!entry.tombstone) value = entry.value;
        }
        return records;
    }
    [[nodiscard]] const Records& records() const noexcept { return records_; }
    [[nodiscard]] Version latest() const noexcept { return latest_; }
    [[nodiscard]] Version newest() const { return records_.empty() ? 0 : records_.rbegin()->first.first; }
    [[nodiscard]] const std::map<std::string, Version>& pins() const noexcept { return pins_; }

    /// That the new store holds what it must, and nothing that was not written; `what` is said with each failure.
    void expect_recovered(const Store& store, const tools::RecoverReport& report, const std::string& what) const {
        const Records found = read(store);
        expect_nothing_invented(found, report, what);
        expect_losses_reported(found, report, what);
        if (!report.any_key_uncertain && !report.superblock_lost) expect_nothing_stale(store, what);
        if (report.lossless()) {
            EXPECT_EQ(found.size(), records_.size()) << what;
            EXPECT_EQ(report.complete_up_to(), report.newest) << what;
        }
        if (report.catalog_lost) return;
        std::map<std::string, Version> pins;
        for (const auto& [name, version] : must(store.pins())) pins[name] = version;
        EXPECT_EQ(pins, pins_) << what;
    }

private:
    static bool is_listed(const tools::RecoverReport& report, const std::pair<Version, std::string>& id) {
        return std::ranges::any_of(report.lost_records, [&](const tools::LostRecord& record) {
            return record.version == id.first && record.key == id.second;
        });
    }
    static bool is_in_a_loss(const tools::RecoverReport& report, const std::pair<Version, std::string>& id) {
        return std::ranges::any_of(report.losses, [&](const tools::Loss& loss) {
            return loss.piece.keys.holds(id.second) && id.first >= loss.piece.version_min &&
                   id.first <= loss.piece.version_max;
        });
    }

    void expect_nothing_invented(const Records& found, const tools::RecoverReport& report,
                                 const std::string& what) const {
        for (const auto& [id, value] : found) {
            const auto written = records_.find(id);
            if (written != records_.end() && written->second == value) continue;
            const bool put_aside = id.first > newest();
            EXPECT_TRUE(put_aside || (!value && is_listed(report, id)))
                << what << ": " << id.second << " at " << id.first << " was not written so";
        }
    }
    void expect_losses_reported(const Records& found, const tools::RecoverReport& report,
                                const std::string& what) const {
        for (const auto& [id, value] : records_) {
            const auto there = found.find(id);
            if (there != found.end() && there->second == value) continue;
            EXPECT_GT(id.first, report.complete_up_to()) << what << ": " << id.second << " is missing";
            EXPECT_TRUE(report.superblock_lost || is_listed(report, id) || is_in_a_loss(report, id))
                << what << ": " << id.second << " at " << id.first << " is missing, and not in the report";
        }
    }
    void expect_nothing_stale(const Store& store, const std::string& what) const {
        std::map<std::string, std::optional<std::string>> newest;
        for (const auto& [id, value] : records_) newest[id.second] = value;
        Cursor scan = must(store.scan({}));
        while (must(scan.next())) {
            const Entry& entry = scan.entry();
            if (entry.key.starts_with("lost+found/")) continue;
            const auto truth = newest.find(std::string(entry.key));
            EXPECT_TRUE(truth != newest.end() && truth->second == entry.value)
                << what << ": " << entry.key << " is not what it was at last";
        }
    }

    Records records_;
    Version latest_;
    std::map<std::string, Version> pins_;
};

}  // namespace zverse::test
