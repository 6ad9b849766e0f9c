#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HONEST_SOURCE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HONEST_SOURCE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "client/wire/mirror_client.h"
#include "proto/wire/table.h"
#include "tools/mirror_harness/synthetic/synthetic_source.h"

namespace mirror::harness {

/// A tenant that does nothing wrong: cycle after cycle of small batches, each call timed, while others
/// attack. Threads: one of its own; the calls below, from any.
class HonestSource {
 public:
  struct Served {
    std::uint64_t calls = 0, cycles = 0;
    std::uint64_t repeated = 0;  ///< Calls that were refused for want of room, and made again at once.
    std::uint64_t failures = 0;  ///< Calls that were refused or lost for good.
    std::string first_failure;
    double p50_ms = 0, p99_ms = 0, worst_ms = 0;  ///< Of its calls with rows.
  };

  /// Begins at once.
  explicit HonestSource(std::unique_ptr<MirrorClient> client);
  ~HonestSource();
  HonestSource(const HonestSource&) = delete;
  HonestSource& operator=(const HonestSource&) = delete;

  /// What happened since the last Take().
  Served Take();
  /// Since the last call of this; empty: nothing. Else the first failure.
  std::string TakeFailure();
  /// p99 of the calls with rows since the last call of this, milliseconds; 0: they were fewer than
  /// kCallsForP99.
  double TakeP99();
  static constexpr std::size_t kCallsForP99 = 50;

 private:
  void Run(const std::stop_token& stop);
  absl::Status RunCycle(const std::stop_token& stop);
  /// Makes a call until there is room for it, for a while; what it took in all is its time.
  absl::Status Patiently(bool rows, const std::function<absl::Status()>& call);
  absl::Status SendRows(const v1::TableStatus& status, const std::stop_token& stop);

  SyntheticSource source_;
  const TableSchema table_;
  Mutex mutex_;
  Served served_ MIRROR_GUARDED_BY(mutex_);
  std::string failure_ MIRROR_GUARDED_BY(mutex_);
  std::vector<double> row_ms_ MIRROR_GUARDED_BY(mutex_);
  std::vector<double> lately_ms_ MIRROR_GUARDED_BY(mutex_);
  std::jthread running_;
};

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HONEST_SOURCE_H_
