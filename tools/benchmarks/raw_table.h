#ifndef MIRROR_TOOLS_BENCHMARKS_RAW_TABLE_H_
#define MIRROR_TOOLS_BENCHMARKS_RAW_TABLE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/benchmarks/bench_rows.h"
#include "tools/benchmarks/step.h"
#include "tools/mirror_harness/synthetic/sqlite_file.h"

namespace mirror::bench {

/// The reference: a program that writes the rows into SQLite itself, as fast as the plain C API allows. It
/// runs one prepared statement for each row, with values bound by index and not copied. It uses WAL,
/// synchronous=FULL, pages of 4,096 bytes, and the default cache and checkpoints. Each transaction has
/// `Step::group` rows, in the order of the keys. Threads: one.
class RawTable {
 public:
  /// Opens a database. `rows` must outlive this object. Errors, also of Run(): kUnavailable with SQLite's
  /// message.
  static absl::StatusOr<std::unique_ptr<RawTable>> Open(const std::string& path, const BenchRows* rows);

  /// Runs a step. kPopulate replaces the file by a new one. Errors also: kInvalidArgument for verbs with
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

/// SQLite's own way to transfer changes. At the source, a session records a step as one changeset for every
/// `Step::group` rows. sqlite3changeset_apply writes the changesets into a receiver (WAL, synchronous=FULL).
/// Only the receiver is measured. Threads: one.
class Changesets {
 public:
  /// Makes two files in `folder`. `rows` must outlive this object. Errors, also of Run: kUnavailable with
  /// SQLite's message.
  static absl::StatusOr<std::unique_ptr<Changesets>> Open(const std::string& folder, const BenchRows* rows);

  /// Runs a step, with all its changesets in memory. kInvalidArgument: the order of the step is not
  /// ascending, or it has `pick`.
  absl::StatusOr<StepTime> Run(const Step& step);

 private:
  std::unique_ptr<RawTable> source_, receiver_;
};

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_RAW_TABLE_H_
