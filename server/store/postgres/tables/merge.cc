#include "server/store/postgres/tables/merge.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/transaction.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"
#include "proto/wire/text_form.h"
#include "server/plan/hold_keys.h"
#include "server/plan/index_plan.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/place/types.h"
#include "server/store/postgres/rows/columns_in.h"
#include "server/store/postgres/tables/indexes.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "server/store/postgres/tables/present_table.h"
#include "server/store/postgres/tables/shadow.h"
#include "server/store/postgres/tables/table_work.h"

// The statements that compare a population with its table and then make the table's rows equal to it.

namespace mirror {
namespace {

/// Builds SQL over the columns of both sides. `kept` must outlive it. Without a key rows cannot be
/// identified. Then all rows of the table count as absent, and all rows of the shadow as missing.
class MergeSql {
 public:
  MergeSql(const TableWork& work, const TableSchema& kept, const PostgresShadow& shadow);

  /// Returns SQL to follow SELECT, for the live rows that the shadow lacks.
  std::string Absent() const;
  std::string DeleteAbsentAndChanged() const;
  std::string InsertMissing() const;

  // Statements for the same merge with only one comparison. They keep its result in a temporary table until
  // the transaction ends. That table has ctids, so nothing may move the rows meanwhile.
  /// Returns whether the table has a key and none of the mirror's own columns.
  bool can_be_noted() const;
  /// Returns the name of the temporary table.
  const std::string& noted() const { return noted_; }
  std::string NoteDifferences() const;
  std::string CountNotedAbsent() const;
  /// Returns SQL for the row counts of DeleteNoted() and InsertNoted(). They reach these counts if no trigger
  /// interferes.
  std::string CountNoted() const;
  std::string DeleteNoted() const;
  std::string InsertNoted() const;

  // Statements for a table that ignores deletes (Deletes::kIgnore).
  std::string GiveUpAbsent() const;
  std::string Upsert() const;

 private:
  void AddColumn(const std::string& plain, const Column& column);
  std::string Lacks(const std::string& same) const;
  std::string Insert() const;
  /// Returns a condition: the row does not exist. A trigger of somebody may have kept or inserted a row.
  std::string AndMissing() const;

