#include <tools/common/moment.h>
#include <tools/common/result.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <utility>

namespace zverse::tools {
namespace {

using Clock = std::chrono::system_clock;
using Seconds = std::chrono::seconds;

/// All of `text`.
template <class Number>
std::optional<Number> number_of(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<std::int64_t> seconds_of_unit(char unit) {
    switch (unit) {
        case 's': return 1;
        case 'm': return 60;
        case 'h': return 3600;
        case 'd': return 86'400;
        case 'w': return 604'800;
        default: return std::nullopt;
    }
}

/// "2h": at most 200 years of it.
std::optional<Seconds> parse_duration(std::string_view text) {
    if (text.size() < 2) return std::nullopt;
    const auto unit = seconds_of_unit(text.back());
    const auto count = number_of<std::uint32_t>(text.substr(0, text.size() - 1));
    constexpr std::int64_t kLongest = std::int64_t{200} * 365 * 86'400;
    if (!unit || !count || *count > kLongest / *unit) return std::nullopt;
    return Seconds(*count * *unit);
}

/// Two digits at the front, taken.
std::optional<int> take_two(std::string_view& text, int largest) {
    const auto value = number_of<unsigned>(text.substr(0, 2));
    if (text.size() < 2 || !value || *value > static_cast<unsigned>(largest)) return std::nullopt;
    text.remove_prefix(2);
    return static_cast<int>(*value);
}

bool take(std::string_view& text, std::string_view what) {
    if (!text.starts_with(what)) return false;
    text.remove_prefix(what.size());
    return true;
}

/// "Z", "+01:00"; nothing where it is neither.
std::optional<Seconds> parse_zone(std::string_view text) {
    if (text == "Z" || text == "z") return Seconds(0);
    const int sign = text.starts_with('-') ? -1 : 1;
    if (!take(text, "+") && !take(text, "-")) return std::nullopt;
    const auto hours = take_two(text, 23);
    if (!hours || !take(text, ":")) return std::nullopt;
    const auto minutes = take_two(text, 59);
    if (!minutes || !text.empty()) return std::nullopt;
    return Seconds(sign * (*hours * 3600 + *minutes * 60));
}

bool parse_date(std::string_view& text, std::tm& date) {
    const auto year = number_of<unsigned>(text.substr(0, 4));
    if (text.size() < 4 || !year) return false;
    text.remove_prefix(4);
    if (!take(text, "-")) return false;
    const auto month = take_two(text, 12);
    if (!month || !take(text, "-")) return false;
    const auto day = take_two(text, 31);
    if (!day) return false;
    date.tm_year = static_cast<int>(*year) - 1900;
    date.tm_mon = *month - 1;
    date.tm_mday = *day;
    return true;
}

bool parse_clock(std::string_view& text, std::tm& date) {
    const auto hour = take_two(text, 23);
    if (!hour || !take(text, ":")) return false;
    const auto minute = take_two(text, 59);
    if (!minute) return false;
    date.tm_hour = *hour;
    date.tm_min = *minute;
    if (!take(text, ":")) return true;
    const auto second = take_two(text, 60);
    if (!second) return false;
    date.tm_sec = *second;
    if (!take(text, ".")) return true;
    // version_at() knows no parts of a second.
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(digits);
    return digits > 0;
}

std::optional<Clock::time_point> parse_calendar(std::string_view text) {
    std::tm date{};
    if (!parse_date(text, date)) return std::nullopt;
    const std::tm day = date;
    if (!text.empty()) {
        if (!take(text, "T") && !take(text, "t") && !take(text, " ")) return std::nullopt;
        if (!parse_clock(text, date)) return std::nullopt;
    }
    const auto zone = text.empty() ? std::nullopt : parse_zone(text);
    if (!text.empty() && !zone) return std::nullopt;
    // What timegm() would make of February 30 is another day.
    std::tm checked = day;
    static_cast<void>(::timegm(&checked));
    if (checked.tm_mday != day.tm_mday) return std::nullopt;
    date.tm_isdst = -1;
    const std::time_t seconds = zone ? ::timegm(&date) - static_cast<std::time_t>(zone->count()) : std::mktime(&date);
    return Clock::from_time_t(seconds);
}

}  // namespace

Result<Moment> parse_moment(std::string_view text, Clock::time_point now) {
    if (text == "latest") return Moment(kLatest);
    if (const auto version = number_of<Version>(text)) return Moment(*version);
    std::string_view rest = text;
    if (take(rest, "@")) {
        if (const auto seconds = number_of<std::uint32_t>(rest)) return Moment(Clock::from_time_t(*seconds));
    } else if (take(rest, "-")) {
        if (const auto ago = parse_duration(rest)) return Moment(now - *ago);
    } else if (rest.ends_with(" ago")) {
        if (const auto ago = parse_duration(rest.substr(0, rest.size() - 4))) return Moment(now - *ago);
    } else if (const auto time = parse_calendar(rest)) {
        return Moment(*time);
    }
    return fail(
        ErrorCode::invalid_argument,
        "'" + std::string(text) +
            "' is neither a version, nor 'latest', nor a time such as 2026-11-20T10:00:00Z, '2026-11-20 10:00', "
            "@1795168800, -2h or '2h ago'.");
}

Result<Version> version_of(const Store& store, const Moment& moment) {
    if (const auto* time = std::get_if<Clock::time_point>(&moment)) return store.version_at(*time);
    const Version version = std::get<Version>(moment);
    return version == kLatest ? store.latest_version() : version;
}

}  // namespace zverse::tools
