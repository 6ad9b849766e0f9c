#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crash_point.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/transaction.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/plan/plan.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/rights.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/rows/tenant_row.h"
#include "server/store/postgres/tables/alter.h"
#include "server/store/postgres/tables/definitions.h"
#include "server/store/postgres/tables/indexes.h"
#include "server/store/postgres/tables/merge.h"
#include "server/store/postgres/tables/present_table.h"
#include "server/store/postgres/tables/table_work.h"

namespace mirror {
namespace {

/// Copies the indexes of a table, except its key's, to the shadow that replaces it. Keeps their names,
/// comments and the CLUSTER mark. The caller calls each method once, in this order. Errors: those of
/// RunOnTable().
class CarriedIndexes {
 public:
  CarriedIndexes(TableWork& work, std::string table, std::string shadow)
      : work_(work), table_(std::move(table)), shadow_(std::move(shadow)) {}

  /// Makes the indexes on the shadow under other names, because readers would wait for that if the table were
  /// locked.
  absl::Status Prepare();
  /// Returns SQL that drops the table's indexes, because index names are unique in a schema. The table must
  /// be locked.
  absl::StatusOr<std::string> Free();
  /// Gives the indexes their names. The shadow must have the table's name by now. Adds to `left_out` the
  /// indexes that its rows violate, except the mirror's own. These indexes are not made.
  absl::Status Finish(std::vector<std::string>* left_out);

 private:
  struct Index {
    std::string name;
    std::string make, drop;  ///< For the table, with the index's name.
    std::string tell;        ///< Comments etc., which are run afterwards; may be empty.
    /// SQL before and after the names of the index and the relation. Empty `head`: unknown.
    std::string head, tail;
    bool is_constraint = false;
  };
  enum class Made : std::uint8_t { kYes, kNo, kRowsRefuse };
  absl::StatusOr<std::vector<Index>> Find();
  /// Runs in a savepoint. Errors: only those for which the index must not be left out, such as a full disk.
  absl::StatusOr<Made> Make(const std::string& sql);

