"""Broken on purpose: changes that are sorted, on the disk if need be, and long histories. See mutation.py."""

from mutation import room

SPILL = "cold/spill_sort_test"
KEY_HISTORY = "cold/key_history_test"
MERGE = "warm/slab_merge_test"
SETTLED = "engine/settled_changes_test"

SORTS = [
    *room(
        "cold/spill_sort.cpp",
        ("runs-not-reduced", "any number of runs is read side by side", [SPILL],
         ("        if (runs_.size() <= most) return {};\n", "        return {};\n")),
        ("merges-not-counted", "runs are merged that could be read side by side", [SPILL],
         ("(runs_.size() - 2) % (most - 1) + 2;", "std::min(runs_.size(), most);")),
        ("arena-not-by-key", "the records of a version come in any order", [SPILL, SETTLED],
         ("const auto keys = key_of(a) <=> key_of(b);\n        return reverse_ ? keys > 0 : keys < 0;",
          "(void)key_of;\n        return false;")),
        ("lost-sort-goes-on", "a sort whose file failed is not given up", [SPILL, SETTLED],
         ("    lost_ = true;\n", "")),
        ("last-arena-forgotten", "what is in memory at the end is not sorted with the rest", [SPILL, SETTLED],
         ("    if (auto spilled = spill_arena(); !spilled) return std::unexpected(lose(std::move(spilled.error())));\n"
          "    arena_.reset();", "    arena_.reset();")),
    ),
    *room(
        "cold/spill_run.cpp",
        ("spill-not-checked", "what was spilled is believed", [SPILL],
         ("    if (checksum_of(piece, at_) != head.checksum)", "    if (false)")),
        ("large-piece-cut", "a record larger than a piece is read in part", [SPILL],
         ("    at_ += round_up(head.bytes, piece_bytes_);\n    left_", "    at_ += piece_bytes_;\n    left_")),
    ),
    *room(
        "cold/spill_space.cpp",
        ("spill-keeps-its-name", "a sort's file outlives the process", [SPILL, SETTLED],
         ("    if (auto removed = io_.remove(path); !removed) return std::unexpected(std::move(removed.error()));\n",
          "")),
    ),
    *room(
        "cold/changes_sort.cpp",
        ("outside-of-any-segment", "a large value is looked for in another segment", [MERGE],
         ("static_cast<std::uint32_t>(outside_.size() - 1);", "0;")),
        ("sorted-beyond-range", "keys beside the range are sorted, too", [MERGE, SETTLED],
         ("        if (key_ < begin || (wanted_.keys.end && key_ >= *wanted_.keys.end)) continue;\n", "")),
    ),
    *room(
        "cold/cold_tier.cpp",
        ("spill-left-over", "what a crash left of a sort stays", [SETTLED],
         (" || name.ends_with(kSpillSuffix);", ";")),
    ),
    *room(
        "cold/key_history.cpp",
        ("stretch-into-the-next", "a stretch goes on in the one behind it", [KEY_HISTORY, MERGE],
         ("        if (end != nullptr && std::pair(number, offset) >= std::pair(end->block, end->offset)) return;\n",
          "")),
        ("blocks-listed-again", "blocks come again when more of a part are listed", [KEY_HISTORY],
         ("if (from.offset == 0 || last.nearer(source)) blocks_", "blocks_")),
        ("rest-of-part-forgotten", "a part ends with the blocks that were listed first", [KEY_HISTORY],
         ("        push({end->order, &segment, kPart, static_cast<std::uint32_t>(number), nullptr});\n", "")),
        ("blocks-beside-read", "blocks are read whose versions nobody wants", [KEY_HISTORY],
         ("        if (zone.version_min <= wanted_.upto) {", "        {")),
        ("block-newer-shown", "a history shows what is newer than its range", [KEY_HISTORY, MERGE],
         ("        if (record.version <= wanted_.upto) found", "        found")),
    ),
    *room(
        "engine/settled_changes.cpp",
        ("first-window-sorted", "who takes one page has all of the range sorted", [SETTLED],
         ("    return went_on_ && can_spill_", "    return can_spill_")),
        ("failed-batch-shown", "what was read before a sort was lost is shown twice", [SETTLED],
         ("    batch.clear();\n    rest_ = before;", "    rest_ = before;")),
        ("failed-batch-passed", "what was read before a sort was lost is never shown", [SETTLED],
         ("    rest_ = before;\n", "")),
        ("lost-sort-tells", "a disk that is full ends a cursor", [SETTLED],
         ("    if (!lost) return taken;", "    return taken;")),
    ),
    *room(
        "engine/history_cursor.cpp",
        ("history-not-reopened", "a history goes on in the tree that it began in", [SETTLED],
         ("    if (settled_ && view.tree == tree_) return {};", "    if (settled_) return {};")),
    ),
]
