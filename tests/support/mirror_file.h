#ifndef MIRROR_TESTS_SUPPORT_MIRROR_FILE_H_
#define MIRROR_TESTS_SUPPORT_MIRROR_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/wire/table.h"
#include "tests/support/fake_source.h"

namespace mirror {

/// A tenant's database as its owner sees it: with SQLite, beside the server. Each call opens the file anew.
/// What SQLite refuses comes back as the text "error: ..." or as lines with it, so that comparisons fail with
/// the reason.
class MirrorFile {
 public:
  MirrorFile(std::string path, std::string context_id)
      : path_(std::move(path)), context_id_(std::move(context_id)) {}

  const std::string& path() const { return path_; }
  /// `<contextId>_mirroring`, quoted.
  std::string metadata() const { return "\"" + context_id_ + "_mirroring\""; }

  /// The answer to a query of a reader, values joined by " | " as ShownValue() has them.
  std::vector<std::string> Query(const std::string& sql) const;
  /// The first value of the first row as plain text; "null", or "no row".
  std::string Value(const std::string& sql) const;
  /// Statements of a DBA, as the sqlite3 program would run them. Empty: done; else what SQLite said.
  std::string Execute(const std::string& sql) const;

  /// Names of the mirrored tables, sorted; not the mirror's own.
  std::vector<std::string> Tables() const;
  std::vector<std::string> Columns(const std::string& table) const;
  /// All rows, columns in the order of `schema`, as ShownValue() has them, sorted.
  std::vector<std::string> Rows(const TableSchema& schema) const;
  /// -1 also when there is no metadata row.
  std::int64_t Lsn(const std::string& table) const;
  std::int64_t RowCount(const std::string& table) const;
  /// A copy by SQLite's backup, as a partner would make it while the server runs. Empty: done.
  std::string CopyTo(const std::string& path) const;

 private:
  std::string path_;
  std::string context_id_;
};

/// What differs between a source and its mirror: tables, columns, rows with type and value. Empty: nothing.
/// At most a few rows of each table are named.
std::string Difference(const FakeSource& source, const MirrorFile& mirror);

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_MIRROR_FILE_H_
