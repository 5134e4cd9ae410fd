// Hardware: suites that measure the machine and not an engine: single instructions and calls, many times.
//
// Data flow: a suite gives each row as a function that does something `count` times -> a chunk's count is found that
// takes some milliseconds -> chunks until the time is over; the median chunk is the figure, and each chunk one latency.
#pragma once

#include <bench/suites/suite.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace zverse::bench {

class HardwareRun {
public:
    using Report = std::function<void(const PhaseResult&)>;

    HardwareRun(const BenchRequest& request, std::string_view suite, unsigned repeat, Report report,
                Interrupted interrupted);
    ~HardwareRun();
    HardwareRun(const HardwareRun&) = delete;
    HardwareRun& operator=(const HardwareRun&) = delete;

    /// `variant` is what is compared, in the place of an engine: a kernel, a way of flushing.
    void row(std::string_view phase, std::string_view variant, const std::function<void(std::uint64_t count)>& work);
    /// Of rows that this machine or medium has not got.
    void skip(std::string_view phase, std::string reason);

    [[nodiscard]] const BenchRequest& request() const noexcept { return request_; }
    /// A directory of its own in the place asked for, removed at the end.
    [[nodiscard]] const std::filesystem::path& directory();
    [[nodiscard]] bool wants(std::string_view phase) const;
    [[nodiscard]] const std::vector<std::string>& skipped() const noexcept { return skipped_; }
    [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }

private:
    const BenchRequest& request_;
    const std::string_view suite_;
    const unsigned repeat_;
    const Report report_;
    const Interrupted interrupted_;
    std::filesystem::path directory_;
    std::vector<std::string> skipped_;
    std::uint64_t rows_ = 0;
};

/// Keeps what was computed from being left out by the compiler.
template <class Value>
void keep(const Value& value) noexcept {
    asm volatile("" : : "r,m"(value) : "memory");
}

}  // namespace zverse::bench
