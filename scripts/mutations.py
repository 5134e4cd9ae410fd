"""What scripts/mutate.py breaks, one thing at a time, and which tests must notice.

Each entry names a file, what is broken in words, the tests in the order in which they are tried, and the edits: old
text, new text, and how often the old text occurs when that is not once. White space is free, so that a formatter does
not make an entry stale.
"""

import re

CRASH = "hot/hot_crash_test"
INTERLEAVE = "hot/interleave_test"
SCENARIO = "hot/interleave_scenario_test"
RECOVERY = "hot/recovery_test"
RING = "hot/ring_test"
FRAME = "hot/frame_test"
INDEX = "hot/index_test"
CHAIN = "hot/chain_test"
RUN = "warm/run_test"
BUILDER = "warm/run_builder_test"
BUILDER_RACE = "warm/run_builder_race_test"
SUPERBLOCK = "engine/superblock_crash_test"

# Few states: a mutant that needs many more would be caught by luck only.
ENVIRONMENT = {"ZVERSE_CRASH_STATES": "12000", "ZVERSE_INTERLEAVINGS": "3000"}


# Survivors that are right to survive, and why.
EXPLAINED = {
    "persist-all-lines": "the same durability, only slower",
    "rebuild-merge": "the same chains: an operation that comes late is put in its place; merging makes that rare",
}


class Mutation:
    def __init__(self, name, file, what, tests, *edits):
        self.name, self.file, self.what, self.tests = name, "src/" + file, what, tests
        if INTERLEAVE in tests:
            at = tests.index(INTERLEAVE)
            self.tests = [*tests[:at], SCENARIO, *tests[at:]]
        self.explained = EXPLAINED.get(name, "")
        self.edits = [(*edit, 1)[:3] for edit in edits]

    @staticmethod
    def pattern(old):
        words = [re.escape(word).replace(r"\(", r"\(\s*") for word in old.split()]
        return re.compile(r"\s+".join(words))

    def apply(self, text):
        for old, new, _ in self.edits:
            text = self.pattern(old).sub(lambda _, new=new: new, text)
        return text

    def complaints(self, text):
        for old, _, times in self.edits:
            if (found := len(self.pattern(old).findall(text))) != times:
                yield f"{self.name}: {found} times in {self.file} instead of {times}: {old!r}"


def room(file, *entries):
    return [Mutation(name, file, *rest) for name, *rest in entries]


PERSIST = [
    *room(
        "hot/chain.cpp",
        ("persist-no-flush", "persist_frame does not flush", [CRASH],
         ("        ring.domain().flush(&frame, body_first(frame) ? kLineBytes : frame.bytes());\n", "")),
        ("persist-no-drain", "persist_frame does not drain", [CRASH],
         ("        ring.domain().drain();\n    }\n    // release: who sees it clean", "    }\n    // release: who sees it clean")),
        ("persist-clean-first", "persist_frame clears dirty before the flush", [CRASH],
         ("    if (!seen.dirty()) return;\n    store_stamp_check",
          "    if (!seen.dirty()) return;\n"
          "    std::atomic_ref(frame.stamp).store(seen.clean().word, std::memory_order_release);\n    store_stamp_check")),
        ("persist-no-check", "persist_frame does not store the stamp check", [CRASH],
         ("    store_stamp_check(frame, options_.secret, seen);\n    if (flush_per_write_)", "    if (flush_per_write_)")),
        ("persist-check-late", "the stamp check is stored after the flush", [CRASH],
         ("    store_stamp_check(frame, options_.secret, seen);\n    if (flush_per_write_)", "    if (flush_per_write_)"),
         ("    // release: who sees it clean", "    store_stamp_check(frame, options_.secret, seen);\n    // release: who sees it clean")),
        ("persist-first-line", "a small frame's first line alone is flushed", [CRASH],
         ("body_first(frame) ? kLineBytes : frame.bytes()", "kLineBytes")),
        ("persist-all-lines", "all lines of a large frame are flushed again", [CRASH],
         ("body_first(frame) ? kLineBytes : frame.bytes()", "frame.bytes()")),
    ),
    *room(
        "hot/commit.cpp",
        ("filler-not-persisted", "the filler before a wrap is not persisted", [RECOVERY],
         ("        space.ring->domain().persist(space.ring->frame_at(space.start), kLineBytes);\n", "")),
        ("cleared-before-persist", "the announcement is cleared before the frame is durable", [INTERLEAVE, CRASH],
         ("    persist_own(space, *own.frame);\n    scope.end();\n    slot.count(operation.tombstone",
          "    scope.end();\n    persist_own(space, *own.frame);\n    slot.count(operation.tombstone")),
        ("check-rests-on-dirty", "put_if shows and rests on a version that is not durable (C4)", [INTERLEAVE],
         ("        persist_frame(*ref.ring, *ref.frame, seen);\n        return Host::Newest", "        return Host::Newest")),
    ),
    *room(
        "hot/read.cpp",
        ("read-shows-dirty", "a reader shows a dirty frame without persisting it", [CRASH, INTERLEAVE],
         ("if (seen.is_committed() && ref.key() == key) { if (seen.dirty()) {", "if (seen.is_committed() && ref.key() == key) { if (false) {")),
        ("scan-shows-dirty", "a scan shows a dirty frame without persisting it", [INTERLEAVE],
         ("return std::nullopt;\n    if (seen.dirty()) {", "return std::nullopt;\n    if (false) {")),
    ),
    *room(
        "hot/frame.cpp",
        ("body-no-drain", "the body of a large frame is not drained before it is published", [CRASH],
         ("        if (persist_body) ring.domain().drain();\n", "")),
        ("body-not-flushed", "the body of a large frame is not flushed", [CRASH],
         ("            domain_.copy_flushed(target_, source, bytes);", "            std::memcpy(target_, source, bytes);")),
        ("valid-first", "the validity word is stored before the frame is filled", [FRAME],
         ("    FrameHeader& frame = *ring.frame_at(position);\n    if (!body_first(header)) {",
          "    FrameHeader& frame = *ring.frame_at(position);\n    make_valid(frame, validity);\n    if (!body_first(header)) {")),
    ),
]

