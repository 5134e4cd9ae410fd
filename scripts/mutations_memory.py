"""Broken on purpose: the budget of memory, reading in bulk, the scrub, and the times of versions. See mutation.py."""

from mutation import room

PLAN = "engine/memory_plan_test"
BUDGET = "engine/memory_test"
MANIFEST = "cold/manifest_test"
MARKS = "cold/time_marks_test"
SLAB = "cold/slab_writer_test"
MERGE = "warm/slab_merge_test"
SEGMENT = "cold/segment_test"
MOVER = "warm/mover_test"
SCHEDULE = "warm/schedule_test"
SCRUBBER = "warm/scrubber_test"
SCRUB = "engine/scrub_test"
SCRUB_NO_MEMORY = "warm/scrubber_no_memory_test"
RETENTION = "engine/retention_test"
HOSTILE = "engine/hostile_test"

MEMORY = [
    *room(
        "engine/memory_plan.cpp",
        ("budget-too-small", "a budget that is too small for a job is taken", [PLAN],
         ("    if (half < kHalfMin) return std::nullopt;\n", "")),
        ("budget-passed", "shares may be more than the budget", [PLAN],
         ("    if (so_far > budget) return std::nullopt;\n", "")),
        ("budget-without-spare", "nothing is left to spare", [PLAN],
         ("plan.parts[MemoryPlan::kSpare].bytes = budget / 8;", "plan.parts[MemoryPlan::kSpare].bytes = 0;")),
    ),
    *room(
        "cold/slab_writer.cpp",
        ("waiting-unbounded", "what waits may take any memory", [SLAB],
         ("waiting_memory_ >= plan_.waiting_bytes ||", "false ||")),
        ("builder-unbounded", "the index of a segment in the making may take any memory", [SLAB],
         ("           (live_ && live_->memory_bytes() >= plan_.builder_bytes) ||\n", "")),
        ("waiting-not-copied", "values that wait are left in a buffer that is read into again", [SLAB, MERGE],
         ("} else if (!plan_.values_stay) {", "} else if (false) {")),
        ("waiting-value-not-counted", "values that are copied are not counted", [SLAB],
         ("waiting_memory_ = waiting_bytes_.used_bytes() + ", "waiting_memory_ = ")),
        ("expiry-not-by-key", "a history that is written again is not sorted by key first", [RETENTION],
         ("    if (!plan_.by_key) {", "    if (false) {")),
    ),
    *room(
        "cold/segment.cpp",
        ("block-faults", "a block that can't be read ends the process", [SEGMENT],
         ("        if (auto loaded = load(offset, kRecordsBeginMax); !loaded) return std::unexpected(std::move(loaded.error()));\n", "")),
        ("index-faults", "a page of the index that can't be read ends the process", [SEGMENT],
         ("        if (auto loaded = load(offset, sizeof(here)); !loaded) return std::unexpected(std::move(loaded.error()));\n", "")),
        ("outside-faults", "a large value that can't be read ends the process", [SEGMENT],
         ("        if (auto loaded = load(offset, record.value_bytes); !loaded) return std::unexpected(std::move(loaded.error()));\n", "")),
    ),
    *room(
        "cold/bulk_reader.cpp",
        ("slab-unchecked", "merges take records of other slabs", [HOSTILE],
         ("    if (inside_slab && has_key && record.superseded", "    if (record.superseded")),
        ("life-unchecked", "merges take records that end before they begin", [HOSTILE],
         ("    if (inside_slab && has_key && record.superseded > record.version) [[likely]]", "    if (inside_slab) [[likely]]")),
        ("bulk-block-unchecked", "a block read in bulk is believed", [SCRUB],
         ("    if (auto good = check_block_bytes(stored, offset); !good) return std::unexpected(std::move(good.error()));\n", "")),
        ("bulk-value-unchecked", "a value read in bulk is believed", [SCRUB],
         ("    if (piece_checksum(bytes, seed_, place.offset) == place.checksum) return {};", "    return {};")),
        ("bulk-begins-anywhere", "a merge that goes on takes what was taken before", [MERGE],
         ("    } while (cursor->valid() && cursor->key() < begin);", "    } while (false);")),
    ),
    *room(
        "warm/mover.cpp",
        ("merges-unbounded", "more merges go on than have memory", [MOVER],
         ("return merges < options_.merges_max && (level == 1 || of_others + 1 < options_.merges_max);",
          "return merges + of_others + level < 1000;")),
        ("merges-starve-stripes", "large merges take the place that is kept for stripes", [MOVER],
         ("(level == 1 || of_others + 1 < options_.merges_max);", "of_others + level < 1000;")),
        ("merge-in-the-way", "a merge without memory hides those behind it", [MOVER],
         ("            passed_over.levels.insert(choice->level);  // what ends makes room, and then all is looked at again\n"
          "            continue;", "            break;")),
        ("scrub-at-once", "the scrub begins before it is due", [SCRUBBER],
         ("place.job != nullptr || now < next_scrub_ || now < place.begin_again) return;\n    begin(kScrubPlace",
          "place.job != nullptr || now < place.begin_again) return;\n    begin(kScrubPlace")),
    ),
    *room(
        "warm/schedule.cpp",
        ("large-runs-stay", "runs are no reason to flush", [SCHEDULE],
         (" || large_runs ||", " ||")),
    ),
    *room(
        "warm/scrubber.cpp",
        ("scrub-holds-replaced", "a segment that a merge replaced is looked at to its end", [SCRUBBER],
         ("    if (segment_ != nullptr && !there(segment_->header().segment)) end_segment();\n", "")),
        ("scrub-throws", "without memory the scrub ends the process", [SCRUB_NO_MEMORY],
         ("    const auto pause =\n        platform::answer(\"the scrub\", [&]() -> Result<std::chrono::nanoseconds> { return look(rate); });",
          "    const Result<std::chrono::nanoseconds> pause = look(rate);")),
        ("scrub-passes-over", "a segment that there was no memory for is passed over", [SCRUB_NO_MEMORY],
         ("    last_ = id - 1;\n", "    last_ = id;\n")),
        ("scrub-finds-no-memory", "a look without memory or files is a finding", [SCRUB_NO_MEMORY],
         ("    if (audit_->starved()) {", "    if (false) {")),
        ("scrub-keeps-half-a-look", "what a look found that came to no end stays", [SCRUB_NO_MEMORY],
         ("    figures_.findings -= findings_noted_;\n", "")),
        ("scrub-one-segment", "the same segment is looked at again and again", [SCRUBBER],
         ("    last_ = segment_->header().segment;\n", "")),
        ("scrub-finding-stays", "what a later look does not find stays a finding", [SCRUBBER, SCRUB],
         ("    if (findings_noted_ == 0) findings_.erase(segment_->header().segment);\n", "")),
        ("scrub-begins-first", "every opening begins with the oldest segment", [SCRUBBER],
         ("opened_ / kSecond % kPeriod.count()", "opened_ * 0")),
        ("scrub-without-pause", "no pause between two segments", [SCRUBBER],
         ("    return std::max(pause, time_for(bytes, rates.average));", "    return bytes > 0 ? pause : pause;")),
        ("scrub-beyond-the-limit", "the scrub does not keep to the background's rate", [SCRUBBER],
         ("    if (rate.limit != 0) rates.burst", "    if (false) rates.burst")),
    ),
    *room(
        "platform/stream_writer.cpp",
        ("rest-not-told", "what will rest stays in the page cache", ["platform/stream_test"],
         ("        file_->let_rest();\n", "")),
    ),
    *room(
        "cold/manifest.cpp",
        ("times-never-thinned", "times are written anew only when the file is long", [MANIFEST],
         ("    if (long_file || many_times) {", "    if (long_file) {")),
    ),
    *room(
        "cold/time_marks.cpp",
        ("times-too-thin", "times are thinned further than is promised", [MARKS],
         ("kept.back().nanoseconds > apart;", "kept.back().nanoseconds > 3 * apart;")),
        ("times-shared-changes", "marks that are removed come back", [MARKS],
         ("    begin_ = 0;\n    recent_.clear();", "    recent_.clear();")),
    ),
]
