#include "server/store/postgres/rows/write_set.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/copy.h"
#include "base/db/postgres/failure.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "proto/wire/key_part.h"
#include "proto/wire/limits.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/types.h"

namespace mirror {
namespace {

constexpr char kDoing[] = "writing rows";

const LargeValue* FindLarge(const ColumnView& view, std::uint32_t row) {
  const auto found =
      std::lower_bound(view.large.begin(), view.large.end(), row,
                       [](const LargeValue& large, std::uint32_t at) { return large.row < at; });
  return found != view.large.end() && found->row == row ? &*found : nullptr;
}

std::string Beside(const std::string& kept) { return kept.empty() ? kept : absl::StrCat("WITH ", kept, " "); }

}  // namespace

/// The FROM item b of a statement, with columns "c0", "c1", … for those of the batch, and its bound values.
struct PostgresSetWriter::Statement {
  std::deque<postgres::Array> arrays;
  std::vector<postgres::Value> values;
  std::string unnested, names;  ///< "$1::bigint[], $2::text[]", "c0, c1"
  std::string whole;            ///< For one row, in the same order: "($1::bigint[])[1] AS c0", and values in
                                ///< parts.
  std::string parts;            ///< The FROM item of the parts; empty: no value is in parts.
  std::string part_ids;         ///< "$3::bigint, $4::bigint"