JUDGE = [
    *room(
        "hot/frame.cpp",
        ("no-stamp-check", "recovery does not compare the stamp check", [FRAME, CRASH],
         ("    if (check.problem == nullptr &&\n        frame.stamp_check !=", "    if (false &&\n        frame.stamp_check !=")),
        ("no-frame-checksum", "recovery does not compare the frame's checksum", [FRAME, CRASH],
         ("    if (check.problem == nullptr && frame.checksum != frame_checksum(frame, secret)) {", "    if (false) {")),
        ("no-length-bound", "a frame's length is not bounded", [FRAME],
         ("frame.lines == 0 || check.bytes > limit - position || check.bytes > until_wrap", "frame.lines == 0")),
        ("no-operation-bound", "an operation may end beyond its frame", [FRAME],
         ("        if (length > frame.bytes() - offset) return \"key or value beyond the end of its frame\";\n", "")),
        ("no-back-check", "an operation may name another frame", [FRAME],
         ("        if (op.back_units != offset / kUnitBytes) return \"operation that names another frame\";\n", "")),
        ("pending-accepted", "a frame that was never stamped is accepted", [FRAME, CRASH],
         ("check.stamp.kind() != StampKind::committed && check.stamp.kind() != StampKind::aborted", "false")),
        ("checksum-without-value", "the checksum leaves out the value", [FRAME],
         ("    return XXH3_64bits_withSeed(value, op.value_bytes, seed);", "    (void)value;\n    return seed;")),
        ("checksum-without-sizes", "the checksum leaves out the operation's lengths", [FRAME],
         ("    seed = fold_multiply(seed ^ sizes, rest ^ 0xa0761d6478bd642f);", "    (void)sizes, (void)rest;")),
    ),
    *room(
        "hot/layout.h",
        ("validity-masked", "the validity word forgets the lap", [FRAME, RECOVERY],
         ("fold_multiply(address ^ secret.a, secret.b | 1)", "fold_multiply((address & 0xff) ^ secret.a, secret.b | 1)")),
        ("validity-no-secret", "the validity word needs no secret", [FRAME],
         ("fold_multiply(address ^ secret.a, secret.b | 1)", "(secret.a * 0 + fold_multiply(address ^ 0x5bd1, 0x9e3779b97f4a7c15))")),
        ("stamp-check-no-address", "the stamp check does not know its frame", [FRAME],
         ("fold_multiply(validity ^ secret.b, (kind_number ^ secret.a)", "fold_multiply((validity & 0) ^ secret.b, (kind_number ^ secret.a)")),
    ),
    *room(
        "hot/recovery.cpp",
        ("no-validity-compare", "recovery takes any line for a frame's first", [RECOVERY, CRASH],
         ("if (frame.validity == 0 || frame.validity != ring.validity_at(position)) {", "if (frame.validity == 0) {")),
        ("no-settled-check", "damage below settled is taken for a torn write", [RECOVERY],
         ("    if (position >= marks.settled) return {};\n    const char*", "    if (true) return {};\n    const char*")),
        ("mark-ignored", "recovery of class process ignores the durable mark", [CRASH],
         ("(!options.stop_at_mark || version <= mark)", "(version <= mark || version > mark)")),
        ("cut-ignored", "recovery accepts what lower tiers have", [CRASH],
         ("version > options.cut && (", "(")),
        ("aborted-taken", "recovery links aborted operations", [CRASH],
         ("            if (check.stamp.is_committed()) {", "            {")),
        ("repair-settled-kept", "repair does not lower settled before it changes a ring", [CRASH],
         ("            if (auto done = ring.set_marks({marks.head, marks.head, marks.durable}); !done) return done;\n", "")),
        ("repair-no-fillers", "gaps are not filled", [CRASH],
         ("            fill_filler(ring, position, bytes, secret);\n", "")),
        ("repair-gap-over-end", "one filler takes a gap that goes round the end (R2)", [RECOVERY, CRASH],
         ("std::min(extent.begin - position, until_wrap)", "(until_wrap, extent.begin - position)")),
        ("repair-filler-not-flushed", "the fillers of gaps are not flushed", [RECOVERY, CRASH],
         ("fill_filler(ring, position, bytes, secret); ring.flush(position, position + kLineBytes);", "fill_filler(ring, position, bytes, secret);")),
        ("repair-strays-stay", "lines of frames that were not accepted stay", [RECOVERY, CRASH],
         ("    for (const std::uint64_t stray : judgement.strays) clear_line(ring, stray);\n", "")),
        ("repair-stray-not-flushed", "cleared lines are not flushed", [RECOVERY, CRASH],
         ("    std::memset(ring.at(position), 0, kLineBytes);\n    ring.flush(position, position + kLineBytes);\n",
          "    std::memset(ring.at(position), 0, kLineBytes);\n")),
        ("repair-not-flushed", "accepted frames are not flushed", [RECOVERY, CRASH],
         ("    ring.flush(unsettled, judgement.tail);\n", "")),
        ("repair-not-drained", "repair does not drain", [RECOVERY, CRASH],
         ("        ring.domain().drain();\n        return {};\n", "        return {};\n")),
        ("repair-no-rewrite", "pages are synced without being written again", [RECOVERY],
         ("    rewrite(ring, unsettled, judgement.tail);\n", "")),
        ("repair-no-sync", "pages are not synced by repair", [RECOVERY, CRASH],
         ("    return ring.sync(marks.head, judgement.tail);\n", "    return {};\n")),
        ("repair-strays-no-sync", "pages with cleared strays are not synced", [RECOVERY, CRASH],
         ("    if (!judgement.strays.empty()) return ring.sync(marks.head, marks.head + ring.bytes());\n", "")),
        ("rebuild-order", "operations are linked out of version order", [RECOVERY, CRASH],
         ("    if (version_of(probe.newest) <= operation.version) {", "    if (true) {")),
        ("rebuild-merge", "rings are not merged by version", [RECOVERY, CRASH],
         ("            const Version until = sources_.empty() ? kVersionMax : sources_.top().next->version;",
          "            const Version until = kVersionMax;"),
         ),
        ("rebuild-below", "an operation linked below another is not reached from it", [RECOVERY, CRASH],
         ("    std::atomic_ref(above.op->previous).store(operation.address, std::memory_order_relaxed);\n", "")),
    ),
    *room(
        "hot/ring.cpp",
        ("no-header-checksum", "a ring header's checksum is not compared", [RING],
         ("    if (header.checksum != header_checksum(header)) {", "    if (false) {")),
        ("no-store-check", "another store's ring is accepted", [RING],
         ("header.store[0] != identity.store[0] || header.store[1] != identity.store[1]", "false")),
        ("no-shard-check", "another shard's ring is accepted", [RING],
         ("    if (header.shard != identity.shard) {", "    if (false) {")),
        ("no-position-check", "impossible positions are accepted", [RING],
         ("header.settled < header.head || header.settled - header.head > bytes", "false")),
        ("header-newest", "the older header copy is taken", [RING, CRASH],
         ("header.sequence > best->sequence", "header.sequence < best->sequence")),
        ("header-one-copy", "one header copy is written instead of both", [RING, CRASH],
         ("    return write_copies(copies == Copies::both ? 2 : 1);", "    return write_copies(1);")),
        ("header-one-copy-set", "repair writes one header copy instead of both", [RING],
         ("    return write_copies(2);", "    return write_copies(1);")),
        ("header-same-copy", "a header write always takes the same copy", [RING, CRASH],
         ("        older_copy_ = 1 - older_copy_;", "")),
        ("header-good-copy-overwritten", "a header write after a failed one takes the good copy", [RING],
         ("std::byte* place = headers_ + older_copy_ * kHeaderCopyBytes;",
          "std::byte* place = headers_ + older_copy_ * kHeaderCopyBytes; older_copy_ = 1 - older_copy_;"),
         ("        older_copy_ = 1 - older_copy_;  //", "        //")),
        ("header-no-sync", "a header copy is not synced", [CRASH],
         ("        if (auto done = domain_.sync(place, sizeof header); !done) {\n            return std::unexpected(std::move(done.error()).during(\"writing the header of ring \" + path()));\n        }\n", "")),
        ("header-sequence-reused", "no sequence number is skipped after attach", [RING],
         ("    ring->sequence_ = best->sequence + 1;", "    ring->sequence_ = best->sequence;")),
        ("sync-no-wrap", "a sync stops at the end of the area", [RING, CRASH],
         ("    if (done && length > until_wrap) done = domain_.sync(data_, length - until_wrap);\n", "")),
        ("flush-no-wrap", "a flush stops at the end of the area", [RING],
         ("    domain_.flush(data_, length - until_wrap);\n", "")),
    ),
]

