#ifndef MIRROR_CLIENT_EXCHANGE_LOG_ENTRIES_H_
#define MIRROR_CLIENT_EXCHANGE_LOG_ENTRIES_H_

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/member_table.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// A row that a statement changed, according to the change log.
struct ChangedRow {
  const MemberTable* table = nullptr;
  RowOf key;
  bool whole = false;                    ///< It was inserted, deleted or moved; else only updated:
  std::set<std::uint32_t> columns = {};  ///< these, as indexes in the table's plan.
};

/// While it lives, records the entries that a connection writes into change logs, those of triggers and
/// foreign keys included. Entries of other connections are not among them. Threads: those of the connection.
class LogEntries {
 public:
  explicit LogEntries(const SqliteFile& file);
  ~LogEntries();
  LogEntries(const LogEntries&) = delete;
  LogEntries& operator=(const LogEntries&) = delete;

  /// Returns the rows, each once. In the transaction of the statements. Errors: those of SqliteFile.
  absl::StatusOr<std::vector<ChangedRow>> Rows(MemberTables& tables) const;

 private:
  static void Note(void* self, int operation, const char* database, const char* table, long long rowid);

  const SqliteFile& file_;
  std::vector<std::pair<std::int64_t, std::int64_t>> entries_;  ///< Log and position.
};

/// Whether the noted key has a row.
enum class NotedRow { kStands, kGone };
/// Makes the next push send the row with this key as it then is, or its deletion. The push sends an existing
/// row as an update of all its columns, unless the mirror lacks it. To be called in a change. Errors: those
/// of SqliteFile.
absl::Status NoteInLog(const SqliteFile& file, const MemberTable& table, const RowOf& key, NotedRow row);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_LOG_ENTRIES_H_
