"""Broken on purpose: cursors, and what their entries lie in. See mutation.py."""

from mutation import room

ORACLE = "engine/oracle_test"
FLUSH = "engine/flush_test"
RETENTION = "engine/retention_test"
PINS = "engine/pins_test"
WORKERS = "engine/workers_test"
CURSOR = "engine/cursor_test"
API = "engine/api_test"
SEGMENT = "cold/segment_test"
SLAB_MERGE = "warm/slab_merge_test"

CURSORS = [
    *room(
        "engine/scan_cursor.cpp",
        ("tree-not-held", "entries lie in files that are gone", [WORKERS],
         ("    if (scratch.tail.capacity() > kScratchEntries)", "    settled_.reset();\n    tree_.reset();\n    if (scratch.tail.capacity() > kScratchEntries)")),
        ("settled-not-reopened", "a scan goes on in the tree that it began in", [FLUSH],
         ("if (settled_ && view.tree == tree_) return {};", "if (settled_) return {};")),
        ("empty-tree-scanned", "a scan is opened over a tree that is gone", [RETENTION],
         ("    if (tree_ == nullptr) return {};\n    // Right", "    // Right")),
        ("failed-scan-kept", "a scan goes on behind the damage that it met", [FLUSH],
         ("        settled_.reset();  // the place is where it was, so the next move fails the same way\n", "")),
        ("settled-scan-of-the-rings", "each refill looks at all that is newer than a scan", [FLUSH],
         ("    if (as_of_ > view.cut) {\n", "    if (true) {\n")),
        ("seek-not-settled", "seek() moves only what the rings hold", [ORACLE],
         ("Result<void> ScanCursor::place_at(std::string_view key) {\n    settled_.reset();\n",
          "Result<void> ScanCursor::place_at(std::string_view key) {\n")),
        ("covered-settled-shown", "what a newer record of the rings covers is shown, too", [ORACLE],
         ("        if (first == 0) {\n            settled.reset();\n            if (auto passed = settled_->next(); !passed) return passed;\n        }\n", "")),
        ("probe-of-last-settled", "what is picked is compared with the settled key before", [FLUSH, ORACLE],
         ("            last = {};\n            settled.reset();\n", "            last = {};\n")),
        ("versions-one-by-one", "a scan looks at all versions of a key", [CURSOR],
         ("    if (top.left > 0 && pass(*top.next)) {\n", "    if (top.left > 0 && pass(*top.next) && step_ == 0) {\n")),
        ("newest-of-one-source", "a reversed scan shows what the first source has of a key", [CURSOR],
         ("(chosen && newest.version < scratch_->picked.back().version)", "chosen")),
        ("reversed-passes-as-of", "a reversed scan passes over what it is as of", [CURSOR],
         ("return same_key(next) && next.version <= as_of_; }", "return same_key(next); }")),
        ("forward-passes-as-of", "a scan passes over what it is as of", [CURSOR],
         ("(chosen || next.version > as_of_)", "(chosen || next.version >= as_of_)")),
    ),
    *room(
        "engine/close.cpp",
        ("removes-after-closing", "what outlives a store removes files of the one in its place", [WORKERS],
         ("    if (cold_ != nullptr) cold_->stop_removing();\n", "")),
    ),
    *room(
        "engine/cursor_state.cpp",
        ("closed-cursor-goes-on", "a cursor shows its batch after the closing", [ORACLE],
         ("delivered_ < limit_ && !engine_->closed() && ", "delivered_ < limit_ && ")),
        ("failed-batch-kept", "what was read before damage is shown, and shown again", [FLUSH],
         ("            batch_.clear();  // the place is before it: the next move reads it again\n", "")),
        ("limit-of-batches", "a limit ends a cursor at a batch's end only", [ORACLE],
         ("if (delivered_ < limit_ && ", "if (")),
    ),
    *room(
        "engine/history_cursor.cpp",
        ("history-before-damage-lost", "a history goes on behind records that it did not show", [FLUSH],
         ("    if (!filled && batch_.empty()) return filled;\n", "    if (!filled) return filled;\n")),
        ("history-from-before-the-floor", "a history shows what is left of before the floor", [RETENTION],
         ("after_(std::max(versions.after, floor_)),", "after_(versions.after),")),
        ("history-without-its-base", "a history begins with what was written after the floor", [RETENTION],
         ("base_left_(versions.after < floor_ && versions.after < versions.upto),", "base_left_(false),")),
        ("base-not-asked-for", "a history shows the state as of the floor, asked for or not", [RETENTION],
         ("return version > versions_.after && version <= versions_.upto;", "return version > versions_.after;")),
    ),
    *room(
        "engine/read_path.cpp",
        ("groups-not-pinned", "the floor moves past a read of many keys", [RETENTION],
         ("    Version s = held.version();\n", "    Version s = held.version();\n    held = {};\n")),
        ("groups-as-of-their-own", "a read of many keys is as of several versions", [RETENTION],
         ("const bool one_group = keys.size() <= kGroup;", "const bool one_group = true;")),
        ("floor-of-the-view", "floor() is behind what pins are held against", [PINS],
         ("Version Engine::floor() const { return pins_.floor(); }",
          "Version Engine::floor() const { return views_->current().floor; }")),
        ("nested-get-ends-the-pin", "a get in a callback ends the pin of the callback's entry", [API],
         ("    if (slot.pinned()) [[unlikely]]\n        return get_unusual(key, value, as_of, version);\n", "")),
        ("get-after-close", "a get looks into rings that were unmapped", [API],
         ("    if (closed()) [[unlikely]] {\n        // There", "    if (false) {\n        // There")),
        ("usual-get-of-tombstones", "an erased key is found", [API],
         ("    if (!unusual && !found.tombstone()) [[likely]] {", "    if (!unusual) [[likely]] {")),
        ("settled-get-keeps-the-value", "a get of what is not there leaves the value", [API],
         ("        } else {\n            value.clear();\n        }\n        if (version", "        }\n        if (version")),
        ("rings-hint-forgets-the-rings", "a key that came back into the rings is looked for in the segments", [API],
         ("    slot.rings_missed = false;\n    return get_now(key, value, version);",
          "    tier_->epochs().pin_outermost(slot);\n    return get_settled(key, value, version);")),
    ),
    *room(
        "hot/small_bytes.h",
        ("short-copies-middle", "values of 33 to 64 bytes lack their middle", [API],
         ("    } else if (count > 32) {", "    } else if (count > 64) {")),
        ("short-copies-small", "values of 4 to 7 bytes lack a part", [API],
         ("    } else if (count >= 4) {", "    } else if (false) {")),
    ),
    *room(
        "cold/live_cursor.cpp",
        ("begin-not-compared", "a scan begins at a restart point", [SLAB_MERGE, ORACLE],
         ("        } while (valid() && key_ < begin_);\n", "        } while (false);\n")),
        ("end-not-compared", "a reversed scan begins behind its end", [SLAB_MERGE, ORACLE],
         ("        } while (valid() && end_ && key_ >= *end_);\n", "        } while (false);\n")),
        ("versions-above-shown", "a live cursor shows what is newer", [SLAB_MERGE, ORACLE],
         ("            at_ = record_.next;\n            reader_.prefetch(at_ + kAhead);\n        } while (record_.version > upto_);\n",
          "            at_ = record_.next;\n            reader_.prefetch(at_ + kAhead);\n        } while (false);\n")),
        ("prefix-not-assembled", "a key that shares its beginning is shown without it", [SLAB_MERGE, SEGMENT],
         ("        set_key(key);\n", "        set_key(record_.suffix);\n")),
        ("restart-of-last-block", "keys begin with a restart record of the block before", [SLAB_MERGE],
         ("        keys_.enter_block();\n", "")),
    ),
    *room(
        "cold/record.h",
        ("number-of-neighbours", "a number reaches into what lies behind it", [SEGMENT],
         ("            word &= last ^ (last - 1);\n", "")),
        ("number-beyond-its-end", "a number is read beyond the bound", [SEGMENT],
         ("    if (end - from >= 8) [[likely]] {", "    if (end - from >= 1) [[likely]] {")),
    ),
]
