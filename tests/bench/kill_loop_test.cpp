// Goal:    the kill loop finds what an engine loses or invents, and nothing where it does neither.
// Method:  ZVerse as it is, and behind sessions that betray: a put that is acknowledged and not done, one that is done
//          with the value of another put, one with bytes that no put has.
#include <bench/suites/kill_loop.h>

#include <support/seed.h>
#include <support/temp_store.h>

#include <gtest/gtest.h>

#include <stdexcept>

namespace zverse::test {
namespace {

using bench::Engine;
using bench::EngineSetup;
using bench::Session;

/// Passes everything on but what a betrayal changes.
class Betrayer : public Session {
public:
    explicit Betrayer(std::unique_ptr<Session> honest) : honest_(std::move(honest)) {}

    void put(std::string_view key, std::string_view value) override { betray(key, std::string(value)); }
    void erase(std::string_view key) override { honest_->erase(key); }
    void write(std::span<const bench::Record> batch) override { honest_->write(batch); }
    bool get(std::string_view key, std::string& value) override { return honest_->get(key, value); }

protected:
    virtual void betray(std::string_view key, std::string value) { honest_->put(key, value); }
    std::unique_ptr<Session> honest_;
};

class Loses final : public Betrayer {
    using Betrayer::Betrayer;
    void betray(std::string_view key, std::string value) override {
        if (++puts_ % 100 != 0) honest_->put(key, value);
    }
    std::uint64_t puts_ = 0;
};

/// The record's value of a later round, which nobody has put.
class Invents final : public Betrayer {
    using Betrayer::Betrayer;
    void betray(std::string_view key, std::string value) override {
        const bench::Dataset dataset({}, bench::KeyOrder::scattered);
        dataset.value(bench::Dataset::number_of(key), bench::Dataset::round_of(value) + 1'000, value);
        honest_->put(key, value);
    }
};

class Garbles final : public Betrayer {
    using Betrayer::Betrayer;
    void betray(std::string_view key, std::string value) override {
        value.back() = static_cast<char>(value.back() + 1);
        honest_->put(key, value);
    }
};

template <class Sessions>
class Wrapped final : public Engine {
public:
    explicit Wrapped(const EngineSetup& setup) : honest_(bench::engine_kind("zverse").open(setup)) {}

    std::string_view name() const noexcept override { return "betrayer"; }
    std::string settings() const override { return honest_->settings(); }
    bench::Abilities abilities() const noexcept override { return honest_->abilities(); }
    std::unique_ptr<Session> session() override { return std::make_unique<Sessions>(honest_->session()); }
    void settle() override { honest_->settle(); }

private:
    std::unique_ptr<Engine> honest_;
};

class KillLoopTest : public ::testing::Test {
protected:
    /// With what it threw, or nothing.
    template <class Sessions>
    std::string problem_of() {
        const SeedScope seed;
        const bench::EngineKind kind{"betrayer", [](const EngineSetup& setup) -> std::unique_ptr<Engine> {
                                         return std::make_unique<Wrapped<Sessions>>(setup);
                                     }};
        EngineSetup setup;
        setup.directory = directory_ / "store";
        setup.promise = bench::Promise::process;
        setup.threads = 2;
        setup.cache_bytes = std::uint64_t{64} << 20;
        const bench::Dataset dataset({}, bench::KeyOrder::scattered);
        try {
            outcome_ = bench::kill_loop({kind, setup, dataset, 1'000, 0.5, seed.seed()}, [] { return false; });
        } catch (const std::runtime_error& failure) {
            return failure.what();
        }
        return "";
    }

    TempDirectory directory_;
    bench::KillOutcome outcome_;
};

TEST_F(KillLoopTest, AnHonestEnginePasses) {
    EXPECT_EQ(problem_of<Betrayer>(), "");
    EXPECT_GE(outcome_.kills, 3U);
    EXPECT_GT(outcome_.acknowledged, 0U);
    EXPECT_GE(outcome_.seconds, 0.5);
    EXPECT_GT(outcome_.opening.quantile(0.5), 0);
}

TEST_F(KillLoopTest, ALossIsNamed) {
    const std::string problem = problem_of<Loses>();
    EXPECT_NE(problem.find("lost an acknowledged write"), std::string::npos) << problem;
    EXPECT_NE(problem.find("seed"), std::string::npos) << problem;
}

TEST_F(KillLoopTest, AnInventionIsNamed) {
    const std::string problem = problem_of<Invents>();
    EXPECT_NE(problem.find("a value that was never put"), std::string::npos) << problem;
}

TEST_F(KillLoopTest, WrongBytesAreNamed) {
    const std::string problem = problem_of<Garbles>();
    EXPECT_NE(problem.find("was never written like that"), std::string::npos) << problem;
}

}  // namespace
}  // namespace zverse::test