  bool has_parts() const { return !parts.empty(); }
  int Bind(const postgres::Value& value) {
    values.push_back(value);
    return static_cast<int>(values.size());
  }
  void AddArray(const std::string& type, const std::string& name) {
    const int bound = Bind(arrays.back().value());
    absl::StrAppend(&unnested, unnested.empty() ? "" : ", ", "$", bound, "::", type, "[]");
    absl::StrAppend(&names, names.empty() ? "" : ", ", name);
    absl::StrAppend(&whole, whole.empty() ? "" : ", ", "($", bound, "::", type, "[])[1] AS ", name);
  }
  std::string From(std::string_view more = "") const {
    // An aggregate over the parts gives one row. PostgreSQL would copy the assembled value once more for the
    // value of a subquery, (SELECT string_agg(…)), and for a join that keeps rows.
    if (has_parts())
      return absl::StrCat("(SELECT ", whole, " FROM ", parts, " AND number IN (", part_ids, ")) AS b");
    return absl::StrCat("unnest(", unnested, ")", more.empty() ? "" : " WITH ORDINALITY", " AS b(", names,
                        more.empty() ? "" : ", ", std::string(more), ")");
  }
};

PostgresSetWriter::PostgresSetWriter(postgres::Connection& connection, const PostgresTarget& target,
                                     const ApplyRows& apply, PostgresBatchValues& values)
    : connection_(connection),
      target_(target),
      schema_(*apply.schema),
      batch_(*apply.batch),
      parts_{target.receipts, apply.schema->name, apply.cycle},
      values_(values),
      parts_key_(FoldName(apply.schema->name)) {}

absl::StatusOr<std::int64_t> PostgresSetWriter::Write(const std::vector<std::uint32_t>& rows) {
  if (rows.empty()) return 0;
  Statement statement;
  BindColumns(rows, batch_.operation == Operation::kDelete, &statement);
  if (batch_.operation == Operation::kDelete) {
    const std::string kept = Kept(&statement);
    return Delete(std::move(statement), kept);
  }
  BindKinds(rows, &statement);
  return batch_.operation == Operation::kUpdate ? Update(std::move(statement))
                                                : Insert(std::move(statement), rows.size());
}

absl::StatusOr<std::int64_t> PostgresSetWriter::Remove(const std::vector<std::uint32_t>& rows) {
  Statement statement;
  BindColumns(rows, /*keys_alone=*/true, &statement);
  return Delete(std::move(statement), "");
}

absl::StatusOr<std::int64_t> PostgresSetWriter::RunOver(const std::vector<std::uint32_t>& rows,
                                                        bool keys_alone, const PostgresSqlOver& sql,
                                                        postgres::Values values) {
  if (rows.empty()) return 0;
  Statement statement;
  BindColumns(rows, keys_alone, &statement);
  if (!keys_alone) BindKinds(rows, &statement);
  const std::string batch = statement.From();
  const int first = static_cast<int>(statement.values.size()) + 1;
  for (const postgres::Value& value : values) statement.Bind(value);
  return connection_.Run(sql(batch, first), statement.values, kDoing);
}

absl::Status PostgresSetWriter::Keep(const std::vector<std::uint32_t>& rows) {
  if (target_.keeping == nullptr) return absl::OkStatus();
  const std::vector<postgres::Value> values = {target_.keeping->moment};
  return RunOver(rows, /*keys_alone=*/false, target_.keeping->sql, values).status();
}

std::string PostgresSetWriter::Kept(Statement* to) const {
  if (target_.keeping == nullptr || to->has_parts()) return "";
  const std::string batch = to->From();
  return absl::StrCat("kept AS (", target_.keeping->sql(batch, to->Bind(target_.keeping->moment)), ")");
}

void PostgresSetWriter::BindColumns(const std::vector<std::uint32_t>& rows, bool keys_alone, Statement* to) {
  for (std::size_t i = 0; i < batch_.columns.size(); ++i) {
    const ColumnView& view = batch_.columns[i];
    const Column& column = schema_.columns[view.column];
    if (keys_alone && column.key_position == 0) continue;
    if (const LargeValue* const large = rows.size() == 1 ? FindLarge(view, rows[0]) : nullptr) {
      AddParts(*large, i, rows[0], to);
      continue;
    }
    postgres::Array& array = to->arrays.emplace_back(ElementType(column));
    for (const std::uint32_t row : rows) array.Add(values_.At(i, row));
    to->AddArray(ElementName(column), absl::StrCat("c", i));
  }
}

void PostgresSetWriter::BindKinds(const std::vector<std::uint32_t>& rows, Statement* to) {
  const bool has_any = std::any_of(batch_.columns.begin(), batch_.columns.end(), [&](const ColumnView& view) {
    return schema_.columns[view.column].type == Type::kAny;
  });
  const bool whole = batch_.operation == Operation::kInsert;
  if (whole ? !HasKinds(schema_) : !has_any) return;
  postgres::Array& array = to->arrays.emplace_back(postgres::Type::kBytea);
  for (const std::uint32_t row : rows) {
    array.Add(postgres::Value::Bytes(whole ? values_.KindsOf(target_.kinds, row) : values_.KindsSent(row)));
  }
  to->AddArray("bytea", "kinds");
}

void PostgresSetWriter::AddParts(const LargeValue& large, std::size_t column, std::uint32_t row,
                                 Statement* to) const {
  if (!to->has_parts()) {
    const int key = to->Bind(parts_key_);
    to->parts = PartsSql(parts_, key, to->Bind(parts_.cycle));
  }
  const int id = to->Bind(static_cast<std::int64_t>(large.value_id));
  absl::StrAppend(&to->part_ids, to->part_ids.empty() ? "" : ", ", "$", id, "::bigint");
  const ColumnView& view = batch_.columns[column];
  const Type type = schema_.columns[view.column].type;
  const bool is_text = type == Type::kText || view.At(row).kind == Kind::kText;
  // Pieces that are valid text by themselves are joined as text. If the joined bytes were converted, the
  // value would be in memory twice.
  const bool by_piece = is_text && whole_texts_.contains(large.value_id);
  const std::string whole =
      absl::StrCat("string_agg(", by_piece ? "convert_from(data, 'UTF8'), ''" : "data, ''::bytea",
                   " ORDER BY \"offset\") FILTER (WHERE number = $", id, "::bigint)");
  absl::StrAppend(&to->whole, to->whole.empty() ? "" : ", ",
                  type == Type::kBytes || by_piece ? whole
                  : is_text                        ? absl::StrCat("convert_from(", whole, ", 'UTF8')")
                                                   : absl::StrCat("encode(", whole, ", 'hex')"),
                  " AS c", column);
}

std::string PostgresSetWriter::SameKey() const {
  std::string where;
  for (const std::uint32_t column : schema_.Key()) {
    const auto at = batch_.Find(column) - batch_.columns.data();
    absl::StrAppend(&where, where.empty() ? "" : " AND ", "m.", QuoteName(schema_.columns[column].name),
                    " = b.c", at);
  }
  return where;
}

absl::StatusOr<std::int64_t> PostgresSetWriter::Insert(Statement statement, std::size_t rows) {
  std::string names, values, set;
  for (std::size_t i = 0; i < batch_.columns.size(); ++i) {
    const Column& column = schema_.columns[batch_.columns[i].column];
    const std::string name = QuoteName(column.name);
    absl::StrAppend(&names, i == 0 ? "" : ", ", name);
    absl::StrAppend(&values, i == 0 ? "" : ", ", "b.c", i);
    if (column.key_position != 0) continue;
    absl::StrAppend(&set, set.empty() ? "" : ", ", name, " = excluded.", name);
  }
  if (HasKinds(schema_)) {
    absl::StrAppend(&names, ", ", kKindsColumn);
    absl::StrAppend(&values, ", b.kinds");
    absl::StrAppend(&set, set.empty() ? "" : ", ", kKindsColumn, " = excluded.", kKindsColumn);
  }
  // The alias is needed, because a table with the name "excluded" would hide the special name.
  std::string insert = absl::StrCat("INSERT INTO ", target_.name, " AS m (", names, OwnNames(schema_),
                                    ") SELECT ", values, OwnValues(schema_), " FROM ", statement.From());
  const std::vector<std::uint32_t> key = schema_.Key();
  if (key.empty() || target_.has_new_keys) {
    ASSIGN_OR_RETURN(const std::int64_t written, connection_.Run(insert, statement.values, kDoing));
    RETURN_IF_ERROR(CheckNoneKeptOut(schema_, written, rows));
    return written;
  }
  std::string key_names;
  for (const std::uint32_t column : key)
    absl::StrAppend(&key_names, key_names.empty() ? "" : ", ", QuoteName(schema_.columns[column].name));
  absl::StrAppend(&set, Revive(schema_, set));
  absl::StrAppend(&insert, " ON CONFLICT (", key_names, ") DO ",
                  set.empty() ? "NOTHING" : absl::StrCat("UPDATE SET ", set), " RETURNING (xmax = 0) AS new");
  // Rows of the partner that become ours count as new. All parts of a statement see the state before it.
  const std::string added =
      HasOwned(schema_)
          ? absl::StrCat("(SELECT count(*) FROM w) - (SELECT count(*) FROM ONLY ", target_.name, " AS m, ",
                         statement.From(), " WHERE ", SameKey(), AndLive(schema_, "m"), ")")
          : std::string("(SELECT count(*) FROM w WHERE new)");
  const std::string kept = Kept(&statement);
  ASSIGN_OR_RETURN(const auto counts,
                   connection_.Query(absl::StrCat("WITH ", kept, kept.empty() ? "" : ", ", "w AS (", insert,
                                                  ") SELECT ", added, ", (SELECT count(*) FROM w)"),
                                     statement.values, kDoing));
  // If rows are only a key, existing rows are not counted as written.
  if (!set.empty()) RETURN_IF_ERROR(CheckNoneKeptOut(schema_, counts.Int(0, 1), rows));
  return counts.Int(0, 0);
}

std::string PostgresSetWriter::SetKinds(Statement* to) const {
  const int defaults = to->Bind(postgres::Value::Bytes(target_.kinds.defaults));
  // If a row is older than a byte of an ANY column, that byte is added first. Otherwise overlay and set_byte
  // would change another one.
  std::string kinds = absl::StrCat("m.", kKindsColumn, " || substr($", defaults, "::bytea, octet_length(m.",
                                   kKindsColumn, ") + 1)");
  int sent = 0;
  for (const ColumnView& view : batch_.columns) {
    const std::size_t place = target_.kinds.of_column[view.column];
    if (place == PostgresKinds::kNone) continue;
    kinds = absl::StrCat("set_byte(", kinds, ", ", place, ", get_byte(b.kinds, ", sent++, "))");
  }
  return absl::StrCat(kKindsColumn, " = ", kinds);
}

absl::StatusOr<std::int64_t> PostgresSetWriter::Update(Statement statement) {
  std::string set;
  bool has_any = false;
  for (std::size_t i = 0; i < batch_.columns.size(); ++i) {
    const Column& column = schema_.columns[batch_.columns[i].column];
    if (column.key_position != 0) continue;
    has_any |= column.type == Type::kAny;
    absl::StrAppend(&set, set.empty() ? "" : ", ", QuoteName(column.name), " = b.c", i);
  }
  if (has_any) absl::StrAppend(&set, ", ", SetKinds(&statement));
  const std::string kept = Kept(&statement);
  return connection_.Run(absl::StrCat(Beside(kept), "UPDATE ONLY ", target_.name, " AS m SET ", set, " FROM ",
                                      statement.From(), " WHERE ", SameKey(), AndLive(schema_, "m")),
                         statement.values, kDoing);
}

absl::StatusOr<std::int64_t> PostgresSetWriter::Delete(Statement statement, const std::string& kept) {
  const std::vector<std::uint32_t> key = schema_.Key();
  std::string sql = Beside(kept);
  if (HasOwned(schema_)) {
    absl::StrAppend(&sql, "UPDATE ONLY ", target_.name, " AS m SET ", kOwnedColumn, " = 0 FROM ",
                    statement.From(), " WHERE ", SameKey(), AndLive(schema_, "m"));
  } else if (key.size() == 1 && !statement.has_parts()) {
    absl::StrAppend(&sql, "DELETE FROM ONLY ", target_.name, " AS m WHERE m.",
                    QuoteName(schema_.columns[key[0]].name), " = ANY (", statement.unnested, ")");
  } else {
    absl::StrAppend(&sql, "DELETE FROM ONLY ", target_.name, " AS m USING ", statement.From(), " WHERE ",
                    SameKey());
  }
  ASSIGN_OR_RETURN(const std::int64_t gone, connection_.Run(sql, statement.values, kDoing));
  return -gone;
}

absl::Status PostgresSetWriter::FindMissing(RowsWritten* written) {
  std::vector<std::uint32_t> rows(batch_.row_count);
  for (std::uint32_t i = 0; i < rows.size(); ++i) rows[i] = i;
  Statement statement;
  BindColumns(rows, /*keys_alone=*/true, &statement);
  ASSIGN_OR_RETURN(const postgres::Rows missing,
                   connection_.Query(absl::StrCat("SELECT b.n FROM ", statement.From("n"),
                                                  " WHERE NOT EXISTS (SELECT 1 FROM ONLY ", target_.name,
                                                  " AS m WHERE ", SameKey(), AndLive(schema_, "m"),
                                                  ") ORDER BY b.n LIMIT ", kMissingKeysMax + 1),
                                     statement.values, kDoing));
  const int named = std::min(missing.rows(), static_cast<int>(kMissingKeysMax));
  for (int i = 0; i < named; ++i)
    written->missing_rows.push_back(static_cast<std::uint32_t>(missing.Int(i, 0) - 1));
  written->more_missing = missing.rows() > named;
  return absl::OkStatus();
}

namespace {

constexpr char kDoingCopy[] = "copying rows";

}  // namespace

absl::StatusOr<bool> MayReplaceRows(postgres::Connection& connection, const PostgresTarget& target,
                                    const TableSchema& schema) {
  if (HasOwned(schema)) return false;
  ASSIGN_OR_RETURN(
      const std::int64_t columns,
      connection.Number(
          "SELECT count(*) FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT "
          "attisdropped",
          {{target.name}}, kDoingCopy));
  return static_cast<std::size_t>(columns) == schema.columns.size() + (HasKinds(schema) ? 1 : 0);
}

absl::StatusOr<std::int64_t> CopyRows(postgres::Connection& connection, const PostgresTarget& target,
                                      const ApplyRows& apply, PostgresBatchValues& values,
                                      const std::vector<std::uint32_t>& rows) {
  const bool has_kinds = HasKinds(*apply.schema), has_owned = HasOwned(*apply.schema);
  std::string names;
  for (const ColumnView& view : apply.batch->columns) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", QuoteName(apply.schema->columns[view.column].name));
  }
  if (has_kinds) absl::StrAppend(&names, ", ", kKindsColumn);
  ASSIGN_OR_RETURN(
      postgres::CopyIn copy,
      postgres::CopyIn::Begin(connection,
                              absl::StrCat("COPY ", target.name, " (", names, OwnNames(*apply.schema),
                                           ") FROM STDIN (FORMAT binary)"),
                              kDoingCopy));
  std::vector<postgres::Value> row_values;
  for (const std::uint32_t row : rows) {
    row_values.clear();
    for (std::size_t i = 0; i < apply.batch->columns.size(); ++i) row_values.push_back(values.At(i, row));
    if (has_kinds) row_values.push_back(postgres::Value::Bytes(values.KindsOf(target.kinds, row)));
    if (has_owned) row_values.emplace_back(1);
    RETURN_IF_ERROR(copy.Add(row_values));
  }
  return copy.Finish();
}

