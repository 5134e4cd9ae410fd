#include <bench/engines/engines.h>

#include <stdexcept>

namespace zverse::bench {

std::unique_ptr<Engine> open_leveldb(const EngineSetup&) { throw std::runtime_error("not written yet"); }

}  // namespace zverse::bench