SEAL = [
    *room(
        "hot/seal.cpp",
        ("mark-before-sync", "the durable mark is written before the syncs", [CRASH, INTERLEAVE],
         ("    if (!flush_per_write_) {\n        for",
          "    if (options_.durability == Durability::process) (void)rings_[0].raise_marks({0, 0, s}, Ring::Copies::one);\n"
          "    if (!flush_per_write_) {\n        for")),
        ("mark-not-raised", "the durable mark is not written", [CRASH],
         ("            if (auto done = rings_[0].raise_marks({0, 0, s}, Ring::Copies::one); !done) {",
          "            if (auto done = Result<void>{}; !done) {")),
        ("sync-nothing", "sync_all does not sync the rings", [CRASH],
         ("rings_[static_cast<unsigned>(i)].sync(ranges[i].begin, ranges[i].end)", "Result<void>{}")),
        ("sync-early-tail", "the tail is read before the seal", [INTERLEAVE],
         ("    const Version s = seal(slot);\n    for (const auto& ring : rings_) {\n        // acquire: the tail after the seal covers every frame <= s.\n"
          "        const std::uint64_t tail = ring->tail.load(std::memory_order_acquire);\n",
          "    std::vector<std::uint64_t> tails;\n    for (const auto& ring : rings_) tails.push_back(ring->tail.load(std::memory_order_acquire));\n"
          "    const Version s = seal(slot);\n    for (const auto& ring : rings_) {\n        const std::uint64_t tail = tails[ring->shard()];\n")),
        ("synced-past-live", "synced moves past a live announcement", [INTERLEAVE],
         ("ranges.push_back({begin, tail, std::min(tail, stamped_end(*ring))});", "ranges.push_back({begin, tail, tail});")),
        ("synced-late-look", "announcements are looked at after the sync instead of before", [INTERLEAVE],
         ("std::max(ranges[i].begin, ranges[i].next)", "std::max(ranges[i].begin, std::min(ranges[i].end, stamped_end(rings_[static_cast<unsigned>(i)])))")),
        ("synced-before", "synced moves before the syncs succeeded", [INTERLEAVE, RECOVERY],
         ("        ranges.push_back({begin, tail, std::min(tail, stamped_end(*ring))});\n",
          "        ranges.push_back({begin, tail, std::min(tail, stamped_end(*ring))});\n"
          "        ring->synced.store(std::max(begin, ranges.back().next), std::memory_order_release);\n")),
        ("seal-not-persisting", "a seal leaves stamped frames dirty", [INTERLEAVE],
         ("seen.number() <= s) persist_frame(ring, frame, seen);", "seen.number() <= s) (void)ring;")),
        ("seal-not-raising", "a seal does not raise floors", [INTERLEAVE],
         ("    while (seen.is_pending() && seen.number() < s) {\n        // acq_rel: a version taken before this",
          "    while (false) {\n        // acq_rel: a version taken before this")),
        ("seal-misses-filler", "a seal does not look behind a filler", [INTERLEAVE],
         ("        position += ring.frame_at(position)->bytes();  // the slot names the reservation; the frame is behind\n        if (!ring.valid_at(position)) return;\n",
          "        return;\n")),
        ("settled-past-synced", "settled moves beyond what was synced", [CRASH, INTERLEAVE],
         ("        if (!flush_per_write_) end = std::min(end, ring->synced.load(std::memory_order_acquire));\n", "")),
        ("settled-past-live", "settled moves past a live announcement", [INTERLEAVE],
         ("    for (const auto& ring : rings_) {\n        std::uint64_t end = stamped_end(*ring);",
          "    for (const auto& ring : rings_) {\n        std::uint64_t end = ring->tail.load(std::memory_order_acquire);")),
        ("head-after-space", "space is given back before the head is persisted (R3)", [CRASH, INTERLEAVE],
         ("        // ring.h R3: the head is on the medium", "        ring.free_head.store(positions[i], std::memory_order_release);\n        // ring.h R3: the head is on the medium")),
        ("head-not-persisted", "the head is not persisted at all", [RECOVERY, CRASH],
         ("        if (auto done = ring.raise_marks({positions[i], 0, 0}, Ring::Copies::both); !done) return done;\n", "")),
        ("prefix-past-cut", "heads pass versions above the cut", [CRASH, INTERLEAVE],
         ("if (seen.is_pending() || seen.number() > s) break;", "if (seen.is_pending()) break;")),
        ("prefix-past-live", "heads pass live announcements", [INTERLEAVE],
         ("        const std::uint64_t end = stamped_end(*ring);\n        // relaxed: the caller is the only one who moves heads.",
          "        const std::uint64_t end = ring->tail.load(std::memory_order_acquire);\n        // relaxed: the caller is the only one who moves heads.")),
        ("failed-sync-retried", "a failed sync may be tried again", [RECOVERY],
         ("    if (sync_failure_) return std::unexpected(*sync_failure_);\n", ""),
         ("    sync_failure_ = error;\n", "")),
        ("failed-sync-writable", "writes go on after a failed sync", [RECOVERY],
         ("    refuse_writes(Error(ErrorCode::read_only,", "    if (false) refuse_writes(Error(ErrorCode::read_only,")),
    ),
]

