"""Broken on purpose: what settled versions rest on. See mutation.py."""

from mutation import room

SEGMENT = "cold/segment_test"
DAMAGE = "cold/segment_damage_test"
AUDIT = "cold/segment_audit_test"
MANIFEST = "cold/manifest_test"
SLAB = "cold/slab_writer_test"
MERGE = "warm/slab_merge_test"
COLD_CRASH = "warm/cold_crash_test"
STREAM = "platform/stream_test"
STREAM_CRASH = "platform/stream_crash_test"
PIECE = "platform/sent_piece_test"

COLD = [
    *room(
        "cold/segment.cpp",
        ("block-unchecked", "a block's checksum is not looked at", [DAMAGE],
         ("if (piece_checksum(all.subspan(sizeof(header.checksum)), seed_, offset) != header.checksum) {", "if (false) {")),
        ("raw-size-unchecked", "a block may decompress to another size than it says", [DAMAGE],
         ("    if (!*done) {\n        return std::unexpected(damaged(unit * header_.unit_bytes, \"a block does not decompress",
          "    if (false) {\n        return std::unexpected(damaged(unit * header_.unit_bytes, \"a block does not decompress")),
        ("compressed-unannounced", "a compressed block is read though the header has no feature for it", [DAMAGE],
         ("if (header.raw_bytes != 0 && !decompressor_) {", "if (false) {")),
        ("compressed-live", "a live segment may be compressed, whose values merges keep by address", [DAMAGE],
         ("    if (compressed && h.kind == SegmentKind::live) return refuse(\"a live segment that is compressed\");\n", "")),
        ("features-unknown", "features that nobody knows are passed over", [DAMAGE],
         ("if ((wanted & ~features::kZstd) != 0) {", "if (false) {")),
        ("hold-dropped", "what find() found in a compressed block is not held", [SEGMENT],
         ("                best.hold = reader.hold();\n", "")),
        ("index-unchecked", "a page of the key index is not checked", [DAMAGE],
         ("if (piece_checksum(bytes, seed_, offset) != here.checksum) {", "if (false) {")),
        ("value-unchecked", "a value outside its block is not checked", [DAMAGE],
         ("if (piece_checksum(bytes, seed_, offset) != record.outside.checksum) {", "if (false) {")),
        ("walk-down-over-newer", "a search goes on from one stretch of a key into the next", [SEGMENT],
         (" || record.version > above) return false;", ") return false;")),
        ("find-first-stretch", "a search of history ends with the first stretch of a key", [SEGMENT],
         ("return header_.kind == SegmentKind::history;  // a live", "return false;  // a live")),
    ),
    *room(
        "cold/block.cpp",
        ("raw-size-unbounded", "a block may say that it decompresses to any size", [DAMAGE, AUDIT],
         ("(!compressed || (shrunk && raw <= kBlockBytesMax))", "(!compressed || shrunk)")),
    ),
    *room(
        "cold/block_cache.cpp",
        ("cache-other-unit", "the cache answers with another block of the segment", [SEGMENT],
         ("place.segment == segment && place.unit == unit;", "place.segment == segment;")),
        ("cache-other-segment", "the cache answers with a block of another segment", [SEGMENT],
         ("place.segment == segment && place.unit == unit;", "place.unit == unit;")),
    ),
    *room(
        "cold/compressed_block.cpp",
        ("compress-what-grows", "a block is compressed though that saves no unit", [SEGMENT],
         ("(block.size() - 1) / unit_bytes_ * unit_bytes_;", "2 * block.size();")),
    ),
    *room(
        "cold/history_cursor.cpp",
        ("scan-holds-nothing", "a scan's matches are not held", [MERGE],
         ("if (matches_.size() > before && block->hold() != nullptr) held_.push_back(block->hold());", "(void)before;")),
    ),
    *room(
        "cold/tree_records.cpp",
        ("record-not-held", "a record that was read is not held", [MERGE],
         ("    record.hold = block->hold();\n", "")),
    ),
    *room(
        "cold/segment_audit.cpp",
        ("audit-any-size", "verification does not mind what a block decompresses to", [AUDIT],
         ("    return *done;\n", "    return true;\n"),
         ("    if (!*done) find(codes::kBlockCompression,", "    if (false) find(codes::kBlockCompression,")),
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
         ("    if (auto synced = io_->sync_directory(directory_); !synced) return synced;\n    const std::uint64_t older =", "    const std::uint64_t older =")),
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
        ("compressed-too-early", "what a flush writes is compressed too", [SLAB],
         ("&& plan_.level >= kCompressedLevelMin;", ";")),
        ("floor-off-by-one", "what the floor still shows is dropped", [SLAB],
         ("record.superseded <= plan_.floor;", "record.superseded <= plan_.floor + 1;")),
    ),
    *room(
        "cold/component.cpp",
        ("first-hit-ends", "a read ends with the first component that has the key", [MERGE],
         ("if (component.version_max() <= hit.record.version) return true;", "if (hit) return false;")),
        ("over-is-found", "a read shows what was superseded by then", [SLAB],
         ("    if (result && hit.record.superseded <= as_of) hit = {};\n", "")),
        ("replaced-keys-answered", "a component answers for keys that another has now", [MERGE],
         ("    if (!begin_.empty() && key < begin_) return nullptr;\n", "")),
    ),
    *room(
        "platform/stream_writer.cpp",
        ("segment-not-synced", "a segment counts before it is durable", [COLD_CRASH],
         ("    if (auto synced = file_->sync(file_bytes); !synced) return synced;\n", "")),
        ("head-not-last", "the head of a stream does not wait for the rest", [STREAM_CRASH],
         ("    if (auto waited = file_->wait(); !waited) return waited;\n", "")),
    ),
    *room(
        "platform/posix_stream.cpp",
        ("stream-not-cut", "what fills the last block of a stream stays", [STREAM],
         ("    if (*size > file_bytes) {", "    if (false) {")),
        ("stream-failure-forgotten", "a stream goes on after a piece that failed", [STREAM],
         ("    if (!result && !failure_) failure_ = result.error();\n    return kept();", "    return result;")),
        ("stream-sync-ahead", "a stream is synced while pieces are in flight", [STREAM],
         ("    if (auto waited = wait(); !waited) return waited;\n", "")),
    ),
    *room(
        "platform/uring_stream.cpp",
        ("buffers-freed-in-flight", "a stream ends while its pieces are in flight", [STREAM],
         ("    closing_ = true;\n    while (in_flight_ > 0) reap();", "    closing_ = true;")),
        ("buffer-in-flight-filled", "the next piece is made in a buffer that is in flight", [STREAM],
         ("    auto found = slots_[next_].in_flight ? idle() : slots_.begin() + next_;",
          "    auto found = slots_.begin() + next_;")),
        ("piece-failure-ignored", "a piece in flight fails and nobody hears of it", [STREAM],
         ("        (void)keep(std::unexpected(os_error(describe_access(\"write\", path(), piece.bytes, piece.offset), piece.number)));\n",
          "")),
        ("streams-through-the-cache", "the ring writes through the page cache", [STREAM],
         ("direct ? flags | O_DIRECT : flags & ~O_DIRECT", "flags & ~O_DIRECT")),
        ("prefetch-by-one-call", "more is asked for by one call than the kernel reads for one", [STREAM],
         ("kPrefetchBytes = std::uint64_t{1} << 20;", "kPrefetchBytes = std::uint64_t{1} << 30;")),
    ),
    *room(
        "platform/uring_ring.h",
        ("ring-keeps-files", "what was registered goes when the kernel comes round to it", [STREAM],
         ("        static_cast<void>(io_uring_unregister_files(ring));\n", "")),
    ),
    *room(
        "platform/sent_piece.h",
        ("short-write-taken-for-whole", "what a short write left is not written", [PIECE],
         ("if (written >= bytes) return Next::nothing;", "if (written > 0) return Next::nothing;")),
        ("rest-not-on-a-block", "the rest of a direct write begins inside a block", [PIECE],
         ("written / kStreamBlockBytes * kStreamBlockBytes", "written")),
        ("write-stands-still", "a write of nothing is tried again and again", [PIECE],
         ("        if (answer <= 0) {", "        if (answer < 0) {")),
    ),
]
