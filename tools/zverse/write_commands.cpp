// zverse put and zverse erase: one write.
#include <tools/common/exit_status.h>
#include <tools/common/input.h>
#include <tools/common/result.h>
#include <tools/zverse/command.h>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace zverse::tools {
namespace {

/// Of a put or an erase.
struct Write {
    Common common;
    bool json = false;
    bool hex = false;
    bool create = false;
    std::string key, file;
    std::optional<std::string> value;
    std::optional<Version> expected;
    bool erases = false;

    void add_to(CLI::App& command) {
        common.add_to(command);
        command.add_option("key", key, "Key; \\xNN is the byte with that number")->required();
        command.add_flag("--hex", hex, "The key, and the value where it is an argument, are hex digits");
        command.add_flag("--json", json, "One JSON object");
    }

    /// One byte more than a value can have tells that it has too many.
    [[nodiscard]] Result<std::string> read_value() const {
        if (value) return parse_bytes(*value, hex);
        auto input = Input::open(file);
        if (!input) return pass_on(input);
        std::string bytes;
        if (auto read = input->read(std::uint64_t{1} << 32, bytes); !read) return pass_on(read);
        return bytes;
    }

    Result<int> report(Version version) const {
        if (common.quiet) return kExitDone;
        Output output = Output::standard();
        const nlohmann::ordered_json object{{"schema", "zverse." + common.name + "/1"}, {"version", version}};
        const std::string text = json ? object.dump() : "version " + std::to_string(version);
        if (auto written = output.write(text + "\n"); !written) return pass_on(written);
        if (auto finished = output.finish(); !finished) return pass_on(finished);
        return kExitDone;
    }

    Result<int> write(const std::string& wanted, const std::string& bytes) const {
        auto store = common.open_to_write(create);
        if (!store) return pass_on(store);
        auto version = erases     ? store->erase(wanted)
                       : expected ? store->put_if(wanted, bytes, *expected)
                                  : store->put(wanted, bytes);
        if (!version) return pass_on(version);
        if (auto closed = store->close(); !closed) return pass_on(closed);
        return report(*version);
    }

    [[nodiscard]] int run() const {
        const auto wanted = parse_bytes(key, hex);
        if (!wanted) return wrong_usage(common.name, wanted.error());
        if (erases) return common.end(write(*wanted, {}));
        if (value.has_value() == !file.empty()) {
            return wrong_usage(common.name, Error(ErrorCode::invalid_argument, "Give a value or --file, one of them."));
        }
        const auto bytes = read_value();
        if (!bytes) {
            return bytes.error().code() == ErrorCode::invalid_argument ? wrong_usage(common.name, bytes.error())
                                                                       : failed(common.name, bytes.error(), false);
        }
        return common.end(write(*wanted, *bytes));
    }
};

}  // namespace

Run set_up_put(CLI::App& command) {
    auto put = std::make_shared<Write>();
    put->add_to(command);
    command.add_option("value", put->value, "Value; \\xNN is the byte with that number");
    command.add_option("--file", put->file, "Take the value from this file as it is; '-': standard input");
    command.add_option("--if-version", put->expected, "Only if the key has this version; 0: only if it is absent");
    command.add_flag("--create", put->create, "Create the store where there is none");
    return [put] { return put->run(); };
}

Run set_up_erase(CLI::App& command) {
    auto erase = std::make_shared<Write>();
    erase->add_to(command);
    erase->erases = true;
    return [erase] { return erase->run(); };
}

}  // namespace zverse::tools
