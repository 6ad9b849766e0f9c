#ifndef MIRROR_TOOLS_BENCHMARKS_STEP_H_
#define MIRROR_TOOLS_BENCHMARKS_STEP_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace mirror::bench {

/// The operation on each row of a step.
enum class Verb : std::uint8_t {
  kPopulate,  ///< The whole table, with new content.
  kInsert,    ///< Rows that do not exist.
  kUpsert,    ///< All columns of existing rows.
  kUpdate,    ///< Two columns of existing rows.
  kDelete,
  kPush,        ///< One row at a time, each acknowledged before the next.
  kPushStream,  ///< The same over one open stream.
  kDigest,      ///< The digest of all rows, computed by the side that stores them.
  kSync,        ///< No rows: overwrites of 4,096 bytes with an fdatasync after each.
  // Only for a store in this process:
  kScan,     ///< Reads all rows.
  kAsOf,     ///< The same as of the last commit but one.
  kExplain,  ///< Finds the changes that wrote a row, one row at a time.
};

/// Tells whether each row is acknowledged before the next.
bool IsPush(Verb verb);

/// Tells whether the verb reads a store; only mirror-bench-store can do that.
bool ReadsStore(Verb verb);

/// The order of the keys.
enum class Order : std::uint8_t {
  kAscending,
  kSpread,  ///< Each group of `group` keys ascends over the whole table.
  kRandom,
};

/// A piece of work that the mirror and its reference do one after the other, each timed separately.
struct Step {
  Verb verb = Verb::kInsert;
  std::int64_t from = 1;    ///< First key of the range.
  std::uint64_t count = 0;  ///< Keys in the range.
  std::uint64_t pick = 0;   ///< Number of keys to take, evenly or at random; 0: all.
  Order order = Order::kAscending;
  bool sorted = false;          ///< Sorts random keys before sending; the time counts.
  std::uint32_t version = 0;    ///< Rows of different versions have different values.
  std::uint32_t group = 5'000;  ///< Rows of a transaction of the reference, and of a spread batch.
};

/// Parses "update from=1 count=2000000 pick=100000 order=spread sorted=1 version=2 group=5000". Errors:
/// kInvalidArgument naming the word.
absl::StatusOr<Step> ReadStep(std::string_view line);

/// Returns the keys of a step in the order of their use. The same step gives the same keys.
std::vector<std::int64_t> KeysOf(const Step& step);

/// The cost of a step.
struct StepTime {
  std::uint64_t rows = 0;
  double seconds = 0;
  std::vector<double> call_us;  ///< Of each call; only for kPush, kPushStream, kSync and kExplain.
};

/// Returns {"rows":…,"seconds":…} in one line; with calls also p50_us and p99_us.
std::string StepJson(const StepTime& time);

using Clock = std::chrono::steady_clock;

/// Returns seconds.
inline double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Reads a step from each line of stdin, runs it and prints StepJson, until stdin ends. Stops at a step that
/// fails; the reason goes to stderr after the program's name. Returns the exit code: 0 or 1.
int RunSteps(const char* program, const std::function<absl::StatusOr<StepTime>(const Step&)>& run);

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_STEP_H_
