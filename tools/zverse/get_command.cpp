// zverse get: the value of one key.
#include <tools/common/exit_status.h>
#include <tools/common/result.h>
#include <tools/zverse/command.h>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <memory>
#include <string>

namespace zverse::tools {
namespace {

struct Get {
    Common common;
    BytesOptions bytes;
    std::string key, as_of, file = "-";

    Result<int> show(const std::string& wanted, const std::string& value, Version version, bool found) const {
        auto output = Output::open(file);
        if (!output) return pass_on(output);
        if (auto written = output->write(text(wanted, value, version, found, output->is_terminal())); !written) {
            return pass_on(written);
        }
        if (auto finished = output->finish(); !finished) return pass_on(finished);
        return found ? kExitDone : kExitAbsent;
    }

    /// The bytes as they are, unless somebody reads them on a terminal or asked for something else.
    [[nodiscard]] std::string text(const std::string& wanted, const std::string& value, Version version, bool found,
                                   bool terminal) const {
        if (bytes.json) {
            nlohmann::ordered_json json{{"schema", "zverse.get/1"}};
            set_bytes(json, "key", wanted, bytes.style());
            json["found"] = found;
            if (found) {
                json["version"] = version;
                set_bytes(json, "value", value, bytes.style());
            }
            return json.dump() + "\n";
        }
        if (!found) return {};
        return terminal || bytes.hex || bytes.redact ? shown(value, bytes.style()) + "\n" : value;
    }

    Result<int> read(const std::string& wanted, const std::optional<Moment>& moment) const {
        auto store = common.open_to_read();
        if (!store) return pass_on(store);
        auto version = version_named(*store, moment, kLatest);
        if (!version) return pass_on(version);
        std::string value;
        Version written = 0;
        auto found = store->get_into(wanted, value, *version, &written);
        if (!found) return pass_on(found);
        if (auto closed = store->close(); !closed) return pass_on(closed);
        if (!*found && !common.quiet && !bytes.json) {
            std::fprintf(stderr, "zverse get: no such key: %s\n", shown(wanted, bytes.style()).c_str());
        }
        if (!*found && !bytes.json) return kExitAbsent;
        return show(wanted, value, written, *found);
    }

    [[nodiscard]] int run() const {
        const auto wanted = bytes.parse(key);
        if (!wanted) return wrong_usage(common.name, wanted.error());
        const auto moment = parse_option(as_of);
        if (!moment) return wrong_usage(common.name, moment.error());
        return common.end(read(*wanted, *moment));
    }
};

}  // namespace

Run set_up_get(CLI::App& command) {
    auto get = std::make_shared<Get>();
    get->common.add_to(command);
    command.add_option("key", get->key, "Key; \\xNN is the byte with that number")->required();
    command.add_option("--as-of", get->as_of, "Version or time");
    command.add_option("-o,--output", get->file, "Write the value to this file; '-': standard output");
    get->bytes.add_to(command, "--json", "One JSON object");
    return [get] { return get->run(); };
}

}  // namespace zverse::tools
