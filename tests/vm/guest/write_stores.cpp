// The writer: threads write both stores, one for each durability class, and acknowledge each write when it returned.
//
//   ready                          the stores are open
//   ack STORE THREAD NUMBER VERSION  the operation returned
//   durable STORE VERSION          a sync returned, or the store said so: all up to it survives a power cut
//   moved STORE                    a flush or a compaction returned
//   failed ...                     a call failed; no more comes
#include <vm/guest/operations.h>
#include <vm/guest/programs.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <thread>

namespace zverse::test {

namespace {

/// Anything but `full` and `conflict`, after which the same operation is tried again, ends the machine's run.
class Writer {
public:
    Writer(Report& report, Store& store, const VmStore& which) : report_(report), store_(store), which_(which) {}

    void write(std::uint64_t run, std::uint32_t thread) {
        for (std::uint64_t number = 0;; ++number) {
            const VmOperation operation = vm_operation({run, thread, number});
            Result<Version> version = commit(operation);
            while (!version.has_value() && again(version.error())) version = commit(operation);
            if (!version.has_value()) give_up("write", version.error());
            report_.say("ack " + which_.name + ' ' + std::to_string(thread) + ' ' + std::to_string(number) + ' ' +
                        std::to_string(*version));
            if (number % kWritesPerDurable == thread) tell_durable(thread == 0);
        }
    }

    /// Rings into segments, segments into one: beside the writes, all the time.
    void move() {
        for (std::uint64_t round = 1;; ++round) {
            const Result<void> moved = round % 4 == 0 ? store_.compact() : store_.flush();
            if (!moved.has_value()) give_up("move", moved.error());
            report_.say("moved " + which_.name);
        }
    }

private:
    static constexpr std::uint64_t kWritesPerDurable = 48;

    static bool again(const Error& error) {
        return error.code() == ErrorCode::full || error.code() == ErrorCode::conflict;
    }

    [[noreturn]] void give_up(const std::string& doing, const Error& error) {
        std::_Exit(failed(report_, doing + " in " + which_.name, error));
    }

    Result<Version> commit(const VmOperation& operation) {
        const Change& first = operation.changes.front();
        switch (operation.call) {
            case VmCall::erase: return store_.erase(first.key);
            case VmCall::put: return store_.put(first.key, *first.value);
            case VmCall::put_if: return put_if(first);
            case VmCall::batch: return batch(operation.changes);
            case VmCall::transaction: return transaction(operation.changes);
        }
        std::abort();
    }

    Result<Version> put_if(const Change& change) {
        std::string ignored;
        Version newest = 0;
        const Result<bool> there = store_.get_into(change.key, ignored, kLatest, &newest);
        if (!there.has_value()) return std::unexpected(there.error());
        return store_.put_if(change.key, *change.value, *there ? newest : 0);
    }

    Result<Version> batch(const std::vector<Change>& changes) {
        WriteBatch batch;
        for (const Change& change : changes) {
            change.value.has_value() ? batch.put(change.key, *change.value) : batch.erase(change.key);
        }
        return store_.write(batch);
    }

    Result<Version> transaction(const std::vector<Change>& changes) {
        Transaction transaction = store_.begin();
        for (const Change& change : changes) {
            change.value.has_value() ? transaction.put(change.key, *change.value) : transaction.erase(change.key);
        }
        return transaction.commit();
    }

    /// What the store calls durable, with and without a sync that was asked for.
    void tell_durable(bool sync) {
        if (sync) {
            if (const Result<void> synced = store_.sync(); !synced.has_value()) give_up("sync", synced.error());
        }
        report_.say("durable " + which_.name + ' ' + std::to_string(store_.durable_version()));
    }

    Report& report_;
    Store& store_;
    const VmStore& which_;
};

/// A NOP with a constant in it, at which the plugin begins (../pmemsim.c). Everywhere else it is a NOP.
void begin_losing() {
#if defined(__x86_64__)
    asm volatile(".byte 0x0f, 0x1f, 0x80, 0x31, 0x4d, 0x56, 0x5a" ::: "memory");
#endif
}

}  // namespace

int write_stores(Report& report, const std::vector<std::string>& words) {
    std::uint64_t run = 0;
    if (words.size() < 2 ||
        std::from_chars(words[1].data(), words[1].data() + words[1].size(), run, 16).ec != std::errc()) {
        return 4;
    }
    const auto has = [&](const char* word) { return std::ranges::find(words, word) != words.end(); };
    if (has("--power-lost")) begin_losing();
    std::vector<Store> stores;
    for (const VmStore& which : vm_stores()) {
        Result<Store> store = open_vm_store(words[0], which);
        if (!store.has_value()) return failed(report, "opening " + which.name, store.error());
        stores.push_back(std::move(*store));
    }
    report.say("ready");
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < stores.size(); ++i) {
        for (std::uint32_t thread = 0; thread < kVmThreads; ++thread) {
            threads.emplace_back([&, i, thread] { Writer(report, stores[i], vm_stores()[i]).write(run, thread); });
        }
        if (has("--move")) threads.emplace_back([&, i] { Writer(report, stores[i], vm_stores()[i]).move(); });
    }
    return 0;  // never: the threads write until the power goes
}

}  // namespace zverse::test
