#include <platform/audit.h>

#include <cerrno>

namespace zverse::platform {

void Audit::find(std::string_view code, const std::filesystem::path& file, std::uint64_t offset, std::string what) {
    if (seen_.findings.size() > kFindingsMax) return;
    if (seen_.findings.size() == kFindingsMax) {
        code = codes::kTooMany;
        what = "there are more findings than " + std::to_string(kFindingsMax) + "; they are not listed";
    }
    seen_.findings.push_back({std::string(code), file.string(), std::move(what), offset});
}

void Audit::find(const Error& error, const std::filesystem::path& file, std::uint64_t offset) {
    const int number = error.os_errno();
    starved_ = starved_ || error.code() == ErrorCode::full || number == ENOMEM || number == EMFILE || number == ENFILE;
    find(error.os_errno() == ENOENT ? codes::kFileMissing : codes::kReadFailed, file, offset, error.message());
}

bool Audit::read(File& file, std::span<std::byte> to, std::uint64_t offset) {
    if (auto done = file.read_exact(to, offset); !done) {
        find(done.error(), file.path(), offset);
        return false;
    }
    count_bytes(to.size());
    return true;
}

void Audit::absorb(Audit&& other) {
    starved_ = starved_ || other.starved_;
    seen_.bytes += other.seen_.bytes;
    seen_.records += other.seen_.records;
    seen_.segments += other.seen_.segments;
    for (Finding& each : other.seen_.findings) find(each.code, each.file, each.offset, std::move(each.what));
}

std::unique_ptr<File> Audit::open(FileIo& io, const std::filesystem::path& path, std::uint64_t bytes,
                                  std::string_view size_code) {
    auto file = io.open(path, OpenMode::read);
    if (!file) {
        find(file.error(), path, 0);
        return nullptr;
    }
    auto size = (*file)->size();
    if (!size) {
        find(size.error(), path, 0);
        return nullptr;
    }
    if (*size != bytes) {
        find(size_code, path, *size,
             "the file has " + std::to_string(*size) + " bytes instead of " + std::to_string(bytes));
        if (*size < bytes) return nullptr;
    }
    return std::move(*file);
}

}  // namespace zverse::platform