  const TableSchema& kept_;
  const std::string table_, shadow_, noted_;
  std::string names_, values_, key_, same_key_, set_;
  std::string old_, new_, excluded_;  ///< The columns outside the key, in the form in which they are
                                      ///< compared.
};

MergeSql::MergeSql(const TableWork& work, const TableSchema& kept, const PostgresShadow& shadow)
    : kept_(kept),
      table_(work.In(kept.name)),
      shadow_(work.In(shadow.name)),
      noted_(absl::StrCat("pg_temp.", QuoteName(shadow.name))) {
  for (const Column& column : kept.columns) AddColumn(column.name, column);
  Column kinds;
  kinds.type = Type::kBytes;
  if (HasKinds(kept)) AddColumn(kKindsColumn, kinds);
  for (const std::uint32_t column : kept.Key()) {
    const std::string name = QuoteName(kept.columns[column].name);
    absl::StrAppend(&same_key_, same_key_.empty() ? "" : " AND ", "s.", name, " = t.", name);
    absl::StrAppend(&key_, key_.empty() ? "" : ", ", name);
  }
}

void MergeSql::AddColumn(const std::string& plain, const Column& column) {
  const std::string name = QuoteName(plain);
  absl::StrAppend(&names_, names_.empty() ? "" : ", ", name);
  absl::StrAppend(&values_, values_.empty() ? "" : ", ", "s.", name);
  if (column.key_position != 0) return;
  absl::StrAppend(&set_, set_.empty() ? "" : ", ", name, " = excluded.", name);
  const char* const cast = AsCompared(column);
  for (const auto& [list, alias] :
       std::map<std::string*, const char*>{{&old_, "t."}, {&new_, "s."}, {&excluded_, "excluded."}}) {
    absl::StrAppend(list, list->empty() ? "" : ", ", alias, name, cast);
  }
}

std::string MergeSql::Lacks(const std::string& same) const {
  if (same.empty()) return "true";
  return absl::StrCat("NOT EXISTS (SELECT 1 FROM ", shadow_, " AS s WHERE ", same, ")");
}

std::string MergeSql::Insert() const {
  return absl::StrCat("INSERT INTO ", table_, " (", names_, ") SELECT ", values_, " FROM ", shadow_, " AS s");
}

std::string MergeSql::AndMissing() const {
  return absl::StrCat("NOT EXISTS (SELECT 1 FROM ONLY ", table_, " AS t WHERE ", same_key_, ")");
}

std::string MergeSql::Absent() const {
  return absl::StrCat(" FROM ONLY ", table_, " AS t WHERE ", Lacks(same_key_), AndLive(kept_, "t"));
}

std::string MergeSql::DeleteAbsentAndChanged() const {
  return absl::StrCat(
      "DELETE FROM ONLY ", table_, " AS t WHERE ",
      Lacks(old_.empty() || same_key_.empty()
                ? same_key_
                : absl::StrCat(same_key_, " AND ROW(", new_, ") IS NOT DISTINCT FROM ROW(", old_, ")")));
}

std::string MergeSql::InsertMissing() const {
  return same_key_.empty() ? Insert() : absl::StrCat(Insert(), " WHERE ", AndMissing());
}

bool MergeSql::can_be_noted() const { return !same_key_.empty() && OwnColumns(kept_).empty(); }

std::string MergeSql::NoteDifferences() const {
  const std::string changed =
      old_.empty() ? "" : absl::StrCat(" OR ROW(", new_, ") IS DISTINCT FROM ROW(", old_, ")");
  return absl::StrCat("CREATE TEMPORARY TABLE ", noted_,
                      " ON COMMIT DROP AS SELECT t.ctid AS present, s.ctid AS coming FROM ONLY ", table_,
                      " AS t FULL JOIN ", shadow_, " AS s ON ", same_key_,
                      " WHERE t.ctid IS NULL OR s.ctid IS NULL", changed);
}

std::string MergeSql::CountNotedAbsent() const {
  return absl::StrCat("SELECT count(*) FROM ", noted_, " WHERE coming IS NULL");
}

std::string MergeSql::CountNoted() const {
  return absl::StrCat("SELECT count(present), count(coming) FROM ", noted_);
}

std::string MergeSql::DeleteNoted() const {
  return absl::StrCat("DELETE FROM ONLY ", table_, " AS t USING ", noted_, " AS n WHERE t.ctid = n.present");
}

std::string MergeSql::InsertNoted() const {
  return absl::StrCat(Insert(), " JOIN ", noted_, " AS n ON s.ctid = n.coming WHERE ", AndMissing());
}

std::string MergeSql::GiveUpAbsent() const {
  return absl::StrCat("UPDATE ONLY ", table_, " AS t SET ", kOwnedColumn, " = 0 WHERE ", Lacks(same_key_),
                      AndLive(kept_, "t"));
}

std::string MergeSql::Upsert() const {
  const std::string all = absl::StrCat("INSERT INTO ", table_, " AS t (", names_, OwnNames(kept_),
                                       ") SELECT ", values_, OwnValues(kept_), " FROM ", shadow_, " AS s");
  if (same_key_.empty()) return all;
  const auto and_own = [](const std::string& list, std::string_view own) {
    return absl::StrCat(list, list.empty() ? "" : ", ", std::string(own));
  };
  return absl::StrCat(all, " ON CONFLICT (", key_, ") DO UPDATE SET ", set_, Revive(kept_, set_),
                      " WHERE ROW(", and_own(old_, absl::StrCat("t.", kOwnedColumn)),
                      ") IS DISTINCT FROM ROW(", and_own(excluded_, "1"), ")");
}

constexpr char kComparing[] = "comparing a population with the table's rows";
constexpr char kMerging[] = "merging a population into the table";

/// Locks the table against writers. Readers continue.
absl::Status LockRows(TableWork& work, const std::string& table) {
  absl::Status locked = LockTable(work, table, "SHARE ROW EXCLUSIVE");
  return locked.ok() ? RunOnTable(work, "SET LOCAL work_mem = '64MB'", kMerging) : locked;
}

/// Returns whether the table can be merged in place: no column is missing, and WhyNotMerged() is empty.
bool IsWhole(const TableSchema& kept, const PresentTable& present) {
  for (const Column& column : kept.columns)
    if (present.Find(column.name) == nullptr) return false;
  for (const auto& [name, declared] : OwnDeclarations(kept))
    if (present.Find(name) == nullptr) return false;
  return WhyNotMerged(kept, present).empty();
}

struct Comparison {
  MergeSql sql;
  bool is_whole = false;  ///< See IsWhole().
};

/// Locks the table. Absent: the keys cannot be compared, because the table has none, or had another one.
absl::StatusOr<std::optional<Comparison>> Compare(TableWork& work, const TableSchema& kept,
                                                  const PostgresShadow& shadow) {
  ASSIGN_OR_RETURN(const auto present, ReadPresent(work.connection, work.names, {kept.name}));
  const auto table = present.find(kept.name);
  const std::vector<std::uint32_t> key = kept.Key();
  if (key.empty() || table == present.end() || !table->second.is_ours) return std::nullopt;
  if (table->second.key_size() != key.size()) return std::nullopt;
  for (const std::uint32_t column : key) {
    const PresentColumn* const there = table->second.Find(kept.columns[column].name);
    if (there == nullptr || there->type != DeclaredType(kept.columns[column])) return std::nullopt;
  }
  RETURN_IF_ERROR(LockRows(work, kept.name));
  return Comparison{MergeSql(work, kept, shadow), IsWhole(kept, table->second)};
}

/// Stores the differences as ctids, once in a transaction. This works because the table is locked until the
/// transaction ends, and its columns do not change. False: it is not possible here.
absl::StatusOr<bool> NoteDifferences(TableWork& work, const MergeSql& sql) {
  if (!sql.can_be_noted()) return false;
  const auto found = work.connection.Query(
      "SELECT to_regclass($1) IS NOT NULL, has_database_privilege(current_database(), "
      "'TEMPORARY') AND NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')",
      {sql.noted()}, kComparing);
  if (!found.ok()) return ToStoreStatus(found.status(), TableOwner::kMirroredTable);
  if (found->Bool(0, 0) || !found->Bool(0, 1)) return found->Bool(0, 0);
  const postgres::AnswersWithin waits(work.connection, kLongStatement);
  absl::Status noted = work.connection.Change(sql.NoteDifferences(), {}, kComparing);
  // PostgreSQL has no statistics for a new table.
  if (noted.ok()) noted = work.connection.Change("ANALYZE " + sql.noted(), {}, kComparing);
  if (!noted.ok()) return ToStoreStatus(noted, TableOwner::kMirroredTable);
  return true;
}

/// Returns the key of the only row in the form that operators read, see DeletedKeys().
Key ShownKey(const TableSchema& kept, const RowBlock& row) {
  Key key;
  for (const ColumnBuffer& buffer : row.columns) {
    const Column& column = kept.columns[buffer.column()];
    const std::int64_t integer = buffer.ints().empty() ? 0 : buffer.ints().front();
    if (HasTextForm(column.type)) {
      key.push_back({.kind = Kind::kText, .bytes = TextForm(column, integer, buffer.data())});
    } else if (buffer.storage() == Storage::kInts) {
      key.push_back({.kind = Kind::kInteger, .integer = integer});
    } else if (buffer.storage() == Storage::kDoubles) {
      key.push_back({.kind = Kind::kReal, .real = buffer.doubles().front()});
    } else {
      key.push_back({.kind = column.type == Type::kBytes ? Kind::kBlob : Kind::kText,
                     .bytes = buffer.data().substr(0, kHoldKeyBytesMax)});
    }
  }
  return key;
}

absl::Status CheckSize(const TableSchema& kept, const PostgresShadow& shadow, std::int64_t rows_max) {
  if (shadow.rows <= rows_max) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", kept.name, "': the population has ", shadow.rows, " rows, and at most ", rows_max,
      " are merged into a table that has rows (merge_rows_max). None of them was applied; the table has its "
      "former rows. Raise that limit, or empty the table first with 'mirrorctl reset'."));
}