absl::Status RefusedRows(const absl::Status& status, const TableSchema& schema,
                         std::optional<std::uint32_t> row) {
  const postgres::Failure failure = postgres::FailureOf(status);
  std::string place = absl::StrCat("table '", schema.name, "'");
  if (!failure.column.empty()) absl::StrAppend(&place, ", column '", failure.column, "'");
  if (row) absl::StrAppend(&place, ", row ", *row);
  constexpr char kNothing[] = ". Nothing of this batch was applied. ";
  switch (failure.trouble) {
    case postgres::Trouble::kConstraint: {
      const bool is_unique = failure.sqlstate == "23505";
      const std::string what = is_unique ? "the partner's unique index" : "a constraint";
      const std::string name = failure.constraint.empty() ? "" : absl::StrCat(" '", failure.constraint, "'");
      return absl::FailedPreconditionError(absl::StrCat(
          place, ": ", what, name, " refuses it", kNothing,
          is_unique ? "The source's rows need not be unique there: drop that index."
                    : "Somebody added it to the table: drop it. Or type 'mirrorctl invalidate': the next "
                      "cycle then makes the table again without it."));
    }
    case postgres::Trouble::kTooLarge: {
      const std::string index =
          failure.constraint.empty() ? "" : absl::StrCat(" (index '", failure.constraint, "')");
      absl::Status refused = absl::InvalidArgumentError(absl::StrCat(
          place, ": the row is too large for PostgreSQL", index,
          ", whose keys and indexes have at most 2,704 bytes, and whose rows have at most 8,160 bytes "
          "without their long values",
          kNothing, "Shorten the key, leave columns out, or drop that index if a DBA made it."));
      status.ForEachPayload(
          [&](absl::string_view type, const absl::Cord& payload) { refused.SetPayload(type, payload); });
      return refused;
    }
    case postgres::Trouble::kValue:
      return absl::InvalidArgumentError(
          absl::StrCat(place, ": PostgreSQL cannot hold a value", kNothing, "Leave the column out."));
    case postgres::Trouble::kUndefined:
      return absl::FailedPreconditionError(
          absl::StrCat(place, ": the database does not have it as agreed: somebody dropped or changed it",
                       kNothing, "After 'mirrorctl invalidate' the next cycle makes it again."));
    case postgres::Trouble::kLockTimeout:
      return absl::AbortedError(absl::StrCat(
          "table '", schema.name, "': another session has held a lock on it, or on rows of it, for long",
          kNothing, "The same batch again is safe. pg_locks shows who has the lock."));
    default:
      return status;
  }
}

absl::Status CheckNoneKeptOut(const TableSchema& schema, std::int64_t written, std::size_t sent) {
  if (written == static_cast<std::int64_t>(sent)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("table '", schema.name, "': a trigger or rule that somebody added let only ", written,
                   " of ", Counted(sent, "row"),
                   " in. None of them was applied. Drop the trigger or rule: the mirror must have the "
                   "source's rows unchanged."));
}

Key LeastKey(const TableSchema& kept, const ChangeBatch& batch) {
  return KeyAt(kept, batch, batch.key_order.empty() ? 0 : batch.key_order.front());
}

Key GreatestKey(const TableSchema& kept, const ChangeBatch& batch) {
  return KeyAt(kept, batch, batch.key_order.empty() ? batch.row_count - 1 : batch.key_order.back());
}

}  // namespace mirror
