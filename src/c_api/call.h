// One call from C: what its arguments must be, and how its answer is told. Every function that can fail makes one Call,
// checks its arguments with it, and returns what answer() or give() returns.
#pragma once

#include <zverse/c.h>
#include <zverse/error.h>

#include <cstddef>
#include <exception>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace zverse::c_api {

class Call {
public:
    explicit Call(zverse_error** error) noexcept : error_(error) { clear(error); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    /// Sets outputs, where the caller wants them, to what a call that fails leaves in them.
    template <class... Outputs>
    void clear(Outputs*... outputs) noexcept {
        ((outputs != nullptr ? void(*outputs = Outputs{}) : void()), ...);
    }

    // ---- Arguments. The first flaw is remembered; nothing is looked at behind a pointer that is NULL.

    void refuse(const char* argument, const char* flaw) noexcept;
    void check(bool good, const char* argument, const char* flaw) noexcept {
        if (!good) refuse(argument, flaw);
    }
    void need(const char* argument, const void* pointer) noexcept { check(pointer != nullptr, argument, "is NULL"); }
    /// At most 4 GiB - 1 of them, so that no sum of sizes overflows behind.
    [[nodiscard]] std::string_view bytes(const char* argument, const void* data, std::size_t size) noexcept;
    /// 1 to 65,535 of them.
    [[nodiscard]] std::string_view key(const void* data, std::size_t size) noexcept;
    [[nodiscard]] bool good() const noexcept { return flaw_ == nullptr; }
    /// For arguments that are checked inside the body, because there are many.
    [[nodiscard]] Error flaw() const {
        return Error(ErrorCode::invalid_argument, std::string(argument_) + ' ' + flaw_);
    }

    // ---- The answer. `body` runs when all arguments are good.

    /// body() returns Result<void>.
    template <class Body>
    [[nodiscard]] int answer(Body&& body) {
        // Not catch (...): the cancellation of a thread must go on.
        try {
            const Result<void> done = good() ? body() : std::unexpected(flaw());
            return done ? static_cast<int>(ZVERSE_OK) : tell(done.error());
        } catch (const std::exception&) {
            return tell_no_memory();
        }
    }
    /// body() returns the Result of what `output` gets, where the caller wants it.
    template <class Output, class Body>
    [[nodiscard]] int give(Output* output, Body&& body) {
        return answer([&]() -> Result<void> {
            auto made = body();
            if (!made) return std::unexpected(std::move(made.error()));
            if (output != nullptr) *output = static_cast<Output>(*made);
            return {};
        });
    }
    /// body() returns the Result of what a new `Handle` holds.
    template <class Handle, class Body>
    [[nodiscard]] int give_new(Handle** output, Body&& body) {
        return answer([&]() -> Result<void> {
            auto made = body();
            if (!made) return std::unexpected(std::move(made.error()));
            *output = new Handle{std::move(*made)};
            return {};
        });
    }

private:
    [[nodiscard]] int tell(const Error& error) noexcept;
    [[nodiscard]] int tell_no_memory() noexcept;

    zverse_error** const error_;
    const char* argument_ = nullptr;
    const char* flaw_ = nullptr;
};

/// A copy for zverse_free, with a zero byte behind it; NULL without memory.
[[nodiscard]] char* copy_of(std::string_view bytes) noexcept;
/// For who has tried copy_of in vain.
[[nodiscard]] Error no_memory();

/// Errors that no memory was there for are static, one for each code.
[[nodiscard]] bool is_static(const zverse_error* error) noexcept;

}  // namespace zverse::c_api
