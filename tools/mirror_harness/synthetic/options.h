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
  /// Greatest number of rows of a table. Above it, deletes are made instead of inserts. 0: no limit.
  std::uint64_t rows_max = 0;
};

/// The options of the command line.
struct Options {
  Command command = Command::kPush;
  std::string config;          ///< mirror-agent.toml: endpoint, identity, and the source's context id.
  std::string context_id;      ///< Empty: the context id of the configuration's first [[source]].
  std::uint32_t tenants = 1;   ///< Number of tenants. Their context ids are <context_id>-1, -2, ...
  std::uint32_t tables = 1;    ///< Only without a schema file.
  std::uint64_t rows = 0;      ///< Number of rows of each table of each tenant.
  std::uint32_t columns = 12;  ///< Only without a schema file.
  std::string schema;          ///< File of table definitions; empty: tables with the benchmark's row.
  double minutes = 10;         ///< `soak`: runs cycles for so many minutes.
  std::string metrics;         ///< `hostile`: host:port of the metrics; empty: they are not attacked.
  std::string http;            ///< `hostile`: address of the HTTP door; empty: it is not attacked.
  std::string api_key;         ///< `hostile`: a key of that door with the role owner.
  std::string attackers_key;   ///< `hostile`: the key that attacks use; empty: `api_key`.
  int server_pid = 0;          ///< `soak`, `hostile`: the process to watch; 0: none.
  std::uint32_t cycles = 10;   ///< `cycle`: number of cycles after the population.
  /// `cycle`: number of rows that each cycle changes in all tables of a tenant together.
  std::uint64_t changes = 100;
  Mix mix;
  std::uint64_t seed = 0;
  std::uint64_t batch_bytes = 1'000'000;
  std::uint32_t window = 4;
  std::uint32_t clients = 0;  ///< Number of tenants at a time; 0: as many as there are tenants, at most 4.
  bool unary = false;
  bool json = false;
  bool baseline = false;  ///< `push`: also runs the reference, see RunBaseline().
  /// Folder for the reference. Empty: the folder `check` or, if that is empty, the configuration's folder.
  std::string baseline_dir;
  /// The mirror's data folder, which is compared with the sources; empty: no comparison.
  std::string check;
  /// Holder of a cycle whose run has certainly ended; that cycle is taken over.
  std::string take_over;
  std::vector<std::string> only;  ///< `hostile`: names of attacks or themes; empty: all.
  bool list = false;              ///< `hostile`: lists the attacks and runs none.
  std::string target;             ///< `conformance`: host:port of the endpoint.
  double seconds = 5;             ///< `hostile`: duration of each flood.
};

inline std::chrono::steady_clock::duration SoakTime(const Options& options) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double, std::ratio<60>>(options.minutes));
}

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_OPTIONS_H_