STAMP = [
    *room(
        "hot/chain.cpp",
        ("version-not-anew", "a version is installed after a reader raised the floor above it (T2)", [INTERLEAVE],
         ("    Stamp seen = load(frame);\n    for (;;) {\n        if (!seen.is_pending()) return seen;  // a helper was faster\n"
          "        // acq_rel: after the pending word was read, before the CAS that needs it unchanged (stamp.h T2).\n"
          "        const Version version = clock_.fetch_add(1, std::memory_order_acq_rel) + 1;\n",
          "    const Version version = clock_.fetch_add(1, std::memory_order_acq_rel) + 1;\n    Stamp seen = load(frame);\n    for (;;) {\n"
          "        if (!seen.is_pending()) return seen;  // a helper was faster\n")),
        ("help-reads-late", "a helper reads the pending word after it took the version (T2)", [INTERLEAVE],
         ("    if (exchange(frame, seen, Stamp::stamped(StampKind::committed, version, true))) {",
          "    seen = load(frame);\n    if (!seen.is_pending()) return;\n    if (exchange(frame, seen, Stamp::stamped(StampKind::committed, version, true))) {")),
        ("no-raise", "readers skip what is pending without raising its floor (T1)", [INTERLEAVE],
         ("    while (seen.is_pending() && seen.number() < as_of) {", "    while (false) {")),
        ("no-settle", "nothing pending below is settled before stamping (T3)", [INTERLEAVE],
         ("    for (;;) {\n        OperationRef deepest;", "    while (false) {\n        OperationRef deepest;")),
        ("settle-top-first", "pending frames are settled from the top (T3)", [INTERLEAVE],
         ("            deepest = ref;\n        }", "            deepest = ref;\n            break;\n        }")),
        ("help-without-settling", "a frame raised three times is stamped without settling below it (T3)", [INTERLEAVE],
         ("        settle_chain(slot, rings_.previous(ref), nullptr);\n", "")),
        ("no-help", "readers raise for ever", [INTERLEAVE],
         ("seen.ready() && seen.raises() == Stamp::kRaisesMax && may_tick", "false && may_tick")),
        ("no-ready-wait", "writers publish on batches that are not ready (C2)", [INTERLEAVE],
         ("        if (now.ready() || ref.frame == own) {\n            ref", "        if (true) {\n            ref")),
    ),
    *room(
        "hot/commit.cpp",
        ("ready-before-settle", "a batch is ready before it settled what is below", [INTERLEAVE],
         ("    for (std::size_t i = 0; i < published; ++i) settle_below", "    make_ready(frame);\n    for (std::size_t i = 0; i < published; ++i) settle_below")),
        ("batch-born-ready", "a batch is ready while it is published", [INTERLEAVE],
         ("    fill(space, FrameKind::data, operations, false, addresses);", "    fill(space, FrameKind::data, operations, true, addresses);")),
        ("batch-no-settle", "a batch settles nothing", [INTERLEAVE],
         ("    for (std::size_t i = 0; i < published; ++i) settle_below(slot, rings_.resolve(addresses[i]));\n", "")),
        ("put-no-settle", "a put settles nothing", [INTERLEAVE],
         ("    settle_below(slot, own);\n    const Version version = stamp(*own.frame, StampKind::committed).number();\n    persist_own(space, *own.frame);\n    scope.end();\n    slot.count(operation.tombstone",
          "    const Version version = stamp(*own.frame, StampKind::committed).number();\n    persist_own(space, *own.frame);\n    scope.end();\n    slot.count(operation.tombstone")),
        ("publish-no-ready-wait", "publish does not wait for batches", [INTERLEAVE],
         ("        wait_until_ready(probe.newest, own.frame);\n        rings_.link", "        rings_.link")),
        ("conflict-not-looked-for", "transactions do not look for conflicts", [INTERLEAVE, CRASH],
         ("    if (!lost && unless_newer) lost =", "    if (false) lost =")),
        ("conflict-before-publish", "transactions look for conflicts only down to their snapshot's cut", [INTERLEAVE],
         ("        if (newest->version > start) {", "        if (newest->version > start && newest->version + 1 < clock()) {")),
        ("put-if-once", "put_if does not check again when its publication raced (C3)", [INTERLEAVE],
         ("            if (!index_->replace(probe, own.address())) continue;\n",
          "            Index::Probe now = probe;\n            while (!index_->replace(now, own.address())) {\n"
          "                now = index_->probe(operation.hash);\n                rings_.link(*own.op, now.newest);\n            }\n")),
        ("put-if-unsettled", "put_if does not settle before it looks", [INTERLEAVE],
         ("    settle_chain(slot, from, own);\n    const Version cut", "    const Version cut")),
        ("put-if-sees-old", "put_if does not compare versions", [CRASH, INTERLEAVE],
         ("    if (current == expected) return {};", "    if (true) return {};")),
        ("put-if-sees-cut", "put_if sees what lower tiers have in the ring", [CHAIN, INTERLEAVE],
         ("        if (seen.number() <= cut) break;\n        if (!seen", "        if (!seen")),
    ),
    *room(
        "hot/read.cpp",
        ("scan-helps", "a scan stamps frames that are not published yet", [INTERLEAVE],
         ("seen = raise(slot, ref, as_of);  //", "seen = raise_or_help(slot, ref, as_of);  //")),
        ("read-ignores-as-of", "reads show versions above the one asked for", [INTERLEAVE],
         ("        if (seen.number() > as_of) {", "        if (seen.number() > as_of + 1) {")),
        ("read-shows-aborted", "reads show aborted frames", [INTERLEAVE],
         ("        if (seen.is_committed() && ref.key() == key) {", "        if (ref.key() == key) {")),
        ("read-ignores-cut", "reads show what lower tiers have", [INTERLEAVE, CHAIN],
         ("        if (seen.number() <= cut) return {};", "        if (false) return {};")),
        ("jump-unsettled", "jump links are followed to targets not above the version asked for", [CHAIN, INTERLEAVE],
         ("far.is_committed() && far.number() > as_of ? target", "target ? target")),
        ("no-jump", "jump links are never followed", [CHAIN],
         ("far.is_committed() && far.number() > as_of ? target", "false ? target")),
    ),
    *room(
        "hot/ring_set.h",
        ("jump-no-trees", "anchors lead to the anchor before only", [CHAIN],
         ("own.word != 0 && own.rank() == own.next_rank() && own.rank() < JumpLink::kRankMax", "false")),
        ("jump-no-anchors", "jump links lead one step", [CHAIN],
         ("        if (link.anchor()) {\n", "        if (true) {\n")),
    ),
    *room(
        "hot/reserve.cpp",
        ("announce-late", "the reservation is announced after the tail moved (A1)", [INTERLEAVE],
         ("        slot.announced.store(ring.address_of(tail), std::memory_order_release);\n", ""),
         ("            slot.announced_bytes.store(filler + bytes, std::memory_order_release);\n",
          "            slot.announced.store(ring.address_of(tail), std::memory_order_release);\n            slot.announced_bytes.store(filler + bytes, std::memory_order_release);\n")),
        ("length-early", "the length is stored before the tail moved (A2)", [INTERLEAVE],
         ("        slot.announced.store(ring.address_of(tail), std::memory_order_release);\n",
          "        slot.announced.store(ring.address_of(tail), std::memory_order_release);\n        slot.announced_bytes.store(filler + bytes, std::memory_order_release);\n")),
        ("space-unchecked", "a reservation may pass the free head", [INTERLEAVE, CRASH],
         ("ring.free_head.load(std::memory_order_acquire) + ring.bytes()", "ring.free_head.load(std::memory_order_acquire) + ring.bytes() + bytes")),
        ("no-filler", "a frame may cross the end of the area (R2)", [CRASH, RING],
         ("bytes > until_wrap ? until_wrap : 0", "bytes > until_wrap + ring.bytes() ? until_wrap : 0")),
    ),
    *room(
        "hot/walk.h",
        ("walk-no-reread", "a walker trusts a length without reading the announcement again (A2)", [INTERLEAVE],
         ("        if (slot.announced.load(std::memory_order_acquire) != wanted) return true;\n        length = bytes;", "        length = bytes;")),
    ),
]

