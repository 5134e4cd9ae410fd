"""Broken on purpose: what zverse-fsck makes again, goes on from, compares and looks at twice. See mutation.py."""

from mutation import room

REBUILD = ["tools/rebuild_test"]
MEANS = ["tools/check_means_test"]
ANSWERS = ["tools/answers_test"]

CHECKS = [
    *room(
        "cold/segment_rebuild.cpp",
        ("rebuild-lost-block", "an index is made without a block that is damaged", REBUILD,
         ("    if (!builder_.lost().empty()) return hopeless(builder_.lost());\n", ""),
         ("    if (builder_.records() != header_.records || builder_.zones().blocks() != header_.blocks ||\n"
          "        builder_.index().size() != header_.postings) {", "    if (false) {")),
        ("rebuild-section-unproved", "a section is given back that the header has another checksum of", REBUILD,
         ("    if (bytes.size() != section.bytes || piece_checksum(bytes, segment_.seed(), section.offset) != section.checksum) {",
          "    if (bytes.size() != section.bytes) {")),
        ("rebuild-page-unproved", "a page is changed although its checksum is right", REBUILD,
         ("            if (read && stored->checksum == piece_checksum(covered, segment_.seed(), offset)) {",
          "            (void)covered;\n            if (false) {")),
        ("rebuild-no-hints", "parts don't tell each other where their keys end", REBUILD,
         ("segment_.range_end() : hints_.end;", "segment_.range_end() : segment_.range_end();")),
        ("rebuild-columns", "columns are other keys", REBUILD,
         ("heap.add(keys[i * keys.size() / count])", "heap.add(keys[i * keys.size() / (count + 1)])")),
        ("rebuild-behind", "a file that something was written behind is made whole", REBUILD,
         ("    if (*file_bytes > header_.file_bytes) return hopeless(\"something lies behind its end\");\n", "")),
        ("rebuild-header", "the header behind a file that was cut off is not written", REBUILD,
         ("    copy_header();\n    return", "    return")),
        ("rebuild-posting", "a posting for every record, not for every stretch", REBUILD,
         ("        if (records_ == 0 || last_key_ != key || stored.version > last_version_) {", "        {")),
    ),
    *room(
        "tools/fsck/rebuildable.cpp",
        ("rebuildable-with-damage", "a segment with a damaged block counts as one that can be made again", REBUILD,
         ("    for (const std::string& file : hopeless) files.erase(file);\n", "")),
        ("rebuildable-unsynced", "what was made again is not synced", REBUILD,
         ("    return (*file)->sync();\n", "    return {};\n")),
    ),
    *room(
        "tools/fsck/checked_segments.cpp",
        ("resume-other-store", "a check goes on from one of another store", MEANS,
         (" || json.value(\"uuid\", Json()) != uuid_", "")),
        ("resume-other-segment", "another segment of the same number is passed over", MEANS,
         ("found != checksums_.end() && found->second == header.checksum", "found != checksums_.end()")),
    ),
    *room(
        "tools/fsck/contents_check.cpp",
        ("contents-memory", "threads take more memory than there is", MEANS,
         ("    memory_freed_.wait(lock, [&] { return failure_ || memory_used_ + needed <= request_.memory_bytes; });\n",
          "")),
        ("contents-too-large", "a segment that needs more than all memory is waited for", MEANS,
         ("    if (needed > request_.memory_bytes) {", "    if (false) {")),
        ("contents-damaged-done", "a damaged segment is noted as whole", MEANS,
         ("    const bool whole = audit.seen().clean() && !audit.stopped();", "    const bool whole = !audit.stopped();")),
        ("contents-half-done", "a segment that was looked at in part is noted as whole", MEANS,
         ("    const bool whole = audit.seen().clean() && !audit.stopped();", "    const bool whole = audit.seen().clean();")),
        ("contents-order", "findings come in the order of threads", MEANS,
         ("    audits_[number] = std::move(kept);", "    audits_.push_back(std::move(kept));")),
    ),
    *room(
        "tools/fsck/answers_check.cpp",
        ("answers-get", "nobody compares gets", ANSWERS, ("    if (!same) find(\"get of", "    if (false) find(\"get of")),
        ("answers-history", "nobody compares histories", ANSWERS,
         ("    if (!same) find(\"the history of", "    if (false) find(\"the history of")),
        ("answers-scan", "nobody compares scans", ANSWERS,
         ("    if (answered == expected && ordered) return {};", "    return {};")),
        ("answers-changes", "nobody compares changes", ANSWERS,
         ("    if (answered == changed_) return {};", "    return {};")),
        ("answers-replaced", "records that others answer for are taken, too", ANSWERS,
         ("        if (key < begin_) return {};  // another one answers\n", "")),
        ("answers-rings-below-cut", "frames that have settled are taken, too", ANSWERS,
         (" || version <= cut_) return;", ") return;")),
    ),
    *room(
        "tools/fsck/second_look.cpp",
        ("second-look-checksum-bit", "a bit of a checksum is never the one", MEANS,
         ("        if (std::has_single_bit(wrong) && piece_.where != Piece::Checksum::elsewhere) {", "        if (false) {")),
        ("second-look-differs", "other bytes are taken for the same", MEANS,
         ("    if (first != again) second.reread = Reread::differs;\n", "")),
        ("second-look-good", "what is whole the second time is not seen", MEANS,
         ("    if (look.good(again)) {", "    if (false) {")),
    ),
    *room(
        "tools/common/rate_limited_io.cpp",
        ("rate-unlimited", "reads wait for nothing", MEANS,
         ("        schedule_->wait_for(data.size());\n", "")),
        ("rate-stop", "who is told to stop waits", MEANS, ("now < begins && !stopped_()", "now < begins")),
    ),
]
