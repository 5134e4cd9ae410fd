"""Broken on purpose: what settled versions rest on. See mutation.py."""

from mutation import room

SEGMENT = "cold/segment_test"
DAMAGE = "cold/segment_damage_test"
MANIFEST = "cold/manifest_test"
SLAB = "cold/slab_writer_test"
MERGE = "warm/slab_merge_test"
COLD_CRASH = "warm/cold_crash_test"

COLD = [
    *room(
        "cold/segment.cpp",
        ("block-unchecked", "a block's checksum is not looked at", [DAMAGE],
         ("if (piece_checksum(all.subspan(sizeof(header.checksum)), seed_, offset) != header.checksum) {", "if (false) {")),
        ("index-unchecked", "a page of the key index is not checked", [DAMAGE],
         ("if (piece_checksum(bytes, seed_, offset) != here.checksum) {", "if (false) {")),
        ("value-unchecked", "a value outside its block is not checked", [DAMAGE],
         ("if (piece_checksum(bytes, seed_, offset) != record.outside.checksum) {", "if (false) {")),
        ("walk-down-over-newer", "a search goes on from one stretch of a key into the next", [SEGMENT],
         (" || record.version > above) return false;", ") return false;")),
        ("find-first-stretch", "a search of history ends with the first stretch of a key", [SEGMENT],
         ("return header_.kind == SegmentKind::history;", "return false;")),
    ),
    *room(
        "cold/segment_checksum.cpp",
        ("piece-without-offset", "a piece of a segment may lie anywhere in it", [DAMAGE],
         ("bytes.size(), seed + offset * kOffsetFactor", "bytes.size(), seed + 0 * offset")),
    ),
    *room(
        "cold/segment_writer.cpp",
        ("posting-once", "only the first stretch of a key is posted", [SEGMENT],
         ("|| last_key_ != record.key || record.version > last_version_)", "|| last_key_ != record.key)")),
    ),
    *room(
        "cold/manifest.cpp",
        ("edit-not-synced", "an edit is acted on before it is durable", [MANIFEST],
         ("    if (auto synced = file_->sync(); !synced) return synced;\n    failed_ = false;", "    failed_ = false;")),
        ("roll-not-synced", "a manifest is named before it is durable", [MANIFEST],
         ("    if (done) done = (*file)->sync();\n", "")),
        ("roll-name-not-synced", "the older manifest goes before the name of the new one is durable", [MANIFEST],
         ("    if (auto synced = io_->sync_directory(directory_); !synced) return synced;\n    file_ =", "    file_ =")),
        ("second-copy-unused", "an edit is read from its first copy only", [MANIFEST],
         ("        for (std::uint64_t at = end_ + sizeof(EditHeader); !good && at < bytes.size(); at += 8)\n"
          "            good = copy_at(at, payload);\n", "")),
        ("append-after-failure", "an edit follows one that failed", [COLD_CRASH],
         ("        if (auto rolled = roll(); !rolled) return rolled;\n        failed_ = false;", "        failed_ = false;")),
    ),
    *room(
        "cold/slab_writer.cpp",
        ("parts-not-named-durably", "a part counts before its name is durable", [COLD_CRASH],
         ("        if (auto synced = io_.sync_directory(plan_.directory); !synced) {\n"
          "            return std::unexpected(std::move(synced.error()));\n        }\n", "")),
        ("tombstones-dropped-early", "merges drop tombstones that still cover something", [MERGE],
         ("plan_.drop_tombstones && record.tombstone", "record.tombstone")),
        ("parts-left-behind", "a slab that failed leaves its parts", [SLAB],
         ("    for (const std::uint64_t segment : finished_) (void)io_.remove(segment_path(plan_.directory, segment));\n", "")),
        ("floor-off-by-one", "what the floor still shows is dropped", [SLAB],
         ("record.superseded <= plan_.floor;", "record.superseded <= plan_.floor + 1;")),
    ),
    *room(
        "cold/component.cpp",
        ("first-hit-ends", "a read ends with the first component that has the key", [MERGE],
         ("if (component.version_max() <= best.record.version) return true;", "if (best) return false;")),
        ("over-is-found", "a read shows what was superseded by then", [SLAB],
         ("    if (best && best.record.superseded <= as_of) return Hit{};\n", "")),
        ("replaced-keys-answered", "a component answers for keys that another has now", [MERGE],
         ("    if (!begin_.empty() && key < begin_) return nullptr;\n", "")),
    ),
    *room(
        "warm/merge_choice.cpp",
        ("unfinished-forgotten", "a merge that ended early is begun anew", [MERGE, COLD_CRASH],
         ("        find_output(tree, choice);\n", "")),
    ),
    *room(
        "engine/flush.cpp",
        ("settles-twice", "a flush does not look whether the one before was shown", ["engine/no_memory_test"],
         ("    show_settled();\n    auto sealed", "    auto sealed")),
        ("heads-before-view", "heads move before the view has what they leave", ["engine/flush_test", "engine/invariant_race_test"],
         ("    show_settled();\n    grace();", "    grace();")),
    ),
    *room(
        "platform/stream_writer.cpp",
        ("segment-not-synced", "a segment counts before it is durable", [COLD_CRASH],
         ("    return file_->sync();", "    return {};")),
    ),
]
