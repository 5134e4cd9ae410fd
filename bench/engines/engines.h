// How each engine is opened. What this build lacks is declared and never called.
#pragma once

#include <bench/engines/engine.h>

namespace zverse::bench {

[[nodiscard]] std::unique_ptr<Engine> open_zverse(const EngineSetup& setup);
[[nodiscard]] std::unique_ptr<Engine> open_rocksdb(const EngineSetup& setup);
[[nodiscard]] std::unique_ptr<Engine> open_lmdb(const EngineSetup& setup);
[[nodiscard]] std::unique_ptr<Engine> open_leveldb(const EngineSetup& setup);
[[nodiscard]] std::unique_ptr<Engine> open_wiredtiger(const EngineSetup& setup);
[[nodiscard]] std::unique_ptr<Engine> open_tkrzw(const EngineSetup& setup);

}  // namespace zverse::bench
