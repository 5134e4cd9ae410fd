// What a writer in the guest writes: operation `number` of `thread` in run `run` is a function of those three, and its
// records carry them. So whoever reads the store back knows of every version whose it is and whether it is whole,
// without having been told.
#pragma once

#include <support/model_store.h>
#include <support/random.h>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zverse::test {

constexpr std::uint32_t kVmThreads = 2;
constexpr std::uint64_t kVmKeys = 200;

/// Which operation it is. In text: 16, 2 and 8 hex digits with dashes between them.
struct VmIdentity {
    std::uint64_t run = 0;
    std::uint32_t thread = 0;
    std::uint64_t number = 0;

    static constexpr std::size_t kTextBytes = 28;
    [[nodiscard]] std::string text() const {
        char out[kTextBytes + 1];
        std::snprintf(out, sizeof out, "%016lx-%02x-%08lx", run, thread & 0xff, number & 0xffff'ffff);
        return out;
    }
    [[nodiscard]] static std::optional<VmIdentity> parse(std::string_view text) {
        VmIdentity found;
        const std::string begin(text.substr(0, kTextBytes));
        if (std::sscanf(begin.c_str(), "%16lx-%2x-%8lx", &found.run, &found.thread, &found.number) != 3) return {};
        if (found.text() != begin) return {};
        return found;
    }
};

constexpr std::string_view kVmErased = "erased/";

/// How an operation reaches the store; what it leaves there is the same for all that can put it.
enum class VmCall : std::uint8_t { put, put_if, erase, batch, transaction };

struct VmOperation {
    VmCall call = VmCall::put;
    std::vector<Change> changes;  ///< of different keys; a batch's first one is a put
};

/// Threads share their keys; an erase alone is of a key of its own, which says whose it is. Values up to 8 KiB: frames
/// whose body is persisted first are among them.
[[nodiscard]] inline VmOperation vm_operation(const VmIdentity& identity) {
    Random random(mix(mix(identity.run, identity.thread), identity.number));
    const auto value = [&](std::uint64_t bytes_max) {
        return identity.text() + random.bytes(random.one_in(40) ? random.below(8 << 10) : random.below(bytes_max));
    };
    VmOperation operation;
    if (random.one_in(12)) {
        operation.call = VmCall::erase;
        operation.changes.push_back({std::string(kVmErased) + identity.text(), std::nullopt});
        return operation;
    }
    const bool several = random.one_in(6);
    const bool other_call = random.one_in(3);
    operation.call =
        several ? (other_call ? VmCall::transaction : VmCall::batch) : (other_call ? VmCall::put_if : VmCall::put);
    const std::uint64_t count = several ? random.between(2, 12) : 1;
    const std::uint64_t first = random.next();
    for (std::uint64_t i = 0; i < count; ++i) {
        const bool erases = i > 0 && random.one_in(5);
        std::optional<std::string> wanted;
        if (!erases) wanted = value(200);
        // 7 and the number of keys have no common divisor, so no key comes twice.
        operation.changes.push_back({"key" + std::to_string((first + 7 * i) % kVmKeys), std::move(wanted)});
    }
    return operation;
}

}  // namespace zverse::test
