// Goal:    One process holds a store for as long as it says, whatever it forks; and whoever is refused is told why.
// Method:  Lock files held twice in this process, by forked children, and by processes that are gone.
#include <platform/lock_file.h>

#include <support/results.h>
#include <support/temp_store.h>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace zverse::test {
namespace {

using platform::LockFile;

/// A child that does nothing but live, as long as this object.
class Child {
public:
    Child() : pid_(::fork()) {
        if (pid_ == 0) {
            for (;;) ::pause();
        }
    }
    ~Child() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

private:
    pid_t pid_;
};

class LockFileTest : public ::testing::Test {
protected:
    const TempDirectory directory_;
    const std::filesystem::path path_ = directory_ / "LOCK";
};

TEST_F(LockFileTest, AWriterKeepsOthersOutAndIsNamed) {
    const LockFile held = must(LockFile::acquire(path_, false));
    const std::string pid = "process " + std::to_string(::getpid());
    expect_error(LockFile::acquire(path_, false), ErrorCode::locked, pid);
    expect_error(LockFile::acquire(path_, true), ErrorCode::locked, pid);
}

TEST_F(LockFileTest, ReadersShareAndAreNotTakenForTheLastWriter) {
    (void)must(LockFile::acquire(path_, false));
    const LockFile first = must(LockFile::acquire(path_, true));
    const LockFile second = must(LockFile::acquire(path_, true));
    const auto refused = LockFile::acquire(path_, false);
    expect_error(refused, ErrorCode::locked, "a process that reads it");
    EXPECT_EQ(refused.error().message().find(std::to_string(::getpid()) + " ("), std::string::npos);
}

TEST_F(LockFileTest, AForkedChildDoesNotKeepTheLock) {
    LockFile held = must(LockFile::acquire(path_, false));
    const Child child;
    held = LockFile();
    EXPECT_TRUE(LockFile::acquire(path_, false));
}

TEST_F(LockFileTest, AForkedChildDoesNotEndTheLock) {
    LockFile held = must(LockFile::acquire(path_, false));
    const pid_t child = ::fork();
    if (child == 0) {
        held = LockFile();
        ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
    expect_error(LockFile::acquire(path_, false), ErrorCode::locked, std::to_string(::getpid()));
}

TEST_F(LockFileTest, AHolderThatIsGoneIsNotNamed) {
    const pid_t gone = ::fork();
    if (gone == 0) ::_exit(0);
    ::waitpid(gone, nullptr, 0);
    const LockFile held = must(LockFile::acquire(path_, false));
    std::ofstream(path_, std::ios::trunc) << gone << " (open since 1970-01-01 00:00:01 UTC)\n";
    expect_error(LockFile::acquire(path_, false), ErrorCode::locked, "another process");
}

TEST_F(LockFileTest, AReaderThatFindsNoLockFileSaysWhatToDo) {
    expect_error(LockFile::acquire(path_, true), ErrorCode::io, "is missing");
    EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace zverse::test