  TableWork& work_;
  const std::string table_, shadow_;
  /// Names of the indexes on the shadow, by definition. Empty: the shadow's rows violate that index.
  std::map<std::string, std::string> prepared_;
  std::vector<Index> indexes_;  ///< Set by Free().
};

constexpr char kCarrying[] = "making a table's indexes for its new rows";

// Reads the definition of an index without its own name and its table's name, which PostgreSQL puts in the
// middle. The definition includes storage parameters, except those of constraints.
constexpr char kIndexesSql[] = R"(
SELECT c.relname::text,
  CASE WHEN k.oid IS NULL THEN d.def
    ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', $1::text, k.conname, d.def) END,
  CASE WHEN k.oid IS NULL THEN format('DROP INDEX %s', c.oid::regclass)
    ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', $1::text, k.conname) END,
  concat(
    '; COMMENT ON INDEX ' || c.oid::regclass || ' IS ' ||
      quote_literal(obj_description(c.oid, 'pg_class')),
    '; COMMENT ON CONSTRAINT ' || quote_ident(k.conname) || ' ON ' || $1::text || ' IS ' ||
      quote_literal(obj_description(k.oid, 'pg_constraint')),
    CASE WHEN i.indisclustered THEN format('; ALTER TABLE %s CLUSTER ON %I', $1::text, c.relname) END,
    (SELECT string_agg(format('; ALTER INDEX %s SET (%I = %L)', c.oid::regclass, option_name, option_value),
        '') FROM pg_options_to_table(c.reloptions) WHERE k.oid IS NOT NULL),
    (SELECT string_agg(format('; ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', c.oid::regclass, a.attnum,
        a.attstattarget), '') FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attstattarget >= 0)),
  CASE WHEN k.oid IS NOT NULL THEN ' ADD CONSTRAINT ' WHEN starts_with(d.def, d.front) THEN d.make ELSE ''
    END,
  CASE WHEN k.oid IS NOT NULL THEN d.def ELSE substr(d.def, length(d.front) + 1) END, k.oid IS NOT NULL
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
LEFT JOIN pg_constraint AS k ON k.conindid = c.oid AND k.contype IN ('u', 'x')
CROSS JOIN LATERAL (SELECT
  CASE WHEN i.indisunique THEN 'CREATE UNIQUE INDEX ' ELSE 'CREATE INDEX ' END AS make,
  CASE WHEN k.oid IS NULL THEN pg_get_indexdef(c.oid) ELSE pg_get_constraintdef(k.oid) END AS def) AS m
CROSS JOIN LATERAL (SELECT m.make, m.def,
  format('%s%I ON %I.%I ', m.make, c.relname, s.nspname, t.relname) AS front
  FROM pg_class AS t JOIN pg_namespace AS s ON s.oid = t.relnamespace WHERE t.oid = i.indrelid) AS d
WHERE i.indrelid = $1::text::regclass AND NOT i.indisprimary ORDER BY c.oid)";

absl::StatusOr<std::vector<CarriedIndexes::Index>> CarriedIndexes::Find() {
  const auto rows = work_.connection.Query(kIndexesSql, {{work_.In(table_)}}, kCarrying);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  std::vector<Index> indexes;
  for (int row = 0; row < rows->rows(); ++row) {
    indexes.push_back({rows->Text(row, 0), rows->Text(row, 1), rows->Text(row, 2), rows->Text(row, 3),
                       rows->Text(row, 4), rows->Text(row, 5), rows->Bool(row, 6)});
  }
  return indexes;
}

absl::Status CarriedIndexes::Prepare() {
  ASSIGN_OR_RETURN(const std::vector<Index> indexes, Find());
  const std::string shadow = work_.In(shadow_);
  for (const Index& index : indexes) {
    if (index.head.empty()) continue;
    const std::string name = absl::StrCat(shadow_, "_index_", prepared_.size());
    const std::string sql =
        index.is_constraint
            ? absl::StrCat("ALTER TABLE ", shadow, index.head, QuoteName(name), " ", index.tail)
            : absl::StrCat(index.head, QuoteName(name), " ON ", shadow, " ", index.tail);
    ASSIGN_OR_RETURN(const Made made, Make(sql));
    // kNo: perhaps the definition names the table itself. Then the index is made after the rename.
    if (made != Made::kNo) prepared_[index.make] = made == Made::kYes ? name : "";
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> CarriedIndexes::Free() {
  ASSIGN_OR_RETURN(indexes_, Find());
  std::string sql;
  for (const Index& index : indexes_) absl::StrAppend(&sql, index.drop, "; ");
  return sql;
}

absl::Status CarriedIndexes::Finish(std::vector<std::string>* left_out) {
  for (const Index& index : indexes_) {
    const auto prepared = prepared_.find(index.make);
    Made made = Made::kRowsRefuse;
    if (prepared == prepared_.end()) {
      ASSIGN_OR_RETURN(made, Make(index.make));
    } else if (!prepared->second.empty()) {
      RETURN_IF_ERROR(RunOnTable(
          work_,
          absl::StrCat("ALTER INDEX ", work_.In(prepared->second), " RENAME TO ", QuoteName(index.name)),
          kCarrying));
      made = Made::kYes;
      prepared_.erase(prepared);
    }
    if (made == Made::kYes) {
      RETURN_IF_ERROR(index.tell.empty() ? absl::OkStatus() : RunOnTable(work_, index.tell, kCarrying));
      // An index of the mirror's own is not listed below: the source no longer has its column, or a value is
      // too long for it.
    } else if (!absl::StartsWith(FoldName(index.name), kOwnIndexPrefix)) {
      left_out->push_back(index.name);
    }
  }
  // Somebody dropped or changed these indexes on the table meanwhile.
  for (const auto& [definition, name] : prepared_) {
    if (name.empty()) continue;
    RETURN_IF_ERROR(RunOnTable(work_,
                               absl::StrCat("ALTER TABLE ", work_.In(table_), " DROP CONSTRAINT IF EXISTS ",
                                            QuoteName(name), "; DROP INDEX IF EXISTS ", work_.In(name)),
                               kCarrying));
  }
  return absl::OkStatus();
}

absl::StatusOr<CarriedIndexes::Made> CarriedIndexes::Make(const std::string& sql) {
  postgres::Savepoint attempt(work_.connection);
  absl::Status made = attempt.Begin(kCarrying);
  if (made.ok()) made = RunOnTable(work_, sql, kCarrying);
  if (made.ok()) made = attempt.Release(kCarrying);
  if (made.ok()) return Made::kYes;
  // A full disk, for example, does not mean that the index is impossible.
  if (!absl::IsFailedPrecondition(made)) return made;
  RETURN_IF_ERROR(attempt.RollBack(kCarrying));
  const postgres::Trouble trouble = postgres::TroubleOf(made);
  // If a value is too long, the error that RunOnTable() returns has Trouble::kNone.
  return trouble == postgres::Trouble::kConstraint || trouble == postgres::Trouble::kNone ? Made::kRowsRefuse
                                                                                          : Made::kNo;
}

constexpr char kSwapping[] = "swapping a population in";

/// Replaces a table by its shadow.
class Replacement {
 public:
  Replacement(TableWork& work, const std::string& table, const PostgresShadow& shadow)
      : work_(work), table_(table), shadow_(shadow), indexes_(work, table, shadow.name) {}

  /// Locks the table against readers, if it is free. From then on they wait, so slow work is done before.
  /// Errors: kAborted, with the readers.
  absl::Status Lock() {
    RETURN_IF_ERROR(LockTable(work_, shadow_.name));
    RETURN_IF_ERROR(indexes_.Prepare());
    return LockTable(work_, table_);
  }

  /// Replaces the table, and makes objects of others again on the new rows. Sets `generation` to that of the
  /// new table.
  absl::Status Run(std::int64_t* generation, std::vector<std::string>* left_out) {
    ASSIGN_OR_RETURN(const std::vector<Part> triggers, FindTriggers());
    ASSIGN_OR_RETURN(const std::vector<Part> notes, FindNotes());
    RETURN_IF_ERROR(GiveRights(work_.connection, work_.In(table_), work_.In(shadow_.name)));
    ASSIGN_OR_RETURN(const std::int64_t id, TakeId(work_.connection, work_.names));

    const std::string aside = DroppedName(id);
    ASSIGN_OR_RETURN(std::string freed, indexes_.Free());
    std::string sql = std::move(freed);
    absl::StrAppend(&sql, "ALTER TABLE ", work_.In(table_), " RENAME TO ", QuoteName(aside), "; ALTER TABLE ",
                    work_.In(shadow_.name), " RESET (autovacuum_enabled); ALTER TABLE ",
                    work_.In(shadow_.name), " RENAME TO ", QuoteName(table_));
    for (const Part& note : notes) absl::StrAppend(&sql, "; ", note.make);
    // Otherwise a view would still refer to the table that is set aside, and prevent its drop.
    RETURN_IF_ERROR(DropOwnViews());
    RETURN_IF_ERROR(RunOnTable(work_, sql, kSwapping));
    CrashPoint("swap.exchanged");
    MakeGarbage(work_, aside);
    *generation = id;
    RETURN_IF_ERROR(indexes_.Finish(left_out));
    RETURN_IF_ERROR(MakeTriggers(triggers));
    CrashPoint("swap.indexed");
    return absl::OkStatus();
  }

 private:
  struct Part {
    std::string name, make;
  };

  absl::StatusOr<std::vector<Part>> Find(const std::string& sql, postgres::Values relations) {
    const auto rows = work_.connection.Query(sql, relations, kSwapping);
    if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
    std::vector<Part> parts;
    for (int row = 0; row < rows->rows(); ++row) parts.push_back({rows->Text(row, 0), rows->Text(row, 1)});
    return parts;
  }
  absl::StatusOr<std::vector<Part>> FindTriggers() {
    return Find(
        "SELECT tgname::text, pg_get_triggerdef(oid) || CASE tgenabled WHEN 'O' THEN '' ELSE format('; ALTER "
        "TABLE %s %s TRIGGER %I', $1::text, CASE tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE "
        "REPLICA' ELSE 'ENABLE ALWAYS' END, tgname) END FROM pg_trigger WHERE tgrelid = "
        "$1::text::regclass AND NOT tgisinternal ORDER BY oid",
        {{work_.In(table_)}});
  }
  /// Finds a DBA's comments on the table and its columns, and the table's storage options. The shadow has
  /// none of them.
  absl::StatusOr<std::vector<Part>> FindNotes() {
    return Find(R"(
SELECT '', CASE WHEN d.objsubid = 0 THEN format('COMMENT ON TABLE %s IS %L', $1::text, d.description)
    ELSE format('COMMENT ON COLUMN %s.%I IS %L', $1::text, a.attname, d.description) END
  FROM pg_description AS d LEFT JOIN pg_attribute AS a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
  WHERE d.classoid = 'pg_class'::regclass AND d.objoid = $1::text::regclass AND (d.objsubid = 0 OR EXISTS (
    SELECT FROM pg_attribute AS b WHERE b.attname = a.attname AND b.attrelid = $2::text::regclass))
UNION ALL SELECT '', format('ALTER TABLE %s SET (%s%I = %L)', $1::text, part, option_name, option_value)
  FROM pg_class AS c CROSS JOIN LATERAL (
    SELECT '' AS part, * FROM pg_options_to_table(c.reloptions) UNION ALL SELECT 'toast.', o.*
      FROM pg_class AS t CROSS JOIN LATERAL pg_options_to_table(t.reloptions) AS o
      WHERE t.oid = c.reltoastrelid
  ) AS options WHERE c.oid = $1::text::regclass)",
                {work_.In(table_), work_.In(shadow_.name)});
  }

  absl::Status DropOwnViews() {
    ASSIGN_OR_RETURN(
        const std::vector<Part> views,
        Find(absl::StrCat(
                 "SELECT DISTINCT d.name, d.name FROM (SELECT v.oid, v.oid::regclass::text AS name FROM (",
                 OwnViewsSql("to_regnamespace($2)"),
                 ") AS v) AS d JOIN pg_rewrite AS r ON r.ev_class = d.oid JOIN pg_depend AS n ON n.classid = "
                 "'pg_rewrite'::regclass AND n.objid = r.oid AND n.refclassid = 'pg_class'::regclass AND "
                 "n.refobjid = $1::text::regclass"),
             {work_.In(table_), work_.names.schema}));
    for (const Part& view : views) {
      RETURN_IF_ERROR(RunWhereFree(work_, table_, "DROP VIEW " + view.make, kSwapping));
    }
    return absl::OkStatus();
  }

  absl::Status MakeTriggers(const std::vector<Part>& triggers) {
    for (const Part& trigger : triggers) {
      absl::Status made = RunOnTable(work_, trigger.make, kSwapping);
      if (made.ok()) continue;
      if (!absl::IsFailedPrecondition(made)) return made;
      return absl::FailedPreconditionError(absl::StrCat(
          "table '", table_, "': the partner's trigger '", trigger.name,
          "' cannot be made on the new definition, so it would be lost. The new rows were not swapped in; "
          "the "
          "former rows are still there. Drop or correct the trigger; the next cycle populates the table."));
    }
    return absl::OkStatus();
  }

  TableWork& work_;
  const std::string table_;
  const PostgresShadow& shadow_;
  CarriedIndexes indexes_;
};

/// Returns whether the table has no rows, and no objects of others that a replacement would lack.
absl::StatusOr<bool> IsBare(TableWork& work, const std::string& table) {
  // If all rows were deleted, this still scans their pages.
  const postgres::AnswersWithin waits(work.connection, kLongStatement);
  const auto bare = work.connection.Query(
      absl::StrCat("SELECT NOT EXISTS (SELECT 1 FROM ONLY ", work.In(table), ")"), {}, kSwapping);
  if (!bare.ok()) return ToStoreStatus(bare.status(), TableOwner::kMirroredTable);
  if (!bare->Bool(0, 0)) return false;
  ASSIGN_OR_RETURN(const auto dependants, FindDependants(work.connection, work.names, table));
  return dependants.empty();
}

absl::Status CheckThere(const std::map<std::string, PresentTable>& present, const std::string& table,
                        const PostgresShadow& shadow) {
  const auto found = present.find(table);
  if (found == present.end() || !present.contains(shadow.name)) {
    return absl::FailedPreconditionError(
        absl::StrCat("table '", table,
                     "' or its shadow table is missing in the mirror. Nothing was applied. The next cycle "
                     "makes it again."));
  }
  if (found->second.is_ours) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("table '", table,
                   "' was made by somebody else. The rows were not swapped in. Rename or drop it, then reset "
                   "the table with 'mirrorctl reset'."));
}

absl::Status CheckReplaceable(TableWork& work, const std::string& table, const std::string& why) {
  ASSIGN_OR_RETURN(const auto dependants, FindDependants(work.connection, work.names, table));
  if (dependants.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", table, "' cannot hold the new rows: ", why,
      ". A new table in its place would lack the objects that others made: ", absl::StrJoin(dependants, ", "),
      ". The new rows were not swapped in; the former rows are still there. Drop these objects; the next "
      "cycle populates the table."));
}

