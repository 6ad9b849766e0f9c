#include "server/store/postgres/tables/swap.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crash_point.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/own_views.h"
#include "server/store/postgres/place/place_words.h"
#include "server/store/postgres/place/rights.h"
#include "server/store/postgres/records/tenant_row.h"
#include "server/store/postgres/tables/alter.h"
#include "server/store/postgres/tables/carried_indexes.h"
#include "server/store/postgres/tables/definitions.h"
#include "server/store/postgres/tables/dependants.h"
#include "server/store/postgres/tables/long_values.h"
#include "server/store/postgres/tables/merge.h"
#include "server/store/postgres/tables/present_table.h"

namespace mirror {
namespace {

constexpr char kSwapping[] = "swapping a population in";

/// The shadow in its table's place.
class Replacement {
 public:
  Replacement(TableWork& work, const std::string& table, const PostgresShadow& shadow)
      : work_(work), table_(table), shadow_(shadow), indexes_(work, table, shadow.name) {}

  /// Whether it may be, beside whoever reads: from then on they wait, so what takes long is done before.
  /// Errors: kAborted, naming them.
  absl::Status Lock() {
    RETURN_IF_ERROR(LockTable(work_, shadow_.name));
    RETURN_IF_ERROR(indexes_.Prepare());
    return LockTable(work_, table_);
  }

  /// What others made on the table is made again, on the new rows. `generation` gets the table's.
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
    // They would go with the table to where it is set aside, and keep it.
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
    if (!rows.ok()) return InStoreWords(rows.status(), Touched::kMirroredTable);
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
  /// What a DBA said of the table and its columns, and how its rows lie: the shadow has nothing of that.
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

/// Whether the table has no row, and nothing of others that a table in its place would be without.
absl::StatusOr<bool> IsBare(TableWork& work, const std::string& table) {
  // Where all rows were deleted, their places are looked through.
  const postgres::AnswersWithin waits(work.connection, kLongStatement);
  const auto bare = work.connection.Query(
      absl::StrCat("SELECT NOT EXISTS (SELECT 1 FROM ONLY ", work.In(table), ")"), {}, kSwapping);
  if (!bare.ok()) return InStoreWords(bare.status(), Touched::kMirroredTable);
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
                     "' or its shadow is gone from the mirror. Nothing was applied. The next cycle "
                     "makes it again."));
  }
  if (found->second.is_ours) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("table '", table,
                   "' was made by somebody else. The rows were not swapped in. Rename or drop "
                   "it, then have 'mirrorctl reset' forget it."));
}

absl::Status CheckReplaceable(TableWork& work, const std::string& table, const std::string& why) {
  ASSIGN_OR_RETURN(const auto dependants, FindDependants(work.connection, work.names, table));
  if (dependants.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", table, "' cannot hold the new rows: ", why,
      ". Another one in its place would be without what others made: ", absl::StrJoin(dependants, ", "),
      ". The new rows were not swapped in; the former rows are still there. Drop that; the next cycle "
      "populates "
      "the table."));
}

/// False: they are in use, or something hangs on one.
absl::StatusOr<bool> DropColumns(TableWork& work, const std::string& table,
                                 const std::vector<std::string>& columns) {
  std::vector<std::string> drops;
  for (const std::string& name : columns) drops.push_back(absl::StrCat("DROP COLUMN ", QuoteName(name)));
  const absl::Status locked = LockTable(work, table);
  if (!locked.ok()) return absl::IsAborted(locked) ? absl::StatusOr<bool>(false) : locked;
  postgres::Savepoint attempt(work.connection);
  if (absl::Status set = attempt.Begin(kSwapping); !set.ok())
    return InStoreWords(set, Touched::kMirroredTable);
  const absl::Status dropped = RunOnTable(
      work, absl::StrCat("ALTER TABLE ", work.In(table), " ", absl::StrJoin(drops, ", ")), kSwapping);
  if (!dropped.ok() && !absl::IsFailedPrecondition(dropped)) return dropped;
  const absl::Status ended = dropped.ok() ? attempt.Release(kSwapping) : attempt.RollBack(kSwapping);
  if (!ended.ok()) return InStoreWords(ended, Touched::kMirroredTable);
  return dropped.ok();
}

/// Columns that the source has no more. Those that cannot be dropped now stay for a later population, and are
/// emptied: a merge that took minutes does not fail for one.
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
  // One of a DBA's that has to have values keeps them.
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
    // Who makes a view on it may have been waited for.
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
    // They were there when the population began. Readers wait behind what adds one for the whole merge.
    RETURN_IF_ERROR(AddMissingColumns(work, kept.name, kept, table));
    absl::Status merged = MergeRows(work, kept, shadow, merge_rows_max, left_out);
    // Of what a rule keeps out nothing is left, but for what is noted now.
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
