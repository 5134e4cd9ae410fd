// Forked children with fewer rights or an own view of the file systems: what an unwritable or full disk looks like.
// Each needs rights that a test may not have; then the answer is "why not", and the test skips with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace zverse::test {

/// What became of a child: its exit status, or why it could not be confined.
struct Confined {
    int status = 0;
    std::string why_not;
};

/// body() as a user that owns nothing here.
[[nodiscard]] Confined run_as_nobody(const std::function<int()>& body);
/// body() with `directory` mounted read-only.
[[nodiscard]] Confined run_on_read_only_mount(const std::filesystem::path& directory, const std::function<int()>& body);
/// body() with an own tmpfs of `bytes` mounted over `directory`.
[[nodiscard]] Confined run_on_small_disk(const std::filesystem::path& directory, std::uint64_t bytes,
                                         const std::function<int()>& body);

}  // namespace zverse::test
