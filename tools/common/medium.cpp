#include <tools/common/medium.h>

#include <fstream>
#include <sstream>
#include <string_view>

namespace zverse::tools {
namespace {

/// Whether `path` is `mount` or lies below it.
bool lies_in(std::string_view path, std::string_view mount) {
    if (mount == "/") return true;
    return path.starts_with(mount) && (path.size() == mount.size() || path[mount.size()] == '/');
}

/// dax, dax=always; dax=inode and dax=never do not make an ordinary file DAX.
bool has_dax(const std::string& options) {
    std::istringstream words(options);
    for (std::string word; std::getline(words, word, ',');) {
        if (word == "dax" || word == "dax=always") return true;
    }
    return false;
}

}  // namespace

std::string Medium::describe() const {
    std::string text = file_system + " on " + mount_point;
    if (memory) return text + ", memory and no persistent medium";
    return text + (dax ? ", DAX" : ", no DAX");
}

Medium medium_of(const std::filesystem::path& path) {
    std::error_code ignored;
    const std::string place = std::filesystem::weakly_canonical(path, ignored).string();
    Medium medium{"unknown", "unknown", false, false};
    std::size_t longest = 0;
    // The last mount on a point hides those before it, so an equal length wins. Mount points with blanks are
    // escaped in this file and not matched; their parent's line is reported.
    std::ifstream mounts("/proc/self/mounts");
    for (std::string device, point, kind, options, rest;
         mounts >> device >> point >> kind >> options && std::getline(mounts, rest);) {
        if (!lies_in(place, point) || point.size() < longest) continue;
        longest = point.size();
        medium = {kind, point, has_dax(options), kind == "tmpfs" || kind == "ramfs"};
    }
    return medium;
}

}  // namespace zverse::tools
