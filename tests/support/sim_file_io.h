// SimFileIo: files in memory that forget, tear and fail, as disks and file systems may.
//
// Nouns
//   live       what reads see: every write, creation, link, rename and removal so far
//   durable    what certainly survives a power cut: what was synced, names through sync_directory()
//   candidate  what may survive besides: each content that a 512-byte sector had since it was last synced, each size
//              of the file, each change of a name. After a cut every sector, size and name is chosen independently, so
//              writes tear at 512 bytes and reorder, a file may be there with its size and no data, or empty, or gone.
//
// A stream has pieces of one block, three of them in flight. Each is a candidate from the moment it is sent, the newest
// is written first, and none is made durable by a sync before it is written. It fails when it is written, if the call
// that sent it was to fail. The block at the end of a file is written whole.
//
// A failed sync leaves its candidates what they are, for good: the next sync succeeds and makes only later writes
// durable, as kernels do it. A failed write may have written the first half of its sectors.
//
// Kinder than some disks: a rename happens or does not, and never leaves both names or none.
//
// Threads: any; one lock around everything.
#pragma once

#include <platform/file_io.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace zverse::test {

class SimFileIo final : public platform::FileIo {
public:
    static constexpr std::size_t kSectorBytes = 512;

    /// An empty disk: "/" and, for relative paths, "." are there.
    SimFileIo();
    ~SimFileIo() override;

    // ---- Failing. Every call of FileIo and File counts as one; of a stream, each piece, a truncation that is
    // needed, and the sync.

    [[nodiscard]] std::uint64_t calls() const;
    /// Lets the `nth` call from now (1: the next) fail with `os_errno`; `for_ever`: every later one, too.
    void fail_call(std::uint64_t nth, int os_errno, bool for_ever = false);
    void fail_no_more();
    /// A full disk: no new files. What is there can be written.
    void refuse_new_files(bool refuse);
    /// Calls that failed because they were told to.
    [[nodiscard]] std::uint64_t failures() const;

    // ---- Losing power. This disk stays as it is, so that many cuts can be tried at one moment.

    /// Answers 0 .. options - 1; 0 is what is durable, the last what is live. Asked once for each thing in doubt.
    using Choose = std::function<std::size_t(std::size_t options)>;
    [[nodiscard]] std::unique_ptr<SimFileIo> crash(const Choose& choose) const;
    /// A random legal state; the same seed gives the same one.
    [[nodiscard]] std::unique_ptr<SimFileIo> crash(std::uint64_t seed) const;
    /// How many things are in doubt now.
    [[nodiscard]] std::size_t doubts() const;

    // ---- FileIo

    [[nodiscard]] const char* name() const noexcept override { return "simulated"; }
    [[nodiscard]] Result<std::unique_ptr<platform::File>> open(const std::filesystem::path& path,
                                                               platform::OpenMode mode) override;
    [[nodiscard]] Result<std::unique_ptr<platform::File>> create_zeroed(const std::filesystem::path& path,
                                                                        std::uint64_t bytes) override;
    [[nodiscard]] Result<std::unique_ptr<platform::StreamFile>> create_stream(
        const std::filesystem::path& path) override;
    [[nodiscard]] platform::StreamMethod stream_method() const override { return {"simulated", ""}; }
    [[nodiscard]] Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
    [[nodiscard]] Result<void> link(const std::filesystem::path& from, const std::filesystem::path& to) override;
    [[nodiscard]] Result<void> remove(const std::filesystem::path& path) override;
    [[nodiscard]] Result<void> sync_directory(const std::filesystem::path& directory) override;
    [[nodiscard]] Result<void> create_directories(const std::filesystem::path& directory) override;
    [[nodiscard]] Result<std::vector<std::string>> list(const std::filesystem::path& directory) override;
    [[nodiscard]] Result<bool> exists(const std::filesystem::path& path) override;

    struct Disk;  ///< shared with the open files

private:
    std::shared_ptr<Disk> disk_;
};

}  // namespace zverse::test
