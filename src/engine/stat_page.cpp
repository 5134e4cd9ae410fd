#include <engine/stat_page.h>

#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

namespace zverse::engine {

namespace {

/// Of a slot whose lengths were checked.
std::uint64_t slot_checksum(std::span<const std::byte> slot, const StatSlotHeader& header) noexcept {
    const std::uint64_t head = XXH3_64bits(&header, offsetof(StatSlotHeader, checksum));
    const std::size_t texts = std::size_t{header.json_bytes} + header.openmetrics_bytes;
    return XXH3_64bits_withSeed(slot.data() + sizeof(header), texts, head);
}

/// What a slot says; nothing where it is not whole.
std::optional<StatSlotHeader> check_slot(std::span<const std::byte> slot) noexcept {
    StatSlotHeader header;
    if (slot.size() < sizeof header) return std::nullopt;
    std::memcpy(&header, slot.data(), sizeof header);
    const std::size_t room = slot.size() - sizeof header;
    if (header.magic != kStatPageMagic || header.json_bytes > room ||
        header.openmetrics_bytes > room - header.json_bytes || header.checksum != slot_checksum(slot, header)) {
        return std::nullopt;
    }
    return header;
}

/// The newest whole slot of a file.
Result<std::optional<StatSlotHeader>> newest_slot(platform::File& file, std::vector<std::byte>& texts) {
    std::optional<StatSlotHeader> best;
    std::vector<std::byte> slot(kStatSlotBytes);
    for (std::uint64_t number = 0; number < 2; ++number) {
        auto got = file.read_some(slot, number * kStatSlotBytes);
        if (!got) return std::unexpected(std::move(got.error()));
        const auto header = check_slot({slot.data(), *got});
        if (!header || (best && header->sequence < best->sequence)) continue;
        best = header;
        texts.assign(slot.begin() + sizeof(StatSlotHeader), slot.begin() + static_cast<std::ptrdiff_t>(*got));
    }
    return best;
}

}  // namespace

Result<StatPage> StatPage::open(platform::FileIo& io, const std::filesystem::path& store,
                                const platform::BootId& boot) {
    const std::filesystem::path path = store / kStatPageName;
    auto there = io.exists(path);
    if (!there) return std::unexpected(std::move(there.error()));
    auto file = io.open(path, *there ? platform::OpenMode::read_write : platform::OpenMode::create);
    if (!file) return std::unexpected(std::move(file.error()));
    std::vector<std::byte> texts;
    const auto newest = newest_slot(**file, texts);
    if (!newest) return std::unexpected(newest.error());
    return StatPage(std::move(*file), boot, *newest ? (*newest)->sequence : 0);
}

Result<void> StatPage::publish(std::uint64_t process, std::int64_t now, std::string_view json,
                               std::string_view openmetrics) {
    const std::size_t room = kStatSlotBytes - sizeof(StatSlotHeader);
    if (json.size() > room) json = {};
    if (openmetrics.size() > room - json.size()) openmetrics = {};
    StatSlotHeader header{.magic = kStatPageMagic,
                          .sequence = ++sequence_,
                          .process = process,
                          .boot = {boot_.high, boot_.low},
                          .published = now,
                          .json_bytes = static_cast<std::uint32_t>(json.size()),
                          .openmetrics_bytes = static_cast<std::uint32_t>(openmetrics.size()),
                          .checksum = 0};
    const auto texts = slot_.begin() + sizeof(header);
    std::ranges::copy(std::as_bytes(std::span(openmetrics)),
                      std::ranges::copy(std::as_bytes(std::span(json)), texts).out);
    header.checksum = slot_checksum(slot_, header);
    std::memcpy(slot_.data(), &header, sizeof header);
    const std::span<const std::byte> used(slot_.data(), sizeof(header) + json.size() + openmetrics.size());
    return file_->write(used, (sequence_ % 2) * kStatSlotBytes);
}

Result<StatSnapshot> StatPage::read(platform::FileIo& io, const std::filesystem::path& store) {
    const std::filesystem::path path = store / kStatPageName;
    auto file = io.open(path, platform::OpenMode::read);
    if (!file && file.error().os_errno() == ENOENT) {
        return std::unexpected(Error(ErrorCode::not_found, "no figures of a store in " + store.string(), ENOENT));
    }
    if (!file) return std::unexpected(std::move(file.error()));
    std::vector<std::byte> texts;
    auto newest = newest_slot(**file, texts);
    if (!newest) return std::unexpected(std::move(newest.error()));
    if (!*newest) return std::unexpected(Error(ErrorCode::corrupt, "neither slot of " + path.string() + " is whole"));
    const StatSlotHeader& header = **newest;
    const std::string_view all(reinterpret_cast<const char*>(texts.data()), texts.size());
    StatSnapshot snapshot;
    snapshot.process = header.process;
    snapshot.boot = {header.boot[0], header.boot[1]};
    snapshot.published = header.published;
    snapshot.json = all.substr(0, header.json_bytes);
    snapshot.openmetrics = all.substr(header.json_bytes, header.openmetrics_bytes);
    return snapshot;
}

}  // namespace zverse::engine
