// Fuzz target: the superblock, as any bytes and as any fields under a right checksum. Whatever opens is audited.
#include "fuzz_files.h"

#include <engine/superblock.h>

#include <xxhash.h>

#include <fuzzer/FuzzedDataProvider.h>
#include <cstdint>
#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace zverse;
    FuzzedDataProvider input(data, size);
    engine::SuperblockCopy copies[2] = {};
    for (engine::SuperblockCopy& copy : copies) {
        const bool seal = input.ConsumeBool();
        const auto bytes = input.ConsumeBytes<std::uint8_t>(input.ConsumeIntegralInRange<std::size_t>(0, sizeof copy));
        if (!bytes.empty()) std::memcpy(&copy, bytes.data(), bytes.size());
        if (!seal) continue;
        copy.magic = engine::kSuperblockMagic;
        copy.format = engine::kFormatVersion;
        copy.checksum = XXH3_64bits(&copy, offsetof(engine::SuperblockCopy, checksum));
    }
    test::FuzzFiles files;
    const std::size_t bytes =
        input.ConsumeBool() ? sizeof copies : input.ConsumeIntegralInRange<std::size_t>(0, sizeof copies);
    files.put("/store/SUPERBLOCK", std::as_bytes(std::span(copies)).first(bytes));
    auto superblock = engine::Superblock::open(files.io(), "/store/SUPERBLOCK", platform::OpenMode::read);
    if (!superblock) return 0;
    platform::Audit audit;
    superblock->audit(files.io(), "/store/SUPERBLOCK", audit);
    test::harness_must(superblock->fields().shards <= hot::kShardsMax);
    return 0;
}
