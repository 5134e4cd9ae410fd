// Standard input, output and error as a program must find them before it opens anything of its own.
#pragma once

namespace zverse::tools {

/// First thing in main(): descriptors that the caller closed lead to /dev/null, so that no file or pipe of ours takes
/// their place; and a reader that went away is an error of writing, not the end of the program.
void prepare_standard_streams();

}  // namespace zverse::tools
