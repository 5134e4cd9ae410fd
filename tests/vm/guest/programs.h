// The guest program's three jobs. Each takes the words behind its name and returns an exit status; what it found it
// says in its report.
#pragma once

#include <vm/guest/report.h>

#include <zverse/zverse.h>

#include <filesystem>
#include <string>
#include <vector>

namespace zverse::test {

/// write FOLDER RUN [--power-lost] [--move]: writes both stores of the folder until the machine is cut. --power-lost:
/// tells the emulator's plugin that from now on only what is flushed and fenced counts. --move: flushes and compacts.
int write_stores(Report& report, const std::vector<std::string>& words);

/// check FOLDER RUN: opens both stores, which recovers them, says which operations are there, and all versions of RUN.
int check_stores(Report& report, const std::vector<std::string>& words);

/// medium FOLDER HOT_PATH...: a store in the folder with its rings in the others; says what the store makes of the
/// medium, and what the kernel says of it.
int probe_medium(Report& report, const std::vector<std::string>& words);

/// A machine under test has two stores in one folder, one for each durability class.
struct VmStore {
    std::string name;
    Durability durability;
};
[[nodiscard]] const std::vector<VmStore>& vm_stores();
[[nodiscard]] Result<Store> open_vm_store(const std::filesystem::path& folder, const VmStore& which);

/// Says the error; a status for main().
int failed(Report& report, const std::string& doing, const Error& error);

}  // namespace zverse::test
