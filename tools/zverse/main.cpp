// zverse: one program, one subcommand per job. Text for people on standard output, diagnostics on standard error.
//
// Exit status: see exit_status.h.
#include <tools/common/exit_status.h>
#include <tools/common/interrupt.h>
#include <tools/common/standard_streams.h>
#include <tools/zverse/command.h>
#include <zverse_config.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <string>

namespace zverse::tools {
namespace {

struct Command {
    const char* name;
    const char* purpose;  ///< the first line of its --help: says so when it writes
    SetUp set_up;
};

constexpr std::array kCommands{
    Command{"get", "Show the value of a key", set_up_get},
    Command{"put", "Store a value; WRITES to the store", set_up_put},
    Command{"erase", "Erase a key, which leaves a tombstone; WRITES to the store", set_up_erase},
    Command{"scan", "List keys and values, by key", set_up_scan},
    Command{"history", "List the versions of a key, newest first", set_up_history},
    Command{"changes", "List every change, by version", set_up_changes},
    Command{"pins", "List named pins; with --add or --remove WRITES to the store", set_up_pins},
    Command{"dump", "Write out a state, all versions, or what changed", set_up_dump},
    Command{"load", "Read a dump back; WRITES to the store", set_up_load},
    Command{"verify", "Read and check every byte", set_up_verify},
    Command{"flush", "Settle what is in the rings; WRITES to the store", set_up_flush},
    Command{"compact", "Flush and merge; WRITES to the store", set_up_compact},
    Command{"checkpoint", "Copy the store, linking what can be linked; WRITES to the store", set_up_checkpoint},
    Command{"info", "Show a store's figures and the platform table", set_up_info},
    Command{"stat", "Show the figures of a store that somebody has open", set_up_stat},
    Command{"import-git", "Import a git history, every commit one atomic batch; WRITES to the store",
            set_up_import_git},
    Command{"verify-git", "Prove such a store against git itself", set_up_verify_git},
    Command{"prove-git", "Import with a kill in the middle, recover, resume, verify; WRITES to the store",
            set_up_prove_git},
};

int run(int argc, char** argv) {
    prepare_standard_streams();
    install_interrupt_handlers();

    CLI::App app("Tools for ZVerse stores");
    app.set_version_flag("-V,--version", "zverse " ZVERSE_VERSION);
    app.require_subcommand(1);
    app.fallthrough(false);
    std::map<std::string, Run> runs;
    for (const Command& each : kCommands) runs[each.name] = each.set_up(*app.add_subcommand(each.name, each.purpose));
    try {
        app.parse(argc, argv);
    } catch (const CLI::RequiredError& error) {
        // CLI11 asks for a subcommand and leaves out what it found instead.
        const std::string word = argc > 1 ? argv[1] : "";
        if (!app.get_subcommands().empty() || word.empty() || word.starts_with('-'))
            return app.exit(error) == 0 ? kExitDone : kExitUsage;
        std::fprintf(stderr, "zverse: there is no command %s; zverse --help lists them\n", word.c_str());
        return kExitUsage;
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kExitDone : kExitUsage;
    }
    return runs.at(app.get_subcommands().front()->get_name())();
}

}  // namespace
}  // namespace zverse::tools

int main(int argc, char** argv) { return zverse::tools::run(argc, argv); }