/// Checks that the table can be written, because a table with rows of the partner is never replaced.
absl::Status CheckWritable(TableWork& work, const TableSchema& kept) {
  ASSIGN_OR_RETURN(const auto present, ReadPresent(work.connection, work.names, {kept.name}));
  const auto table = present.find(kept.name);
  const std::string why = table == present.end() ? "it no longer exists" : WhyNotWritten(kept, table->second);
  if (why.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", kept.name, "' cannot take the new rows: ", why,
      ". None of them was applied. Give the table the source's definition, or drop it with 'mirrorctl "
      "reset'."));
}

absl::Status Refused(const TableSchema& kept, const postgres::Failure& failure) {
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", kept.name, "': ",
      failure.constraint.empty() ? "a constraint or an index that somebody added"
                                 : absl::StrCat("the constraint or index '", failure.constraint, "'"),
      " refuses the new rows. None of them was applied; the table has its former rows. The source's rows "
      "need "
      "not fulfil it: drop it, and the next cycle populates the table."));
}

/// Returns the number of changed rows.
absl::StatusOr<std::int64_t> RunMerging(TableWork& work, const TableSchema& kept, const std::string& sql) {
  const postgres::AnswersWithin waits(work.connection, kLongStatement);
  const absl::StatusOr<std::int64_t> rows = work.connection.Run(sql, {}, kMerging);
  if (rows.ok()) return rows;
  const absl::Status& ran = rows.status();
  const postgres::Failure failure = postgres::FailureOf(ran);
  if (failure.trouble == postgres::Trouble::kConstraint || failure.trouble == postgres::Trouble::kTooLarge) {
    absl::Status refused = Refused(kept, failure);
    ran.ForEachPayload(
        [&](absl::string_view type, const absl::Cord& payload) { refused.SetPayload(type, payload); });
    return refused;
  }
  return ToStoreStatus(ran, TableOwner::kMirroredTable);
}

