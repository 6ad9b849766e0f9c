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

/// What is done with each row of a step.
enum class Verb : std::uint8_t {
  kPopulate,  ///< The whole table, anew.
  kInsert,    ///< Rows that are not there.
  kUpsert,    ///< All columns of rows that are there.
  kUpdate,    ///< Two columns of rows that are there.
  kDelete,
  kPush,        ///< One row at a time, each acknowledged before the next.
  kPushStream,  ///< The same over one open stream.
  kDigest,      ///< The digest of all rows, by the side that has them.
  kSync,        ///< No rows: overwrites of 4,096 bytes with an fdatasync after each.
  // Of a store in this process alone:
  kScan,     ///< All rows are read.
  kAsOf,     ///< The same as of the commit before the last.
  kExplain,  ///< Which changes wrote a row, one row at a time.
};

/// Whether each row is acknowledged before the next.
bool IsPush(Verb verb);

/// Whether it reads what a store has; only mirror-bench-store can.
bool ReadsStore(Verb verb);

/// In which order the keys come.
enum class Order : std::uint8_t {
  kAscending,
  kSpread,  ///< Each group of `group` keys ascends over the whole table.
  kRandom,
};

/// A piece of work that the mirror and its reference do in turn, each timed by itself.
struct Step {
  Verb verb = Verb::kInsert;
  std::int64_t from = 1;    ///< First key of the range.
  std::uint64_t count = 0;  ///< Keys in the range.
  std::uint64_t pick = 0;   ///< So many of them, evenly or at random; 0: all.
  Order order = Order::kAscending;
  bool sorted = false;          ///< Random keys are sorted before they are sent; the time for it counts.
  std::uint32_t version = 0;    ///< Another number, other values.
  std::uint32_t group = 5'000;  ///< Rows of a transaction of the reference, and of a spread batch.
};

/// Reads "update from=1 count=2000000 pick=100000 order=spread sorted=1 version=2 group=5000".
/// Errors: kInvalidArgument naming the word.
absl::StatusOr<Step> ReadStep(std::string_view line);

/// The keys of a step in the order in which they are applied. The same step gives the same keys.
std::vector<std::int64_t> KeysOf(const Step& step);

/// What a step took.
struct StepTime {
  std::uint64_t rows = 0;
  double seconds = 0;
  std::vector<double> call_us;  ///< Of each call; kPush, kPushStream, kSync and kExplain only.
};

/// {"rows":…,"seconds":…} in one line; with calls also p50_us and p99_us.
std::string StepJson(const StepTime& time);

using Clock = std::chrono::steady_clock;

/// Seconds.
inline double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Reads a step from each line of stdin, runs it and answers with StepJson on stdout, until stdin ends. A
/// step that fails ends it: the reason is on stderr, after the program's name. Returns the exit code: 0 or 1.
int RunSteps(const char* program, const std::function<absl::StatusOr<StepTime>(const Step&)>& run);

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_STEP_H_
