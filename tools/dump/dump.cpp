#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/dump/base_records.h>
#include <tools/dump/dump.h>

#include <algorithm>
#include <string>

namespace zverse::tools {
namespace {

class Dumping {
public:
    Dumping(const Store& store, const DumpRequest& request, DumpWriter& writer)
        : store_(store), request_(request), writer_(writer) {}

    Result<DumpReport> run() {
        header_.kind = request_.kind;
        header_.until = std::min(request_.until.value_or(store_.durable_version()), store_.latest_version());
        header_.floor = std::min(store_.floor(), header_.until);
        header_.since = request_.since;
        header_.keys = request_.keys;
        header_.values = request_.values;
        header_.ring_bytes = ring_bytes_of(store_);
        // An impossible range is told before the first byte.
        auto first = first_cursor();
        if (!first) return pass_on(first);
        if (auto written = writer_.begin(header_); !written) return pass_on(written);
        if (auto written = write(*first); !written) return pass_on(written);
        if (auto written = writer_.end(); !written) return pass_on(written);
        return DumpReport{header_.until, records_};
    }

private:
    /// Behind what lies below the floor. It pins its versions, so the floor stays where the header has it.
    [[nodiscard]] Result<Cursor> first_cursor() const {
        const ScanOptions options{.keys_only = !request_.values};
        if (request_.kind == DumpKind::state) return store_.scan(request_.keys, header_.until, options);
        return store_.changes({after_version(), header_.until}, request_.keys, options);
    }
    [[nodiscard]] Version after_version() const {
        return request_.kind == DumpKind::history ? header_.floor : header_.since;
    }

    Result<void> write(Cursor& cursor) {
        if (request_.kind != DumpKind::state) {
            if (auto written = write_pins(); !written) return written;
        }
        if (request_.kind == DumpKind::history && header_.floor > 0) {
            if (auto written = write_base(); !written) return written;
        }
        const Version after = after_version();
        const Version versions = request_.kind == DumpKind::state ? 0 : header_.until - std::min(header_.until, after);
        Progress progress("Dumping", "versions", versions, request_.progress);
        for (;;) {
            auto found = cursor.next();
            if (!found) return pass_on(found);
            if (!*found) break;
            const Entry& entry = cursor.entry();
            progress.advance(entry.version - std::min(entry.version, after));
            const auto kind = entry.tombstone ? DumpRecordKind::erase : DumpRecordKind::put;
            if (auto written = add({kind, entry.key, entry.value, entry.version}); !written) return written;
        }
        progress.finish();
        return {};
    }

    Result<void> write_pins() {
        auto pins = store_.pins();
        if (!pins) return pass_on(pins);
        for (const auto& [name, version] : *pins) {
            if (version > header_.until) continue;
            if (auto written = add({DumpRecordKind::pin, name, {}, version}); !written) return written;
        }
        return {};
    }

    Result<void> write_base() {
        BaseRecords base(store_, request_.keys, header_.floor, request_.sort_bytes_max);
        std::string value;
        for (;;) {
            auto found = base.next();
            if (!found) return pass_on(found);
            if (!*found) return {};
            if (request_.values) {
                auto got = store_.get_into(base.key(), value, header_.floor);
                if (!got) return pass_on(got);
            }
            if (auto written = add({DumpRecordKind::put, base.key(), value, base.version()}); !written) return written;
        }
    }

    Result<void> add(const DumpRecord& record) {
        if (interrupted()) return stopped();
        ++records_;
        return writer_.add(record);
    }

    const Store& store_;
    const DumpRequest& request_;
    DumpWriter& writer_;
    DumpHeader header_;
    std::uint64_t records_ = 0;
};

}  // namespace

Result<DumpReport> dump(const Store& store, const DumpRequest& request, DumpWriter& writer) {
    return Dumping(store, request, writer).run();
}

}  // namespace zverse::tools
