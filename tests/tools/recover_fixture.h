// A damaged store, a recovery of it, and what must hold then.
#pragma once

#include "recovered_store.h"
#include "store_check_fixture.h"

#include <tools/recover/recovery.h>

#include <optional>
#include <string>

namespace zverse::test {

using tools::RecoverReport;
using tools::RecoverRequest;

class RecoverTest : public StoreCheckTest {
protected:
    RecoverTest() { learn(); }
    /// What the store holds now is the truth.
    void learn() { truth.emplace(open_to_read(path)); }

    [[nodiscard]] static Store open_to_read(const fs::path& where) {
        Options reading;
        reading.read_only = true;
        return must(Store::open(where, reading));
    }
    [[nodiscard]] RecoverRequest request() const {
        RecoverRequest asked;
        asked.source = path;
        asked.target = target;
        asked.floor = 0;
        asked.ring_bytes = options.ring_bytes;
        asked.memory_bytes = std::uint64_t{4} << 20;
        return asked;
    }
    /// Recovers, and holds the new store against the truth.
    RecoverReport recover(const std::string& what, platform::FileIo& from) {
        fs::remove_all(target);
        RecoverReport report;
        const auto done = tools::recover_store(from, request(), report);
        if (!done) {
            ADD_FAILURE() << what << ": " << done.error().message();
            return report;
        }
        EXPECT_TRUE(report.finished);
        if (!HasFailure()) truth->expect_recovered(open_to_read(target), report, what);
        return report;
    }
    RecoverReport recover(const std::string& what) { return recover(what, *io); }

    std::optional<Truth> truth;
    fs::path target = directory / "recovered";
};

}  // namespace zverse::test
