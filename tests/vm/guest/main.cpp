// The one program that a guest runs beside the tools and tests: it writes stores until the power goes, reads them back,
// and looks at what a medium is. See programs.h; the host's side is in ../.
#include <vm/guest/programs.h>

#include <cstdio>
#include <functional>
#include <map>

namespace zverse::test {

const std::vector<VmStore>& vm_stores() {
    static const std::vector<VmStore> stores{{"power", Durability::power}, {"process", Durability::process}};
    return stores;
}

Result<Store> open_vm_store(const std::filesystem::path& folder, const VmStore& which) {
    Options options;
    options.durability = which.durability;
    // Small, so that rings go round and workers flush them within seconds; by key, so that one CPU writes to both.
    options.ring_bytes = 1 << 20;
    options.shards = 2;
    options.sharding = Sharding::by_key;
    return Store::open(folder / which.name, options);
}

int failed(Report& report, const std::string& doing, const Error& error) {
    report.say("failed " + doing + ": " + std::string(to_string(error.code())) + ": " + error.message());
    return 2;
}

}  // namespace zverse::test

int main(int argc, char** argv) {
    using Job = std::function<int(zverse::test::Report&, const std::vector<std::string>&)>;
    const std::map<std::string, Job> jobs{{"write", zverse::test::write_stores},
                                          {"check", zverse::test::check_stores},
                                          {"medium", zverse::test::probe_medium}};
    const auto job = argc > 1 ? jobs.find(argv[1]) : jobs.end();
    if (job == jobs.end()) {
        std::fprintf(stderr, "vm_guest: write, check or medium; see tests/vm/guest/programs.h\n");
        return 4;
    }
    zverse::test::Report report;
    return job->second(report, std::vector<std::string>(argv + 2, argv + argc));
}
