"""Broken on purpose: the choice of curves, and what reads rest on whatever it is. See mutation.py."""

from mutation import room

CURVE = "cold/curve_test"
CHOICE = "cold/curve_choice_test"
SEGMENT = "cold/segment_test"
SLAB = "cold/slab_writer_test"
STORE = "engine/curve_test"
RETENTION = "engine/retention_test"
BAD_INPUT = "engine/bad_input_test"

CURVES = [
    *room(
        "cold/curve.cpp",
        ("rule-not-repeated", "of a curve's rule only the first letter behind the v's goes on", [CURVE],
         ("again[(i - once) % again.size()]", "again[0]")),
        ("leaps-at-every-step", "a block ends wherever the other dimension starts anew", [CURVE],
         ("return highest >> bits_ / 2 != 0 &&", "return highest != 0 &&")),
    ),
    *room(
        "cold/curve_cost.cpp",
        ("history-costs-one-row", "the model thinks that a history lies in one row", [CHOICE],
         ("of.rows * wy + (wy < 1 ? 1 : 0);", "1 + 0 * wy;")),
        ("boxes-without-straddling", "the model takes each block's box for a cell", [CHOICE],
         ("if (of.curve.leaps(0, std::uint64_t{1} << j)) {", "if (true) {")),
        ("heavy-keys-unseen", "the model spreads keys that fill columns over all of them", [CHOICE],
         ("share(group) * columns > 1;", "share(group) * columns > 1e9;")),
        ("dead-blocks-read", "the model thinks that scans as of a version read all older blocks", [CHOICE],
         ("depth_alive(of))", "0.5)")),
    ),
    *room(
        "cold/curve_choice.cpp",
        ("choice-is-default", "no curve is found better than the default", [CHOICE],
         ("if (blocks >= choice.expected) continue;", "if (blocks >= 0) continue;")),
        ("few-queries-heard", "one query is enough to go by", [CHOICE],
         ("choice.queries >= policy.queries_min;", "true;")),
        ("slabs-met-by-all", "a scan as of a version is taken to ask every slab", [CHOICE],
         ("each.kind == QueryKind::as_of ? slab / all :", "each.kind == QueryKind::as_of ? 1.0 :")),
        ("sample-of-keys-by-first-code", "all versions of a key are taken to lie in one block", [CHOICE],
         ("return found.size() - std::ranges::unique(found).size();", "return found.empty() ? 0 : 1;")),
        ("fixed-rule-adapts", "a fixed rule gives way to what is asked", [CHOICE],
         ("const bool asked = policy.rule.empty() &&", "const bool asked =")),
    ),
    *room(
        "cold/query_mix.cpp",
        ("queries-never-fade", "what was asked long ago counts for ever", [CHOICE],
         ("if (halvings == 0) return mix;", "if (halvings >= 0) return mix;")),
    ),
    *room(
        "cold/slab_writer.cpp",
        ("leaps-inside-blocks", "blocks go on where the curve leaps", [SLAB],
         ("            writer.begin_block();\n", "")),
        ("choice-unnoted", "nobody hears which curve was chosen", [STORE],
         ("plan_.curves->note(choice);", "static_cast<void>(choice);")),
    ),
    *room(
        "cold/segment.cpp",
        ("stretch-ends-with-block", "a stretch of a key that goes on in the next block is passed over", [SEGMENT],
         ("return key >= zones_.first_key(next) && key <= zones_.last_key(next);",
          "return key >= zones_.first_key(next) && key < zones_.first_key(next);")),
        ("stretch-passed-early", "a stretch is passed over when its block also holds older versions", [SEGMENT],
         ("if (zone.version_max <= after) return false;", "if (zone.version_min <= after) return false;")),
    ),
    *room(
        "engine/cursor_state.cpp",
        ("unused-cursors-count", "cursors that nobody moved are counted", [STORE],
         ("if (asked_ && (delivered_ > 0 || ended_)) note_query();", "if (asked_) note_query();")),
        ("hot-histories-count", "a history that ended in the rings is counted", [STORE],
         ("    if (all.after >= std::min(all.upto, asked_->cut)) return;", "    if (all.after >= all.upto) return;")),
    ),
    *room(
        "engine/cursors.cpp",
        ("latest-scans-count", "scans of the latest state are counted", [STORE],
         ("if (shown < view.cut)", "if (shown != 0)")),
    ),
    *room(
        "engine/check_options.cpp",
        ("any-curve", "any text is taken for a curve", [BAD_INPUT],
         ("if (!options.curve.empty() && !cold::is_curve_rule(options.curve)) {", "if (false) {")),
    ),
    *room(
        "warm/flush_job.cpp",
        ("mix-not-handed-on", "writers do not hear what is asked", [STORE],
         ("if (queries != nullptr) plan.queries =", "if (false) plan.queries =")),
    ),
]
