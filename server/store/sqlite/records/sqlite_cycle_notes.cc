#include "server/store/sqlite/records/sqlite_cycle_notes.h"

#include <string>

#include "base/status_macros.h"

namespace mirror {

absl::Status CreateCycleNotesTable(SqliteConnection& connection) {
  return connection.Execute(
      "CREATE TABLE IF NOT EXISTS _mirror_cycle_notes (kind INTEGER, table_name TEXT COLLATE NOCASE, cycle "
      "INTEGER, seq INTEGER, PRIMARY KEY (kind, table_name)) WITHOUT ROWID");
}

absl::StatusOr<std::vector<CycleNote>> SelectCycleNotes(SqliteConnection& connection) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT kind, table_name, seq FROM _mirror_cycle_notes WHERE cycle = (SELECT cycle FROM "
          "_mirror_tenant) ORDER BY kind, table_name"));
  std::vector<CycleNote> notes;
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) {
    notes.push_back(
        {static_cast<CycleNoteKind>(query.Int(0)), query.Text(1), static_cast<std::uint64_t>(query.Int(2))});
  }
  if (!row.ok()) return row.status();
  return notes;
}

absl::Status WriteCycleNotes(SqliteConnection& connection, std::int64_t cycle,
                             const CycleNoteChanges& changes) {
  if (changes.forget_all) {
    // Without a WHERE SQLite would write the page of an empty table, too.
    RETURN_IF_ERROR(ExecuteKept(connection, "DELETE FROM _mirror_cycle_notes WHERE 1"));
  }
  for (const CycleNote& note : changes.forgotten) {
    ASSIGN_OR_RETURN(Query query, connection.Prepare(
                                      "DELETE FROM _mirror_cycle_notes WHERE kind = ?1 AND table_name = ?2"));
    RETURN_IF_ERROR(query.Bind(1, static_cast<std::int64_t>(note.kind)).Bind(2, note.table).Run());
  }
  for (const CycleNote& note : changes.written) {
    ASSIGN_OR_RETURN(Query query, connection.Prepare("INSERT OR REPLACE INTO _mirror_cycle_notes (kind, "
                                                     "table_name, cycle, seq) VALUES (?1, ?2, ?3, ?4)"));
    RETURN_IF_ERROR(query.Bind(1, static_cast<std::int64_t>(note.kind))
                        .Bind(2, note.table)
                        .Bind(3, cycle)
                        .Bind(4, static_cast<std::int64_t>(note.seq))
                        .Run());
  }
  return absl::OkStatus();
}

absl::Status ForgetCycleNotes(SqliteConnection& connection, std::int64_t cycle) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare("DELETE FROM _mirror_cycle_notes WHERE cycle <> ?1"));
  return query.Bind(1, cycle).Run();
}

}  // namespace mirror