INDEXED = room(
    "hot/index.cpp",
    ("index-no-rescan", "an insertion is confirmed without a second look (X1)", [INDEX, INTERLEAVE],
     ("    if (rescan(first, *place, tag) == Rescan::withdraw) {", "    if (false) {")),
    ("index-rescan-keeps-later", "the second look leaves later tentative entries (X1)", [INDEX, INTERLEAVE],
     ("                if (place.compare_exchange_strong(entry, 0, std::memory_order_seq_cst)) break;", "                break;")),
    ("index-earlier-wins-not", "an insertion ignores earlier tentative entries (X1)", [INDEX, INTERLEAVE],
     ("if ((entry & kTentative) == 0 || !behind_mine) return Rescan::withdraw;", "if ((entry & kTentative) == 0) return Rescan::withdraw;")),
    ("index-own-dead-not-preferred", "a tag's own dead entry is not preferred (X2)", [INDEX, INTERLEAVE],
     ("    std::atomic<std::uint64_t>* place = probe.place;", "    std::atomic<std::uint64_t>* place = nullptr;")),
    ("index-dead-not-reused", "dead entries are not reused", [INDEX],
     ("if (found == 0 || ((found & kTentative) == 0 && dead(found))) return &place;", "if (found == 0) return &place;")),
    ("index-live-reused", "live entries are reused", [INDEX, INTERLEAVE],
     ("if (found == 0 || ((found & kTentative) == 0 && dead(found))) return &place;", "if (found == 0 || (found & kTentative) == 0) return &place;")),
    ("index-sweeps-live", "a sweep clears live entries", [INDEX, INTERLEAVE],
     ("if (entry == 0 || (entry & kTentative) != 0 || !dead(entry)) continue;", "if (entry == 0 || (entry & kTentative) != 0) continue;")),
    ("index-sweeps-tentative", "a sweep clears tentative entries", [INDEX, INTERLEAVE],
     ("if (entry == 0 || (entry & kTentative) != 0 || !dead(entry)) continue;", "if (entry == 0 || ((entry & kTentative) == 0 && !dead(entry))) continue;")),
    ("index-sweeps-nothing", "a sweep clears nothing (X3)", [INDEX],
     ("    for (std::size_t i = 0; i < buckets; ++i) {", "    for (std::size_t i = buckets; i < buckets; ++i) {")),
    ("index-credits-lost", "a sweep returns no credits", [INDEX],
     ("    return_credits(static_cast<std::int64_t>(swept));\n", "")),
)

