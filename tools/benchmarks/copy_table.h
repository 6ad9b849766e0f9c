#ifndef MIRROR_TOOLS_BENCHMARKS_COPY_TABLE_H_
#define MIRROR_TOOLS_BENCHMARKS_COPY_TABLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "tools/benchmarks/bench_rows.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {

/// The reference for mirrors in PostgreSQL: a program that writes the rows itself. It uses binary COPY into a
/// logged table of the schema public that has its key from the start. It first deletes existing rows by their
/// keys. Each transaction has `Step::group` rows. Threads: one.
class CopyTable {
 public:
  /// Connects to the database. `rows` must outlive this object and have an integer key. Errors, also of
  /// Run(): those of postgres::Connection.
  static absl::StatusOr<std::unique_ptr<CopyTable>> Open(const std::string& conninfo, const BenchRows* rows);

  /// Runs a step. kPopulate replaces the table by a new one. kSync runs transactions that write only a
  /// message of a few bytes to the log, and measures each. Errors also: kInvalidArgument for verbs other than
  /// these, kInsert and kUpsert.
  absl::StatusOr<StepTime> Run(const Step& step);

 private:
  CopyTable(std::unique_ptr<postgres::Connection> connection, const BenchRows* rows);
  absl::Status Renew();
  absl::Status Write(const std::vector<std::int64_t>& keys, std::size_t from, const Step& step);
  absl::Status Copy(const std::vector<std::int64_t>& keys, std::size_t from, std::size_t to,
                    std::uint32_t version);
  absl::StatusOr<StepTime> Sync(std::uint64_t count);

  std::unique_ptr<postgres::Connection> connection_;
  const BenchRows* rows_;
  std::string table_, copy_, delete_;
  std::vector<Storage> storages_;  ///< For the columns after the key.
  std::vector<postgres::Value> row_;
};

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_COPY_TABLE_H_
