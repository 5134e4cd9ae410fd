// Settled: what readers need to know of the cold tier, of one moment.
#pragma once

#include <zverse/types.h>

#include <memory>

namespace zverse::cold {

class Tree;

struct Settled {
    Version cut = 0;  ///< records up to it are in the tree
    Version floor = 0;
    std::shared_ptr<const Tree> tree;  ///< null: nothing has settled yet
};

}  // namespace zverse::cold
