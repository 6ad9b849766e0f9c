#include "client/exchange/datajoin/sqlite_boxes.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/exchange/delivery_task.h"
#include "client/exchange/log_entries.h"
#include "client/source/sqlite/log/log_sql.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

/// SQLite's default limit is 500 parts of a compound statement.
constexpr std::size_t kLogsAtOnce = 200;

/// Returns SQL that selects the logs with entries which are not in the outbox yet: the log, the position that
/// the outbox has reached, and the last entry. The first entry of a log is no change.
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
  // The push reports a missing change log, and makes it again.
  if (!logged.ok()) return logged.status();
  if (!*logged) return std::vector<Waiting>();
  // The ledger has a log, too, but is not a table of the application.
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
    RETURN_IF_ERROR(ForEachRow(query, [&] {
      waiting.push_back({query.Int(0), query.Int(1), query.Int(2)});
    }));
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

namespace {

// --- What changed -------------------------------------------------------------

struct LogPiece {
  std::vector<ChangedForBox> changes;  ///< In the order in which the keys first appear.
  std::int64_t last = 0;               ///< Position of the last entry read.
  bool more = false;
};

/// Decodes the changed columns of an entry from its masks, beginning at column `first`.
void TakeMasks(const sqlite::Statement& entry, int first, ChangedForBox* change) {
  if (entry.IsNull(first) || entry.Int(first) < 0) {
    change->whole = true;
    change->ended = change->ended || !entry.IsNull(first);
    return;
  }
  const auto columns = static_cast<std::uint32_t>(change->table->plan.schema.columns.size());
  const auto masks = static_cast<std::uint32_t>(entry.columns() - first);
  for (std::uint32_t column = 0; column < std::min<std::uint32_t>(columns, masks * kMaskBits); ++column) {
    const std::int64_t mask = entry.Int(first + static_cast<int>(column / kMaskBits));
    if (((mask >> (column % kMaskBits)) & 1) != 0) change->columns.insert(column);
  }
}

absl::StatusOr<LogPiece> ReadPiece(const SqliteFile& file, const MemberTable& table, std::int64_t from,
                                   std::int64_t limit) {
  LogPiece piece;
  piece.last = from;
  std::map<std::string, std::size_t> known;
  const int masks_at = 1 + static_cast<int>(table.key.size());
  // Selects all columns: only the log itself knows how many masks it has.
  sqlite::Statement query = file.Query(
      absl::StrCat("SELECT * FROM main.", LogName(table.log), " WHERE seq > ?1 ORDER BY seq LIMIT ?2"));
  query.With(from, limit + 1);
  std::int64_t entries = 0;
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) {
    piece.more = ++entries > limit;
    if (piece.more) break;
    piece.last = query.Int(0);
    RowOf key;
    for (int i = 1; i < masks_at; ++i) key.push_back(query.ValueAt(i));
    const auto [at, fresh] = known.try_emplace(KeyText(key), piece.changes.size());
    if (fresh) piece.changes.push_back({&table, std::move(key)});
    TakeMasks(query, masks_at, &piece.changes[at->second]);
  }
  if (!row.ok()) return row.status();
  return piece;
}

// --- Rows that entries name ---------------------------------------------------

/// Returns the key of the row, as the row has it. If the column's type is declared, the
/// database compares a text with a number itself; else this tries one form after the other.
absl::StatusOr<std::optional<RowOf>> FindKey(const SqliteFile& file, const MemberTable& table,
                                             const RowOf& parts) {
  std::vector<std::string> names, terms;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    names.push_back(QuoteName(table.plan.schema.columns[table.key[i]].name));
    terms.push_back(absl::StrCat(names.back(), " = ?", i + 1));
  }
  sqlite::Statement query =
      file.Query(absl::StrCat("SELECT ", absl::StrJoin(names, ", "), " FROM main.", QuoteName(table.name()),
                              " WHERE ", absl::StrJoin(terms, " AND ")));
  for (const bool as_number : {false, true}) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::optional<sqlite::Value> number = BoxWholeNumber(parts[i].bytes);
      query.Bind(static_cast<int>(i + 1), as_number && number ? *number : parts[i]);
    }
    ASSIGN_OR_RETURN(const bool there, query.Step());
    if (there) {
      RowOf key;
      for (std::size_t i = 0; i < parts.size(); ++i) key.push_back(query.ValueAt(static_cast<int>(i)));
      return std::optional<RowOf>(std::move(key));
    }
    query.Reset();
  }
  return std::optional<RowOf>();
}

