// Writes: limits checked here, with the argument and its limit named; then the hot tier.
#include <engine/engine.h>

#include <platform/per_thread.h>
#include <platform/probes.h>

#include <algorithm>
#include <utility>

namespace zverse::engine {

namespace {
constexpr std::size_t kScratchOperations = 4096;  // a thread keeps the memory of batches up to this size

/// Memory of one batch, kept by the thread.
struct Scratch {
    struct Place {
        std::uint64_t hash;
        std::uint32_t index;
    };
    std::vector<Place> places;
    std::vector<hot::Operation> operations, ordered;

    /// Lets go of what is unusually much.
    template <class T>
    static void trim(std::vector<T>& memory) noexcept {
        if (memory.capacity() > kScratchOperations) std::vector<T>().swap(memory);
    }
};
using ScratchByThread = platform::PerThread<Scratch>;
}  // namespace

Error Engine::bad_key(std::string_view key) {
    return Error(ErrorCode::invalid_argument,
                 "key has " + std::to_string(key.size()) + " bytes; it must have 1 to 65535");
}

Error Engine::bad_value(std::string_view value) const {
    return Error(ErrorCode::invalid_argument, "value has " + std::to_string(value.size()) + " bytes; at most " +
                                                  std::to_string(value_bytes_max_) + " (value_bytes_max)");
}

Error Engine::bad_frame(std::uint64_t bytes, const char* what) const {
    return Error(ErrorCode::invalid_argument, std::string(what) + " needs a frame of " + std::to_string(bytes) +
                                                  " bytes; at most a quarter of a ring, " +
                                                  std::to_string(tier_->frame_bytes_max()));
}

/// Wakes wait_newer(). Writers pay one load of a line that hardly ever changes; the waiter fences all threads.
void Engine::after_write() noexcept {
    // relaxed: ordered against the waiter's registration by its fence_all_threads().
    if (newer_waiters_.load(std::memory_order_relaxed) == 0) [[likely]]
        return;
    const std::scoped_lock lock(newer_mutex_);
    newer_.notify_all();
}

[[gnu::noinline]] Result<Version> Engine::put_timed(std::string_view key, std::string_view value) {
    const hot::LatencyTimer timer(tier_->slots().mine().latencies, hot::Timed::put);
    return put_now(key, value);
}

Result<Version> Engine::put(std::string_view key, std::string_view value) {
    if (tier_->slots().mine().times_next(hot::Counter::puts)) [[unlikely]]
        return put_timed(key, value);
    return put_now(key, value);
}

[[gnu::always_inline]] inline Result<Version> Engine::put_now(std::string_view key, std::string_view value) {
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    if (!good_key(key)) return std::unexpected(bad_key(key));
    if (!good_value(value)) return std::unexpected(bad_value(value));
    const std::uint64_t bytes = hot::frame_bytes(hot::operation_bytes(key.size(), value.size()));
    if (bytes > tier_->frame_bytes_max()) return std::unexpected(bad_frame(bytes, "the put"));
    auto version = tier_->put({key, value, tier_->hash(key), false});
    after_write();
    if (version) ZVERSE_PROBE3(put__done, *version, key.size(), value.size());
    return version;
}

Result<Version> Engine::erase(std::string_view key) {
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    if (!good_key(key)) return std::unexpected(bad_key(key));
    auto version = tier_->put({key, {}, tier_->hash(key), true});
    after_write();
    return version;
}

Result<Version> Engine::put_if(std::string_view key, std::string_view value, Version expected) {
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    if (!good_key(key)) return std::unexpected(bad_key(key));
    if (!good_value(value)) return std::unexpected(bad_value(value));
    const std::uint64_t bytes = hot::frame_bytes(hot::operation_bytes(key.size(), value.size()));
    if (bytes > tier_->frame_bytes_max()) return std::unexpected(bad_frame(bytes, "the put"));
    auto version = tier_->put_if({key, value, tier_->hash(key), false}, expected);
    after_write();
    return version;
}

Result<void> Engine::prepare(const WriteBatch& batch, std::vector<hot::Operation>& operations) const {
    if (batch.lost_operation_) {
        return std::unexpected(Error(ErrorCode::full, "the batch lost an operation when there was no memory"));
    }
    if (batch.operations_.empty()) {
        return std::unexpected(Error(ErrorCode::invalid_argument, "the batch is empty"));
    }
    if (batch.operations_.size() > kBatchOperationsMax) {
        return std::unexpected(
            Error(ErrorCode::invalid_argument, "the batch has " + std::to_string(batch.operations_.size()) +
                                                   " operations; at most " + std::to_string(kBatchOperationsMax)));
    }
    const std::string_view bytes = batch.bytes_;
    for (const WriteBatch::Operation& each : batch.operations_) {
        const std::string_view key = bytes.substr(each.offset, each.key_bytes);
        const std::string_view value = bytes.substr(each.offset + each.key_bytes, each.value_bytes);
        if (!good_key(key)) return std::unexpected(bad_key(key));
        if (!good_value(value)) return std::unexpected(bad_value(value));
        operations.push_back({key, value, tier_->hash(key), each.tombstone});
    }
    return {};
}

namespace {

/// Sorts by (hash, key), which is the order of chains, in which batches publish; of several operations on a key the
/// last one stays. Sorts small (hash, place) pairs, since operations are five words each.
void order_operations(const std::vector<hot::Operation>& operations, std::vector<hot::Operation>& ordered) {
    using Place = Scratch::Place;
    std::vector<Place>& places = ScratchByThread::mine().places;
    places.clear();
    for (std::uint32_t i = 0; i < operations.size(); ++i) places.push_back({operations[i].hash, i});
    std::sort(places.begin(), places.end(), [&](const Place& a, const Place& b) {
        if (a.hash != b.hash) [[likely]]
            return a.hash < b.hash;
        const int order = operations[a.index].key.compare(operations[b.index].key);
        return order != 0 ? order < 0 : a.index < b.index;
    });
    ordered.clear();
    for (std::size_t i = 0; i < places.size(); ++i) {
        const hot::Operation& each = operations[places[i].index];
        const bool last = i + 1 == places.size() || places[i + 1].hash != places[i].hash ||
                          operations[places[i + 1].index].key != each.key;
        if (last) ordered.push_back(each);
    }
    Scratch::trim(places);
}

}  // namespace

Result<Version> Engine::write_prepared(const std::vector<hot::Operation>& operations,
                                       std::optional<Version> unless_newer) {
    std::vector<hot::Operation>& ordered = ScratchByThread::mine().ordered;
    order_operations(operations, ordered);
    const std::uint64_t bytes = hot::frame_bytes_of(ordered);
    if (bytes > tier_->frame_bytes_max()) return std::unexpected(bad_frame(bytes, "the batch"));
    auto version = tier_->write(ordered, unless_newer);
    Scratch::trim(ordered);
    after_write();
    return version;
}

Result<void> Engine::check_batch(const WriteBatch& batch) const {
    std::vector<hot::Operation> operations;
    if (auto good = prepare(batch, operations); !good) return good;
    const std::uint64_t bytes = hot::frame_bytes_of(operations);
    if (bytes > tier_->frame_bytes_max()) return std::unexpected(bad_frame(bytes, "the batch"));
    return {};
}

Result<Version> Engine::write(const WriteBatch& batch) {
    const hot::ActiveCall call(*tier_);
    const hot::LatencyTimer timer(tier_->slots().mine().latencies, hot::Timed::write);
    if (closed()) return std::unexpected(closed_error());
    std::vector<hot::Operation>& operations = ScratchByThread::mine().operations;
    operations.clear();
    if (auto good = prepare(batch, operations); !good) return std::unexpected(std::move(good.error()));
    auto version = write_prepared(operations, std::nullopt);
    if (version) ZVERSE_PROBE2(write__done, *version, operations.size());
    Scratch::trim(operations);
    return version;
}

Result<Version> Engine::commit(std::vector<hot::Operation> operations, Version snapshot) {
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    for (hot::Operation& operation : operations) {
        if (!good_key(operation.key)) return std::unexpected(bad_key(operation.key));
        if (!good_value(operation.value)) return std::unexpected(bad_value(operation.value));
        operation.hash = tier_->hash(operation.key);
    }
    if (operations.size() > kBatchOperationsMax) {
        return std::unexpected(
            Error(ErrorCode::invalid_argument, "the transaction has " + std::to_string(operations.size()) +
                                                   " writes; at most " + std::to_string(kBatchOperationsMax)));
    }
    return write_prepared(operations, snapshot);
}

}  // namespace zverse::engine
