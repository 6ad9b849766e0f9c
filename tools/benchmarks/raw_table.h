#ifndef MIRROR_TOOLS_BENCHMARKS_RAW_TABLE_H_
#define MIRROR_TOOLS_BENCHMARKS_RAW_TABLE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/benchmarks/bench_rows.h"
#include "tools/benchmarks/step.h"
#include "tools/mirror_harness/synthetic/sqlite_file.h"

namespace mirror::bench {

/// The yardstick: what a program does that writes the rows into SQLite itself, as well as the plain C API
/// lets it. One prepared statement for each row, binds by index without copies, WAL, synchronous=FULL, pages
/// of 4,096 bytes, cache and checkpoints as they come, a transaction for every `Step::group` rows in the
/// order in which the keys arrive. Threads: one.
class RawTable {
 public:
  /// `rows` outlives it. Errors: kUnavailable with SQLite's words, as of Run.
  static absl::StatusOr<std::unique_ptr<RawTable>> Open(const std::string& path, const BenchRows* rows);

  /// kPopulate begins with a new file in the place of the old one. Errors also: kInvalidArgument for an
  /// IsPush().
  absl::StatusOr<StepTime> Run(const Step& step);

  sqlite3* database() const { return database_->handle(); }

 private:
  RawTable(std::string path, const BenchRows* rows) : path_(std::move(path)), rows_(rows) {}
  absl::Status Connect();
  absl::Status Renew();

  std::string path_;
  const BenchRows* rows_;
  harness::Database database_;
};

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

#endif  // MIRROR_TOOLS_BENCHMARKS_RAW_TABLE_H_
