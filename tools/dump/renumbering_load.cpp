// A load under new versions: what was one commit in the source is one commit here, in the same order; records of a
// state are committed many at a time.
#include <tools/common/result.h>
#include <tools/common/text.h>
#include <tools/dump/load_target.h>

#include <algorithm>

namespace zverse::tools {
namespace {

/// About, of an operation in a frame beside key and value.
constexpr std::uint64_t kOperationBytes = 64;
constexpr std::uint64_t kBatchBytesMax = std::uint64_t{1} << 20;

class RenumberingLoad final : public LoadTarget {
public:
    RenumberingLoad(const LoadRequest& request, const DumpHeader& header, bool is_text, LoadReport& report)
        : LoadTarget(request, header, report), by_version_(!is_text && header.kind != DumpKind::state) {}

    Result<void> open() override {
        if (request_.resume && by_version_) {
            return fail(ErrorCode::invalid_argument,
                        "Only a load that preserves versions, or one of a state, can be resumed: what an interrupted "
                        "load of a history under new versions has written can't be told apart.");
        }
        auto opened = Store::open(request_.store, options());
        if (!opened) return pass_on(opened);
        store_.emplace(std::move(*opened));
        start_ = store_->latest_version();
        bytes_max_ = std::min(kBatchBytesMax, ring_bytes() / 8);
        return {};
    }

    Result<void> add(const DumpRecord& record) override {
        if (record.kind == DumpRecordKind::pin) {
            pins_.emplace_back(record.key, record.version);
            std::ranges::stable_sort(pins_, std::ranges::greater{}, &Pin::second);
            return {};
        }
        if (const bool ends = by_version_ ? record.version != version_ : is_full(record); ends) {
            if (auto done = commit(); !done) return done;
            if (auto pinned = set_pins_below(record.version); !pinned) return pinned;
        }
        version_ = record.version;
        auto wanted = is_wanted(record);
        if (!wanted) return pass_on(wanted);
        if (!*wanted) {
            ++report_.passed_over;
        } else if (record.kind == DumpRecordKind::put) {
            batch_.put(record.key, record.value);
        } else {
            batch_.erase(record.key);
        }
        return {};
    }

    Result<const Store*> loaded() override {
        if (auto done = commit(); !done) return pass_on(done);
        return &*store_;
    }

    Result<void> finish() override {
        if (auto done = commit(); !done) return done;
        if (auto pinned = set_pins_below(kLatest); !pinned) return pinned;
        return close();
    }

private:
    [[nodiscard]] bool is_full(const DumpRecord& record) const {
        const std::uint64_t count = batch_.size() + 1;
        return count > request_.batch ||
               batch_.bytes() + record.key.size() + record.value.size() + count * kOperationBytes > bytes_max_;
    }

    /// Of keys that the store had before the load.
    Result<bool> is_wanted(const DumpRecord& record) {
        if (start_ == 0 || request_.if_exists == IfExists::overwrite) return true;
        bool there = false;
        bool same = false;
        const auto look = [&](const Entry& entry) {
            there = true;
            same = entry.value == record.value;
        };
        if (auto found = store_->visit(record.key, look, start_); !found) return pass_on(found);
        if (!there) return true;
        if (request_.if_exists == IfExists::skip || (request_.resume && same)) return false;
        return fail(ErrorCode::exists, "The store has key " + printable(record.key) +
                                           " already; --if-exists says what to do about such keys.");
    }

    Result<void> commit() {
        if (batch_.size() == 0) return {};
        if (auto written = store_->write(batch_); !written) return pass_on(written);
        report_.loaded += batch_.size();
        batch_.clear();
        return {};
    }

    /// A pin goes where the source had it: behind the last commit up to its version.
    Result<void> set_pins_below(Version version) {
        while (!pins_.empty() && pins_.back().second < version) {
            const std::string& name = pins_.back().first;
            auto pinned = store_->pin(name);
            if (!pinned && pinned.error().code() == ErrorCode::exists && request_.if_exists != IfExists::fail) {
                if (auto replaced = replace_pin(name); !replaced) return replaced;
            } else if (!pinned) {
                return pass_on(pinned);
            }
            ++report_.pins;
            pins_.pop_back();
        }
        return {};
    }

    Result<void> replace_pin(const std::string& name) {
        if (request_.if_exists == IfExists::skip) return {};
        if (auto removed = store_->unpin(name); !removed) return removed;
        if (auto pinned = store_->pin(name); !pinned) return pass_on(pinned);
        return {};
    }

    const bool by_version_;
    Version version_ = 0;  ///< of the batch, in the source
    std::uint64_t bytes_max_ = 0;
};

}  // namespace

std::unique_ptr<LoadTarget> renumbering_load(const LoadRequest& request, const DumpHeader& header, bool is_text,
                                             LoadReport& report) {
    return std::make_unique<RenumberingLoad>(request, header, is_text, report);
}

}  // namespace zverse::tools