/// Returns the key of a deleted row. Absent: no row of the table could have it.
std::optional<RowOf> AsDeclared(const MemberTable& table, const RowOf& parts) {
  RowOf key;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Type type = table.plan.schema.columns[table.key[i]].type;
    std::optional<sqlite::Value> part;
    if (type == Type::kText) part = parts[i];
    if (type == Type::kInt64) part = BoxWholeNumber(parts[i].bytes);
    if (!part) return std::nullopt;
    key.push_back(*std::move(part));
  }
  return key;
}

}  // namespace

std::vector<std::string> SqliteBoxes::Statements() {
  return {
      "CREATE TABLE IF NOT EXISTS main._mirror_datajoin_log (log INTEGER PRIMARY KEY, seq INTEGER NOT NULL)"};
}

absl::StatusOr<const MemberTable*> SqliteBoxes::Find(const std::string& sent_name) {
  RETURN_IF_ERROR(tables_.Refresh().status());
  return tables_.Find(sent_name);
}

absl::StatusOr<bool> SqliteBoxes::TakeChanges(std::int64_t limit,
                                              const std::function<absl::Status(const ChangedForBox&)>& tell) {
  ASSIGN_OR_RETURN(const std::vector<ToldPositions::Waiting> waiting, positions_.Find());
  if (waiting.empty()) return false;
  RETURN_IF_ERROR(tables_.Refresh().status());
  bool more = false;
  for (const ToldPositions::Waiting& one : waiting) {
    ASSIGN_OR_RETURN(const MemberTable* const table, tables_.FindByLog(one.log));
    // In a table without a key no entry could name a row.
    if (table == nullptr || table->key.empty()) {
      RETURN_IF_ERROR(positions_.Move(one.log, one.last));
      continue;
    }
    const absl::StatusOr<bool> rest = TakeLog(*table, one.from, limit, tell);
    if (!rest.ok()) return rest;
    more = more || *rest;
  }
  return more;
}

absl::StatusOr<bool> SqliteBoxes::TakeLog(const MemberTable& table, std::int64_t from, std::int64_t limit,
                                          const std::function<absl::Status(const ChangedForBox&)>& tell) {
  ASSIGN_OR_RETURN(LogPiece piece, ReadPiece(file_, table, from, limit));
  const std::vector<std::uint32_t> columns = table.PlainColumns();
  for (ChangedForBox& change : piece.changes) {
    ASSIGN_OR_RETURN(std::optional<RowOf> row, ReadRow(file_, table, change.key, columns));
    change.row = std::move(row);
    RETURN_IF_ERROR(tell(change));
    change.row.reset();
  }
  RETURN_IF_ERROR(positions_.Move(table.log, piece.last));
  return piece.more;
}

absl::StatusOr<const MemberTable*> SqliteBoxes::FindOwn(const std::string& name) {
  RETURN_IF_ERROR(tables_.Refresh().status());
  for (const auto& [log, own] : tables_.names()) {
    if (own != kLedgerTable && SameName(own, name)) return tables_.FindByLog(log);
  }
  return nullptr;
}

absl::StatusOr<bool> SqliteBoxes::SendRow(const std::string& table, const std::string& key) {
  ASSIGN_OR_RETURN(const MemberTable* const named, FindOwn(table));
  if (named == nullptr || named->key.empty()) return false;
  const std::optional<std::vector<std::string>> texts = BoxKeyParts(key, named->key.size());
  if (!texts) return false;
  RowOf parts;
  for (const std::string& text : *texts) parts.push_back(BoxText(text));
  ASSIGN_OR_RETURN(std::optional<RowOf> found, FindKey(file_, *named, parts));
  const NotedRow row = found ? NotedRow::kStands : NotedRow::kGone;
  if (!found) found = AsDeclared(*named, parts);
  if (!found) return false;
  RETURN_IF_ERROR(NoteInLog(file_, *named, *found, row));
  return true;
}

}  // namespace mirror
