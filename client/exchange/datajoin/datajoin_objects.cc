#include "client/exchange/datajoin/datajoin_objects.h"

#include <cstdint>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/human_text.h"
#include "base/status_macros.h"

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

constexpr const char* kOwnTables[] = {"_mirror_datajoin", "_mirror_datajoin_entry",
                                      "_mirror_datajoin_unread"};

template <std::size_t N>
std::vector<std::string> Names(const char* const (&names)[N]) {
  return {std::begin(names), std::end(names)};
}

std::vector<std::string> EntrySql(const BoxSql& sql) {
  const char* const table = "_mirror_datajoin_entry";
  const std::string number = absl::StrCat(sql.dialect().number, " NOT NULL");
  std::vector<std::string> made = {absl::StrCat(
      "CREATE TABLE ", sql.Named(table), " (inbox_id ", sql.dialect().number,
      " PRIMARY KEY, delivery_id TEXT NOT NULL, source_id TEXT NOT NULL, attribute TEXT NOT NULL, "
      "done ",
      number, ", refused ", number, ", at ", number, ")")};
  const auto index = [&](const char* name, const char* columns) {
    made.push_back(absl::StrCat(
        "CREATE INDEX ", sql.IndexOn(absl::StrCat("_mirror_datajoin_entry_", name), table), " ", columns));
  };
  index("of", "(delivery_id)");
  index("by_source", "(source_id, attribute) WHERE source_id <> '' AND done = 0");
  index("open", "(inbox_id) WHERE done = 0");
  index("refused", "(inbox_id) WHERE refused = 1");
  index("done", "(at) WHERE done = 1");
  return made;
}

/// Returns the statements that make one of kOwnTables.
std::vector<std::string> OwnSql(const BoxSql& sql, std::string_view table) {
  const std::string number = sql.dialect().number;
  if (table == "_mirror_datajoin_entry") return EntrySql(sql);
  if (table == "_mirror_datajoin_unread")
    return {absl::StrCat("CREATE TABLE ", sql.Named(table), " (outbox_id ", number, " PRIMARY KEY)")};
  return {absl::StrCat("CREATE TABLE ", sql.Named(table), " (one ", number,
                       " PRIMARY KEY CHECK (one = 1), inbox_id ", number, " NOT NULL, outbox_id ", number,
                       " NOT NULL, pushed ", number, " NOT NULL)")};
}

std::string BoxTableSql(const BoxSql& sql, std::string_view name) {
  std::vector<std::string> columns = {absl::StrCat("id ", sql.dialect().next_number)};
  for (const std::string& column : Names(kBoxColumns)) {
    if (column == "id") continue;
    columns.push_back(absl::StrCat(column, " ", column == "source_id" ? sql.dialect().number : "TEXT"));
  }
  return absl::StrCat("CREATE TABLE ", sql.Named(name), " (", absl::StrJoin(columns, ", "), ")");
}

std::string ProgramSql(const BoxSql& sql) {
  return absl::StrCat("CREATE TABLE ", sql.Named(kProgramTable), " (",
                      absl::StrJoin(Names(kProgramColumns), " TEXT, "), " TEXT)");
}

/// The view includes only applied entries of the inbox: the others changed no row.
std::string ViewSql(const BoxSql& sql) {
  const std::string time = sql.dialect().time_order("CAST(update_datetime AS text)");
  return absl::StrCat("CREATE VIEW ", sql.Named(kView),
                      " AS SELECT object_table, object_id, max(update_datetime) AS update_datetime FROM ("
                      "SELECT object_table, object_id, ",
                      time, " AS update_datetime FROM ", sql.Named(kOutboxTable),
                      " UNION ALL SELECT object_table, object_id, ", time, " FROM ", sql.Named(kInboxTable),
                      " WHERE note1 = 'applied') AS told GROUP BY object_table, object_id");
}

/// Whether the table exists with the required columns; it may have others.
absl::StatusOr<bool> HasTable(BoxSql& sql, std::string_view table, const std::vector<std::string>& columns) {
  ASSIGN_OR_RETURN(const std::set<std::string> there, sql.ColumnsOf(table));
  if (there.empty()) return false;
  for (const std::string& column : columns) {
    if (there.contains(column)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("table '", std::string(table), "' of ", sql.Place(), " has no column '", column,
                     "', which layout = \"datajoin\" needs. Nothing was changed. Rename the table, or "
                     "add the column"));
  }
  return true;
}

/// Missing objects, by the names that people know, and the statements still to run.
struct Missing {
  std::vector<std::string> names, statements;
};

/// `makes`: makes each at once, because a view whose table is missing cannot be checked.
absl::StatusOr<Missing> FindMissing(BoxSql& sql, bool makes) {
  Missing missing;
  const auto look = [&](std::string_view name, const std::vector<std::string>& columns,
                        const std::string& make) -> absl::Status {
    const absl::StatusOr<bool> there = HasTable(sql, name, columns);
    if (!there.ok() || *there) return there.status();
    missing.names.emplace_back(name);
    if (makes) return sql.Run(make);
    missing.statements.push_back(make);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(look(kOutboxTable, Names(kBoxColumns), BoxTableSql(sql, kOutboxTable)));
  RETURN_IF_ERROR(look(kInboxTable, Names(kBoxColumns), BoxTableSql(sql, kInboxTable)));
  RETURN_IF_ERROR(look(kProgramTable, Names(kProgramColumns), ProgramSql(sql)));
  RETURN_IF_ERROR(look(kView, {"object_table", "object_id", "update_datetime"}, ViewSql(sql)));
  for (const char* const table : kOwnTables) {
    ASSIGN_OR_RETURN(const std::set<std::string> there, sql.ColumnsOf(table));
    if (!there.empty()) continue;
    for (std::string& one : OwnSql(sql, table)) missing.statements.push_back(std::move(one));
  }
  return missing;
}

/// Quotes a text for SQL: for statements that another role runs.
std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "''"}}), "'");
}

