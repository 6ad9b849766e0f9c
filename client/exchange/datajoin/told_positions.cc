#include "client/exchange/datajoin/told_positions.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

/// SQLite takes 500 parts of one statement by itself.
constexpr std::size_t kLogsAtOnce = 200;

/// What the exchange itself does is told by the ledger alone. The first entry of a log is none of a change.
std::string EndsOf(const std::vector<std::string>& logs, std::size_t from, std::size_t until) {
  std::vector<std::string> parts;
  for (std::size_t i = from; i < until; ++i) {
    parts.push_back(absl::StrCat("SELECT ", logs[i], " AS log, (SELECT max(seq) FROM main._mirror_log_",
                                 logs[i], ") AS last, (SELECT min(seq) FROM main._mirror_log_", logs[i],
                                 ") AS first"));
  }
  return absl::StrCat("SELECT e.log, coalesce(p.seq, e.first), e.last FROM (",
                      absl::StrJoin(parts, " UNION ALL "),
                      ") AS e LEFT JOIN main._mirror_datajoin_log AS p ON p.log = e.log WHERE e.last > "
                      "coalesce(p.seq, e.first)");
}

}  // namespace

absl::StatusOr<std::vector<ToldPositions::Waiting>> ToldPositions::Find() const {
  const absl::StatusOr<bool> logged =
      file_.Query("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = '_mirror_tables'").Step();
  // Who pushes says what is missing, and makes a log anew that is gone.
  if (!logged.ok()) return logged.status();
  if (!*logged) return std::vector<Waiting>();
  ASSIGN_OR_RETURN(
      const std::vector<std::string> logs,
      file_
          .Query("SELECT log FROM main._mirror_tables WHERE name <> ?1 AND EXISTS (SELECT 1 FROM "
                 "main.sqlite_schema AS s WHERE s.name = '_mirror_log_' || log) ORDER BY log")
          .With(std::string(kLedgerTable))
          .Texts());
  std::vector<Waiting> waiting;
  for (std::size_t at = 0; at < logs.size(); at += kLogsAtOnce) {
    sqlite::Statement query = file_.Query(EndsOf(logs, at, std::min(at + kLogsAtOnce, logs.size())));
    absl::StatusOr<bool> row = query.Step();
    for (; row.ok() && *row; row = query.Step())
      waiting.push_back({query.Int(0), query.Int(1), query.Int(2)});
    if (!row.ok()) return row.status();
  }
  return waiting;
}

absl::Status ToldPositions::Move(std::int64_t log, std::int64_t seq) const {
  return file_
      .Query(
          "INSERT INTO main._mirror_datajoin_log (log, seq) VALUES (?1, ?2) ON CONFLICT (log) DO UPDATE SET "
          "seq = excluded.seq")
      .With(log, seq)
      .Run();
}

absl::Status ToldPositions::MoveToEnd() const {
  ASSIGN_OR_RETURN(const std::vector<Waiting> ends, Find());
  for (const Waiting& end : ends) {
    RETURN_IF_ERROR(Move(end.log, end.last));
  }
  return absl::OkStatus();
}

}  // namespace mirror
