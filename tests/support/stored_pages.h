// StoredPages: which pages of a memory were stored to, seen as a kernel sees it, by the fault of the first store.
//
// Comparing contents can't tell a page that was written again with the bytes it had; a kernel's write-back can, and a
// page it believes clean after a failed sync is never written again unless somebody stores to it.
#pragma once

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sys/mman.h>

namespace zverse::test {

/// One at a time in a process.
class StoredPages {
public:
    static constexpr std::size_t kPageBytes = 4096;

    explicit StoredPages(std::span<std::byte> memory) : memory_(memory), stored_(memory.size() / kPageBytes, false) {
        current() = this;
        struct sigaction action = {};
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGSEGV, &action, &before_);
        mprotect(memory_.data(), memory_.size(), PROT_READ);
    }
    ~StoredPages() {
        mprotect(memory_.data(), memory_.size(), PROT_READ | PROT_WRITE);
        sigaction(SIGSEGV, &before_, nullptr);
        current() = nullptr;
    }
    StoredPages(const StoredPages&) = delete;
    StoredPages& operator=(const StoredPages&) = delete;

    [[nodiscard]] bool stored(std::size_t page) const { return stored_[page]; }

private:
    static StoredPages*& current() {
        static StoredPages* watching = nullptr;
        return watching;
    }
    static void on_fault(int, siginfo_t* info, void*) {
        StoredPages& self = *current();
        const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
        const auto first = reinterpret_cast<std::uintptr_t>(self.memory_.data());
        if (address < first || address >= first + self.memory_.size()) {
            signal(SIGSEGV, SIG_DFL);  // not ours: faults again, and dies as it should
            return;
        }
        const std::size_t page = (address - first) / kPageBytes;
        self.stored_[page] = true;
        mprotect(self.memory_.data() + page * kPageBytes, kPageBytes, PROT_READ | PROT_WRITE);
    }

    std::span<std::byte> memory_;
    std::vector<bool> stored_;
    struct sigaction before_ = {};
};

}  // namespace zverse::test
