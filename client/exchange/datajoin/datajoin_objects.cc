#include "client/exchange/datajoin/datajoin_objects.h"

#include <cstdint>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "client/exchange/datajoin/log_positions.h"

namespace mirror {
namespace {

constexpr const char* kBoxColumns[] = {"id",
                                       "object_database",
                                       "object_table",
                                       "object_pk_attribute",
                                       "object_attribute",
                                       "object_id",
                                       "object_value",
                                       "object_operation",
                                       "object_operation_command",
                                       "updated_by_server_id",
                                       "update_datetime",
                                       "updated_by_user_id",
                                       "object_id_old",
                                       "object_value_old",
                                       "note1",
                                       "source_id"};
constexpr const char* kProgramColumns[] = {
    "id",         "programtype", "description",     "active_flag",          "status",
    "fromserver", "fromdb",      "fromtable",       "fromconnectionstring", "fromoutboxpointer",
    "toserver",   "todb",        "totable",         "toconnectionstring",   "sort_ty",
    "sort_seq",   "org_id",      "update_datetime", "updated_by_user",      "updated_by_server"};
constexpr char kView[] = "view_recordlevel_update_datetime";

constexpr const char* kOwnTables[] = {
    "CREATE TABLE IF NOT EXISTS main._mirror_datajoin (one INTEGER PRIMARY KEY CHECK (one = 1), inbox_id "
    "INTEGER NOT NULL, outbox_id INTEGER NOT NULL, pushed INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS main._mirror_datajoin_entry (inbox_id INTEGER PRIMARY KEY, delivery_id TEXT "
    "NOT NULL, source_id TEXT NOT NULL, attribute TEXT NOT NULL, done INTEGER NOT NULL, refused INTEGER NOT "
    "NULL, at INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS main._mirror_datajoin_entry_of ON _mirror_datajoin_entry (delivery_id)",
    "CREATE INDEX IF NOT EXISTS main._mirror_datajoin_entry_by_source ON _mirror_datajoin_entry (source_id, "
    "attribute) WHERE source_id <> '' AND done = 0",
    "CREATE INDEX IF NOT EXISTS main._mirror_datajoin_entry_open ON _mirror_datajoin_entry (inbox_id) WHERE "
    "done = 0",
    "CREATE INDEX IF NOT EXISTS main._mirror_datajoin_entry_refused ON _mirror_datajoin_entry (inbox_id) "
    "WHERE refused = 1",
    "CREATE INDEX IF NOT EXISTS main._mirror_datajoin_entry_done ON _mirror_datajoin_entry (at) WHERE done = "
    "1",
    "CREATE TABLE IF NOT EXISTS main._mirror_datajoin_log (log INTEGER PRIMARY KEY, seq INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS main._mirror_datajoin_unread (outbox_id INTEGER PRIMARY KEY)",
};
constexpr std::int64_t kOwnTablesCount = 4;

template <std::size_t N>
std::vector<std::string> Names(const char* const (&names)[N]) {
  return {std::begin(names), std::end(names)};
}

std::string BoxSql(std::string_view name) {
  std::vector<std::string> columns = {"id INTEGER PRIMARY KEY AUTOINCREMENT"};
  for (const std::string& column : Names(kBoxColumns)) {
    if (column == "id") continue;
    columns.push_back(absl::StrCat(column, column == "source_id" ? " INTEGER" : " TEXT"));
  }
  return absl::StrCat("CREATE TABLE main.", std::string(name), " (", absl::StrJoin(columns, ", "), ")");
}

std::string ProgramSql() {
  return absl::StrCat("CREATE TABLE main.", std::string(kProgramTable), " (",
                      absl::StrJoin(Names(kProgramColumns), " TEXT, "), " TEXT)");
}

/// In SQL: a time that compares as text, also of one that is written as 06/25/2025 10:30:00 AM.
std::string ComparableTime(const std::string& column) {
  const std::string time = absl::StrCat("ltrim(substr(", column, ", 11))");
  return absl::StrCat(
      "CASE WHEN ", column, " GLOB '[0-9][0-9]/[0-9][0-9]/[0-9][0-9][0-9][0-9] *' THEN substr(", column,
      ", 7, 4) || '-' || substr(", column, ", 1, 2) || '-' || substr(", column,
      ", 4, 2) || ' ' || printf('%02d', CASE WHEN upper(", time, ") LIKE '%M' THEN CAST(", time,
      " AS INTEGER) % 12 + CASE WHEN upper(", time, ") LIKE '%PM' THEN 12 ELSE 0 END ELSE CAST(", time,
      " AS INTEGER) END) || substr(", time, ", instr(", time, ", ':'), 6) ELSE ", column, " END");
}

/// Of the inbox what was applied alone: the rest changed no row.
std::string ViewSql() {
  return absl::StrCat("CREATE VIEW main.", kView,
                      " AS SELECT object_table, object_id, max(update_datetime) AS update_datetime FROM ("
                      "SELECT object_table, object_id, ",
                      ComparableTime("update_datetime"), " AS update_datetime FROM ",
                      std::string(kOutboxTable), " UNION ALL SELECT object_table, object_id, ",
                      ComparableTime("update_datetime"), " FROM ", std::string(kInboxTable),
                      " WHERE note1 = 'applied') GROUP BY object_table, object_id");
}

absl::StatusOr<std::set<std::string>> ColumnsOf(const SqliteFile& file, std::string_view table) {
  sqlite::Statement query = file.Query("SELECT name FROM temp.pragma_table_info(?1)");
  absl::StatusOr<std::vector<std::string>> names = query.With(std::string(table)).Texts();
  if (!names.ok()) return names.status();
  std::set<std::string> folded;
  for (const std::string& name : *names) folded.insert(FoldName(name));
  return folded;
}

/// Whether it is there, with the columns that it has to have; others do not matter.
absl::StatusOr<bool> HasTable(const SqliteFile& file, std::string_view table,
                              const std::vector<std::string>& columns) {
  const absl::StatusOr<std::set<std::string>> there = ColumnsOf(file, table);
  if (!there.ok()) return there.status();
  if (there->empty()) return false;
  for (const std::string& column : columns) {
    if (there->contains(column)) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", std::string(table), "' of the source '", file.mark().path, "' has no column '", column,
        "', which layout = \"datajoin\" needs. Nothing was changed. Rename the table, or "
        "add the column"));
  }
  return true;
}

