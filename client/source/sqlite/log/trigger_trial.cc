#include "client/source/sqlite/log/trigger_trial.h"

#include <sqlite3.h>

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/sqlite/connection.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_schema.h"

namespace mirror {
namespace {

constexpr char kTrying[] = "trying the triggers of its change log";

std::vector<std::string> WritableColumns(const LoggedTable& table) {
  std::vector<std::string> names;
  for (const LoggedTable::Column& column : table.columns) {
    if (!column.generated) names.push_back(QuoteName(column.name));
  }
  return names;
}

std::string Assignments(const std::vector<std::string>& columns) {
  return absl::StrJoin(columns, ", ", [](std::string* out, const std::string& name) {
    absl::StrAppend(out, name, " = ", name);
  });
}

/// Returns one write of each kind to all columns. `update_where`: selects the row.
std::vector<std::string> Writes(const LoggedTable& table, const std::string& update_where) {
  const std::vector<std::string> columns = WritableColumns(table);
  const std::string name = absl::StrCat("main.", QuoteName(table.name)), list = absl::StrJoin(columns, ", ");
  if (columns.empty()) return {};
  return {absl::StrCat("INSERT INTO ", name, " (", list, ") SELECT ", list, " FROM ", name, " WHERE 0"),
          absl::StrCat("UPDATE ", name, " SET ", Assignments(columns), " WHERE ", update_where),
          absl::StrCat("DELETE FROM ", name, " WHERE 0")};
}

/// Returns a condition for one row of the table, no matter which; "0" if none can be named.
std::string AnyRow(const SourcePlan& plan, const LoggedTable& table) {
  const std::string from = absl::StrCat(" FROM main.", QuoteName(table.name), " LIMIT 1)");
  if (!plan.rowid.empty()) return absl::StrCat(plan.rowid, " = (SELECT ", plan.rowid, from);
  if (table.key.empty()) return "0";
  const std::string key = absl::StrJoin(table.key, ", ", [&](std::string* out, std::uint32_t column) {
    absl::StrAppend(out, QuoteName(table.columns[column].name));
  });
  return absl::StrCat("(", key, ") = (SELECT ", key, from);
}

/// Within a transaction: returns why writes to the table fail by the agent's triggers; empty: they do not.
absl::StatusOr<std::string> WhyWritesFail(const SqliteFile& file, const std::string& name) {
  ASSIGN_OR_RETURN(const SourcePlan plan, PlanSource(file, name));
  ASSIGN_OR_RETURN(const LoggedTable table, DescribeLogged(file, plan));
  const std::vector<std::string> writes = Writes(table, AnyRow(plan, table));
  // Tried one by one: a refusal by the application's own trigger says nothing about the others.
  std::vector<std::pair<std::string, absl::Status>> failing;
  for (const std::string& sql : writes) {
    absl::Status tried = file.Run(sql);
    // A trigger of the application may end the transaction (RAISE(ROLLBACK)).
    if (sqlite3_get_autocommit(file.handle()) != 0) return "";
    if (!tried.ok()) failing.emplace_back(sql, std::move(tried));
  }
  if (failing.empty()) return "";
  RETURN_IF_ERROR(
      file.DropAll(absl::StrCat("SELECT 'TRIGGER', name FROM main.sqlite_schema WHERE type = 'trigger' AND "
                                "name GLOB '_mirror_[0-9]*_*' AND "
                                "tbl_name = ",
                                SingleQuoted(name), " COLLATE NOCASE")));
  for (const auto& [sql, tried] : failing) {
    const bool works = file.Run(sql).ok();
    if (sqlite3_get_autocommit(file.handle()) != 0) return "";
    if (works) return std::string(tried.message());
  }
  return "";
}

}  // namespace

absl::StatusOr<bool> TriggersWork(const LoggedTable& table) {
  const auto opened = sqlite::Connection::Open(
      ":memory:", {.mode = sqlite::OpenAs::Mode::kMake, .one_thread = true},
      [](const sqlite::Failure& failure, std::string_view /*doing*/) {
        return IsOfApplicationAlone(failure.words) ? absl::UnimplementedError(failure.words)
                                                   : absl::InvalidArgumentError(failure.words);
      });
  if (!opened.ok()) return opened.status();
  const sqlite::Connection& database = **opened;
  database.ReadQuotedAsNames();
  std::vector<std::string> made, names;
  for (const LoggedTable::Column& column : table.columns) names.push_back(QuoteName(column.name));
  made.push_back(absl::StrCat("CREATE TABLE ", QuoteName(table.name), " (", absl::StrJoin(names, ", "), ")"));
  made.push_back(LogTable(1, table).sql);
  for (const LogObject& trigger : LogTriggers(1, table, table.columns.size(), /*mark_ends=*/false))
    made.push_back(trigger.sql);
  const auto works = [](const absl::Status& status) { return status.ok() || absl::IsUnimplemented(status); };
  for (const std::string& sql : made) {
    if (!works(database.Execute(sql, kTrying))) return false;
  }
  for (const std::string& sql : Writes(table, "0")) {
    if (!works(database.Prepare(sql, kTrying).status())) return false;
  }
  return true;
}

absl::Status CompileWrites(const SqliteFile& file, const LoggedTable& table) {
  for (const std::string& sql : Writes(table, "0")) {
    const absl::StatusOr<sqlite::Statement> statement = file.Prepare(sql);
    if (!statement.ok() &&
        !IsOfApplicationAlone({statement.status().message().data(), statement.status().message().size()}))
      return statement.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, std::string>> TryWrites(const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteFile> file, SqliteFile::Open(path, Use::kChange));
  // A row of the application may be longer than a mirror allows.
  file->TakeLongValues();
  std::vector<std::string> tables;
  RETURN_IF_ERROR(ForEachRow(
      *file,
      "SELECT DISTINCT t.name FROM main.sqlite_schema g JOIN main.sqlite_schema t ON t.type = 'table' AND "
      "t.name = "
      "g.tbl_name COLLATE NOCASE WHERE g.type = 'trigger' AND g.name GLOB '_mirror_[0-9]*_*' ORDER BY t.name",
      "", [&tables](const sqlite::Statement& row) { tables.push_back(row.Text(0)); }));
  std::map<std::string, std::string> failing;
  for (const std::string& table : tables) {
    absl::StatusOr<std::string> why = std::string();
    // One transaction for each, so that other writers wait only briefly. An error rolls it back.
    const absl::Status taken_back = file->Change([&] {
      why = WhyWritesFail(*file, table);
      return absl::CancelledError(kTrying);
    });
    if (!absl::IsCancelled(taken_back)) return taken_back;
    if (!why.ok()) return why.status();
    if (!why->empty()) failing[table] = *std::move(why);
  }
  return failing;
}

}  // namespace mirror
