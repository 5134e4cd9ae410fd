// A store to try the tools on, and what two stores must have in common to be the same.
#pragma once

#include <support/file_tree.h>
#include <support/random.h>
#include <support/run_tool.h>
#include <support/temp_store.h>
#include <zverse/store.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace zverse::test {

/// Small rings, as the tools open a store: the granularity is what the medium has.
[[nodiscard]] Options tool_options();
[[nodiscard]] Options reading();
/// One that takes no versions for itself while it is open, so that they can be foretold.
[[nodiscard]] Store open_quiet(const std::filesystem::path& path);

/// What a cursor shows of an entry.
struct Shown {
    Version version = 0;
    std::string key;
    std::optional<std::string> value;  ///< nothing: a tombstone
    auto operator<=>(const Shown&) const = default;
};
[[nodiscard]] std::vector<Shown> all_of(Result<Cursor> cursor);

/// Puts, erases and batches; keys and values of any bytes, empty and large values among them; pins where asked for.
void write_random(Store& store, Random& random, int commits, bool pins = true);

/// Every read of both says the same as of every version from `floor` on that changed something; pins, too.
void expect_same_stores(const std::filesystem::path& left, const std::filesystem::path& right, Version floor);

/// A directory, a store in it, and places for copies and files.
class ToolTest : public ::testing::Test {
protected:
    [[nodiscard]] std::string path(const std::string& name) const { return (directory_ / name).string(); }
    /// Opens, writes and closes.
    void fill(const std::string& name, Random& random, int commits) const;
    /// Runs the tool, which must end so; what it wrote.
    static std::string output_of(const std::vector<std::string>& arguments, int status = 0,
                                 std::string_view input = {});

    TempDirectory directory_;
    std::string store_ = path("store");
};

}  // namespace zverse::test
