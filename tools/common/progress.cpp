#include <tools/common/progress.h>
#include <tools/common/text.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace zverse::tools {
namespace {

constexpr std::chrono::milliseconds kBarEvery{100};
constexpr std::chrono::seconds kLineEvery{10};
constexpr std::size_t kBarCells = 30;

bool standard_error_is_a_terminal() {
    const char* kind = std::getenv("TERM");
    return ::isatty(STDERR_FILENO) == 1 && (kind == nullptr || std::string_view(kind) != "dumb");
}

std::size_t terminal_columns() {
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

}  // namespace

Progress::Progress(std::string what, std::string unit, std::uint64_t total, Style style)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      shown_(style == Style::automatic && total > 0),
      terminal_(shown_ && standard_error_is_a_terminal()),
      started_(Clock::now()),
      drawn_(started_) {}

Progress::~Progress() {
    if (open_line_) std::fputc('\n', stderr);
}

void Progress::advance(std::uint64_t done, const std::string& remark) {
    done_ = done;
    if (!shown_) return;
    const auto now = Clock::now();
    if (terminal_ ? drew_ && now - drawn_ < kBarEvery : now - drawn_ < kLineEvery) {
        remark_ = remark;
        return;
    }
    drawn_ = now;
    drew_ = true;
    terminal_ ? draw_bar(done, remark) : print_line(done, remark);
}

void Progress::finish() {
    if (!shown_ || !drew_) return;
    if (!terminal_) return print_line(done_, remark_);
    draw_bar(done_, remark_);
    std::fputc('\n', stderr);
    open_line_ = false;
}

void Progress::draw_bar(std::uint64_t done, const std::string& remark) {
    const double part = static_cast<double>(std::min(done, total_)) / static_cast<double>(total_);
    const auto full = static_cast<std::size_t>(part * static_cast<double>(kBarCells));
    const double spent = std::chrono::duration<double>(Clock::now() - started_).count();
    std::string text = what_ + " [" + std::string(full, '#') + std::string(kBarCells - full, '.') + "] " +
                       std::to_string(static_cast<int>(part * 100)) + "%  " + count_text(done) + " of " +
                       count_text(total_) + " " + unit_;
    if (!remark.empty()) text += "  " + remark;
    if (part > 0 && part < 1 && spent > 1) text += "  " + seconds_text(spent / part - spent) + " left";
    text.resize(std::min(text.size(), terminal_columns() - 1));
    std::fprintf(stderr, "\r%s\x1b[K", text.c_str());
    std::fflush(stderr);
    open_line_ = true;
}

void Progress::print_line(std::uint64_t done, const std::string& remark) {
    const char* gap = remark.empty() ? "" : ", ";
    std::fprintf(stderr, "%s: %s of %s %s%s%s\n", what_.c_str(), count_text(done).c_str(), count_text(total_).c_str(),
                 unit_.c_str(), gap, remark.c_str());
}

}  // namespace zverse::tools
