// zverse pins: snapshots with a name; lists them, adds one, removes one.
#include <tools/common/exit_status.h>
#include <tools/common/result.h>
#include <tools/zverse/command.h>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <vector>

namespace zverse::tools {
namespace {

struct Pins {
    Common common;
    BytesOptions bytes;
    std::string added, removed, as_of;

    [[nodiscard]] std::string line(const std::string& name, Version version) const {
        if (!bytes.json) return std::to_string(version) + "\t" + shown(name, bytes.style()) + "\n";
        nlohmann::ordered_json json;
        set_bytes(json, "pin", name, bytes.style());
        json["version"] = version;
        return json.dump() + "\n";
    }

    Result<int> print(const std::vector<std::pair<std::string, Version>>& pins) const {
        Output output = Output::standard();
        std::string text = bytes.json ? "{\"schema\":\"zverse.pins/1\"}\n" : "";
        for (const auto& [name, version] : pins) text += line(name, version);
        if (auto written = output.write(text); !written) return pass_on(written);
        if (auto finished = output.finish(); !finished) return pass_on(finished);
        return kExitDone;
    }

    Result<int> list() const {
        auto store = common.open_to_read();
        if (!store) return pass_on(store);
        auto pins = store->pins();
        if (!pins) return pass_on(pins);
        return print(*pins);
    }

    Result<int> add(const std::string& name, const std::optional<Moment>& moment) const {
        auto store = common.open_to_write();
        if (!store) return pass_on(store);
        auto version = version_named(*store, moment, kLatest);
        if (!version) return pass_on(version);
        auto pinned = store->pin(name, *version);
        if (!pinned) return pass_on(pinned);
        if (auto closed = store->close(); !closed) return pass_on(closed);
        return common.quiet ? kExitDone : print({{name, *pinned}});
    }

    Result<int> remove(const std::string& name) const {
        auto store = common.open_to_write();
        if (!store) return pass_on(store);
        if (auto done = store->unpin(name); !done) return pass_on(done);
        if (auto closed = store->close(); !closed) return pass_on(closed);
        return kExitDone;
    }

    [[nodiscard]] int run() const {
        const auto name = bytes.parse(added.empty() ? removed : added);
        if (!name) return wrong_usage(common.name, name.error());
        const auto moment = parse_option(as_of);
        if (!moment) return wrong_usage(common.name, moment.error());
        if (!added.empty()) return common.end(add(*name, *moment));
        return common.end(removed.empty() ? list() : remove(*name));
    }
};

}  // namespace

Run set_up_pins(CLI::App& command) {
    auto pins = std::make_shared<Pins>();
    pins->common.add_to(command);
    CLI::Option* const add = command.add_option("--add", pins->added, "Pin a version under this name; writes");
    command.add_option("--remove", pins->removed, "Let go of the pin with this name; writes")->excludes(add);
    command.add_option("--as-of", pins->as_of, "Version or time to pin; the newest")->needs(add);
    pins->bytes.add_to(command, "--json-lines", "A JSON object for each pin, and one ahead of them");
    return [pins] { return pins->run(); };
}

}  // namespace zverse::tools
