#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/dump/load.h>
#include <tools/dump/load_target.h>

#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

namespace zverse::tools {
namespace {

Result<std::unique_ptr<LoadTarget>> target_of(const DumpReader& reader, const LoadRequest& request,
                                              LoadReport& report) {
    const DumpHeader& header = reader.header();
    if (!header.values) return fail(ErrorCode::invalid_argument, "The dump was made without values.");
    const bool state = header.kind == DumpKind::state;
    report.preserved = request.preserve.value_or(!state);
    if (!report.preserved) return renumbering_load(request, header, reader.is_text(), report);
    if (state) {
        return fail(ErrorCode::invalid_argument,
                    "The dump is of one state, by key: only a dump of a history or of changes can be loaded under the "
                    "versions it has.");
    }
    return preserving_load(request, header, report);
}

Result<void> read_into(DumpReader& reader, LoadTarget* target, Progress::Style style, LoadReport& report) {
    Progress progress(target == nullptr ? "Checking" : "Loading", "bytes", reader.input().size(), style);
    for (DumpRecord record;;) {
        if (interrupted()) return stopped();
        progress.advance(reader.input().offset());
        auto found = reader.next(record);
        if (!found) return pass_on(found);
        if (!*found) {
            progress.finish();
            return {};
        }
        report.records = reader.records();
        if (target == nullptr) continue;
        if (auto added = target->add(record); !added) return added;
    }
}

}  // namespace

// ---- What every target does.

Options LoadTarget::options() const {
    Options options;
    options.durability = request_.durability;
    // A store that is there has the rings it has; of a new one they hold whatever the source wrote at once.
    std::error_code ignored;
    const bool there = std::filesystem::exists(request_.store / "SUPERBLOCK", ignored);
    options.ring_bytes = there || request_.ring_bytes != 0 ? request_.ring_bytes : header_.ring_bytes;
    options.shards = request_.shards;
    return options;
}

void LoadTarget::note_versions() {
    report_.latest = store_->latest_version();
    report_.durable = store_->durable_version();
}

std::uint64_t LoadTarget::ring_bytes() const { return ring_bytes_of(*store_); }

Result<void> LoadTarget::close() {
    if (auto synced = store_->sync(); !synced) return synced;
    note_versions();
    return store_->close();
}

void LoadTarget::leave() {
    if (!store_) return;
    before_leaving();
    // Whatever is wrong with the store was said, or is why it is left.
    static_cast<void>(store_->sync());
    note_versions();
    static_cast<void>(store_->close());
}

LoadReport load(DumpReader& reader, const LoadRequest& request) {
    LoadReport report;
    auto target = target_of(reader, request, report);
    if (!target) {
        report.error = std::move(target.error());
        return report;
    }
    auto done = (*target)->open();
    if (done) done = read_into(reader, target->get(), request.progress, report);
    if (done) done = (*target)->finish();
    if (!done) {
        (*target)->leave();
        report.error = std::move(done.error());
    }
    return report;
}

LoadReport verify_dump(DumpReader& reader, Progress::Style style) {
    LoadReport report;
    if (auto read = read_into(reader, nullptr, style, report); !read) report.error = std::move(read.error());
    return report;
}

}  // namespace zverse::tools
