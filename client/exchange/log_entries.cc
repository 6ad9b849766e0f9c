#include "client/exchange/log_entries.h"

#include <sqlite3.h>

#include <charconv>
#include <map>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "client/source/sqlite/log/log_sql.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

constexpr std::string_view kLogPrefix = "_mirror_log_";

std::string KeyTextOf(const RowOf& key) {
  std::vector<Literal> values;
  for (const sqlite::Value& value : key) values.push_back(ToLiteral(value));
  return KeyJson(values);
}

/// Decodes the changed columns of an entry from its masks, beginning at column `first`.
void ReadMasks(sqlite::Statement& entry, int first, ChangedRow* row) {
  const auto columns = static_cast<std::uint32_t>(row->table->plan.schema.columns.size());
  const auto masks = static_cast<std::uint32_t>(entry.columns() - first);
  // The triggers do not know columns that were added later.
  row->whole = columns > masks * kMaskBits || entry.IsNull(first) || entry.Int(first) < 0;
  for (std::uint32_t column = 0; !row->whole && column < columns; ++column) {
    const std::int64_t mask = entry.Int(first + static_cast<int>(column / kMaskBits));
    if ((mask >> (column % kMaskBits) & 1) != 0) row->columns.insert(column);
  }
}

}  // namespace

LogEntries::LogEntries(const SqliteFile& file) : file_(file) {
  sqlite3_update_hook(file.handle(), &Note, this);
}

LogEntries::~LogEntries() { sqlite3_update_hook(file_.handle(), nullptr, nullptr); }

void LogEntries::Note(void* self, int operation, const char* /*database*/, const char* table,
                      long long rowid) {
  const std::string_view name = table;
  if (operation != SQLITE_INSERT || !name.starts_with(kLogPrefix)) return;
  std::int64_t log = 0;
  const char* const end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + kLogPrefix.size(), end, log);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return;
  static_cast<LogEntries*>(self)->entries_.emplace_back(log, rowid);
}

absl::StatusOr<std::vector<ChangedRow>> LogEntries::Rows(MemberTables& tables) const {
  std::vector<ChangedRow> rows;
  std::map<std::pair<std::int64_t, std::string>, std::size_t> known;
  for (const auto& [log, seq] : entries_) {
    ASSIGN_OR_RETURN(const MemberTable* const table, tables.FindByLog(log));
    if (table == nullptr || table->key.empty()) continue;
    const std::size_t parts = table->key.size();
    // seq, the key's columns, the masks.
    sqlite::Statement entry =
        file_.Query(absl::StrCat("SELECT * FROM main.", LogName(log), " WHERE seq = ?1"));
    ASSIGN_OR_RETURN(const bool there, entry.With(seq).Step());
    // The entry was of a statement that was rolled back.
    if (!there) continue;
    ChangedRow row{table, {}};
    for (std::size_t i = 0; i < parts; ++i) row.key.push_back(entry.ValueAt(static_cast<int>(1 + i)));
    ReadMasks(entry, static_cast<int>(1 + parts), &row);
    const auto [at, fresh] = known.try_emplace({log, KeyTextOf(row.key)}, rows.size());
    if (fresh) {
      rows.push_back(std::move(row));
    } else {
      rows[at->second].whole = rows[at->second].whole || row.whole;
      rows[at->second].columns.merge(row.columns);
    }
  }
  return rows;
}

absl::Status NoteInLog(const SqliteFile& file, const MemberTable& table, const RowOf& key, NotedRow row) {
  // seq, the key's columns, the masks; only the log itself knows how many masks it has.
  const int columns =
      file.Query(absl::StrCat("SELECT * FROM main.", LogName(table.log), " LIMIT 0")).columns();
  constexpr std::int64_t kAllColumns = (std::int64_t{1} << kMaskBits) - 1;
  const std::string mask = row == NotedRow::kStands ? absl::StrCat(kAllColumns) : "NULL";
  std::vector<std::string> names = LogKeyNames(key.size()), values;
  for (std::size_t i = 0; i < key.size(); ++i) values.push_back(absl::StrCat("?", i + 1));
  for (std::size_t i = 0; 1 + key.size() + i < static_cast<std::size_t>(columns); ++i) {
    names.push_back(absl::StrCat("m", i));
    values.push_back(mask);
  }
  sqlite::Statement note =
      file.Query(absl::StrCat("INSERT INTO main.", LogName(table.log), " (", absl::StrJoin(names, ", "),
                              ") VALUES (", absl::StrJoin(values, ", "), ")"));
  for (std::size_t i = 0; i < key.size(); ++i) note.Bind(static_cast<int>(i + 1), key[i]);
  return note.Run();
}

}  // namespace mirror
