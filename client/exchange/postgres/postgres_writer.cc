#include "client/exchange/postgres/postgres_writer.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crash_point.h"
#include "base/db/postgres/failure.h"
#include "client/exchange/postgres/postgres_values.h"

namespace mirror {
namespace {

constexpr char kWriting[] = "the database refused it";

/// The statement of a task, without its RETURNING.
std::string StatementOf(const DeliveryTask& task, const PostgresMember& member, PostgresTexts* bound) {
  std::vector<std::string> columns, places, sets;
  for (const auto& [column, value] : task.written) {
    const PostgresColumn& own = member.known->table.columns[column];
    bound->Add(own, value);
    columns.push_back(QuoteName(own.name));
    places.push_back(absl::StrCat("$", columns.size(), "::", own.type_name));
    sets.push_back(absl::StrCat(columns.back(), " = ", places.back()));
  }
  if (task.delivery->operation() == v1::OPERATION_INSERT) {
    return absl::StrCat("INSERT INTO ", member.known->table.quoted, " AS t",
                        columns.empty() ? " DEFAULT VALUES"
                                        : absl::StrCat(" (", absl::StrJoin(columns, ", "), ") VALUES (",
                                                       absl::StrJoin(places, ", "), ")"));
  }
  const std::string where = absl::StrCat(" WHERE ", member.KeyIs(static_cast<int>(columns.size()) + 1));
  bound->AddKey(member, task.key);
  if (task.delivery->operation() == v1::OPERATION_DELETE)
    return absl::StrCat("DELETE FROM ", member.Rows(), where);
  return absl::StrCat("UPDATE ", member.Rows(), " SET ", absl::StrJoin(sets, ", "), where);
}

ImportResult Refused(std::string reason) { return {v1::DELIVERY_OUTCOME_REFUSED, std::move(reason)}; }

}  // namespace

std::string PostgresRefusal(const absl::Status& status) {
  const postgres::Failure failure = postgres::FailureOf(status);
  switch (failure.trouble) {
    case postgres::Trouble::kConstraint:
    case postgres::Trouble::kDependent:
    case postgres::Trouble::kUnsupported:
    case postgres::Trouble::kUndefined:
    case postgres::Trouble::kExists:
    case postgres::Trouble::kDenied:
    case postgres::Trouble::kValue:
    case postgres::Trouble::kTooLarge:
    case postgres::Trouble::kRowSecurity:
      return std::string(status.message());
    case postgres::Trouble::kOther:
      // Words of triggers, too. Of XX it is the server that fails.
      return failure.sqlstate.empty() || failure.sqlstate.starts_with("XX") ? ""
                                                                            : std::string(status.message());
    default:
      return absl::IsOutOfRange(status) ? std::string(status.message()) : "";
  }
}

absl::StatusOr<ImportResult> PostgresWriter::Write(const RowOf& before) {
  std::vector<ReachedRow> reached;
  if (task_.delivery->operation() != v1::OPERATION_INSERT) {
    auto found = ReachPostgresRows(connection_, members_, member_, task_.key,
                                   task_.delivery->operation() == v1::OPERATION_DELETE);
    if (!found.ok()) return found.status();
    reached = *std::move(found);
  }
  RowOf key = task_.key;
  const absl::StatusOr<bool> done = RunStatement(&key);
  if (!done.ok()) return done.status();
  if (!*done) return Refused("a trigger of the source keeps it from being done");
  CrashPoint("agent.row_written");
  absl::StatusOr<ImportResult> noted = NoteApplied(key, before);
  if (!noted.ok() || noted->outcome != v1::DELIVERY_OUTCOME_APPLIED) return noted;
  if (task_.delivery->operation() == v1::OPERATION_INSERT) return noted;
  if (absl::Status others = NoteOthers(key, reached); !others.ok()) return others;
  return noted;
}

/// False: it changed no row.
absl::StatusOr<bool> PostgresWriter::RunStatement(RowOf* key) {
  PostgresTexts bound;
  const std::string sql = StatementOf(task_, member_, &bound);
  bool there = false;
  if (task_.delivery->operation() == v1::OPERATION_INSERT) {
    const std::vector<std::uint32_t>& columns = member_.table.key;
    const absl::Status written =
        ReadPostgresValues(connection_, members_, member_, columns,
                           absl::StrCat(sql, " RETURNING ", member_.Values(columns)), bound, [&](RowOf row) {
                             *key = std::move(row);
                             there = true;
                             return absl::OkStatus();
                           });
    if (!written.ok()) return written;
  } else {
    const absl::StatusOr<std::int64_t> rows = connection_.Run(sql, bound.values(), kWriting);
    if (!rows.ok()) return rows.status();
    there = *rows == 1;
  }
  // What waits for the end of the transaction would fail there, with all that is noted.
  if (absl::Status kept = connection_.Execute("SET CONSTRAINTS ALL IMMEDIATE", kWriting); !kept.ok())
    return kept;
  return there;
}

absl::StatusOr<ImportResult> PostgresWriter::NoteApplied(const RowOf& key, const RowOf& before) {
  LedgerRow row;
  row.delivery_id = task_.delivery->delivery_id();
  row.operation = OperationName(task_.delivery->operation());
  row.table_name = member_.table.sent_name;
  row.key = KeyText(key);
  row.at = now_ms_;
  if (task_.delivery->operation() != v1::OPERATION_DELETE) {
    const absl::StatusOr<std::optional<RowOf>> behind =
        ReadPostgresRow(connection_, members_, member_, key, task_.mapped, /*locks=*/false);
    if (!behind.ok()) return behind.status();
    if (!*behind) return Refused("a trigger of the source gives the row another key");
    row.wrote = WroteJson(WroteOf(task_, before, **behind));
  }
  if (absl::Status noted = inbox_.WriteLedger(row); !noted.ok()) return noted;
  return ImportResult{v1::DELIVERY_OUTCOME_APPLIED};
}

absl::Status PostgresWriter::NoteOthers(const RowOf& key, const std::vector<ReachedRow>& before) {
  std::set<std::pair<std::int64_t, std::string>> known;
  for (const ReachedRow& row : before) {
    known.emplace(row.member->table.log, KeyText(row.key));
    const absl::StatusOr<std::optional<RowOf>> now = ReadPostgresRow(
        connection_, members_, *row.member, row.key, row.member->table.PlainColumns(), /*locks=*/false);
    if (!now.ok()) return now.status();
    absl::Status noted;
    if (!*now) {
      noted = NoteOther("DELETE", row, nullptr);
    } else if (KeyText(**now) != KeyText(row.values)) {
      noted = NoteOther("UPDATE", row, &**now);
    }
    if (!noted.ok()) return noted;
  }
  if (task_.delivery->operation() == v1::OPERATION_DELETE) return absl::OkStatus();
  // Under another key by now, where that holds what the foreign key refers to.
  const auto behind = ReachPostgresRows(connection_, members_, member_, key, /*deletes=*/false);
  if (!behind.ok()) return behind.status();
  for (const ReachedRow& row : *behind) {
    if (known.contains({row.member->table.log, KeyText(row.key)})) continue;
    if (absl::Status noted = NoteOther("INSERT", row, &row.values); !noted.ok()) return noted;
  }
  return absl::OkStatus();
}

/// `values`: null: the row is gone; others than the row's own: what became of these.
absl::Status PostgresWriter::NoteOther(const char* operation, const ReachedRow& row, const RowOf* values) {
  // What is not mirrored is nobody's business.
  if (!row.member->is_sent) return absl::OkStatus();
  const MemberTable& table = row.member->table;
  LedgerRow noted;
  noted.delivery_id = absl::StrCat(task_.delivery->delivery_id(), "/", ++others_);
  noted.operation = operation;
  noted.table_name = table.sent_name;
  noted.key = KeyText(row.key);
  noted.at = now_ms_;
  const std::vector<std::uint32_t> columns = table.PlainColumns();
  Wrote wrote;
  for (std::size_t i = 0; values != nullptr && i < columns.size(); ++i) {
    // What else stands there somebody may have said, of whom the hub has not heard yet.
    if (values != &row.values && ToLiteral((*values)[i]) == ToLiteral(row.values[i])) continue;
    wrote[table.SentColumn(columns[i])].result = ToLiteral((*values)[i]);
  }
  if (values != nullptr) noted.wrote = WroteJson(wrote);
  return inbox_.WriteLedger(noted);
}

}  // namespace mirror
