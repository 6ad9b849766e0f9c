#include "server/store/postgres/tables/retired.h"

#include <algorithm>
#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/rows/state_payload.h"
#include "server/store/postgres/rows/tenant_row.h"
#include "server/store/postgres/tables/definitions.h"
#include "server/store/postgres/tables/indexes.h"
#include "server/store/postgres/tables/present_table.h"

namespace mirror {
namespace {

constexpr char kLooking[] = "looking at tables that were set aside";
constexpr std::int64_t kKeptForGood = std::numeric_limits<std::int64_t>::max();

/// Renames the relation. Before that, drops the mirror's own indexes on it, so that their names become free.
/// Returns the new name.
absl::StatusOr<std::string> RenameAside(TableWork& work, const std::string& relation) {
  RETURN_IF_ERROR(LockTable(work, relation));
  RETURN_IF_ERROR(DropOwnIndexes(work, relation));
  ASSIGN_OR_RETURN(const std::int64_t id, TakeId(work.connection, work.names));
  std::string aside = DroppedName(id);
  RETURN_IF_ERROR(RunOnTable(work,
                             absl::StrCat("ALTER TABLE ", work.In(relation), " RENAME TO ", QuoteName(aside)),
                             "setting a table aside"));
  return aside;
}

/// Returns those of `dropped` that keep rows of the partner. All rows of the others are the source's.
absl::StatusOr<std::vector<std::string>> KeepingTables(postgres::Connection& connection,
                                                       const PostgresOwnTables& names,
                                                       const std::vector<StateRow>& dropped) {
  std::vector<std::string> relations, keeping;
  for (const StateRow& row : dropped) relations.push_back(row.table_key);
  ASSIGN_OR_RETURN(const auto present, ReadPresent(connection, names, relations));
  for (const auto& [name, table] : present) {
    if (table.is_ours && table.Find(kOwnedColumn) != nullptr) keeping.push_back(name);
  }
  return keeping;
}

std::string LiveRowsAside() {
  TableSchema like;
  like.deletes = Deletes::kIgnore;
  return LiveRows(like, "");
}

absl::StatusOr<bool> HoldsOthersRows(postgres::Connection& connection, const PostgresOwnTables& names,
                                     const std::string& relation) {
  const postgres::AnswersWithin waits(connection, kLongStatement);
  const auto rows = connection.Query(absl::StrCat("SELECT 1 FROM ", Qualified(names.schema_name, relation),
                                                  " WHERE (", LiveRowsAside(), ") IS NOT TRUE LIMIT 1"),
                                     {}, kLooking);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  return rows->rows() != 0;
}

/// Returns "VIEW" etc.; empty: it is a table, or not a relation by itself.
std::string_view KindOf(const Relation& relation) {
  static const std::map<char, std::string_view> kKinds = {
      {'v', "VIEW"}, {'m', "MATERIALIZED VIEW"}, {'i', "INDEX"}, {'S', "SEQUENCE"}, {'f', "FOREIGN TABLE"}};
  const auto found = kKinds.find(relation.kind);
  return found == kKinds.end() ? "" : found->second;
}

}  // namespace

absl::StatusOr<std::optional<StateRow>> RunRetireTable(TableWork& work, const std::string& table,
                                                       const std::string& shadow, std::int64_t now_ms) {
  CrashPoint("schema.retiring");
  ForgetTable(work, table, shadow);
  ASSIGN_OR_RETURN(const Relation there, FindRelation(work, table));
  if (!there.is_table() || !there.is_ours) return std::nullopt;
  ASSIGN_OR_RETURN(const std::string aside, RenameAside(work, there.name));
  StateRow row = {aside, now_ms, PayloadWriter().Text(table).Take()};
  PutState(work.writes, work.names, StateKind::kDropped, row);
  return row;
}

absl::Status RunDropTable(TableWork& work, const std::string& table, const std::string& shadow) {
  ForgetTable(work, table, shadow);
  const absl::StatusOr<Relation> there = FindRelation(work, table);
  if (!there.ok() || there->name.empty()) return there.status();
  // Another role may have put something else in its place. That stays.
  if (!there->is_ours) return absl::OkStatus();
  if (const std::string kind(KindOf(*there)); !kind.empty())
    return RunWhereFree(work, there->name, absl::StrCat("DROP ", kind, " ", work.In(there->name)),
                        "dropping it");
  if (!there->is_table()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string aside, RenameAside(work, there->name));
  MakeGarbage(work, aside);
  return absl::OkStatus();
}

absl::Status DropRetired(TableWork& work, const std::vector<StateRow>& dropped, std::int64_t before_ms) {
  std::vector<StateRow> old;
  for (const StateRow& row : dropped) {
    if (row.number < before_ms) old.push_back(row);
  }
  if (old.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto keeping, KeepingTables(work.connection, work.names, old));
  for (StateRow& row : old) {
    const std::string& name = row.table_key;
    RemoveState(work.writes, work.names, StateKind::kDropped, name);
    // Somebody changed the name in the note. A relation with such a name was not set aside.
    if (!IsDroppedName(name)) continue;
    absl::StatusOr<bool> kept = std::find(keeping.begin(), keeping.end(), name) != keeping.end();
    if (*kept) kept = HoldsOthersRows(work.connection, work.names, name);
    if (!kept.ok()) return kept.status();
    if (!*kept) {
      MakeGarbage(work, name);
      continue;
    }
    RETURN_IF_ERROR(RunOnTable(work,
                               absl::StrCat("DELETE FROM ONLY ", work.In(name), " WHERE ", LiveRowsAside()),
                               "emptying a table set aside"));
    // The other rows stay, and are not checked again.
    row.number = kKeptForGood;
    PutState(work.writes, work.names, StateKind::kDropped, std::move(row));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> SetAside(postgres::Connection& connection,
                                                  const PostgresOwnTables& names,
                                                  const std::vector<StateRow>& dropped,
                                                  const std::string& table) {
  std::vector<StateRow> asked;
  for (const StateRow& row : dropped) {
    if (table.empty() || SameName(PayloadReader(row.bytes()).Text(), table)) asked.push_back(row);
  }
  if (asked.empty()) return std::vector<std::string>();
  ASSIGN_OR_RETURN(std::vector<std::string> keeping, KeepingTables(connection, names, asked));
  std::vector<std::string> holding;
  for (const std::string& name : keeping) {
    ASSIGN_OR_RETURN(const bool holds, HoldsOthersRows(connection, names, name));
    if (holds) holding.push_back(name);
  }
  // The numbers in the names increase. So a shorter name is an older one.
  std::sort(holding.begin(), holding.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  return holding;
}

}  // namespace mirror
