// zverse scan, history and changes: what a cursor walks over, a line each.
#include <tools/common/exit_status.h>
#include <tools/common/interrupt.h>
#include <tools/common/result.h>
#include <tools/zverse/command.h>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace zverse::tools {
namespace {

enum class Walk { scan, history, changes };

/// Of any of the three.
struct Walking {
    Walk walk = Walk::scan;
    Common common;
    BytesOptions bytes;
    RangeOptions range;
    ScanOptions options;
    std::string key, as_of, since, until;

    void add_to(CLI::App& command) {
        common.add_to(command);
        if (walk == Walk::history)
            command.add_option("key", key, "Key; \\xNN is the byte with that number")->required();
        if (walk != Walk::history) range.add_to(command);
        if (walk == Walk::scan) command.add_option("--as-of", as_of, "Version or time");
        if (walk != Walk::scan) {
            command.add_option("--since", since, "Only what came after this version or time");
            command.add_option("--until", until, "Only up to this version or time");
        }
        command.add_flag("--reverse", options.reverse, "In the opposite order");
        command.add_option("--limit", options.limit, "At most so many; 0: all");
        command.add_flag("--keys-only", options.keys_only, "Leave out the values");
        bytes.add_to(command, "--json-lines", "A JSON object for each entry, and one ahead of them");
    }

    struct Ends {
        std::optional<Moment> as_of, since, until;
    };

    [[nodiscard]] Result<Cursor> begin(const Store& store, const std::string& wanted, const KeyRange& keys,
                                       VersionRange versions) const {
        switch (walk) {
            case Walk::scan: return store.scan(keys, versions.upto, options);
            case Walk::history: return store.history(wanted, versions, options);
            case Walk::changes: break;
        }
        return store.changes(versions, keys, options);
    }

    /// What --json-lines begins with.
    [[nodiscard]] std::string heading(VersionRange versions) const {
        nlohmann::ordered_json json{{"schema", "zverse." + common.name + "/1"}};
        if (walk == Walk::scan) {
            json["as_of"] = versions.upto;
        } else {
            json["since"] = versions.after;
            json["until"] = versions.upto;
        }
        return json.dump() + "\n";
    }

    [[nodiscard]] std::string line(const Entry& entry) const {
        if (bytes.json) return json_line(entry);
        std::string text;
        if (walk != Walk::scan || common.verbose > 0) text += std::to_string(entry.version) + "\t";
        if (walk != Walk::scan) text += entry.tombstone ? "del\t" : "put\t";
        if (walk != Walk::history) text += shown(entry.key, bytes.style()) + "\t";
        if (!options.keys_only && !entry.tombstone) text += shown(entry.value, bytes.style());
        while (text.ends_with('\t')) text.pop_back();
        return text + "\n";
    }

    [[nodiscard]] std::string json_line(const Entry& entry) const {
        nlohmann::ordered_json json;
        set_bytes(json, "key", entry.key, bytes.style());
        json["version"] = entry.version;
        if (walk != Walk::scan) json["op"] = entry.tombstone ? "del" : "put";
        if (!options.keys_only && !entry.tombstone) set_bytes(json, "value", entry.value, bytes.style());
        return json.dump() + "\n";
    }

    Result<int> print(Cursor& cursor, VersionRange versions) const {
        Output output = Output::standard();
        if (bytes.json) {
            if (auto written = output.write(heading(versions)); !written) return pass_on(written);
        }
        for (;;) {
            if (interrupted()) return stopped();
            auto found = cursor.next();
            if (!found) return pass_on(found);
            if (!*found) break;
            if (auto written = output.write(line(cursor.entry())); !written) return pass_on(written);
        }
        if (auto finished = output.finish(); !finished) return pass_on(finished);
        return kExitDone;
    }

    Result<int> show(const std::string& wanted, const KeyRange& keys, const Ends& ends) const {
        auto store = common.open_to_read();
        if (!store) return pass_on(store);
        // The whole history begins with what is kept.
        const Version oldest = walk == Walk::changes ? store->floor() : 0;
        auto after = version_named(*store, ends.since, oldest);
        if (!after) return pass_on(after);
        auto upto = version_named(*store, walk == Walk::scan ? ends.as_of : ends.until, store->latest_version());
        if (!upto) return pass_on(upto);
        const VersionRange versions{*after, *upto};
        auto cursor = begin(*store, wanted, keys, versions);
        if (!cursor) return pass_on(cursor);
        return print(*cursor, versions);
    }

    [[nodiscard]] int run() const {
        const auto wanted = bytes.parse(key);
        if (!wanted) return wrong_usage(common.name, wanted.error());
        const auto keys = range.range(bytes.hex);
        if (!keys) return wrong_usage(common.name, keys.error());
        Ends ends;
        for (const auto& [text, end] :
             {std::pair(&as_of, &ends.as_of), std::pair(&since, &ends.since), std::pair(&until, &ends.until)}) {
            const auto moment = parse_option(*text);
            if (!moment) return wrong_usage(common.name, moment.error());
            *end = *moment;
        }
        return common.end(show(*wanted, *keys, ends));
    }
};

Run set_up(CLI::App& command, Walk walk) {
    auto walking = std::make_shared<Walking>();
    walking->walk = walk;
    walking->add_to(command);
    return [walking] { return walking->run(); };
}

}  // namespace

Run set_up_scan(CLI::App& command) { return set_up(command, Walk::scan); }
Run set_up_history(CLI::App& command) { return set_up(command, Walk::history); }
Run set_up_changes(CLI::App& command) { return set_up(command, Walk::changes); }

}  // namespace zverse::tools
