#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_OPTIONS_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace mirror::harness {

enum class Command { kPush, kCycle, kSoak, kHostile, kConformance };

/// Percentages of a cycle's changes; their sum is 100.
struct Mix {
  std::uint32_t inserts = 30, updates = 50, deletes = 20;
  std::uint64_t rows_max = 0;  ///< Of a table; above it inserts become deletes. 0: no limit.
};

/// The options of the command line.
struct Options {
  Command command = Command::kPush;
  std::string config;           ///< mirror-agent.toml: endpoint, identity, and the source's context id.
  std::string context_id;       ///< Empty: that of the configuration's first [[source]].
  std::uint32_t tenants = 1;    ///< Their context ids are <context_id>-1, -2, ...
  std::uint32_t tables = 1;     ///< Only without a schema file.
  std::uint64_t rows = 0;       ///< For each table of each tenant.
  std::uint32_t columns = 12;   ///< Only without a schema file.
  std::string schema;           ///< Table definitions; empty: the benchmark's row.
  double minutes = 10;          ///< `soak`: runs cycles for so many minutes.
  std::string metrics;          ///< hostile: host:port; empty: not attacked.
  std::string http;             ///< hostile: address of the HTTP door; empty: not attacked.
  std::string api_key;          ///< hostile: a key of that door with the role owner.
  std::string attackers_key;    ///< hostile: the key that attacks show; empty: `api_key`.
  int server_pid = 0;           ///< `soak`, `hostile`: the process to watch; 0: none.
  std::uint32_t cycles = 10;    ///< `cycle`: number after the population.
  std::uint64_t changes = 100;  ///< `cycle`: rows changed in each, over all tables of a tenant.
  Mix mix;
  std::uint64_t seed = 0;
  std::uint64_t batch_bytes = 1'000'000;
  std::uint32_t window = 4;
  std::uint32_t clients = 0;  ///< Tenants at a time; 0: as many as there are tenants, at most 4.
  bool unary = false;
  bool json = false;
  bool baseline = false;          ///< `push`.
  std::string baseline_dir;       ///< Empty: `check`, else the configuration's folder.
  std::string check;              ///< The mirror's data folder; empty: no check.
  std::string take_over;          ///< Holder of a cycle that is certainly dead.
  std::vector<std::string> only;  ///< `hostile`: names of attacks or themes; empty: all.
  bool list = false;              ///< `hostile`: lists the attacks and runs none.
  std::string target;             ///< `conformance`: host:port.
  double seconds = 5;             ///< `hostile`: duration of each flood.
};

inline std::chrono::steady_clock::duration SoakTime(const Options& options) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double, std::ratio<60>>(options.minutes));
}

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_OPTIONS_H_
