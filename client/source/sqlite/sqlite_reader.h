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
  /// The source's log, renewed; covers changes between looks. Null: there is none. Outlives the reader.
  ChangeLog* log = nullptr;
  /// Which chosen tables are taken; empty: all.
  std::function<bool(const std::string&)> takes = {};
  /// Key columns by folded name, for views, which are only read with a key, and for tables that declare none.
  std::map<std::string, std::vector<std::string>> keys = {};
  std::set<std::string> keyless_views = {};  ///< By folded name: views that are read without a key.
  CopyLimits copy = {};
  /// Believes declared types of tables never sent before, without a look at the values. A misfit is found
  /// while rows are read (kAborted), and the next Schema() examines that whole table.
  bool trusts_types = false;
  /// Tables of the agent that are read like the application's, if they exist.
  std::vector<std::string> ours = {};
};

/// Looks that a commit of another program may break off before a copy is read.
inline constexpr int kMovesBeforeCopy = 2;

/// Reads any SQLite database. A column is INT64, DOUBLE or TEXT if it is declared so and every value fits;
/// otherwise ANY with its affinity. The record has this result. Later runs believe it and check it while they
/// read; with `trusts_types` the same holds for declared types.
///
/// Without a log, a WAL database is read in one read transaction, so all tables are of one moment; its WAL
/// grows until the transaction ends. A database with a rollback journal is read in chunks of about 1,000
/// rows, since each commit waits for its readers. A table is then of one moment only if there was no commit
/// while it was read, otherwise kAborted. With a log both are read in chunks, and the log supplies the
/// changes in between. After tables moved kMovesBeforeCopy times, the next Schema() and later calls read a
/// copy, if `copy` allows one; with a log only for tables whose rows it does not name.
///
/// Errors: those of SqliteFile::Open. The file is opened by the first call that needs it.
std::unique_ptr<SourceReader> OpenSqliteReader(SqliteReaderOptions options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_READER_H_