absl::Status AddProgram(const SqliteFile& file, const char* id, const char* type, const char* description,
                        const char* from, const char* to, const std::string& database) {
  return file
      .Query(absl::StrCat("INSERT INTO main.", std::string(kProgramTable),
                          " (id, programtype, description, active_flag, fromdb, fromtable, "
                          "fromoutboxpointer, todb, totable) SELECT ?1, ?2, ?3, 'Y', ?6, ?4, '0', ?6, ?5 "
                          "WHERE NOT EXISTS (SELECT 1 FROM main.",
                          std::string(kProgramTable), " WHERE CAST(id AS TEXT) = ?1)"))
      .With(id, type, description, from, to, database)
      .Run();
}

absl::Status AddPrograms(const SqliteFile& file, const std::string& database) {
  absl::Status added = AddProgram(file, "1000", "outbox to inbox transport",
                                  "pushes what the outbox names, and fills the inbox", "ds_change_outbox",
                                  "ds_change_inbox", database);
  if (!added.ok()) return added;
  return AddProgram(file, "1001", "inbox to apptable import", "applies what the inbox has", "ds_change_inbox",
                    "apptable", database);
}

/// From now on: what the logs have already is no news.
absl::Status MakeOwn(const SqliteFile& file) {
  const absl::StatusOr<bool> there =
      file.Query("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = '_mirror_datajoin'")
          .Step();
  if (!there.ok()) return there.status();
  for (const char* const sql : kOwnTables) {
    if (absl::Status made = file.Run(sql); !made.ok()) return made;
  }
  if (*there) return absl::OkStatus();
  const absl::Status begun =
      file.Query(
              absl::StrCat("INSERT INTO main._mirror_datajoin (one, inbox_id, outbox_id, pushed) SELECT 1, "
                           "(SELECT coalesce(max(id), 0) FROM main.",
                           std::string(kInboxTable), "), 0, 0"))
          .Run();
  return begun.ok() ? LogPositions(file).MoveToEnd() : begun;
}

absl::StatusOr<std::int64_t> CountOwn(const SqliteFile& file) {
  return file.Number(
      "SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name IN ('_mirror_datajoin', "
      "'_mirror_datajoin_entry', '_mirror_datajoin_log', '_mirror_datajoin_unread')");
}

}  // namespace

absl::StatusOr<std::string> MakeDatajoinObjects(const SqliteFile& file, const std::string& database) {
  std::vector<std::string> made;
  const auto make = [&](std::string_view name, const std::vector<std::string>& columns,
                        const std::string& sql) -> absl::Status {
    const absl::StatusOr<bool> there = HasTable(file, name, columns);
    if (!there.ok() || *there) return there.status();
    made.emplace_back(name);
    return file.Run(sql);
  };
  const absl::Status done = file.Change([&]() -> absl::Status {
    made.clear();
    absl::Status status = make(kOutboxTable, Names(kBoxColumns), BoxSql(kOutboxTable));
    if (status.ok()) status = make(kInboxTable, Names(kBoxColumns), BoxSql(kInboxTable));
    if (status.ok()) status = make(kProgramTable, Names(kProgramColumns), ProgramSql());
    if (status.ok()) status = make(kView, {"object_table", "object_id", "update_datetime"}, ViewSql());
    if (status.ok()) status = AddPrograms(file, database);
    return status.ok() ? MakeOwn(file) : status;
  });
  if (!done.ok()) return done;
  const absl::StatusOr<std::int64_t> credentials = file.Number(absl::StrCat(
      "SELECT count(*) FROM main.", std::string(kProgramTable),
      " WHERE coalesce(fromconnectionstring, '') <> '' OR coalesce(toconnectionstring, '') <> ''"));
  if (!credentials.ok()) return credentials.status();
  std::string words =
      made.empty() ? "DataJoin's tables are there"
                   : absl::StrCat(absl::StrJoin(made, ", "), made.size() == 1 ? " is" : " are", " made");
  if (*credentials > 0) {
    absl::StrAppend(&words, "; ", Counted(static_cast<std::uint64_t>(*credentials), "row"), " of ",
                    std::string(kProgramTable), *credentials == 1 ? " holds" : " hold",
                    " a connection string, which nobody needs: set it to NULL");
  }
  return words;
}

absl::Status CheckDatajoinObjects(const SqliteFile& file) {
  bool whole = true;
  for (const std::string_view box : {kOutboxTable, kInboxTable}) {
    const absl::StatusOr<bool> there = HasTable(file, box, Names(kBoxColumns));
    if (!there.ok()) return there.status();
    whole = whole && *there;
  }
  const absl::StatusOr<bool> programs = HasTable(file, kProgramTable, Names(kProgramColumns));
  if (!programs.ok()) return programs.status();
  const absl::StatusOr<std::int64_t> own = CountOwn(file);
  if (!own.ok()) return own.status();
  if (whole && *programs && *own == kOwnTablesCount) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("layout = \"datajoin\" is set, and the source '", file.mark().path,
                   "' lacks its tables. Nothing was done. Run 'mirror-agent install', which makes them"));
}

}  // namespace mirror