INDEXED += room(
    "hot/index.h",
    ("index-readers-see-tentative", "readers accept tentative entries", [INTERLEAVE, INDEX],
     ("                if (entry >> kTagShift == wanted) return resolve(entry);\n", "                if ((entry & ~kTentative) >> kTagShift == wanted) return resolve(entry);\n")),
    ("index-tag-hint-trusted", "readers trust the kernel's hint without comparing the tag again", [INTERLEAVE, INDEX],
     ("                if (entry >> kTagShift == wanted) return resolve(entry);\n", "                return resolve(entry);\n")),
)

WARM = [
    *room(
        "warm/run.cpp",
        ("run-prefix-endian", "key prefixes are little-endian", [RUN],
         ("    if constexpr (std::endian::native == std::endian::little) {", "    if constexpr (std::endian::native == std::endian::big) {")),
        ("run-trim-less", "a trim keeps versions at the cut", [RUN, BUILDER],
         ("return entry.version > cut; });", "return entry.version >= cut; });")),
        ("run-trim-spans", "a trim drops spans that are still needed", [RUN],
         ("return span.newest > cut; });", "return span.oldest > cut; });")),
    ),
    *room(
        "warm/run.h",
        ("run-length-order", "keys of 16 bytes and less are not ordered by length", [RUN],
         ("return a.key_bytes() <=> b.key_bytes();", "return std::strong_ordering::equal;")),
        ("run-version-order", "versions of a key are ascending", [RUN, BUILDER],
         ("order < 0 : a.version > b.version", "order < 0 : a.version < b.version")),
    ),
    *room(
        "warm/run_builder.cpp",
        ("runs-take-aborted", "runs take up aborted frames (U1)", [BUILDER],
         ("data && stamp.is_committed() && stamp.number() > cut", "data && stamp.number() > cut")),
        ("runs-take-cut", "runs take up versions below the cut (U2)", [BUILDER],
         ("data && stamp.is_committed() && stamp.number() > cut", "data && stamp.is_committed()")),
        ("runs-cover-live", "runs cover frames that are not stamped yet", [BUILDER, INTERLEAVE],
         ("        const std::uint64_t end = tier_.stamped_end(*ring);", "        const std::uint64_t end = ring->tail.load(std::memory_order_acquire);")),
        ("runs-lose-inputs", "a merge's output is lost", [BUILDER],
         ("    if (output != nullptr) runs.push_back(std::move(output));\n", "")),
        ("runs-keep-inputs", "a merge's inputs stay", [BUILDER],
         ("input->id() == run->id(); });\n    });\n    if (output", "input->id() == run->id() + 1; });\n    });\n    if (output")),
        ("runs-not-trimmed", "a new cut does not trim the runs", [BUILDER],
         ("    for (auto& run : next->runs) run = run->trimmed(cut);\n    std::erase(next->runs, nullptr);\n", "")),
        ("merge-ignores-new-cut", "a merge keeps what a cut took meanwhile (U2)", [BUILDER_RACE],
         ("    std::erase_if(entries, dead);  //", "    (void)dead;  //"),
         ("    if (output != nullptr && cut != next->cut) output = output->trimmed(next->cut);\n", "")),
        ("span-end-short", "a joined span forgets its second half", [BUILDER, RUN],
         ("            joined.back().newest = std::max(joined.back().newest, span.newest);\n", "")),
    ),
]