/// Checks the number of rows, if triggers or rules of others also fire for the mirror's writes.
absl::Status CheckAllWritten(TableWork& work, const TableSchema& kept, const PostgresShadow& shadow) {
  const auto triggers = work.connection.Number(
      "SELECT (SELECT count(*) FROM pg_trigger WHERE tgrelid = to_regclass($1) AND NOT tgisinternal AND "
      "tgenabled IN ('A', 'R')) + (SELECT count(*) FROM pg_rewrite WHERE ev_class = to_regclass($1) AND "
      "ev_enabled IN ('A', 'R'))",
      {work.In(kept.name)}, kMerging);
  if (!triggers.ok()) return ToStoreStatus(triggers.status(), TableOwner::kMirroredTable);
  if (*triggers == 0) return absl::OkStatus();
  const postgres::AnswersWithin waits(work.connection, kLongStatement);
  const auto there = work.connection.Number(
      absl::StrCat("SELECT count(*) FROM ONLY ", work.In(kept.name), " AS t WHERE true", AndLive(kept, "t")),
      {}, kMerging);
  if (!there.ok()) return ToStoreStatus(there.status(), TableOwner::kMirroredTable);
  if (*there == shadow.rows) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", kept.name,
      "': a trigger or rule that somebody added fires for the mirror's writes, and the table would have ",
      *there, " rows where the source has ", shadow.rows,
      ". None of the new rows was applied; the table has its former ones. Drop the trigger or rule."));
}

