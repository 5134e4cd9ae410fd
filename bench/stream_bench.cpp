// Question: what does it bring to write a segment by pieces in flight, past the page cache, instead of one write after
// the other into it, with all the rest left to the sync?
//
// Estimate for a disk of 1 GiB/s: 256 MiB take 250 ms. Plainly, the disk waits until the kernel begins to write back,
// and the CPU until the sync is over; with pieces in flight both work at the same time. CPU work of about 1 ms per MiB
// stands for the encoding of records.
//
// Both ways take turns, so that a moment in which the disk is slow meets both. Counters: MiB/s of each, medians, and
// `gain`, the median of the quotients of neighbours. stream/read: how long until what was written can be read by
// mapping, in ms: 1000 random pages, then all.
#include <bench/bed.h>
#include <platform/file_io.h>
#include <platform/read_mapping.h>
#include <platform/stream_writer.h>

#include <array>
#include <memory>

namespace zverse::bench {

namespace {

constexpr std::uint64_t kFileBytes = std::uint64_t{256} << 20;
constexpr std::size_t kPart = std::size_t{64} << 10;  // what an encoder hands over: a block
constexpr std::size_t kHead = 4096;

using platform::StreamWriter;

/// Stands for encoding: fills a part, and goes over it `passes` times.
class Encoder {
public:
    explicit Encoder(unsigned passes) : passes_(passes) {}
    std::span<const std::byte> next() {
        std::uint64_t state = ++number_;
        for (std::uint64_t& word : words_) word = state++;
        for (unsigned pass = 0; pass < passes_; ++pass) {
            for (const std::uint64_t word : words_) state = state * 31 + word;
        }
        words_[0] = state;
        return std::as_bytes(std::span(words_));
    }

private:
    unsigned passes_;
    std::uint64_t number_ = 0;
    std::array<std::uint64_t, kPart / 8> words_{};
};

/// The place of the files, removed again.
class Place {
public:
    explicit Place(const std::string& io) : io_(must(platform::make_file_io(io)).io) {
        path_ = disk_place() / ("zverse-stream-bench-" + std::to_string(Clock::now().time_since_epoch().count()));
    }
    ~Place() { remove(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    [[nodiscard]] platform::FileIo& io() { return *io_; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    void remove() { static_cast<void>(io_->remove(path_)); }

private:
    std::unique_ptr<platform::FileIo> io_;
    std::filesystem::path path_;
};

/// 1 MiB after the other through the page cache, then the sync.
void write_plainly(Place& place, Encoder encoder, std::uint64_t bytes) {
    constexpr std::size_t kPiece = std::size_t{1} << 20;
    auto file = must(place.io().open(place.path(), platform::OpenMode::create));
    std::vector<std::byte> piece;
    piece.reserve(kPiece);
    for (std::uint64_t offset = 0; offset < bytes; offset += kPiece) {
        piece.clear();
        while (piece.size() < kPiece) {
            const auto part = encoder.next();
            piece.insert(piece.end(), part.begin(), part.end());
        }
        must(file->write(piece, offset));
    }
    must(file->sync());
}

void write_stream(Place& place, Encoder encoder, std::uint64_t bytes, StreamWriter::Next next) {
    auto writer = must(StreamWriter::create(place.io(), place.path(), kHead));
    while (writer.position() < bytes) must(writer.append(encoder.next()));
    const std::array<std::byte, kHead> head{};
    must(writer.finish(head, next));
}

template <class Work>
double timed(Work&& work) {
    const auto begin = Clock::now();
    work();
    return seconds_since(begin);
}

void write(benchmark::State& state, const char* io, unsigned passes) {
    Place place(io);
    std::vector<double> plain, stream, gain;
    for (auto _ : state) {
        plain.push_back(timed([&] { write_plainly(place, Encoder(passes), kFileBytes); }));
        place.remove();
        stream.push_back(timed([&] { write_stream(place, Encoder(passes), kFileBytes, StreamWriter::Next::rest); }));
        place.remove();
        gain.push_back(plain.back() / stream.back());
        state.SetIterationTime(stream.back());
    }
    constexpr double kMebibytes = kFileBytes >> 20;
    state.counters["plain_MiB_s"] = kMebibytes / median(std::move(plain));
    state.counters["stream_MiB_s"] = kMebibytes / median(std::move(stream));
    state.counters["gain"] = median(std::move(gain));
    state.SetLabel(place.io().stream_method().used);
}

unsigned touch(std::span<const std::byte> bytes, std::size_t pages, std::size_t step) {
    unsigned sum = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < pages; ++i, at = (at + step) % (bytes.size() / 4096)) {
        sum += static_cast<unsigned>(bytes[at * 4096]);
    }
    return sum;
}

void read(benchmark::State& state, const char* io, StreamWriter::Next next, std::uint64_t bytes) {
    Place place(io);
    std::vector<double> finished, some, all;
    for (auto _ : state) {
        finished.push_back(1e3 * timed([&] { write_stream(place, Encoder(0), bytes, next); }));
        auto file = must(place.io().open(place.path(), platform::OpenMode::read));
        auto mapping = must(platform::ReadMapping::map(*file));
        const auto begin = Clock::now();
        benchmark::DoNotOptimize(touch(mapping.bytes(), 1000, 7919));
        some.push_back(1e3 * seconds_since(begin));
        benchmark::DoNotOptimize(touch(mapping.bytes(), mapping.bytes().size() / 4096, 1));
        all.push_back(1e3 * seconds_since(begin));
        state.SetIterationTime(all.back() / 1e3);
        place.remove();
    }
    state.counters["write_ms"] = median(std::move(finished));
    state.counters["some_ms"] = median(std::move(some));
    state.counters["all_ms"] = median(std::move(all));
    state.SetLabel(place.io().stream_method().used);
}

[[maybe_unused]] const bool registered = [] {
    constexpr int kTurns = 9;
    for (const char* io : {"uring", "posix"}) {
        if (!platform::make_file_io(io)) continue;
        for (const unsigned passes : {0U, 6U}) {
            const std::string name = std::string("stream/write/") + io + (passes == 0 ? "/copied" : "/encoded");
            benchmark::RegisterBenchmark(name.c_str(), write, io, passes)->Iterations(kTurns)->UseManualTime();
        }
        for (const std::uint64_t mebibytes : {2U, 16U, 64U}) {
            for (const auto next : {StreamWriter::Next::rest, StreamWriter::Next::reads}) {
                const std::string name = std::string("stream/read/") + io + "/" + std::to_string(mebibytes) + "_MiB/" +
                                         (next == StreamWriter::Next::rest ? "left" : "prefetched");
                benchmark::RegisterBenchmark(name.c_str(), read, io, next, mebibytes << 20)
                    ->Iterations(kTurns)
                    ->UseManualTime();
            }
        }
    }
    return true;
}();

}  // namespace

}  // namespace zverse::bench

int main(int argc, char** argv) { return zverse::bench::run_benchmarks(argc, argv); }