/// Drops the columns. False: they are in use, or an object depends on one.
absl::StatusOr<bool> DropColumns(TableWork& work, const std::string& table,
                                 const std::vector<std::string>& columns) {
  std::vector<std::string> drops;
  for (const std::string& name : columns) drops.push_back(absl::StrCat("DROP COLUMN ", QuoteName(name)));
  const absl::Status locked = LockTable(work, table);
  if (!locked.ok()) return absl::IsAborted(locked) ? absl::StatusOr<bool>(false) : locked;
  postgres::Savepoint attempt(work.connection);
  RETURN_IF_ERROR(ToStoreStatus(attempt.Begin(kSwapping), TableOwner::kMirroredTable));
  const absl::Status dropped = RunOnTable(
      work, absl::StrCat("ALTER TABLE ", work.In(table), " ", absl::StrJoin(drops, ", ")), kSwapping);
  if (!dropped.ok() && !absl::IsFailedPrecondition(dropped)) return dropped;
  const absl::Status ended = dropped.ok() ? attempt.Release(kSwapping) : attempt.RollBack(kSwapping);
  if (!ended.ok()) return ToStoreStatus(ended, TableOwner::kMirroredTable);
  return dropped.ok();
}

/// Drops columns that the source no longer has. Columns that cannot be dropped now are emptied, and stay
/// until a later population: they must not make a merge of several minutes fail.
absl::Status DropOthers(TableWork& work, const TableSchema& kept, const PresentTable& present) {
  std::vector<std::string> free, stay;
  for (const std::string& name : OtherColumns(kept, present)) {
    ASSIGN_OR_RETURN(const auto dependants, FindDependants(work.connection, work.names, kept.name, name));
    (dependants.empty() ? free : stay).push_back(name);
  }
  if (!free.empty()) {
    ASSIGN_OR_RETURN(const bool dropped, DropColumns(work, kept.name, free));
    if (!dropped) stay.insert(stay.end(), free.begin(), free.end());
  }
  // A NOT NULL column that a DBA made keeps its values.
  std::erase_if(stay, [&](const std::string& name) { return present.Find(name)->is_not_null; });
  return NoteEmptied(work, kept.name, stay);
}

}  // namespace

