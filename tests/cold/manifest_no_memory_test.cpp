// Goal:    without memory an edit either counts or was never there, and the manifest goes on: also where memory ends
//          while a new manifest is written behind an edit that counts already.
// Method:  operator new fails at the n-th allocation of an append, for every n; each append writes a new manifest.
#include <support/failing_memory.h>
#include <support/results.h>
#include <support/temp_store.h>

#include <cold/manifest.h>
#include <platform/answer.h>
#include <platform/posix_file_io.h>

#include <gtest/gtest.h>

#include <string>

namespace zverse::test {
namespace {

using cold::Edit;
using cold::Manifest;

constexpr std::uint64_t kStore[2] = {5, 6};

TEST(ManifestNoMemory, AnEditCountsThoughNoNewManifestIsWritten) {
    const TempDirectory directory;
    const auto io = platform::make_posix_file_io();
    Manifest manifest = must(Manifest::open(*io, directory.path(), kStore));
    must(manifest.start_writing());
    const std::string large(700'000, 'n');  // twice, as each edit is, it makes the file long enough for a new one
    Version cut = 0;
    int counted_anyway = 0;
    without_each_allocation("an append", [&] {
        Edit edit, small;
        {
            const Unarmed unarmed;
            edit.unpin(large);
            edit.set_cut(++cut);
            small.set_floor(cut);
        }
        const auto appended = platform::answer("an append", [&] { return manifest.append(edit); });
        const bool failed = disarm();
        EXPECT_EQ(manifest.state().cut == cut, appended.has_value()) << "an edit that counts was refused";
        if (!appended) expect_error(appended, ErrorCode::full, "no memory");
        counted_anyway += failed && appended ? 1 : 0;
        must(manifest.append(small));
        EXPECT_EQ(must(Manifest::open(*io, directory.path(), kStore)).state(), manifest.state());
        return failed;
    });
    EXPECT_GT(counted_anyway, 3);
    // Some that there was no memory to remove.
    must(manifest.start_writing());
    EXPECT_EQ(must(io->list(directory.path())).size(), 1U);
}

}  // namespace
}  // namespace zverse::test