/// Checks that the number of changed rows, `changed`, is the number that the merge had to change, `wanted`.
absl::Status CheckChanged(const TableSchema& kept, std::int64_t wanted, std::int64_t changed) {
  if (wanted == changed) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", kept.name, "': a trigger or rule that somebody added fires for the mirror's writes, and ",
      changed, " rows were changed instead of ", wanted,
      ". None of the new rows was applied; the table has its former ones. Drop the trigger or rule."));
}

/// Drops an index that refuses the rows and is not the key's. It is one of the mirror's own for which a value
/// is too long, or, if `left_out` is given, a unique index. False: something else refused the rows.
absl::StatusOr<bool> DropRefusing(TableWork& work, const TableSchema& kept, const absl::Status& failed,
                                  std::vector<std::string>* left_out) {
  const postgres::Failure failure = postgres::FailureOf(failed);
  if (MayBeOwnIndex(failure)) {
    ASSIGN_OR_RETURN(const std::size_t dropped, DropIndexesOfAnyLength(work, kept.name));
    return dropped > 0;
  }
  const std::string& name = failure.constraint;
  if (left_out == nullptr || failure.sqlstate != "23505" || name.empty() || failure.table != kept.name)
    return false;
  RETURN_IF_ERROR(LockTable(work, kept.name));
  absl::Status dropped =
      RunOnTable(work,
                 absl::StrCat("ALTER TABLE ", work.In(kept.name), " DROP CONSTRAINT IF EXISTS ",
                              QuoteName(name), "; DROP INDEX IF EXISTS ", work.In(name)),
                 kMerging);
  if (postgres::TroubleOf(dropped) == postgres::Trouble::kDependent) {
    return absl::FailedPreconditionError(absl::StrCat("table '", kept.name,
                                                      "': the new rows violate the unique constraint '", name,
                                                      "' that somebody added, and another object needs this "
                                                      "constraint, as a foreign key does. None of the new "
                                                      "rows was applied; the table has its former ones. Drop "
                                                      "both."));
  }
  if (!dropped.ok()) return dropped;
  // The next comparison with the source's indexes makes an index of the mirror's own again.
  if (!absl::StartsWith(FoldName(name), kOwnIndexPrefix)) left_out->push_back(name);
  return true;
}

/// Repeats the statement until no index refuses its rows, see DropRefusing().
absl::StatusOr<std::int64_t> WriteMerged(TableWork& work, const TableSchema& kept, const std::string& sql,
                                         std::vector<std::string>* left_out) {
  while (true) {
    postgres::Savepoint attempt(work.connection);
    RETURN_IF_ERROR(ToStoreStatus(attempt.Begin(kMerging), TableOwner::kMirroredTable));
    const absl::StatusOr<std::int64_t> rows = RunMerging(work, kept, sql);
    if (rows.ok()) {
      RETURN_IF_ERROR(ToStoreStatus(attempt.Release(kMerging), TableOwner::kMirroredTable));
      return rows;
    }
    RETURN_IF_ERROR(ToStoreStatus(attempt.RollBack(kMerging), TableOwner::kMirroredTable));
    ASSIGN_OR_RETURN(const bool dropped, DropRefusing(work, kept, rows.status(), left_out));
    if (!dropped) return rows;
  }
}

}  // namespace

absl::StatusOr<std::int64_t> CountAbsent(TableWork& work, const TableSchema& kept,
                                         const PostgresShadow& shadow) {
  ASSIGN_OR_RETURN(const std::optional<Comparison> compared, Compare(work, kept, shadow));
  if (!compared) return 0;
  const MergeSql& sql = compared->sql;
  ASSIGN_OR_RETURN(const bool noted, compared->is_whole ? NoteDifferences(work, sql) : false);
  const postgres::AnswersWithin waits(work.connection, kLongStatement);
  const auto count = work.connection.Number(noted ? sql.CountNotedAbsent() : "SELECT count(*)" + sql.Absent(),
                                            {}, kComparing);
  if (!count.ok()) return ToStoreStatus(count.status(), TableOwner::kMirroredTable);
  return *count;
}

