#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HONEST_SOURCE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HONEST_SOURCE_H_

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
#include "base/mutex.h"
#include "client/wire/mirror_client.h"
#include "proto/wire/table.h"
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

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HONEST_SOURCE_H_
