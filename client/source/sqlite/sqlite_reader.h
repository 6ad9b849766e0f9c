#ifndef MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_READER_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_READER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/copy_limits.h"
#include "client/source/reader.h"
#include "client/source/sqlite/log/change_log.h"
#include "client/source/steps/table_steps.h"

namespace mirror {

struct SqliteReaderOptions {
  std::string path;
  std::vector<std::string> include = {"*"}, skip = {};  ///< Patterns, see MatchesPattern().
  std::map<std::string, std::string> blocked = {};  ///< Tables that are never sent: patterns with the reason.
  /// SourceTable.record of earlier runs, by table name.
  std::map<std::string, std::string> records = {};
  std::vector<TableSteps> steps = {};     ///< See ApplySteps; the caller applies the other steps.
  std::optional<TenantHashKey> hash_key;  ///< Required when steps hash.
  /// The source's log, after Renew(). It records the changes between looks. Null: there is none. It must
  /// outlive the reader.
  ChangeLog* log = nullptr;
  /// Returns whether a chosen table is taken; empty: all are.
  std::function<bool(const std::string&)> takes = {};
  /// Key columns by folded name: for views, which are only read with a key, and for tables that declare none.
  std::map<std::string, std::vector<std::string>> keys = {};
  std::set<std::string> keyless_views = {};  ///< By folded name: views that are read without a key.
  CopyLimits copy = {};
  /// Trusts the declared types of tables that were never sent, without examining the values. If a value does
  /// not fit when rows are read (kAborted), the next Schema() examines that whole table.
  bool trusts_types = false;
  /// Tables of the agent that are read like those of the application, if they exist.
  std::vector<std::string> ours = {};
};

/// Number of readings that a commit of another program may break off before a copy is read.
inline constexpr int kMovesBeforeCopy = 2;

/// Opens a reader for any SQLite database. A column is INT64, DOUBLE or TEXT if it is declared so and every
/// value fits. Otherwise it is ANY with its affinity. The record has this result: later runs trust it, and
/// check it while they read. With `trusts_types` the same holds for declared types.
///
/// Without a log, a WAL database is read in one read transaction, so all tables are of one moment. Its WAL
/// grows until the transaction ends. A database with a rollback journal is read in chunks of about 1,000
/// rows, since each commit waits for its readers. A table is then of one moment only if there was no commit
/// while it was read; otherwise the error is kAborted. With a log both are read in chunks, and the log has
/// the changes in between.
///
/// After tables moved kMovesBeforeCopy times, the next Schema() and later calls read a copy, if `copy` allows
/// that. With a log they do so only for tables whose rows it does not name.
///
/// Errors: those of SqliteFile::Open. The file is opened by the first call that needs it.
std::unique_ptr<SourceReader> OpenSqliteReader(SqliteReaderOptions options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_READER_H_
