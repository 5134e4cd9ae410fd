// Standard input, output and error as programs need them: there, and with failures that are told.
#pragma once

#include <string>

namespace zverse::tools {

/// First thing in main(): descriptors that the caller closed lead to /dev/null, so that no file of ours takes their
/// place, and a reader that went away is an error of writing, not the end of the program.
void prepare_standard_streams();

/// To standard output.
void print(const std::string& text);
/// Whether all that was printed got out; else says why not on standard error, in the name of `program`.
[[nodiscard]] bool finish_output(const char* program);

}  // namespace zverse::tools
