// A model of what bench::Engine promises, and the random operations that compare an engine with it.
#pragma once

#include <bench/engines/engine.h>
#include <support/random.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace zverse::test {

using bench::Moment;
using Pairs = std::vector<std::pair<std::string, std::string>>;

class Taken final : public bench::EntrySink {
public:
    void take(std::string_view key, std::string_view value) override { pairs.emplace_back(key, value); }
    Pairs pairs;
};

/// What call(sink) shows, if it counts right.
template <class Call>
Pairs shown_by(Call&& call) {
    Taken taken;
    const std::uint64_t count = call(taken);
    EXPECT_EQ(count, taken.pairs.size());
    return std::move(taken.pairs);
}

/// Says where they begin to differ instead of printing them.
inline void expect_same(const Pairs& shown, const Pairs& expected) {
    const auto [one, other] = std::ranges::mismatch(shown, expected);
    EXPECT_TRUE(one == shown.end() && other == expected.end())
        << shown.size() << " shown, " << expected.size() << " expected, " << one - shown.begin() << " the same";
}

inline std::string sized_value(Random& random) {
    if (random.one_in(10)) return {};
    return random.bytes(random.one_in(100) ? random.between(1'000, 70'000) : random.between(1, 200));
}

/// What an engine must answer: the newest state, the states at some moments, and every version.
struct Model {
    using State = std::map<std::string, std::string>;
    struct Version {
        std::string key, value;  // the value of an erasure is empty
    };

    void put(const std::string& key, const std::string& value) {
        state[key] = value;
        versions.push_back({key, value});
    }
    void erase(const std::string& key) {
        state.erase(key);
        versions.push_back({key, {}});
    }
    static Pairs scan(const State& state, const std::string& begin, std::uint64_t count) {
        Pairs pairs;
        for (auto entry = state.lower_bound(begin); entry != state.end() && pairs.size() < count; ++entry) {
            pairs.emplace_back(*entry);
        }
        return pairs;
    }
    Pairs history(const std::string& key) const {
        Pairs pairs;
        for (const Version& version : versions) {
            if (version.key == key) pairs.emplace(pairs.begin(), key, version.value);
        }
        return pairs;
    }

    struct Past {
        Moment moment;
        State state;
        std::size_t versions;  // how many there were
    };
    State state;
    std::vector<Version> versions;
    std::vector<Past> pasts;
};

/// Random operations on both, each answer compared.
class Comparison {
public:
    explicit Comparison(Random& random) : random_(random) {
        std::set<std::string> keys;
        while (keys.size() < 300) keys.insert(random_.bytes(random_.between(1, random_.one_in(2) ? 3 : 200)));
        keys_.assign(keys.begin(), keys.end());
    }