absl::Status RunSwap(TableWork& work, const PostgresShadow& shadow, std::int64_t merge_rows_max,
                     PostgresAgreed* agreed, std::vector<std::string>* left_out) {
  const TableSchema kept = KeptForm(agreed->schema);
  ASSIGN_OR_RETURN(const auto present, ReadPresent(work.connection, work.names, {kept.name, shadow.name}));
  RETURN_IF_ERROR(CheckThere(present, kept.name, shadow));
  const PresentTable& table = present.at(kept.name);
  Replacement replacement(work, kept.name, shadow);
  const std::string why = WhyNotMerged(kept, table);
  absl::StatusOr<bool> replaces = !why.empty();
  if (*replaces) {
    RETURN_IF_ERROR(CheckReplaceable(work, kept.name, why));
    // Checks again, because the lock may have waited for somebody who was making a view on the table.
    RETURN_IF_ERROR(replacement.Lock());
    RETURN_IF_ERROR(CheckReplaceable(work, kept.name, why));
  } else if (replaces = IsBare(work, kept.name); replaces.ok() && *replaces) {
    const absl::Status locked = replacement.Lock();
    if (!locked.ok() && !absl::IsAborted(locked)) return locked;
    replaces = locked.ok() ? IsBare(work, kept.name) : absl::StatusOr<bool>(false);
  }
  if (!replaces.ok()) return replaces.status();
  if (*replaces) {
    RETURN_IF_ERROR(replacement.Run(&agreed->generation, left_out));
    RemoveState(work.writes, work.names, StateKind::kShadow, shadow.table_key);
    RemoveState(work.writes, work.names, StateKind::kEmptied, shadow.table_key);
  } else {
    // The columns existed when the population began. If one has to be added here, readers are blocked during
    // the whole merge.
    RETURN_IF_ERROR(AddMissingColumns(work, kept.name, kept, table));
    absl::Status merged = MergeRows(work, kept, shadow, merge_rows_max, left_out);
    // The merge left none of the excluded values, except those that DropOthers() notes now.
    if (merged.ok()) RemoveState(work.writes, work.names, StateKind::kEmptied, shadow.table_key);
    if (merged.ok()) merged = DropOthers(work, kept, table);
    if (!merged.ok()) return merged;
    DropShadow(work, shadow);
  }
  ForgetTooLong(work, kept.name);
  agreed->kinds = shadow.kinds;
  WriteAgreed(work.writes, work.names, *agreed);
  return absl::OkStatus();
}

}  // namespace mirror
