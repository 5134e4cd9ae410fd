// Goal:    A store may be used and closed whenever its owner likes: by objects of static lifetime, and by thread_local
//          objects as their thread ends.
// Method:  Programs that end (in a child) and threads that end, with a store still in the hands of their last objects;
//          then the store is opened again and shows a clean close and every acknowledged write.
#include <support/results.h>
#include <support/temp_store.h>

#include <zverse/zverse.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace zverse::test {
namespace {

/// Calls when it is destroyed.
struct AtEnd {
    std::function<void()> call;
    ~AtEnd() {
        if (call) call();
    }
};

/// One of everything that a program may do.
void use(Store& store, const std::string& who) {
    (void)must(store.put(who, "put"));
    WriteBatch batch;
    for (int i = 0; i < 100; ++i) batch.put(who + std::to_string(i), "batch");
    (void)must(store.write(batch));
    EXPECT_EQ(must(store.get(who)), "put");
    Cursor cursor = must(store.scan({}));
    int seen = 0;
    while (must(cursor.next())) ++seen;
    EXPECT_GE(seen, 101);
    Transaction transaction = store.begin();
    transaction.put(who + "t", "transaction");
    (void)must(transaction.commit());
    EXPECT_GE(store.latest_version(), store.floor());
}

[[noreturn]] void leave_with_a_static_store(const std::filesystem::path& path) {
    static std::optional<Store> store;
    store.emplace(must(Store::open(path, small_options())));
    use(*store, "main");
    std::exit(0);
}

[[noreturn]] void leave_with_a_static_user(const std::filesystem::path& path) {
    static std::optional<Store> store;
    static AtEnd last;
    store.emplace(must(Store::open(path, small_options())));
    use(*store, "main");
    last.call = [] {
        use(*store, "static");
        must(store->close());
    };
    std::exit(::testing::Test::HasFailure() ? 1 : 0);
}

class LifetimeTest : public ::testing::Test {
protected:
    const TempDirectory directory_;
    const std::filesystem::path path_ = directory_ / "store";
};

TEST_F(LifetimeTest, AStaticStoreIsClosedWhenTheProgramEnds) {
    EXPECT_EXIT(leave_with_a_static_store(path_), ::testing::ExitedWithCode(0), "");
    Store store = must(Store::open(path_, small_options()));
    // After anything but a clean close the versions go on at the clock limit, far above.
    EXPECT_EQ(store.latest_version(), 4U) << "a clean close takes one version, for the time";
    EXPECT_EQ(must(store.get("main")), "put");
}

TEST_F(LifetimeTest, AStaticObjectMayUseAndCloseAStore) {
    EXPECT_EXIT(leave_with_a_static_user(path_), ::testing::ExitedWithCode(0), "");
    Store store = must(Store::open(path_, small_options()));
    EXPECT_EQ(store.latest_version(), 7U);
    EXPECT_EQ(must(store.get("static")), "put");
}

TEST(ThreadLifetimeTest, AThreadLocalObjectMayUseAStoreAsItsThreadEnds) {
    TempDirectory directory;
    Store store = must(Store::open(directory / "store", small_options()));
    for (int i = 0; i < 10; ++i) {
        std::thread([&] {
            static thread_local AtEnd late;  // made before anything of the store, so destroyed after it
            late.call = [&] { use(store, "late"); };
            use(store, "early");
        }).join();
    }
    const Version latest = store.latest_version();
    EXPECT_GE(latest, 60U);  // and one for the time, if it took longer than a second
    must(store.close());
    store = must(Store::open(directory / "store", small_options()));
    EXPECT_EQ(store.latest_version(), latest + 1) << "a clean close takes one version, for the time";
    EXPECT_EQ(must(store.get("late99")), "batch");
}

TEST(ThreadLifetimeTest, AThreadLocalStoreIsClosedAsItsThreadEnds) {
    TempDirectory directory;
    std::thread([&] {
        static thread_local std::optional<Store> store;
        store.emplace(must(Store::open(directory / "store", small_options())));
        use(*store, "thread");
    }).join();
    Store store = must(Store::open(directory / "store", small_options()));
    EXPECT_EQ(store.latest_version(), 4U) << "a clean close takes one version, for the time";
    EXPECT_EQ(must(store.get("thread")), "put");
}

}  // namespace
}  // namespace zverse::test
