#include <engine/cursor_state.h>

#include <algorithm>
#include <utility>

namespace zverse::engine {

Result<bool> BatchCursor::next() {
    hot::WriterSlot& slot = engine_->tier().slots().mine();
    const hot::ActiveCall call(engine_->tier());
    if (engine_->closed()) return std::unexpected(Engine::closed_error());
    if (options_.limit != 0 && delivered_ >= options_.limit) return false;
    while (!batch_.take(entry_)) {
        if (lost_place_) return std::unexpected(lost_place_error());
        if (done_) return false;
        batch_.clear();
        std::size_t wanted = batch_entries_;
        if (options_.limit != 0) {
            wanted = static_cast<std::size_t>(std::min<std::uint64_t>(options_.limit - delivered_, 1024));
        }
        prepare();
        const hot::PinGuard pin(engine_->tier().epochs(), slot);
        if (auto filled = refill(slot, engine_->views().current(), wanted); !filled) {
            return std::unexpected(std::move(filled.error()));
        }
        batch_entries_ = std::min<std::size_t>(batch_entries_ * 4, 1024);
    }
    ++delivered_;
    return true;
}

Result<bool> BatchCursor::seek(std::string_view key) {
    {
        const hot::ActiveCall call(engine_->tier());
        if (engine_->closed()) return std::unexpected(Engine::closed_error());
        if (lost_place_) return std::unexpected(lost_place_error());
        if (auto placed = place_at(key); !placed) return std::unexpected(std::move(placed.error()));
        batch_.clear();
    }
    return next();
}

Result<void> BatchCursor::place_at(std::string_view) {
    return std::unexpected(Error(ErrorCode::invalid_argument, "seek() works on the cursor of a scan only"));
}

}  // namespace zverse::engine
