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
  kPopulate,  ///< Replaces the whole table by new content.
  kInsert,    ///< Inserts rows that do not exist.
  kUpsert,    ///< Writes all columns of existing rows.
  kUpdate,    ///< Writes two columns of existing rows.
  kDelete,
  kPush,        ///< Sends one row at a time, and waits for the answer before the next.
  kPushStream,  ///< Does the same as kPush over one open stream.
  kDigest,      ///< Gets the digest of all rows, which the side that stores them computes.
  kSync,        ///< Writes no rows: overwrites 4,096 bytes again and again, with an fdatasync after each.
  // Only for a store in this process:
  kScan,     ///< Reads all rows.
  kAsOf,     ///< Reads all rows as of the last commit but one.
  kExplain,  ///< Finds the changes that wrote a row, one row at a time.
};

/// Returns true if the verb waits for the answer of each row before it sends the next.
bool IsPush(Verb verb);

/// Returns true if the verb reads a store. Only mirror-bench-store can run such verbs.
bool ReadsStore(Verb verb);

/// The order of the keys.
enum class Order : std::uint8_t {
  kAscending,
  kSpread,  ///< The keys of each group of `group` keys are spread over the whole table, in ascending order.
  kRandom,
};

/// A piece of work. The mirror and its reference do it one after the other; each is measured separately.
struct Step {
  Verb verb = Verb::kInsert;
  std::int64_t from = 1;    ///< First key of the range.
  std::uint64_t count = 0;  ///< Number of keys in the range.
  std::uint64_t pick = 0;   ///< Number of keys to take from the range, evenly or at random; 0: all.
  Order order = Order::kAscending;
  /// Random keys are sorted before they are sent. The time for this is measured, too.
  bool sorted = false;
  std::uint32_t version = 0;  ///< Rows of different versions have different values.
  /// Number of rows of a transaction of the reference, and of a batch with Order::kSpread.
  std::uint32_t group = 5'000;
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
  /// Microseconds of each call; only for kPush, kPushStream, kSync and kExplain.
  std::vector<double> call_us;
};

/// Returns {"rows":…,"seconds":…} in one line; with calls also p50_us and p99_us.
std::string StepJson(const StepTime& time);

using Clock = std::chrono::steady_clock;

/// Returns the seconds since `start`.
inline double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Reads a step from each line of stdin, runs it and prints StepJson, until stdin ends. Stops at a step that
/// fails; the reason goes to stderr after the program's name. Returns the exit code: 0 or 1.
int RunSteps(const char* program, const std::function<absl::StatusOr<StepTime>(const Step&)>& run);

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_STEP_H_
