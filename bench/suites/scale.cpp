// Suite scale: the same reads and writes over data of a quarter, all and four times of the engine's memory. With
// --threads 1,2,4 ... it shows both ways to grow.
#include <bench/suites/life.h>
#include <bench/suites/suites.h>

#include <array>
#include <string>

namespace zverse::bench {

void live_scale(Life& life) {
    struct Size {
        const char* name;
        double times;
    };
    constexpr std::array kSizes{Size{"quarter", 0.25}, Size{"once", 1}, Size{"four_times", 4}};
    for (const Size& size : kSizes) {
        const std::string fill = std::string("fill_") + size.name, read = std::string("read_") + size.name,
                          update = std::string("update_") + size.name;
        if (!life.wants(fill) && !life.wants(read) && !life.wants(update)) continue;
        life.begin_sized(size.times);
        life.fill(fill, {.mix = {{OperationKind::insert, 100}}});
        life.phase(read, {.mix = {{OperationKind::read, 100}}});
        life.phase(update, {.mix = {{OperationKind::update, 100}}});
    }
}

}  // namespace zverse::bench
