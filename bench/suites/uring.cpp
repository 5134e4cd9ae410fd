// Suite uring: reads and writes of 4 KiB and 128 KiB at random places of a file that is written already, past the page
// cache where the file system can, by io_uring with so many in flight, with and without registered buffers, and beside
// them one by one: pread, and pwrite with fdatasync.
//
// Writes in flight are not synced; each row of writes says so by its phase: `write`, and `write_synced`.
#include <bench/must.h>
#include <bench/suites/hardware.h>
#include <bench/suites/suites.h>
#include <platform/aligned_range.h>
#include <platform/mapping.h>
#include <platform/unique_descriptor.h>
#include <platform/uring_ring.h>
#include <support/random.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace zverse::bench {

namespace {

constexpr std::uint64_t kFileBytes = std::uint64_t{256} << 20;

[[noreturn]] void fail(const std::string& what, int number) {
    throw std::system_error(number, std::generic_category(), what);
}

/// A file full of written blocks, open past the page cache if that is possible.
class TestFile {
public:
    explicit TestFile(const std::filesystem::path& path) : memory_(must(platform::AnonymousMemory::allocate(kPiece))) {
        int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
        direct_ = descriptor >= 0;
        if (!direct_) descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (descriptor < 0) fail("opening " + path.string(), errno);
        descriptor_ = platform::UniqueDescriptor(descriptor);
        for (std::uint64_t offset = 0; offset < kFileBytes; offset += kPiece) {
            const auto done = ::pwrite(get(), memory_.bytes().data(), kPiece, static_cast<off_t>(offset));
            if (done != static_cast<ssize_t>(kPiece)) fail("filling " + path.string(), done < 0 ? errno : EIO);
        }
        if (::fdatasync(get()) != 0) fail("fdatasync of " + path.string(), errno);
    }
    [[nodiscard]] int get() const noexcept { return descriptor_.get(); }
    [[nodiscard]] bool direct() const noexcept { return direct_; }
    [[nodiscard]] std::uint64_t place(std::size_t bytes) noexcept { return random_.below(kFileBytes / bytes) * bytes; }

private:
    static constexpr std::size_t kPiece = std::size_t{4} << 20;
    platform::AnonymousMemory memory_;
    platform::UniqueDescriptor descriptor_;
    bool direct_ = false;
    test::Random random_{71};
};

class InFlight {
public:
    InFlight(TestFile& file, unsigned depth, std::size_t bytes, bool registered)
        : file_(file),
          depth_(depth),
          bytes_(bytes),
          registered_(registered),
          memory_(must(platform::AnonymousMemory::allocate(depth * bytes))),
          ring_(must(platform::make_uring_ring(depth))) {
        if (!registered) return;
        std::vector<iovec> buffers;
        for (unsigned i = 0; i < depth; ++i) buffers.push_back({buffer(i), bytes});
        if (const int result = io_uring_register_buffers(ring_.get(), buffers.data(), depth); result != 0)
            fail("registering buffers with io_uring", -result);
    }

    /// `count` operations, as many in flight as the depth allows.
    void run(std::uint64_t count, bool writes) {
        std::vector<unsigned> free;
        for (unsigned i = 0; i < depth_; ++i) free.push_back(i);
        for (std::uint64_t sent = 0, done = 0; done < count;) {
            for (; sent < count && !free.empty(); ++sent, free.pop_back()) prepare(free.back(), writes);
            const int submitted = io_uring_submit_and_wait(ring_.get(), 1);
            if (submitted < 0 && !platform::uring_try_again(submitted)) fail("io_uring_submit_and_wait", -submitted);
            io_uring_cqe* completion = nullptr;
            while (io_uring_peek_cqe(ring_.get(), &completion) == 0) {
                if (completion->res != static_cast<int>(bytes_))
                    fail("an operation of io_uring", completion->res < 0 ? -completion->res : EIO);
                free.push_back(static_cast<unsigned>(completion->user_data));
                io_uring_cqe_seen(ring_.get(), completion);
                ++done;
            }
        }
    }

private:
    [[nodiscard]] std::byte* buffer(unsigned index) const noexcept { return memory_.bytes().data() + index * bytes_; }
    void prepare(unsigned index, bool writes) {
        io_uring_sqe* const entry = io_uring_get_sqe(ring_.get());
        if (entry == nullptr) fail("io_uring_get_sqe", EBUSY);
        const auto bytes = static_cast<unsigned>(bytes_);
        const std::uint64_t place = file_.place(bytes_);
        const auto number = static_cast<int>(index);
        if (registered_ && writes) io_uring_prep_write_fixed(entry, file_.get(), buffer(index), bytes, place, number);
        if (registered_ && !writes) io_uring_prep_read_fixed(entry, file_.get(), buffer(index), bytes, place, number);
        if (!registered_ && writes) io_uring_prep_write(entry, file_.get(), buffer(index), bytes, place);
        if (!registered_ && !writes) io_uring_prep_read(entry, file_.get(), buffer(index), bytes, place);
        entry->user_data = index;
    }

    TestFile& file_;
    const unsigned depth_;
    const std::size_t bytes_;
    const bool registered_;
    platform::AnonymousMemory memory_;
    platform::UringRing ring_;
};

void one_by_one(HardwareRun& run, TestFile& file, std::size_t bytes) {
    const auto memory = must(platform::AnonymousMemory::allocate(bytes));
    const std::string size = "_" + std::to_string(bytes);
    const auto check = [&](ssize_t done) {
        if (done != static_cast<ssize_t>(bytes)) fail("pread or pwrite", done < 0 ? errno : EIO);
    };
    run.row("read" + size, "pread", [&](std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i)
            check(::pread(file.get(), memory.bytes().data(), bytes, static_cast<off_t>(file.place(bytes))));
    });
    run.row("write" + size, "pwrite", [&](std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i)
            check(::pwrite(file.get(), memory.bytes().data(), bytes, static_cast<off_t>(file.place(bytes))));
    });
    run.row("write_synced" + size, "pwrite, fdatasync", [&](std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) {
            check(::pwrite(file.get(), memory.bytes().data(), bytes, static_cast<off_t>(file.place(bytes))));
            if (::fdatasync(file.get()) != 0) fail("fdatasync", errno);
        }
    });
}

}  // namespace

void measure_uring(HardwareRun& run) {
    TestFile file(run.directory() / "blocks");
    if (!file.direct())
        run.skip("read_4096",
                 "the file system can't read past the page cache (O_DIRECT); figures are of the page cache");
    const auto ring = platform::make_uring_ring(4);
    if (!ring) run.skip("read_4096", "no io_uring: " + ring.error().message());
    for (const std::size_t bytes : {std::size_t{4096}, std::size_t{131'072}}) {
        one_by_one(run, file, bytes);
        for (const unsigned depth : {1U, 4U, 16U, 64U}) {
            for (const bool registered : {false, true}) {
                if (!ring) continue;
                InFlight operations(file, depth, bytes, registered);
                const std::string variant = std::to_string(depth) + " in flight" + (registered ? ", registered" : "");
                const std::string size = "_" + std::to_string(bytes);
                run.row("read" + size, variant, [&](std::uint64_t count) { operations.run(count, false); });
                run.row("write" + size, variant, [&](std::uint64_t count) { operations.run(count, true); });
            }
        }
    }
}

}  // namespace zverse::bench
