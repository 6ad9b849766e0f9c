#include "server/store/postgres/tables/table_work.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/failure.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/rows/state_rows.h"

namespace mirror {
namespace {

using postgres::Trouble;

constexpr std::chrono::milliseconds kDefinitionPatience{100}, kRowsPatience{2'000};

/// Returns the holders of the lock: "'pg_dump' (process 1234)".
absl::StatusOr<std::string> WhoHas(TableWork& work, const std::string& relation) {
  const auto rows = work.connection.Query(
      "SELECT coalesce(nullif(a.application_name, ''), 'a program'), l.pid FROM pg_locks AS l JOIN "
      "pg_stat_activity AS a ON a.pid = l.pid WHERE l.relation = $1::text::regclass AND l.granted AND l.pid "
      "<> pg_backend_pid() GROUP BY 1, 2 ORDER BY 2 LIMIT 5",
      {{work.In(relation)}}, "finding out who uses a table");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  std::vector<std::string> who;
  for (int row = 0; row < rows->rows(); ++row) {
    who.push_back(absl::StrCat("'", rows->Text(row, 0), "' (process ", rows->Int(row, 1), ")"));
  }
  return who.empty() ? "somebody" : absl::StrJoin(who, ", ");
}

}  // namespace

absl::Status LockTable(TableWork& work, const std::string& relation, std::string_view mode) {
  // ACCESS EXCLUSIVE makes readers wait, so it gets little time. With other modes readers do not wait. They
  // get 2 s, because PostgreSQL cancels an autovacuum that blocks a lock after 1 s by default.
  return RunWhereFree(work, relation,
                      absl::StrCat("LOCK TABLE ", work.In(relation), " IN ", std::string(mode), " MODE"),
                      "locking a table", mode == "ACCESS EXCLUSIVE" ? kDefinitionPatience : kRowsPatience);
}

absl::Status RunWhereFree(TableWork& work, const std::string& relation, const std::string& sql,
                          std::string_view doing, std::chrono::milliseconds patience) {
  const bool is_counted = work.may_wait != nullptr && patience <= kDefinitionPatience;
  const auto began = std::chrono::steady_clock::now();
  if (is_counted) {
    patience = std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(*work.may_wait),
                          std::chrono::milliseconds(1), patience);
  }
  absl::Status ran = work.connection.Execute(
      absl::StrCat("SAVEPOINT _mirror_lock; SET LOCAL lock_timeout = ", patience.count(), "; ", sql,
                   "; SET LOCAL lock_timeout = '", kLockPatience, "'; RELEASE SAVEPOINT _mirror_lock"),
      doing);
  if (is_counted) *work.may_wait -= std::chrono::steady_clock::now() - began;
  if (postgres::TroubleOf(ran) != Trouble::kLockTimeout)
    return ToStoreStatus(ran, TableOwner::kMirroredTable);
  ran = work.connection.Execute("ROLLBACK TO SAVEPOINT _mirror_lock; RELEASE SAVEPOINT _mirror_lock", doing);
  if (!ran.ok()) return ToStoreStatus(ran, TableOwner::kMirroredTable);
  ASSIGN_OR_RETURN(const std::string who, WhoHas(work, relation));
  return absl::AbortedError(absl::StrCat("table '", relation, "' is in use by ", who,
                                         ", and it cannot be changed meanwhile. It was left as it is; the "
                                         "next cycle tries again."));
}

absl::Status RunOnTable(TableWork& work, const std::string& sql, std::string_view doing) {
  const postgres::AnswersWithin waits(work.connection, kLongStatement);
  return OnTable(work.connection.Execute(sql, doing));
}

absl::Status OnTable(const absl::Status& ran) {
  const Trouble trouble = postgres::TroubleOf(ran);
  // The cause is a definition: the table has too many columns, or its values do not fit the new type.
  if (trouble == Trouble::kTooLarge || trouble == Trouble::kValue)
    return absl::FailedPreconditionError(ran.message());
  return ToStoreStatus(ran, TableOwner::kMirroredTable);
}

absl::StatusOr<Relation> FindRelation(TableWork& work, const std::string& table) {
  const auto rows = work.connection.Query(
      "SELECT relname::text, relkind::text, relowner = (SELECT oid FROM pg_roles WHERE rolname = "
      "current_user) FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relname = $2::name",
      {work.names.schema, table}, "looking for a table");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  if (rows->rows() == 0) return Relation{};
  return Relation{rows->Text(0, 0), rows->Text(0, 1)[0], rows->Bool(0, 2)};
}

void MakeGarbage(TableWork& work, const std::string& relation) {
  PutState(work.writes, work.names, StateKind::kGarbage, {relation, 0, std::nullopt});
}

}  // namespace mirror
