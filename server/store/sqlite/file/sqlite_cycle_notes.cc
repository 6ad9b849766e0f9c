#include "server/store/sqlite/file/sqlite_cycle_notes.h"

#include <string>
#include <utility>

#include "base/status_macros.h"
#include "server/own_records/sqlite_record.h"
#include "server/store/mirror_records.h"

namespace mirror {

absl::Status CreateCycleNotesTable(SqliteConnection& connection) {
  return connection.Execute(CycleNoteTable().CreateMissingSql(kInSqlite));
}

absl::StatusOr<std::vector<CycleNote>> SelectCycleNotes(SqliteConnection& connection) {
  static const std::string sql = CycleNoteTable().SelectSql(
      kInSqlite, "WHERE cycle = (SELECT cycle FROM _mirror_tenant) ORDER BY kind, table_name");
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  ASSIGN_OR_RETURN(std::vector<CycleNoteRow> rows, ReadRows(CycleNoteTable(), query));
  std::vector<CycleNote> notes;
  for (CycleNoteRow& row : rows) notes.push_back(std::move(row.note));
  return notes;
}

absl::Status WriteCycleNotes(SqliteConnection& connection, std::int64_t cycle,
                             const CycleNoteChanges& changes) {
  if (changes.forget_all) {
    // Without a WHERE, SQLite would write a page even if the table is empty.
    RETURN_IF_ERROR(ExecuteKept(connection, "DELETE FROM _mirror_cycle_notes WHERE 1"));
  }
  for (const CycleNote& note : changes.forgotten) {
    ASSIGN_OR_RETURN(Query query, connection.Prepare(
                                      "DELETE FROM _mirror_cycle_notes WHERE kind = ?1 AND table_name = ?2"));
    RETURN_IF_ERROR(query.Bind(1, static_cast<std::int64_t>(note.kind)).Bind(2, note.table).Run());
  }
  for (const CycleNote& note : changes.written) {
    static const std::string sql = CycleNoteTable().ReplaceSql(kInSqlite);
    ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
    RETURN_IF_ERROR(WriteRow(CycleNoteTable(), {note, cycle}, std::move(query)));
  }
  return absl::OkStatus();
}

absl::Status ForgetCycleNotes(SqliteConnection& connection, std::int64_t cycle) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare("DELETE FROM _mirror_cycle_notes WHERE cycle <> ?1"));
  return query.Bind(1, cycle).Run();
}

}  // namespace mirror
