#ifndef MIRROR_TOOLS_BENCHMARKS_CHANGESETS_H_
#define MIRROR_TOOLS_BENCHMARKS_CHANGESETS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/benchmarks/raw_table.h"

namespace mirror::bench {

/// SQLite's own way to carry changes: a session records a step on a source, a changeset for every
/// `Step::group` rows, and sqlite3changeset_apply writes them into a receiver (WAL, synchronous=FULL). Only
/// the receiver is timed. Threads: one.
class Changesets {
 public:
  /// Two files in `folder`. `rows` outlives it. Errors: kUnavailable with SQLite's words, as of Run.
  static absl::StatusOr<std::unique_ptr<Changesets>> Open(const std::string& folder, const BenchRows* rows);

  /// Memory: the changesets of the whole step. Ascending steps without `pick` only: kInvalidArgument.
  absl::StatusOr<StepTime> Run(const Step& step);

 private:
  std::unique_ptr<RawTable> source_, receiver_;
};

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_CHANGESETS_H_
