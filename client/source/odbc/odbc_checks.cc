#include "client/source/odbc/odbc_checks.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/odbc/failure.h"
#include "base/human_text.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr std::size_t kOdbcTablesNamed = 10;
constexpr char kOdbcTablesStep[] = "right SELECT";

/// Reads as usual, but no row, in its own transaction: after an error a transaction refuses everything.
absl::Status ReadNoRow(const std::shared_ptr<OdbcSessions>& sessions, const OdbcTable& table) {
  std::vector<std::string> values;
  for (const OdbcColumn& column : table.columns) values.push_back(column.value);
  if (values.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::unique_ptr<OdbcReading> reading, OdbcReading::Make(sessions));
  RETURN_IF_ERROR(reading->Begin(table));
  return (reading)
      ->connection()
      .Query(absl::StrCat("SELECT ", absl::StrJoin(values, ", "), " FROM ", table.from, " WHERE 1 = 0"), {},
             {}, "reading no row of it")
      .status();
}

/// An error of the server is reported before the problems found in the catalogs.
absl::Status TryOdbcTable(const std::shared_ptr<OdbcSessions>& sessions, const OdbcTable& table) {
  absl::Status read = ReadNoRow(sessions, table);
  const bool is_refused = odbc::TroubleOf(read) == odbc::Trouble::kDenied;
  return table.problem.empty() || is_refused ? read : absl::FailedPreconditionError(table.problem);
}

void TryOdbcTables(const std::shared_ptr<OdbcSessions>& sessions, const std::string& user,
                   const std::vector<OdbcTable>& tables, SourceFindings* findings) {
  std::vector<std::string> refused, quoted;
  std::size_t failed = 0;
  for (const OdbcTable& table : tables) {
    const absl::Status read = TryOdbcTable(sessions, table);
    if (read.ok()) continue;
    if (odbc::TroubleOf(read) == odbc::Trouble::kDenied) {
      refused.push_back(table.name);
      quoted.push_back(table.quoted);
      continue;
    }
    if (++failed > kOdbcTablesNamed) continue;
    findings->Fail("tables",
                   absl::StrCat("table '", table.name, "' cannot be read: ", std::string(read.message())),
                   "correct that, or leave it out with 'skip'");
    // The other tables would give the same error, each after its timeout.
    const odbc::Trouble trouble = odbc::TroubleOf(read);
    if (trouble == odbc::Trouble::kNotReached || trouble == odbc::Trouble::kLost) return;
  }
  if (failed > kOdbcTablesNamed) {
    findings->Fail("tables", absl::StrCat(failed - kOdbcTablesNamed, " more cannot be read"),
                   "correct that, or leave them out with 'skip'");
  }
  if (!refused.empty()) {
    quoted.resize(std::min(quoted.size(), kOdbcTablesNamed));
    findings->Fail(kOdbcTablesStep,
                   absl::StrCat("the user '", user, "' may not read ", Counted(refused.size(), "table"), ": ",
                                ListNames(refused, kOdbcTablesNamed)),
                   absl::StrCat("GRANT SELECT ON ", absl::StrJoin(quoted, ", "),
                                refused.size() > quoted.size() ? ", …" : "",
                                " TO that user, or leave them out with 'skip'"));
  } else if (failed == 0) {
    findings->Ok(kOdbcTablesStep, absl::StrCat("on ", Counted(tables.size(), "table")));
  }
}

}  // namespace

SourceFindings CheckOdbcSource(const OdbcCheckOptions& options) {
  SourceFindings findings;
  OdbcAccess access = options.access;
  access.catalogs_within = access.rows_within = kOdbcCheckWithin;
  const auto sessions = std::make_shared<OdbcSessions>(std::move(access));
  const absl::StatusOr<OdbcPlace> place = sessions->Look();
  absl::StatusOr<std::unique_ptr<odbc::Connection>> connection =
      place.ok() ? sessions->Take() : absl::StatusOr<std::unique_ptr<odbc::Connection>>(place.status());
  if (!connection.ok()) {
    findings.Fail("reach", std::string(connection.status().message()), "correct that, then run this again");
    return findings;
  }
  findings.Ok("reach", absl::StrCat(place->name, ", as ", place->user));
  absl::StatusOr<std::vector<OdbcTable>> all = sessions->dialect().Tables(**connection);
  sessions->GiveBack(*std::move(connection));
  if (!all.ok()) {
    findings.CannotAsk("tables", all.status());
    return findings;
  }
  const std::vector<OdbcTable> tables = TakeChosen(options.choice, *std::move(all));
  if (tables.empty()) {
    findings.Warn("tables", "no table that the user may see is chosen",
                  "give the user the right to SELECT, or correct 'dsn', 'schemas', 'include' and 'skip'");
    return findings;
  }
  TryOdbcTables(sessions, place->user, tables, &findings);
  return findings;
}

}  // namespace mirror
