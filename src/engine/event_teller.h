// EventTeller: what happened in a store -> who asked to be told (Options::on_event).
//
// Events are made of figures, by one of the store's own threads, once a second: nothing that happens waits for a
// listener, and what happens often is one event with a count.
//
// Threads: one at a time.
#pragma once

#include <warm/mover.h>
#include <zverse/error.h>
#include <zverse/options.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace zverse::engine {

/// What events are made of; counts since the opening.
struct EventFigures {
    std::optional<Error> refusal;  ///< why writes are refused
    warm::MoverFigures moves;
    std::optional<Error> move_failure;  ///< the last one
    std::uint64_t findings = 0;  ///< of the scrub
    std::uint64_t delayed_nanoseconds = 0;  ///< of all writers together
};

class EventTeller {
public:
    explicit EventTeller(std::function<void(const Event&)> listener) : listener_(std::move(listener)) {}
    [[nodiscard]] bool has_listener() const noexcept { return static_cast<bool>(listener_); }
    /// Whatever the listener throws ends there.
    void tell(const EventFigures& now) noexcept;

private:
    void tell(Event::Kind kind, std::uint64_t count, const std::string& what);
    void tell_risen(Event::Kind kind, std::uint64_t before, std::uint64_t now, const std::string& what);

    const std::function<void(const Event&)> listener_;
    EventFigures told_;
    bool told_refusal_ = false;  ///< closing a store gives it another one
};

}  // namespace zverse::engine
