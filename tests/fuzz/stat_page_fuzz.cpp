// Fuzz target: the file in which a store publishes its figures, as any bytes and as any texts under a right checksum;
// what reads tells is shown as zverse stat shows it.
#include "fuzz_files.h"

#include <engine/stat_page.h>

#include <fuzzer/FuzzedDataProvider.h>
#include <cstdint>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace zverse;
    FuzzedDataProvider input(data, size);
    test::FuzzFiles files;
    test::harness_must(files.io().create_directories("/store").has_value());
    if (input.ConsumeBool()) {
        auto page = engine::StatPage::open(files.io(), "/store", {});
        test::harness_must(page.has_value());
        const std::string json = input.ConsumeRandomLengthString(), metrics = input.ConsumeRandomLengthString();
        test::harness_must(page->publish(input.ConsumeIntegral<std::uint64_t>(), 1, json, metrics).has_value());
        const auto found = engine::StatPage::read(files.io(), "/store");
        test::harness_must(found.has_value() && found->json == json && found->openmetrics == metrics);
        return 0;
    }
    files.put("/store/STATS", input.ConsumeRemainingBytesAsString());
    const auto found = engine::StatPage::read(files.io(), "/store");
    test::harness_must(!found || found->json.size() <= size);
    return 0;
}
