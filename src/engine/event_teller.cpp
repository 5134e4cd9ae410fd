#include <engine/event_teller.h>

namespace zverse::engine {

namespace {

/// Of a second; less is what a flush that is a little late makes of it.
constexpr std::uint64_t kDelayWorthTelling = 100'000'000;
constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;

}  // namespace

void EventTeller::tell(Event::Kind kind, std::uint64_t count, const std::string& what) {
    try {
        listener_({kind, count, what});
    } catch (...) {
        // It has no caller who could be told.
    }
}

void EventTeller::tell_risen(Event::Kind kind, std::uint64_t before, std::uint64_t now, const std::string& what) {
    if (now > before) tell(kind, now - before, what);
}

void EventTeller::tell(const EventFigures& now) noexcept {
    try {
        if (now.refusal && !told_refusal_) tell(Event::Kind::read_only, 1, now.refusal->message());
        told_refusal_ = told_refusal_ || now.refusal;
        tell_risen(Event::Kind::damage, told_.findings, now.findings, "the scrub found damage; zverse verify lists it");
        tell_risen(Event::Kind::move_failed, told_.moves.failures, now.moves.failures,
                   now.move_failure ? now.move_failure->message() : "a flush or merge failed, and is tried again");
        const std::uint64_t delayed = now.delayed_nanoseconds - told_.delayed_nanoseconds;
        if (delayed >= kDelayWorthTelling) {
            tell(Event::Kind::writers_delayed, delayed / kNanosecondsPerMillisecond,
                 "writers are held back: flushes do not keep up");
        }
        tell_risen(Event::Kind::flushed, told_.moves.flushes, now.moves.flushes, "rings were flushed");
        tell_risen(Event::Kind::merged, told_.moves.merges + told_.moves.packs, now.moves.merges + now.moves.packs,
                   "segments were merged");
        told_ = now;
    } catch (...) {
        // No memory for a sentence: the next second tells.
    }
}

}  // namespace zverse::engine