ENGINE = room(
    "engine/superblock.cpp",
    ("superblock-no-sync", "a superblock copy is not synced before the other is written", [SUPERBLOCK],
     ("        if (auto done = file_->sync(); !done) return done;\n", "")),
    ("superblock-same-copy", "a superblock write always takes the same copy", [SUPERBLOCK],
     ("        older_copy_ = 1 - number;", "")),
    ("superblock-good-copy-overwritten", "a superblock write after a failed one takes the good copy", [SUPERBLOCK],
     ("const unsigned number = older_copy_;", "const unsigned number = older_copy_; older_copy_ = 1 - number;"),
     ("        older_copy_ = 1 - number;  //", "        //")),
    ("superblock-one-copy", "one superblock copy is written instead of both", [SUPERBLOCK],
     ("    for (int written = 0; written < 2; ++written) {", "    for (int written = 0; written < 1; ++written) {")),
    ("superblock-no-checksum", "the superblock's checksum is not compared", [SUPERBLOCK],
     ("    if (copy.checksum != checksum_of(copy)) {", "    if (false) {")),
    ("superblock-older", "the older superblock copy is taken", [SUPERBLOCK],
     ("copy->sequence > best->sequence", "copy->sequence < best->sequence")),
)

ALL = PERSIST + JUDGE + SEAL + STAMP + INDEXED + WARM + ENGINE

