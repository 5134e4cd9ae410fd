// The heap of a k-way merge: a vector whose first element comes before all others. std::push_heap and its kin move the
// top out and in again; a merge only changes it where it is.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace zverse::platform {

/// Puts the element at `i` where it belongs below itself. before(a, b): whether `a` comes first.
template <class T, class Before>
void sift_down(std::vector<T>& heap, std::size_t i, const Before& before) {
    for (;;) {
        std::size_t child = 2 * i + 1;
        if (child >= heap.size()) return;
        if (child + 1 < heap.size() && before(heap[child + 1], heap[child])) ++child;
        if (!before(heap[child], heap[i])) return;
        std::swap(heap[i], heap[child]);
        i = child;
    }
}

template <class T, class Before>
void make_merge_heap(std::vector<T>& heap, const Before& before) {
    for (std::size_t i = heap.size() / 2; i-- > 0;) sift_down(heap, i, before);
}

/// After the top moved on; without `left`, it has nothing more and goes.
template <class T, class Before>
void settle_top(std::vector<T>& heap, bool left, const Before& before) {
    if (!left) {
        if (heap.size() > 1) heap.front() = std::move(heap.back());
        heap.pop_back();
    }
    if (!heap.empty()) sift_down(heap, 0, before);
}

}  // namespace zverse::platform