absl::StatusOr<std::vector<std::string>> ReadAbsentKeys(TableWork& work, const TableSchema& kept,
                                                        const PostgresShadow& shadow) {
  ASSIGN_OR_RETURN(const std::optional<Comparison> compared, Compare(work, kept, shadow));
  std::vector<std::string> keys;
  if (!compared) return keys;
  const PostgresKinds kinds;
  PostgresStoredRows stored(kept, kinds, kept.Key());
  const postgres::AnswersWithin waits(work.connection, kLongStatement);
  const auto rows = work.connection.Query(
      absl::StrCat("SELECT ", stored.SelectList("t"), compared->sql.Absent(), " LIMIT ", kHoldKeysMax), {},
      kComparing);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  for (int row = 0; row < rows->rows(); ++row) {
    RowBlock block = RowBlock::For(kept, kept.Key());
    RETURN_IF_ERROR(stored.Append(*rows, row, &block));
    keys.push_back(HoldKeyText(ShownKey(kept, block)));
  }
  return keys;
}

absl::Status MergeRows(TableWork& work, const TableSchema& kept, const PostgresShadow& shadow,
                       std::int64_t merge_rows_max, std::vector<std::string>* left_out) {
  RETURN_IF_ERROR(CheckSize(kept, shadow, merge_rows_max));
  RETURN_IF_ERROR(LockRows(work, kept.name));
  const MergeSql sql(work, kept, shadow);
  ASSIGN_OR_RETURN(const bool noted, NoteDifferences(work, sql));
  const std::string remove = noted ? sql.DeleteNoted() : sql.DeleteAbsentAndChanged();
  const std::string insert = noted ? sql.InsertNoted() : sql.InsertMissing();
  ASSIGN_OR_RETURN(const auto removed, RunMerging(work, kept, remove));
  CrashPoint("merge.removed");
  ASSIGN_OR_RETURN(const auto written, WriteMerged(work, kept, insert, left_out));
  CrashPoint("merge.written");
  if (!noted) return CheckAllWritten(work, kept, shadow);
  const auto wanted = work.connection.Query(sql.CountNoted(), {}, kMerging);
  if (!wanted.ok()) return ToStoreStatus(wanted.status(), TableOwner::kMirroredTable);
  absl::Status all = CheckChanged(kept, wanted->Int(0, 0), removed);
  return all.ok() ? CheckChanged(kept, wanted->Int(0, 1), written) : all;
}

absl::Status MergeIgnoring(TableWork& work, const PostgresShadow& shadow, std::int64_t merge_rows_max,
                           PostgresAgreed* agreed) {
  const TableSchema kept = KeptForm(agreed->schema);
  RETURN_IF_ERROR(CheckWritable(work, kept));
  RETURN_IF_ERROR(CheckSize(kept, shadow, merge_rows_max));
  RETURN_IF_ERROR(LockRows(work, kept.name));
  const MergeSql sql(work, kept, shadow);
  RETURN_IF_ERROR(RunMerging(work, kept, sql.GiveUpAbsent()).status());
  CrashPoint("merge.removed");
  RETURN_IF_ERROR(WriteMerged(work, kept, sql.Upsert(), nullptr).status());
  CrashPoint("merge.written");
  RETURN_IF_ERROR(CheckAllWritten(work, kept, shadow));
  DropShadow(work, shadow);
  ForgetTooLong(work, kept.name);
  agreed->kinds = shadow.kinds;
  WriteAgreed(work.writes, work.names, *agreed);
  return absl::OkStatus();
}

}  // namespace mirror