# Orders that x86 gives for nothing: a weaker one runs as well there, and only ThreadSanitizer can tell. By --tsan.
RACES = ["warm/run_builder_test", "engine/race_test"]
ORDERS = [
    *room("hot/frame.cpp",
          ("order-validity", "the validity word is stored relaxed", RACES,
           ("std::atomic_ref(frame.validity).store(validity, std::memory_order_release);",
            "std::atomic_ref(frame.validity).store(validity, std::memory_order_relaxed);"))),
    *room("hot/ring.cpp",
          ("order-valid-at", "the validity word is loaded relaxed", RACES,
           ("std::atomic_ref(word).load(std::memory_order_acquire) == expected", "std::atomic_ref(word).load(std::memory_order_relaxed) == expected"))),
    *room("hot/index.cpp",
          ("order-replace", "an entry is replaced relaxed", RACES,
           ("compare_exchange_strong(expected, entry, std::memory_order_acq_rel, std::memory_order_relaxed)",
            "compare_exchange_strong(expected, entry, std::memory_order_relaxed, std::memory_order_relaxed)")),
          ("order-confirm", "an entry is confirmed relaxed", RACES,
           ("place->compare_exchange_strong(mine, entry, std::memory_order_seq_cst)",
            "place->compare_exchange_strong(mine, entry, std::memory_order_relaxed)"))),
    *room("hot/index.h",
          ("order-find", "readers load entries relaxed", RACES,
           ("bucket->entries[static_cast<unsigned>(std::countr_zero(hits))].load(std::memory_order_acquire)",
            "bucket->entries[static_cast<unsigned>(std::countr_zero(hits))].load(std::memory_order_relaxed)"))),
    *room("hot/seal.cpp",
          ("order-free-head", "space is given back relaxed", RACES,
           ("ring.free_head.store(positions[i], std::memory_order_release);", "ring.free_head.store(positions[i], std::memory_order_relaxed);"))),
    *room("hot/commit.cpp",
          ("order-announcement", "an announcement is cleared relaxed", RACES,
           ("slot_.announced.store(0, std::memory_order_release);", "slot_.announced.store(0, std::memory_order_relaxed);"))),
]

NOT_MODELLED = [
    ("seq_cst weakened to acq_rel in the index's insertion and rescan",
     "x86 compiles both to the same instructions and ThreadSanitizer does not model store-load reordering; "
     "tests/model/index.pml fails without it"),
    ("the epoch pin's fence or membarrier left out",
     "it reorders only inside a store buffer; argued in platform/epoch.h, and the pin is atomic to every simulator here"),
]
