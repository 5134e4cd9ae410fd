#include <support/child_process.h>
#include <support/confined.h>

#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace zverse::test {

namespace {

/// Enters an own mount namespace whose changes nobody else sees.
bool own_mounts() {
    return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

Confined run_confined(const std::function<bool()>& confine, const std::function<int()>& body) {
    // Told beside the exit status, so that no way for the body to fail looks like a test that can't run here.
    void* shared = ::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    auto* const refused = static_cast<int*>(shared);
    const int status = run_in_fork([&] {
        if (confine()) return body();
        *refused = errno;
        return 0;
    });
    Confined confined{status, *refused == 0 ? "" : std::string("not permitted here: ") + std::strerror(*refused)};
    ::munmap(shared, sizeof(int));
    return confined;
}

}  // namespace

Confined run_as_nobody(const std::function<int()>& body) {
    constexpr uid_t kNobody = 65534;
    return run_confined(
        [] { return ::setresgid(kNobody, kNobody, kNobody) == 0 && ::setresuid(kNobody, kNobody, kNobody) == 0; },
        body);
}

Confined run_on_read_only_mount(const std::filesystem::path& directory, const std::function<int()>& body) {
    const auto confine = [&] {
        const char* path = directory.c_str();
        return own_mounts() && ::mount(path, path, nullptr, MS_BIND, nullptr) == 0 &&
               ::mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0;
    };
    return run_confined(confine, body);
}

Confined run_on_small_disk(const std::filesystem::path& directory, std::uint64_t bytes,
                           const std::function<int()>& body) {
    const auto confine = [&] {
        const std::string options = "size=" + std::to_string(bytes);
        return own_mounts() && ::mount("tmpfs", directory.c_str(), "tmpfs", 0, options.c_str()) == 0;
    };
    return run_confined(confine, body);
}

}  // namespace zverse::test
