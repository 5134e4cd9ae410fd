#include <support/shapes.h>

#include <algorithm>

namespace zverse::test {

KeyPool::KeyPool(Random& random) {
    for (int i = 0; i < 60; ++i) keys_.push_back("user:" + std::to_string(1000 + i));
    for (int i = 0; i < 40; ++i) keys_.push_back("user:" + std::to_string(1000 + i) + "/mail/" + std::to_string(i));
    for (int i = 0; i < 16; ++i) keys_.push_back(std::string(1, static_cast<char>(i * 17)));
    for (std::size_t i = 1; i <= 12; ++i) keys_.emplace_back(i, '\0');
    for (std::size_t i = 1; i <= 12; ++i) keys_.emplace_back(i, '\xff');
    for (int i = 0; i < 60; ++i) keys_.push_back(random.bytes(random.between(1, 24)));
    for (int i = 0; i < 20; ++i) keys_.push_back(std::string("a\0b", 3) + random.bytes(random.between(0, 4)));
    for (int i = 0; i < 12; ++i) keys_.push_back(std::string(random.between(200, 600), 'p') + std::to_string(i));
    for (int i = 0; i < 4; ++i) keys_.push_back(std::string(4096, 'q') + random.bytes(3));
    keys_.push_back(random.bytes(65'535));
    keys_.push_back(std::string(65'535, '\xff'));
    std::ranges::sort(keys_);
    keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
    for (std::size_t i = keys_.size(); i > 1; --i) std::swap(keys_[i - 1], keys_[random.below(i)]);
}

const std::string& KeyPool::any(Random& random) const {
    constexpr std::size_t kHot = 5;
    constexpr std::size_t kLong = 2000;
    const std::string& key = keys_[random.below(random.one_in(4) ? kHot : keys_.size())];
    // The longest keys are drawn ten times less often: each of their frames takes a good part of a small ring.
    return key.size() < kLong || random.one_in(10) ? key : keys_[random.below(kHot)];
}

std::string KeyPool::near(Random& random) const {
    std::string key = any(random);
    switch (random.below(5)) {
        case 0: key.resize(random.between(1, key.size())); break;
        case 1: key += static_cast<char>(random.next()); break;
        case 2: key[random.below(key.size())] = static_cast<char>(random.next()); break;
        case 3: key.back() = static_cast<char>(key.back() + 1); break;
        default: break;
    }
    if (key.size() > 65'535) key.resize(65'535);
    return key;
}

std::uint64_t value_bytes(Random& random, std::uint64_t largest) {
    const std::uint64_t die = random.below(10'000);
    std::uint64_t bytes = random.between(1, 200);
    if (die < 2) {
        bytes = largest;
    } else if (die < 12) {
        bytes = random.between(64 << 10, 128 << 10);
    } else if (die < 350) {
        bytes = random.between(1 << 10, 6 << 10);
    } else if (die < 850) {
        bytes = 0;
    } else if (die < 1500) {
        bytes = random.between(200, 1100);
    }
    return std::min(bytes, largest);
}

}  // namespace zverse::test
