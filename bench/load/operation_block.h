// OperationBlock: operations ready to be done, with the bytes of their keys and values, and what their answers must be.
#pragma once

#include <bench/engines/engine.h>
#include <bench/load/workload.h>

#include <optional>
#include <string>
#include <vector>

namespace zverse::bench {

class OperationBlock {
public:
    /// What all blocks of a thread have in common; outlives them.
    struct Setting {
        Engine& engine;
        Session& session;
        const Dataset& dataset;
        const Workload& workload;
        RecordNumbers numbers;
        unsigned threads;
        const std::vector<Moment>& moments;  ///< the state after round i of all records is moments[i]
    };

    explicit OperationBlock(const Setting& setting) : setting_(setting) {}

    /// Takes the next `count` operations of `draw` with all they need.
    void prepare(OperationDraw& draw, std::size_t count);
    [[nodiscard]] std::size_t size() const noexcept { return operations_.size(); }
    /// Does one of them and checks its answer. Returns how many records it was about; of a scan 1.
    std::uint64_t perform(std::size_t index);

private:
    void add_record(std::uint64_t number, bool with_value);
    void check(const Operation& operation, bool found, std::string_view value, std::string_view key) const;
    void get_checked(const Operation& operation, std::string_view key);
    std::uint64_t read_group(const Operation& operation, std::size_t first);
    std::uint64_t write_group(const Operation& operation, std::size_t first);
    std::uint64_t read_old(const Operation& operation, std::string_view key);
    std::uint64_t scan(const Operation& operation, std::string_view begin);
    [[noreturn]] void wrong(const Operation& operation, std::string_view key, const std::string& what) const;

    const Setting setting_;
    std::vector<Operation> operations_;
    std::vector<std::size_t> first_records_;  ///< of each operation, in those that follow
    std::vector<std::string> keys_, values_;
    std::size_t records_ = 0;  ///< of keys_ and values_ that are in use
    std::uint64_t round_ = 0;

    // Memory of operations.
    std::string answer_;
    std::vector<std::string_view> asked_;
    std::vector<std::optional<std::string>> answers_;
    std::vector<Record> batch_;
};

}  // namespace zverse::bench
