#include <tools/fsck/pass_teller.h>

#include <nlohmann/json.hpp>

#include <iterator>
#include <string>

namespace zverse::tools {

namespace {
using Json = nlohmann::ordered_json;
}

/// What fails here fails again when the report is written.
void PassTeller::write(std::string_view line) {
    static_cast<void>(output_.write(line));
    static_cast<void>(output_.flush());
}

void PassTeller::begin() {
    if (style_ == Style::json_lines && !begun_) write("{\"type\":\"begin\",\"schema\":\"zverse.fsck/1\"}\n");
    begun_ = true;
}

void PassTeller::operator()(const PassProgress& progress) {
    begin();
    const auto now = Clock::now();
    if (progress.pass != pass_) {
        pass_ = progress.pass;
        pass_began_ = told_ = now;
        tell_pass(progress);
    } else if (style_ == Style::json_lines && now - told_ >= interval_) {
        told_ = now;
        tell_progress(progress, now);
    }
}

void PassTeller::tell_pass(const PassProgress& progress) {
    static constexpr const char* kTitles[] = {
        "superblock", "rings", "catalog", "segments", "versions", "indexes", "indexes and values", "answers"};
    if (progress.pass == 0 || progress.pass > std::size(kTitles)) return;
    const char* const title = kTitles[progress.pass - 1];
    if (style_ == Style::json_lines) {
        return write(Json({{"type", "pass"}, {"pass", progress.pass}, {"title", title}}).dump() + "\n");
    }
    write("Pass " + std::to_string(progress.pass) + ": " + title + "\n");
}

void PassTeller::tell_progress(const PassProgress& progress, Clock::time_point now) {
    Json line = {{"type", "progress"}, {"pass", progress.pass}, {"done", progress.done}, {"total", progress.total}};
    if (progress.done != 0 && progress.done <= progress.total) {
        const double seconds = std::chrono::duration<double>(now - pass_began_).count();
        const auto left = static_cast<double>(progress.total - progress.done);
        line["eta_seconds"] = seconds * left / static_cast<double>(progress.done);
    }
    write(line.dump() + "\n");
}

}  // namespace zverse::tools
