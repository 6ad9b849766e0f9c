#include "server/store/sqlite/rows/sqlite_swap.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/store/sqlite/file/held_pages.h"
#include "server/store/sqlite/rows/sqlite_alter.h"
#include "server/store/sqlite/rows/sqlite_objects.h"
#include "server/store/sqlite/rows/sqlite_partner_index.h"
#include "server/store/sqlite/rows/sqlite_schema.h"

namespace mirror {
namespace {

/// In the order in which they were made, which is that in which SQLite runs them.
absl::StatusOr<std::vector<Definition>> FindTriggers(SqliteConnection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare("SELECT name, sql FROM sqlite_schema WHERE type = "
                                                   "'trigger' AND tbl_name = ?1 COLLATE NOCASE ORDER BY "
                                                   "rowid"));
  std::vector<Definition> triggers;
  absl::StatusOr<bool> row = query.Bind(1, table).Step();
  for (; row.ok() && *row; row = query.Step()) triggers.push_back({query.Text(0), query.Text(1)});
  if (!row.ok()) return row.status();
  return triggers;
}

struct Statistic {
  std::string table, stat;
  std::optional<std::string> index;
};

/// What ANALYZE counted, by which SQLite plans the partner's queries. Not its samples of values, which are
/// those of the old rows.
absl::StatusOr<std::vector<Statistic>> FindStatistics(SqliteConnection& connection,
                                                      const std::string& table) {
  std::vector<Statistic> statistics;
  {
    ASSIGN_OR_RETURN(Query there,
                     connection.Prepare("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'"));
    ASSIGN_OR_RETURN(const bool row, there.Step());
    if (!row) return statistics;
  }
  ASSIGN_OR_RETURN(Query query, connection.Prepare(
                                    "SELECT tbl, stat, idx FROM sqlite_stat1 WHERE tbl = ?1 COLLATE NOCASE"));
  absl::StatusOr<bool> row = query.Bind(1, table).Step();
  for (; row.ok() && *row; row = query.Step()) {
    Statistic& statistic = statistics.emplace_back(Statistic{query.Text(0), query.Text(1), std::nullopt});
    if (!query.IsNull(2)) statistic.index = query.Text(2);
  }
  if (!row.ok()) return row.status();
  return statistics;
}

/// Those of the table itself and of indexes that it has now.
absl::Status KeepStatistics(SqliteConnection& connection, const std::vector<Statistic>& statistics) {
  for (const Statistic& statistic : statistics) {
    ASSIGN_OR_RETURN(
        Query insert,
        connection.Prepare(
            "INSERT INTO sqlite_stat1 (tbl, idx, stat) SELECT ?1, ?2, ?3 WHERE ?2 IS NULL OR ?2 = ?1 COLLATE "
            "NOCASE OR EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?2 COLLATE NOCASE "
            "AND "
            "tbl_name = ?1 COLLATE NOCASE)"));
    insert.Bind(1, statistic.table).Bind(3, statistic.stat);
    if (statistic.index) {
      insert.Bind(2, *statistic.index);
    } else {
      insert.BindNull(2);
    }
    RETURN_IF_ERROR(insert.Run());
  }
  return absl::OkStatus();
}

absl::Status MakeIndexes(SqliteConnection& connection, const std::vector<PartnerIndex>& indexes,
                         std::vector<std::string>* left_out) {
  const HeldPages held(connection.handle());  // One that is refused takes back what it wrote.
  for (const PartnerIndex& index : indexes) {
    absl::Status made = MakeIndex(connection, index);
    if (made.ok()) continue;
    // A full disk is not the index's fault.
    if (made.code() != absl::StatusCode::kFailedPrecondition) return made;
    // One of the mirror's own is over a column that the source no longer has.
    if (!IsOwnIndex(index.name)) left_out->push_back(index.name);
  }
  return absl::OkStatus();
}

absl::Status MakeTriggers(SqliteConnection& connection, const std::string& table,
                          const std::vector<Definition>& triggers) {
  for (const Definition& trigger : triggers) {
    absl::Status made = connection.Execute(trigger.sql);
    if (made.ok()) continue;
    if (made.code() != absl::StatusCode::kFailedPrecondition) return made;
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", table, "': SQLite no longer accepts the text of the partner's trigger '", trigger.name,
        "', so it would be lost. The new rows were not swapped in; the former rows are still there. Drop or "
        "correct the trigger; the next cycle populates the table."));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunSwap(SqliteConnection& connection, const std::string& table,
                     std::vector<std::string>* left_out) {
  ASSIGN_OR_RETURN(const std::optional<Shadow> shadow, FindShadow(connection, table));
  if (!shadow) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", table, "': the shadow of this population is gone. Nothing was applied. Populate again."));
  }
  ASSIGN_OR_RETURN(const std::optional<Definition> visible, FindTable(connection, table));
  ASSIGN_OR_RETURN(const std::optional<Definition> filled, FindTable(connection, shadow->name));
  if (!visible || !filled) {
    return absl::FailedPreconditionError(
        absl::StrCat("table '", table,
                     "' or its shadow is gone from the mirror. Nothing was applied. The next cycle "
                     "makes it again."));
  }
  const std::string name = visible->name;
  if (!IsOurs(*visible)) {
    return absl::FailedPreconditionError(
        absl::StrCat("table '", name,
                     "' was made by somebody else. The rows were not swapped in. Rename or drop "
                     "it, then have 'mirrorctl reset' forget it."));
  }
  ASSIGN_OR_RETURN(const std::vector<PartnerIndex> indexes, FindIndexes(connection, table, IndexKind::kAny));
  ASSIGN_OR_RETURN(const std::vector<Definition> triggers, FindTriggers(connection, table));
  ASSIGN_OR_RETURN(const std::vector<Statistic> statistics, FindStatistics(connection, table));

  connection.ForgetStatements();
  absl::Status status = connection.Execute(absl::StrCat("DROP TABLE ", QuoteName(name)));
  if (!status.ok()) return status;
  if (status = MoveShadow(connection, filled->name, name); !status.ok()) return status;
  CrashPoint("swap.exchanged");
  if (status = ForgetShadow(connection, table); !status.ok()) return status;
  if (status = MakeIndexes(connection, indexes, left_out); !status.ok()) return status;
  if (status = MakeTriggers(connection, name, triggers); !status.ok()) return status;
  if (status = KeepStatistics(connection, statistics); !status.ok()) return status;
  CrashPoint("swap.indexed");
  return absl::OkStatus();
}

}  // namespace mirror
