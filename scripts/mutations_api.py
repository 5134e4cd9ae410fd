"""Broken on purpose: named pins, verify and checkpoint. See mutation.py."""

from mutation import room

PINS = "engine/pins_test"
VERSION_PINS = "engine/version_pins_test"

API = [
    *room(
        "engine/named_pins.cpp",
        ("pin-not-synced", "a pin names what a power cut takes", [PINS],
         ("        if (auto synced = tier_->sync_all(); !synced) return std::unexpected(std::move(synced.error()));\n", "")),
        ("pin-not-written", "a pin is not in the manifest", [PINS],
         ("    change.others.pin(name, pinned);\n", "")),
        ("unpin-not-written", "a pin that was let go stays in the manifest", [PINS],
         ("    change.others.unpin(name);\n", "")),
        ("pins-not-loaded", "pins of the manifest do not hold the floor", [PINS],
         ("        named_pins_.emplace(name, std::move(*pin));\n", "")),
        ("pin-name-taken", "a name in use is pinned again", [PINS],
         ("pins.contains(std::string(name))) {\n        return std::unexpected(Error(ErrorCode::exists,",
          "false) {\n        return std::unexpected(Error(ErrorCode::exists,")),
        ("pin-in-callback", "a pin waits inside a visit callback", [PINS],
         ("slot == nullptr || slot->callbacks == 0", "slot == nullptr || true")),
        ("pin-any-limit", "a pin above the clock limit is loaded", [PINS],
         ("version <= clock_limit ? pins_.try_pin(version) : std::nullopt", "pins_.try_pin(version)")),
    ),
    *room(
        "engine/version_pins.h",
        ("pin-below-floor", "versions below the floor are pinned", [VERSION_PINS, PINS],
         ("        if (version < floor_) return std::nullopt;\n", "")),
        ("pin-from-below", "a version that the floor has passed is pinned as the latest", [VERSION_PINS],
         ("insert(std::max(version, floor_))", "insert(version)")),
        ("floor-past-pins", "the floor passes pins", [VERSION_PINS, PINS],
         ("        if (!versions_.empty()) wanted = std::min(wanted, *versions_.begin());\n", "")),
        ("floor-falls", "the floor falls", [VERSION_PINS],
         ("floor_ = std::max(floor_, wanted);", "floor_ = wanted;")),
    ),
    *room(
        "engine/cursors.cpp",
        ("changes-hold-their-end", "a cursor of changes holds the floor at its end only", [PINS],
         ("pin_resolved(range->after)", "pin_resolved(range->upto)")),
        ("history-holds-its-end", "a history holds the floor at its end only", [PINS],
         ("pins_.pin_from(range->after)", "pins_.pin_from(range->upto)")),
    ),
]
