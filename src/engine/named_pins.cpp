// Named pins: snapshots that survive. Order of a pin: version held in memory -> everything up to it synced -> edit of
// the manifest, which is the moment it counts -> name known here. Of an unpin: edit -> version let go. So at every
// moment the floor is held back by at least what the manifest says.
#include <engine/engine.h>
#include <platform/in_quotes.h>

#include <utility>

namespace zverse::engine {

namespace {

constexpr std::size_t kPinNameBytesMax = 255;

Result<void> check_name(std::string_view name) {
    if (!name.empty() && name.size() <= kPinNameBytesMax) return {};
    return std::unexpected(Error(ErrorCode::invalid_argument, "the name of a pin has " + std::to_string(name.size()) +
                                                                  " bytes; it must have 1 to " +
                                                                  std::to_string(kPinNameBytesMax)));
}

}  // namespace

Result<void> Engine::check_pin_change(const char* call, std::string_view name) const {
    if (auto may = check_maintenance(call); !may) return may;
    if (auto good = check_name(name); !good) return good;
    // After a failed sync, too: nothing is promised any more.
    if (auto refusal = tier_->refusal()) return std::unexpected(std::move(*refusal));
    return {};
}

Result<void> Engine::load_pins(const cold::ManifestState& state, Version clock_limit) {
    const Version floor = pins_.raise_floor(state.floor);
    for (const auto& [name, version] : state.pins) {
        auto pin = version <= clock_limit ? pins_.try_pin(version) : std::nullopt;
        if (!pin) {
            return std::unexpected(
                Error(ErrorCode::corrupt, "the manifest of " + dir_.string() + " has pin " + platform::in_quotes(name) +
                                              " at version " + std::to_string(version) + ", outside of the floor " +
                                              std::to_string(floor) + " and the superblock's clock limit " +
                                              std::to_string(clock_limit)));
        }
        named_pins_.emplace(name, std::move(*pin));
    }
    return {};
}

Result<VersionPins::Pin> Engine::hold(Version version) {
    const hot::PinGuard pin(tier_->epochs(), tier_->slots().mine());
    const auto resolved = resolve_version(version, views_->current());
    if (!resolved) return std::unexpected(resolved.error());
    if (version == kLatest) return pins_.pin_from(*resolved);
    return pin_resolved(*resolved);
}

Result<Version> Engine::pin(std::string_view name, Version version) {
    const hot::ActiveCall call(*tier_);
    if (auto may = check_pin_change("pin()", name); !may) return std::unexpected(std::move(may.error()));
    auto held = hold(version);
    if (!held) return std::unexpected(std::move(held.error()));
    const Version pinned = held->version();
    // A power cut must not take what the pin names.
    if (tier_->durable_mark() < pinned) {
        if (auto synced = tier_->sync_all(); !synced) return std::unexpected(std::move(synced.error()));
    }
    const std::scoped_lock one_at_a_time(named_pins_mutex_);
    if (const auto used = named_pins_.find(name); used != named_pins_.end()) {
        return std::unexpected(Error(ErrorCode::exists, "there is a pin " + platform::in_quotes(name) +
                                                            " already, at version " +
                                                            std::to_string(used->second.version())));
    }
    // All that needs memory comes before the edit counts.
    std::map<std::string, VersionPins::Pin, std::less<>> named;
    named.emplace(name, std::move(*held));
    cold::TreeChange change;
    change.others.pin(name, pinned);
    if (auto done = cold_->commit(change); !done)
        return std::unexpected(std::move(done.error()).during("pinning " + platform::in_quotes(name)));
    named_pins_.merge(named);
    return pinned;
}

Result<void> Engine::unpin(std::string_view name) {
    const hot::ActiveCall call(*tier_);
    if (auto may = check_pin_change("unpin()", name); !may) return may;
    const std::scoped_lock one_at_a_time(named_pins_mutex_);
    const auto pin = named_pins_.find(name);
    if (pin == named_pins_.end()) {
        return std::unexpected(Error(ErrorCode::not_found, "there is no pin " + platform::in_quotes(name)));
    }
    cold::TreeChange change;
    change.others.unpin(name);
    if (auto done = cold_->commit(change); !done)
        return std::unexpected(std::move(done.error()).during("unpinning " + platform::in_quotes(name)));
    named_pins_.erase(pin);
    return {};
}

Result<std::vector<std::pair<std::string, Version>>> Engine::named_pins() {
    const hot::ActiveCall call(*tier_);
    if (closed()) return std::unexpected(closed_error());
    const auto state = cold_->state();
    return std::vector<std::pair<std::string, Version>>(state->pins.begin(), state->pins.end());
}

}  // namespace zverse::engine
