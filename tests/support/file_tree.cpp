#include <support/file_tree.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace zverse::test {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("can't read " + path.string());
    std::string bytes(fs::file_size(path), '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return bytes;
}

void write_file(const fs::path& path, std::string_view bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file) throw std::runtime_error("can't write " + path.string());
}

void flip_bit(const fs::path& path, std::uint64_t bit) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    const auto offset = static_cast<std::streamoff>(bit / 8);
    char byte = 0;
    file.seekg(offset).get(byte);
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
    file.seekp(offset).put(byte);
    file.close();
    if (!file) throw std::runtime_error("can't change " + path.string());
}

FileTree read_tree(const fs::path& directory) {
    FileTree tree;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
        const std::string name = entry.path().lexically_relative(directory).string();
        if (entry.is_directory()) {
            tree[name + "/"];
        } else {
            tree[name] = entry.is_regular_file() ? read_file(entry.path()) : "";
        }
    }
    return tree;
}

std::string difference(const FileTree& before, const FileTree& after) {
    std::string names;
    for (const auto& [name, bytes] : before) {
        const auto same = after.find(name);
        if (same == after.end()) {
            names += name + " is gone; ";
        } else if (same->second != bytes) {
            names += name + " changed; ";
        }
    }
    for (const auto& [name, bytes] : after) {
        if (!before.contains(name)) names += name + " is new; ";
    }
    return names;
}

}  // namespace zverse::test
