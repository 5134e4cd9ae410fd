// A file descriptor that closes itself.
#pragma once

#include <unistd.h>

#include <utility>

namespace zverse::platform {

class UniqueDescriptor {
public:
    UniqueDescriptor() noexcept = default;
    explicit UniqueDescriptor(int descriptor) noexcept : descriptor_(descriptor) {}
    UniqueDescriptor(UniqueDescriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    UniqueDescriptor& operator=(UniqueDescriptor&& other) noexcept {
        if (this != &other) {
            reset();
            descriptor_ = std::exchange(other.descriptor_, -1);
        }
        return *this;
    }
    ~UniqueDescriptor() { reset(); }

    [[nodiscard]] int get() const noexcept { return descriptor_; }
    [[nodiscard]] bool valid() const noexcept { return descriptor_ >= 0; }

private:
    void reset() noexcept {
        // The answer of close() is of no use: what had to survive was synced, and a failed close must not be retried.
        if (descriptor_ >= 0) ::close(descriptor_);
        descriptor_ = -1;
    }

    int descriptor_ = -1;
};

}  // namespace zverse::platform
