// The shortest useful program: write, read, read the past, walk a history. README.md shows it.
#include <zverse/zverse.h>

#include <iostream>

int main(int argc, char** argv) {
    auto store = zverse::Store::open(argc > 1 ? argv[1] : "quickstart-store");
    if (!store) {
        std::cerr << store.error().message() << '\n';
        return 1;
    }
    const auto red = store->put("color", "red");    // durable on return; gives the version of the write
    const auto blue = store->put("color", "blue");  // the older value stays readable
    if (!red || !blue) return 1;

    const auto now = store->get("color");
    const auto then = store->get("color", *red);  // as of a version: the same answer for ever
    if (!now || !then || !*now || !*then) return 1;
    std::cout << "now " << **now << ", then " << **then << '\n';

    auto history = store->history("color");  // newest first
    while (history && history->next().value_or(false)) {
        std::cout << "version " << history->entry().version << ": " << history->entry().value << '\n';
    }
    return **now == "blue" && **then == "red" && store->close() ? 0 : 1;
}
