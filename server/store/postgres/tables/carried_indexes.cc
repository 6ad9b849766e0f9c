#include "server/store/postgres/tables/carried_indexes.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/transaction.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/plan/plan.h"
#include "server/store/postgres/place/place_words.h"

namespace mirror {
namespace {

constexpr char kCarrying[] = "making a table's indexes for its new rows";

// An index without its name and its table, which PostgreSQL gives in the middle of its definition. Storage
// parameters are in that, but for those of constraints.
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

}  // namespace

absl::StatusOr<std::vector<CarriedIndexes::Index>> CarriedIndexes::Find() {
  const auto rows = work_.connection.Query(kIndexesSql, {{work_.In(table_)}}, kCarrying);
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kMirroredTable);
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
    // It may speak of the table by its name.
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
      absl::Status told = index.tell.empty() ? absl::OkStatus() : RunOnTable(work_, index.tell, kCarrying);
      if (!told.ok()) return told;
      // One of the mirror's own is over a column that the source no longer has, or a value is too long for
      // it.
    } else if (!absl::StartsWith(FoldName(index.name), kOwnIndexPrefix)) {
      left_out->push_back(index.name);
    }
  }
  // Somebody dropped or changed those meanwhile.
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
  // A full disk is not the index's fault.
  if (!absl::IsFailedPrecondition(made)) return made;
  RETURN_IF_ERROR(attempt.RollBack(kCarrying));
  const postgres::Trouble trouble = postgres::TroubleOf(made);
  // RunOnTable() has no trouble of a value that is too long.
  return trouble == postgres::Trouble::kConstraint || trouble == postgres::Trouble::kNone ? Made::kRowsRefuse
                                                                                          : Made::kNo;
}

}  // namespace mirror
