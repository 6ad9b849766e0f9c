#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HOSTILE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HOSTILE_H_

#include <sys/types.h>

#include <chrono>
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

/// How an honest client was served.
struct Served {
  std::uint64_t calls = 0, cycles = 0;
  std::uint64_t repeated = 0;  ///< Calls that found no room or no connection, and were made again.
  std::uint64_t failures = 0;  ///< Calls that were refused or lost for good.
  std::string first_failure;
  double p50_ms = 0, p99_ms = 0, worst_ms = 0;  ///< Of the calls that are timed.
};

/// Counts it. Threads: any.
class ServedTally {
 public:
  /// A call that was made once, and then `repeated` times. `ms`: how long all of it took; absent: it is not
  /// timed. `failure`: empty: it was served.
  void Add(std::uint64_t repeated, std::optional<double> ms, const std::string& failure);
  void AddCycle();

  /// What happened since the last Take().
  Served Take();
  /// Since the last call of this; empty: nothing. Else the first failure.
  std::string TakeFailure();
  /// p99 of what was timed since the last call of this, or of Take(); 0: it was less than kCallsForP99.
  double TakeP99();
  static constexpr std::size_t kCallsForP99 = 50;

 private:
  Mutex mutex_;
  Served served_ MIRROR_GUARDED_BY(mutex_);
  std::string failure_ MIRROR_GUARDED_BY(mutex_);
  std::vector<double> ms_ MIRROR_GUARDED_BY(mutex_);
  std::size_t lately_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Of these, the first since the last TakeP99().
};

/// A tenant that does nothing wrong: cycle after cycle of small batches, each call timed that has rows, while
/// others attack. Threads: one of its own; tally(): any.
class HonestSource {
 public:
  /// Begins at once.
  explicit HonestSource(std::unique_ptr<MirrorClient> client);
  ~HonestSource();
  HonestSource(const HonestSource&) = delete;
  HonestSource& operator=(const HonestSource&) = delete;

  ServedTally& tally() { return tally_; }

 private:
  void Run(const std::stop_token& stop);
  absl::Status RunCycle(const std::stop_token& stop);
  /// Makes a call until there is room for it, for a while; what it took in all is its time.
  absl::Status Patiently(bool rows, const std::function<absl::Status()>& call);
  absl::Status SendRows(const v1::TableStatus& status, const std::stop_token& stop);

  SyntheticSource source_;
  const TableSchema table_;
  ServedTally tally_;
  std::jthread running_;
};

/// A client of the door for JSON that does nothing wrong: an upsert, then its reading, again and again on one
/// connection, each timed, while others attack. Threads: one of its own; tally(): any.
class HonestReader {
 public:
  /// A call that takes longer is a failure: kHttpPatience.
  explicit HonestReader(const HttpVictim& victim);
  ~HonestReader() = default;
  HonestReader(const HonestReader&) = delete;
  HonestReader& operator=(const HonestReader&) = delete;

  ServedTally& tally() { return tally_; }

 private:
  void Run(const std::stop_token& stop);
  void Call(const std::string& request);
  /// Status 0 where there is no connection, or no answer in time.
  HttpSaid Once(const std::string& request);

  const HttpVictim& victim_;
  std::optional<HttpLine> line_;
  ServedTally tally_;
  std::jthread running_;
};

/// The most that a process on this machine held: its memory by the kernel's own mark (VmHWM), its descriptors
/// looked at twenty times a second. Threads: any.
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

  /// Since the last Take(), or since this object was made. Where the kernel does not let its mark be reset,
  /// memory is since the process began. Absent: the process is gone.
  std::optional<Peak> Take();

 private:
  void Look();
  void Reset() const;

  const pid_t process_;
  Mutex mutex_;
  std::uint64_t descriptors_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::jthread looking_;
};

/// Mirrors that the attacks leave open, and what each has of statements, pages and the like: caches, measured
/// at 237 KB.
inline constexpr std::uint64_t kHostileMirrors = 120, kOpenMirrorBytes = 240 << 10;
/// Bytes: what a server may hold at most while it is attacked: 256 MB beside its caches.
inline constexpr std::uint64_t kHostileMemoryMax = (256ULL << 20) + kHostileMirrors * kOpenMirrorBytes;

/// What is asked of the honest tenant's p99 under attack, in times of the quiet one. A goal: it is reported,
/// and machines on which harness and server share their cores cannot keep it in floods.
inline constexpr double kP99RatioGoal = 3;

struct AttackResult {
  std::string name;  ///< "tokens/alg-none".
  std::string what;
  std::set<std::string> expected;
  Outcome outcome;
  double seconds = 0;
  std::optional<PeakWatch::Peak> server;  ///< While it ran; absent: nobody looked.
  double honest_p99_ms = 0;               ///< While it ran; 0: too few calls.

  bool ok() const;
};

struct HostileReport {
  std::vector<AttackResult> attacks;
  std::size_t left_out = 0;  ///< What they are aimed at is not known.
  Served quiet, attacked;
  std::optional<Served> http_quiet, http_attacked;  ///< Absent: that door is not known.
  std::optional<PeakWatch::Peak> server_quiet, server_attacked;

  double p99_ratio() const { return quiet.p99_ms > 0 ? attacked.p99_ms / quiet.p99_ms : 0; }
  std::size_t refused_rightly() const;
  bool memory_stayed() const;
  /// Calls of both honest clients that failed.
  std::uint64_t honest_failures() const;
  /// Every attack ended as it should, the honest clients were served, and the server's memory stayed.
  bool good() const;
};

/// Names of attacks, or of themes, that there are not. Empty: all are known.
std::string UnknownAttack(const std::vector<std::string>& only);
/// The first that takes all places of the key that it shows, so that honest calls need another; empty: none.
std::string AttackWithAKeyOfItsOwn(const std::vector<std::string>& only);
/// "name  what" for each.
std::string ListAttacks();

/// Runs the attacks that the options name, all without any. Errors: why the endpoint cannot be attacked at
/// all.
absl::StatusOr<HostileReport> RunHostile(const Options& options, const AgentConfig& config,
                                         const std::string& context_id);

std::string AttackLine(const AttackResult& result);
std::string HostileText(const HostileReport& report);
std::string HostileJson(const HostileReport& report);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HOSTILE_H_