std::string AddProgramSql(const BoxSql& sql, const char* id, const char* type, const char* description,
                          std::string_view from, std::string_view to, const std::string& database) {
  const auto text = [](std::string_view one) { return Quoted(std::string(one)); };
  return absl::StrCat("INSERT INTO ", sql.Named(kProgramTable),
                      " (id, programtype, description, active_flag, fromdb, fromtable, fromoutboxpointer, "
                      "todb, totable) SELECT ",
                      text(id), ", ", text(type), ", ", text(description), ", 'Y', ", text(database), ", ",
                      text(from), ", '0', ", text(database), ", ", text(to),
                      " WHERE NOT EXISTS (SELECT 1 FROM ", sql.Named(kProgramTable),
                      " WHERE CAST(id AS text) = ", text(id), ")");
}

/// Returns the statements that write the initial rows.
std::vector<std::string> RowsSql(const BoxSql& sql, const std::string& database) {
  return {
      AddProgramSql(sql, "1000", "outbox to inbox transport",
                    "pushes what the outbox names, and fills the inbox", kOutboxTable, kInboxTable, database),
      AddProgramSql(sql, "1001", "inbox to apptable import", "applies what the inbox has", kInboxTable,
                    "apptable", database),
      absl::StrCat("INSERT INTO ", sql.Named("_mirror_datajoin"),
                   " (one, inbox_id, outbox_id, pushed) SELECT 1, (SELECT coalesce(max(id), 0) FROM ",
                   sql.Named(kInboxTable), "), 0, 0 WHERE NOT EXISTS (SELECT 1 FROM ",
                   sql.Named("_mirror_datajoin"), ")")};
}

}  // namespace

absl::StatusOr<std::vector<std::string>> DatajoinStatements(BoxSql& sql) {
  ASSIGN_OR_RETURN(Missing missing, FindMissing(sql, /*makes=*/false));
  return std::move(missing.statements);
}

absl::Status EnsureDatajoinRows(BoxSql& sql, const std::string& database) {
  ASSIGN_OR_RETURN(
      const std::int64_t there,
      sql.Number(absl::StrCat("SELECT (SELECT count(*) FROM ", sql.Named("_mirror_datajoin"),
                              ") + (SELECT count(DISTINCT CAST(id AS text)) FROM ", sql.Named(kProgramTable),
                              " WHERE CAST(id AS text) IN ('1000', '1001'))")));
  if (there == 3) return absl::OkStatus();
  return sql.Change([&]() -> absl::Status {
    for (const std::string& one : RowsSql(sql, database)) {
      RETURN_IF_ERROR(sql.Run(one));
    }
    return absl::OkStatus();
  });
}

std::vector<std::string> DatajoinSharedTables() {
  return {std::string(kOutboxTable), std::string(kInboxTable), std::string(kProgramTable)};
}

absl::StatusOr<std::string> MakeDatajoinObjects(BoxSource& source, const std::vector<std::string>& own) {
  BoxSql& sql = source.sql();
  std::vector<std::string> made;
  const absl::Status done = sql.Change([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::set<std::string> there, sql.ColumnsOf("_mirror_datajoin"));
    const absl::StatusOr<Missing> missing = FindMissing(sql, /*makes=*/true);
    if (!missing.ok()) return missing.status();
    made = missing->names;
    std::vector<std::string> statements = missing->statements;
    statements.insert(statements.end(), own.begin(), own.end());
    for (const std::string& one : statements) {
      RETURN_IF_ERROR(sql.Run(one));
    }
    // The outbox starts from now on: earlier changes are no news.
    return there.empty() ? source.PassChanges() : absl::OkStatus();
  });
  if (!done.ok()) return done;
  ASSIGN_OR_RETURN(
      const std::int64_t credentials,
      sql.Number(absl::StrCat(
          "SELECT count(*) FROM ", sql.Named(kProgramTable),
          " WHERE coalesce(fromconnectionstring, '') <> '' OR coalesce(toconnectionstring, '') <> ''")));
  std::string words =
      made.empty() ? "DataJoin's tables are there"
                   : absl::StrCat(absl::StrJoin(made, ", "), made.size() == 1 ? " is" : " are", " made");
  if (credentials > 0) {
    absl::StrAppend(&words, "; ", Counted(static_cast<std::uint64_t>(credentials), "row"), " of ",
                    std::string(kProgramTable), credentials == 1 ? " holds" : " hold",
                    " a connection string, which mirror-agent does not use: set it to NULL");
  }
  return words;
}

absl::Status CheckDatajoinObjects(BoxSql& sql) {
  bool whole = true;
  for (const std::string_view box : {kOutboxTable, kInboxTable}) {
    ASSIGN_OR_RETURN(const bool there, HasTable(sql, box, Names(kBoxColumns)));
    whole = whole && there;
  }
  ASSIGN_OR_RETURN(const bool programs, HasTable(sql, kProgramTable, Names(kProgramColumns)));
  whole = whole && programs;
  for (const char* const table : kOwnTables) {
    ASSIGN_OR_RETURN(const std::set<std::string> there, sql.ColumnsOf(table));
    whole = whole && !there.empty();
  }
  if (whole) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("layout = \"datajoin\" is set, but ", sql.Place(),
                   " lacks DataJoin's tables. Nothing was done. Run 'mirror-agent install', which makes "
                   "them"));
}

}  // namespace mirror
