#include <engine/kill_child.h>
#include <support/child_process.h>

#include <zverse/zverse.h>

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace zverse::test {

namespace {

void tell(KillMessage message) {
    if (::write(ChildProcess::kPipe, &message, sizeof message) != sizeof message) ::_exit(3);
}

[[noreturn]] void fail(const Error& error) {
    ::dprintf(STDERR_FILENO, "kill test's child: %s: %s\n", to_string(error.code()), error.message().c_str());
    tell({KillMessage::Kind::failed, 0, 0, 0});
    ::_exit(2);
}

Result<Version> commit(Store& store, const std::vector<Change>& changes) {
    if (changes.size() == 1) {
        const Change& change = changes.front();
        return change.value.has_value() ? store.put(change.key, *change.value) : store.erase(change.key);
    }
    WriteBatch batch;
    for (const Change& change : changes) {
        change.value.has_value() ? batch.put(change.key, *change.value) : batch.erase(change.key);
    }
    return store.write(batch);
}

void write_for_ever(Store& store, std::uint64_t run, std::uint32_t thread) {
    for (std::uint64_t number = 0;; ++number) {
        const Result<Version> version = commit(store, kill_operation(run, thread, number));
        if (version.has_value()) {
            tell({KillMessage::Kind::acknowledged, thread, number, *version});
            continue;
        }
        if (version.error().code() != ErrorCode::full) fail(version.error());
        tell({KillMessage::Kind::full, thread, number, 0});
        for (;;) ::pause();
    }
}

/// What was shown to a reader may not vanish either.
void read_for_ever(const Store& store, std::uint64_t run) {
    Random random(run);
    std::string value;
    for (std::uint64_t reads = 0;; ++reads) {
        const std::uint64_t number = random.below(kKillKeys);
        Version version = 0;
        const Result<bool> there = store.get_into(kill_key(number), value, kLatest, &version);
        if (!there.has_value()) fail(there.error());
        // Not every one: the pipe is for acknowledgements first.
        if (*there && reads % 16 == 0) tell({KillMessage::Kind::seen, 0, number, version});
    }
}

}  // namespace

int kill_child(const std::vector<std::string>& arguments) {
    if (arguments.size() != 5) return 4;
    Options options;
    options.durability = arguments[1] == "power" ? Durability::power : Durability::process;
    options.force_granularity = arguments[2];
    options.write_timeout = std::chrono::milliseconds(1);
    if (arguments[4] == "create") {
        options.ring_bytes = kCreatedRingBytes;
        options.shards = 2;
    }
    const std::uint64_t run = std::strtoull(arguments[3].c_str(), nullptr, 10);
    Result<Store> store = Store::open(arguments[0], options);
    if (!store.has_value()) fail(store.error());
    // The parent is told that the store is open by the first message.
    tell({KillMessage::Kind::seen, 0, 0, 0});
    if (arguments[4] != "write") {
        for (;;) ::pause();
    }
    std::vector<std::jthread> threads;
    for (std::uint32_t thread = 0; thread < kKillThreads; ++thread) {
        threads.emplace_back([&store, run, thread] { write_for_ever(*store, run, thread); });
    }
    read_for_ever(*store, run);
    return 0;
}

}  // namespace zverse::test
