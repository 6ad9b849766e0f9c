#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HOSTILE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HOSTILE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "client/config/config.h"
#include "client/wire/mirror_client.h"
#include "proto/wire/table.h"
#include "tools/mirror_harness/attack/attack.h"
#include "tools/mirror_harness/attack/http_line.h"
#include "tools/mirror_harness/attack/http_victim.h"
#include "tools/mirror_harness/synthetic/options.h"
#include "tools/mirror_harness/synthetic/synthetic_source.h"

namespace mirror::harness {

/// How well an honest client was served.
struct Served {
  std::uint64_t calls = 0, cycles = 0;
  /// Number of repetitions of calls, because there was no capacity or no connection.
  std::uint64_t repeated = 0;
  std::uint64_t failures = 0;  ///< Number of calls that were refused or lost after all attempts.
  std::string first_failure;
  double p50_ms = 0, p99_ms = 0, worst_ms = 0;  ///< Times of the measured calls.
};

/// Counts the calls of an honest client. Threads: any.
class ServedTally {
 public:
  /// Adds a call that was repeated `repeated` times. `ms`: its total time; absent: not measured. Empty
  /// `failure`: the call was served.
  void Add(std::uint64_t repeated, std::optional<double> ms, const std::string& failure);
  void AddCycle();

  /// Returns the counts since the last Take().
  Served Take();
  /// Returns the first failure since the last call of this function; empty: none.
  std::string TakeFailure();
  /// Returns the p99 of the times since the last call of this function or of Take(); 0: there are fewer than
  /// kCallsForP99 times.
  double TakeP99();
  static constexpr std::size_t kCallsForP99 = 50;

 private:
  Mutex mutex_;
  Served served_ MIRROR_GUARDED_BY(mutex_);
  std::string failure_ MIRROR_GUARDED_BY(mutex_);
  std::vector<double> ms_ MIRROR_GUARDED_BY(mutex_);
  /// Index in ms_ of the first time since the last TakeP99().
  std::size_t lately_ MIRROR_GUARDED_BY(mutex_) = 0;
};

/// A source that behaves correctly while others attack. It runs cycles of small batches one after the other,
/// and measures each call with rows. Threads: one of its own; tally(): any.
class HonestSource {
 public:
  /// Starts the cycles at once.
  explicit HonestSource(std::unique_ptr<MirrorClient> client);
  ~HonestSource();
  HonestSource(const HonestSource&) = delete;
  HonestSource& operator=(const HonestSource&) = delete;

  ServedTally& tally() { return tally_; }

 private:
  void Run(const std::stop_token& stop);
  absl::Status RunCycle(const std::stop_token& stop);
  /// Makes a call, and repeats it up to a limit as long as there is no capacity for it. Measures the total
  /// time.
  absl::Status Patiently(bool rows, const std::function<absl::Status()>& call);
  absl::Status SendRows(const v1::TableStatus& status, const std::stop_token& stop);

  SyntheticSource source_;
  const TableSchema table_;
  ServedTally tally_;
  std::jthread running_;
};

/// A client of the HTTP door that behaves correctly while others attack. It repeats an upsert and a read on
/// one connection, and measures each. Threads: one of its own; tally(): any.
class HonestReader {
 public:
  /// Starts the calls at once. A call that takes longer than kHttpPatience is a failure.
  explicit HonestReader(const HttpVictim& victim);
  ~HonestReader() = default;
  HonestReader(const HonestReader&) = delete;
  HonestReader& operator=(const HonestReader&) = delete;

  ServedTally& tally() { return tally_; }

 private:
  void Run(const std::stop_token& stop);
  void Call(const std::string& request);
  /// Status 0: there is no connection, or no answer in time.
  HttpSaid Once(const std::string& request);

  const HttpVictim& victim_;
  std::optional<HttpLine> line_;
  ServedTally tally_;
  std::jthread running_;
};

/// Finds the greatest use of memory and descriptors of a local process. For memory it reads the kernel's own
/// maximum (VmHWM); descriptors it counts twenty times a second. Threads: any.
class PeakWatch {
 public:
  struct Peak {
    std::uint64_t memory_bytes = 0;
    std::uint64_t descriptors = 0;
  };

  explicit PeakWatch(pid_t process);
  ~PeakWatch();
  PeakWatch(const PeakWatch&) = delete;
  PeakWatch& operator=(const PeakWatch&) = delete;

  /// Returns the maximum since the last Take(), or since construction. If the kernel does not allow to reset
  /// VmHWM, memory is the maximum since the process began. Absent: the process has ended.
  std::optional<Peak> Take();

 private:
  void Look();
  void Reset() const;

  const pid_t process_;
  Mutex mutex_;
  std::uint64_t descriptors_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::jthread looking_;
};

/// Number of mirrors that the attacks leave open, and the memory of each for caches such as statements and
/// pages. 237 KB were measured.
inline constexpr std::uint64_t kHostileMirrors = 120, kOpenMirrorBytes = 240 << 10;
/// Limit in bytes of a server's memory while it is attacked: 256 MB in addition to its caches.
inline constexpr std::uint64_t kHostileMemoryMax = (256ULL << 20) + kHostileMirrors * kOpenMirrorBytes;

/// Goal for the honest source's p99 under attack, as a multiple of its p99 without attacks. It is only
/// reported, because machines on which harness and server share the cores cannot reach it in floods.
inline constexpr double kP99RatioGoal = 3;

struct AttackResult {
  std::string name;  ///< Such as "tokens/alg-none".
  std::string what;
  std::set<std::string> expected;
  Outcome outcome;
  double seconds = 0;
  /// Greatest use of the server while the attack ran; absent: not measured.
  std::optional<PeakWatch::Peak> server;
  /// p99 of the honest source while the attack ran; 0: too few calls.
  double honest_p99_ms = 0;

  bool ok() const;
};

struct HostileReport {
  std::vector<AttackResult> attacks;
  /// Number of attacks that were not made, because the address of their target is not known.
  std::size_t left_out = 0;
  Served quiet, attacked;
  std::optional<Served> http_quiet, http_attacked;  ///< Absent: the door's address is not known.
  std::optional<PeakWatch::Peak> server_quiet, server_attacked;

  double p99_ratio() const { return quiet.p99_ms > 0 ? attacked.p99_ms / quiet.p99_ms : 0; }
  std::size_t refused_rightly() const;
  bool memory_stayed() const;
  /// Returns the failed calls of both honest clients.
  std::uint64_t honest_failures() const;
  /// Returns true if every attack ended as expected, the honest clients were served, and memory stayed within
  /// the limit.
  bool good() const;
};

/// Returns the names in `only` that are neither attacks nor themes. Empty: all are known.
std::string UnknownAttack(const std::vector<std::string>& only);
/// Returns the first attack that occupies all places of its key, so that honest calls need another key.
/// Empty: there is no such attack.
std::string AttackWithAKeyOfItsOwn(const std::vector<std::string>& only);
/// Returns a line "name  what" for each attack.
std::string ListAttacks();

/// Runs the attacks that the options name, or all attacks if they name none. Errors: the reason why the
/// endpoint cannot be attacked at all.
absl::StatusOr<HostileReport> RunHostile(const Options& options, const AgentConfig& config,
                                         const std::string& context_id);

std::string AttackLine(const AttackResult& result);
std::string HostileText(const HostileReport& report);
std::string HostileJson(const HostileReport& report);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HOSTILE_H_