    void run(bench::Engine& engine, std::uint64_t operations) {
        abilities_ = engine.abilities();
        const auto session = engine.session();
        for (std::uint64_t i = 0; i < operations && !::testing::Test::HasFailure(); ++i) {
            const std::uint64_t dice = random_.below(100);
            if (dice < 40) {
                const std::string& key = any_key();
                const std::string value = sized_value(random_);
                session->put(key, value);
                model_.put(key, value);
            } else if (dice < 50) {
                const std::string& key = any_key();
                session->erase(key);
                model_.erase(key);
            } else if (dice < 55) {
                write(*session);
            } else {
                read(*session, dice - 55);
            }
            if (i % 1'000 == 999) check_all(*session);
        }
        check_all(*session);
    }
    void forget_moments() { model_.pasts.clear(); }

private:
    const std::string& any_key() { return keys_[random_.below(keys_.size())]; }
    /// Sometimes none that was ever put, longer or shorter than all others.
    std::string any_begin() {
        if (random_.one_in(20)) return "\x01";
        if (random_.one_in(20)) return std::string(201, '\xff');
        return random_.one_in(2) ? any_key() : random_.bytes(random_.between(1, 4));
    }
    std::uint64_t any_count() { return random_.one_in(10) ? random_.below(2) : random_.below(400); }

    void write(bench::Session& session) {
        std::map<std::string, std::string> changes;
        for (std::uint64_t left = random_.between(1, 40); left > 0; --left) changes[any_key()] = sized_value(random_);
        std::vector<bench::Record> batch;
        for (const auto& [key, value] : changes) {
            batch.push_back({key, value});
            model_.put(key, value);
        }
        session.write(batch);
    }

    void read(bench::Session& session, std::uint64_t dice) {
        if (dice < 15) return compare_get(session);
        if (dice < 20) return compare_multi_get(session);
        if (dice < 25 && abilities_.scan) {
            const std::string begin = any_begin();
            const std::uint64_t count = any_count();
            expect_same(shown_by([&](auto& sink) { return session.scan(begin, count, sink); }),
                        Model::scan(model_.state, begin, count));
        }
        if (dice == 25 && abilities_.as_of) remember(session);
        if (dice > 25 && dice < 35 && !model_.pasts.empty()) compare_past(session);
        if (dice == 36 && abilities_.history) {
            const std::string& key = any_key();
            expect_same(shown_by([&](auto& sink) { return session.history(key, sink); }), model_.history(key));
        }
        if (dice >= 38 && dice < 42 && abilities_.snapshots) compare_in_snapshot(session);
        if (dice == 37 && abilities_.changes && !model_.pasts.empty()) compare_changes(session);
    }

    void expect_value(const Model::State& state, const std::string& key, bool found, const std::string& value) {
        const auto expected = state.find(key);
        ASSERT_EQ(found, expected != state.end());
        if (found) {
            ASSERT_EQ(value, expected->second);
        }
    }
    void compare_get(bench::Session& session) {
        const std::string key = random_.one_in(5) ? random_.bytes(4) : any_key();
        std::string value = "left from before";
        const bool found = session.get(key, value);
        expect_value(model_.state, key, found, value);
    }
    void compare_in_snapshot(bench::Session& session) {
        const std::string key = random_.one_in(5) ? random_.bytes(4) : any_key();
        std::string value = "left from before";
        const bool found = session.get_in_snapshot(key, value);
        expect_value(model_.state, key, found, value);
    }
    void compare_multi_get(bench::Session& session) {
        std::vector<std::string_view> keys(random_.below(50));
        for (std::string_view& key : keys) key = any_key();
        std::vector<std::optional<std::string>> values(keys.size());
        if (!values.empty()) values[0] = "left from before";
        session.multi_get(keys, values);
        for (std::size_t i = 0; i < keys.size(); ++i) {
            expect_value(model_.state, std::string(keys[i]), values[i].has_value(), values[i].value_or(""));
        }
    }
    void remember(bench::Session& session) {
        const Moment moment = session.now();
        // Nothing may have been written since the last one, but nothing old has a higher number.
        if (!model_.pasts.empty()) {
            EXPECT_GE(moment, model_.pasts.back().moment);
        }
        model_.pasts.push_back({moment, model_.state, model_.versions.size()});
        if (model_.pasts.size() > 20) model_.pasts.erase(model_.pasts.begin() + random_.below(20));
    }
    void compare_past(bench::Session& session) {
        const Model::Past& past = model_.pasts[random_.below(model_.pasts.size())];
        const std::string& key = any_key();
        std::string value;
        const bool found = session.get_as_of(key, past.moment, value);
        expect_value(past.state, key, found, value);

        const std::string begin = any_begin();
        const std::uint64_t count = any_count();
        expect_same(shown_by([&](auto& sink) { return session.scan_as_of(begin, count, past.moment, sink); }),
                    Model::scan(past.state, begin, count));
    }
    void compare_changes(bench::Session& session) {
        std::size_t first = random_.below(model_.pasts.size()), last = random_.below(model_.pasts.size());
        if (first > last) std::swap(first, last);
        const Model::Past &after = model_.pasts[first], &upto = model_.pasts[last];
        Pairs expected;
        for (std::size_t i = after.versions; i < upto.versions; ++i) {
            expected.emplace_back(model_.versions[i].key, model_.versions[i].value);
        }
        Pairs shown = shown_by([&](auto& sink) { return session.changes(after.moment, upto.moment, sink); });
        std::ranges::sort(expected);
        std::ranges::sort(shown);
        expect_same(shown, expected);
    }
    void check_all(bench::Session& session) {
        for (const std::string& key : keys_) {
            std::string value;
            const bool found = session.get(key, value);
            expect_value(model_.state, key, found, value);
        }
    }

    Random& random_;
    std::vector<std::string> keys_;
    Model model_;
    bench::Abilities abilities_;
};

}  // namespace zverse::test
