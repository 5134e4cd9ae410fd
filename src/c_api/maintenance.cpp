// Flushes, compactions, checkpoints, checks and figures.
#include <c_api/call.h>
#include <c_api/handles.h>
#include <c_api/query.h>
#include <zverse/verification.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace zverse::c_api;
using zverse::Result;

int zverse_flush(zverse_store* store, zverse_error** error) {
    Call call(error);
    call.need("store", store);
    return call.answer([&] { return store->store.flush(); });
}

int zverse_compact(zverse_store* store, const zverse_query* range, zverse_error** error) {
    Call call(error);
    call.need("store", store);
    const Query read = read_query(call, range);
    return call.answer([&] { return store->store.compact(read.keys()); });
}

int zverse_checkpoint(const zverse_store* store, const char* path, zverse_error** error) {
    Call call(error);
    call.need("store", store);
    call.need("path", path);
    return call.answer([&] { return store->store.checkpoint(path); });
}

namespace {

/// A Verification, and the views of it that C sees. Never moved: they point at each other.
class ShownVerification : public zverse_verification {
public:
    explicit ShownVerification(zverse::Verification&& made) : zverse_verification{}, kept_(std::move(made)) {
        findings_.reserve(kept_.findings.size());
        pointers_.reserve(kept_.findings.size());
        for (const zverse::Finding& finding : kept_.findings) {
            findings_.push_back({finding.code.c_str(), finding.file.c_str(), finding.what.c_str(), finding.offset});
            pointers_.push_back(&findings_.back());
        }
        bytes = kept_.bytes;
        records = kept_.records;
        segments = kept_.segments;
        findings_count = pointers_.size();
        findings = pointers_.data();
    }
    ShownVerification(const ShownVerification&) = delete;
    ShownVerification& operator=(const ShownVerification&) = delete;

private:
    const zverse::Verification kept_;
    std::vector<zverse_finding> findings_;
    std::vector<const zverse_finding*> pointers_;
};

template <class Look>
int show_verification(const zverse_store* store, zverse_verification** verification, zverse_error** error,
                      Look&& look) {
    Call call(error);
    call.clear(verification);
    call.need("store", store);
    call.need("verification", verification);
    return call.answer([&]() -> Result<void> {
        auto made = look(store->store);
        if (!made) return std::unexpected(std::move(made.error()));
        *verification = new ShownVerification(std::move(*made));
        return {};
    });
}

}  // namespace

int zverse_verify(const zverse_store* store, zverse_verification** verification, zverse_error** error) {
    return show_verification(store, verification, error, [](const zverse::Store& each) { return each.verify(); });
}

int zverse_scrubbed(const zverse_store* store, zverse_verification** verification, zverse_error** error) {
    return show_verification(store, verification, error, [](const zverse::Store& each) { return each.scrubbed(); });
}

void zverse_verification_free(zverse_verification* verification) {
    delete static_cast<ShownVerification*>(verification);
}

int zverse_stats(const zverse_store* store, int format, char** text, size_t* text_bytes, zverse_error** error) {
    Call call(error);
    call.clear(text, text_bytes);
    call.need("store", store);
    call.need("text", text);
    call.check(format == ZVERSE_OPENMETRICS || format == ZVERSE_JSON, "format", "is no zverse_stats_format");
    return call.answer([&]() -> Result<void> {
        const zverse::Stats stats = store->store.stats();
        const std::string made = format == ZVERSE_JSON ? stats.to_json() : stats.to_openmetrics();
        *text = copy_of(made);
        if (*text == nullptr) return std::unexpected(no_memory());
        if (text_bytes != nullptr) *text_bytes = made.size();
        return {};
    });
}
