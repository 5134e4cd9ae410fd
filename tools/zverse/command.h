// What all subcommands share: how they are set up and run, open stores, print bytes, and end.
#pragma once

#include <tools/common/encoding.h>
#include <tools/common/moment.h>
#include <tools/common/output.h>
#include <zverse/store.h>

#include <CLI/App.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace zverse::tools {

/// Runs a subcommand whose options have been parsed; its exit status.
using Run = std::function<int()>;
/// Adds a subcommand's options, and returns what runs it.
using SetUp = Run (*)(CLI::App& command);

/// Says in one sentence on standard error why a command did not do its work; its exit status. Of a stop and of a reader
/// that has gone there is nothing to say but to who asked for it.
[[nodiscard]] int failed(const std::string& command, const Error& error, bool quiet);
/// The same of what the command line says.
[[nodiscard]] int wrong_usage(const std::string& command, const Error& error);

/// What many commands take.
struct Common {
    std::string name;  ///< of the command
    std::filesystem::path store;
    bool quiet = false;
    int verbose = 0;

    /// Adds --quiet, --verbose, and the store.
    void add_to(CLI::App& command);
    /// Says on standard error, with --verbose, what the command is about to do.
    void say(const std::string& sentence) const;
    [[nodiscard]] int end(const Result<int>& status) const;
    [[nodiscard]] Result<Store> open_to_read() const;
    [[nodiscard]] Result<Store> open_to_write(bool create = false) const;
};

/// How keys and values of a command are read and shown.
struct BytesOptions {
    bool hex = false;
    bool redact = false;
    bool json = false;

    void add_to(CLI::App& command, const char* json_flag, const char* json_purpose);
    [[nodiscard]] BytesStyle style() const {
        return redact ? BytesStyle::redacted : hex ? BytesStyle::hex : BytesStyle::text;
    }
    [[nodiscard]] Result<std::string> parse(const std::string& argument) const { return parse_bytes(argument, hex); }
};

/// --from, --to and --prefix.
struct RangeOptions {
    std::string from, to, prefix;

    void add_to(CLI::App& command, bool with_prefix = true);
    [[nodiscard]] Result<KeyRange> range(bool hex) const;
};

/// A version or a time, as an option says it; nothing where it is not given.
[[nodiscard]] Result<std::optional<Moment>> parse_option(const std::string& text);
/// The version that it names; `otherwise` where it is not given.
[[nodiscard]] Result<Version> version_named(const Store& store, const std::optional<Moment>& moment, Version otherwise);

// The subcommands, one family in each file.
[[nodiscard]] Run set_up_get(CLI::App& command);  // get_command.cpp
[[nodiscard]] Run set_up_put(CLI::App& command);  // write_commands.cpp
[[nodiscard]] Run set_up_erase(CLI::App& command);
[[nodiscard]] Run set_up_scan(CLI::App& command);  // cursor_commands.cpp
[[nodiscard]] Run set_up_history(CLI::App& command);
[[nodiscard]] Run set_up_changes(CLI::App& command);
[[nodiscard]] Run set_up_pins(CLI::App& command);  // pins_command.cpp
[[nodiscard]] Run set_up_dump(CLI::App& command);  // dump_command.cpp
[[nodiscard]] Run set_up_load(CLI::App& command);  // load_command.cpp
[[nodiscard]] Run set_up_verify(CLI::App& command);  // upkeep_commands.cpp
[[nodiscard]] Run set_up_flush(CLI::App& command);
[[nodiscard]] Run set_up_compact(CLI::App& command);
[[nodiscard]] Run set_up_checkpoint(CLI::App& command);
[[nodiscard]] Run set_up_info(CLI::App& command);
[[nodiscard]] Run set_up_stat(CLI::App& command);  // stat_command.cpp
[[nodiscard]] Run set_up_import_git(CLI::App& command);  // git_commands.cpp
[[nodiscard]] Run set_up_verify_git(CLI::App& command);
[[nodiscard]] Run set_up_prove_git(CLI::App& command);

}  // namespace zverse::tools
