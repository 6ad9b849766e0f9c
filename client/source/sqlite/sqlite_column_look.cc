#include "client/source/sqlite/sqlite_column_look.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/db/sqlite/value.h"
#include "base/status_macros.h"
#include "client/source/files/rows/file_rows.h"
#include "client/source/sqlite/file/sqlite_cursor.h"
#include "client/source/sqlite/file/sqlite_key.h"

namespace mirror {
namespace {

using ColumnFacts = SourceReader::ColumnFacts;

constexpr std::int64_t kRowsOfLook = 20'000;

/// The result of one query over a part of the rows.
struct Part {
  KeyPart greatest, least;
  std::int64_t nulls = 0;
  std::int64_t shortest = INT64_MAX, longest = 0;  ///< Lengths of values in characters.
  std::int64_t rows = 0, last = 0;                 ///< Number of rows, and the last rowid.
};

KeyPart PartAt(const sqlite::Statement& row, int column) { return ToKeyPart(row.ValueAt(column)); }

absl::StatusOr<Part> Step(const SourcePlan& plan, sqlite::Statement& statement) {
  statement.SetDoing(absl::StrCat("reading table '", plan.schema.name, "'"));
  RETURN_IF_ERROR(statement.StepToRow());
  Part part;
  part.greatest = PartAt(statement, 0);
  part.least = PartAt(statement, 1);
  part.nulls = statement.Int(2);
  if (!statement.IsNull(3)) {
    part.shortest = statement.Int(3);
    part.longest = statement.Int(4);
  }
  part.rows = statement.Int(5);
  part.last = statement.Int(6);
  statement.Reset();
  return part;
}

bool IsNull(const KeyPart& part) { return part.kind == Kind::kNull; }

void Join(const Part& more, Part* all) {
  if (!IsNull(more.greatest) && (IsNull(all->greatest) || all->greatest < more.greatest))
    all->greatest = more.greatest;
  if (!IsNull(more.least) && (IsNull(all->least) || more.least < all->least)) all->least = more.least;
  all->nulls += more.nulls;
  all->shortest = std::min(all->shortest, more.shortest);
  all->longest = std::max(all->longest, more.longest);
}

absl::StatusOr<Part> InLooks(const SqliteFile& file, const SourcePlan& plan, const std::string& column) {
  const std::string counts = plan.filter.empty() ? "1" : plan.filter;
  ASSIGN_OR_RETURN(
      sqlite::Statement statement,
      file.Prepare(absl::StrCat(
          "SELECT max(c COLLATE BINARY) FILTER (WHERE f), min(c COLLATE BINARY) FILTER (WHERE f), count(*) "
          "FILTER "
          "(WHERE f AND c IS NULL), min(length(c)) FILTER (WHERE f), max(length(c)) FILTER (WHERE f), "
          "count(*), "
          "max(r) FROM (SELECT ",
          column, " AS c, ", plan.rowid, " AS r, ", counts, " AS f FROM main.", QuoteName(plan.schema.name),
          " WHERE ", plan.rowid, " >= ?1 ORDER BY ", plan.rowid, " LIMIT ", kRowsOfLook, ")")));
  Part all;
  for (std::int64_t next = INT64_MIN;;) {
    RETURN_IF_ERROR(file.BeginLook());
    const SourceLook look(file);
    statement.Bind(1, next);
    ASSIGN_OR_RETURN(const Part part, Step(plan, statement));
    Join(part, &all);
    if (part.rows < kRowsOfLook || part.last == INT64_MAX) return all;
    next = part.last + 1;
  }
}

/// Returns whether an index begins with the column, so that it gives the greatest value directly. SQLite
/// would scan other indexes from end to end for it.
absl::StatusOr<bool> HasIndex(const SqliteFile& file, const SourcePlan& plan, const std::string& column) {
  constexpr int kDetail = 3;
  ASSIGN_OR_RETURN(
      sqlite::Statement steps,
      file.Prepare(absl::StrCat("EXPLAIN QUERY PLAN SELECT 1",
                                plan.FromWhere(absl::StrCat(QuoteName(column), " COLLATE BINARY > ?1")))));
  steps.SetDoing("reading its plans");
  bool found = false;
  RETURN_IF_ERROR(ForEachRow(steps, [&] {
    const std::string detail = steps.Text(kDetail);
    found = found || absl::StrContains(detail, absl::StrCat("(", column, ">?)")) ||
            absl::StrContains(detail, "(rowid>?)");
  }));
  return found;
}

/// Returns whether a part is a text that has the form of a number.
bool CountsAsText(const KeyPart& part) {
  return part.kind == Kind::kText && ReadReal(part.bytes).has_value();
}

/// Returns whether all texts have one length. Texts of numbers then sort as the numbers.
absl::StatusOr<bool> AreOfOneLength(const SqliteFile& file, const SourcePlan& plan,
                                    const std::string& column) {
  ASSIGN_OR_RETURN(const std::int64_t same,
                   file.Number(absl::StrCat("SELECT min(length(", column, ")) = max(length(", column, "))",
                                            plan.FromWhere())));
  return same != 0;
}

/// Returns the problem with the values of the column; empty: none.
std::string TroubleOf(const Part& part, bool of_one_length) {
  if (IsNumber(part.least) && !IsNumber(part.greatest)) {
    return "holds both numbers and texts, and a text counts as greater than every number";
  }
  const bool numbers = CountsAsText(part.least) && CountsAsText(part.greatest);
  return numbers && !of_one_length ? "holds numbers that are kept as texts ('10' comes before '9')" : "";
}

ColumnFacts FactsOf(const Part& part, bool of_one_length) {
  ColumnFacts facts;
  facts.greatest = part.greatest;
  facts.least = part.least;
  facts.nulls = static_cast<std::uint64_t>(part.nulls);
  facts.trouble = TroubleOf(part, of_one_length);
  return facts;
}

}  // namespace

absl::StatusOr<SourceReader::ColumnFacts> LookAtColumnOf(const SqliteFile& file, const SourcePlan& plan,
                                                         std::uint32_t column) {
  const std::string name = QuoteName(plan.schema.columns[column].name);
  // Three separate queries, so that an index can answer each.
  const std::string greatest = absl::StrCat("SELECT max(", name, " COLLATE BINARY)", plan.FromWhere()),
                    least = absl::StrCat("SELECT min(", name, " COLLATE BINARY)", plan.FromWhere()),
                    nulls = absl::StrCat("SELECT count(*)", plan.FromWhere(name + " IS NULL"));
  const bool keeps_waiting = file.access() == Access::kChunks && !plan.rowid.empty();
  if (keeps_waiting) {
    ASSIGN_OR_RETURN(const bool indexed, HasIndex(file, plan, plan.schema.columns[column].name));
    if (!indexed) {
      const absl::StatusOr<Part> part = InLooks(file, plan, name);
      return part.ok() ? absl::StatusOr<ColumnFacts>(FactsOf(*part, part->shortest == part->longest))
                       : part.status();
    }
  }
  Part part;
  {
    absl::StatusOr<sqlite::Statement> first = file.Prepare(greatest), second = file.Prepare(least);
    for (const auto* statement : {&first, &second}) {
      if (!statement->ok()) return statement->status();
    }
    RETURN_IF_ERROR(file.BeginLook());
    const SourceLook look(file);
    for (const auto& [statement, into] :
         {std::pair(&first, &part.greatest), std::pair(&second, &part.least)}) {
      (*statement)->SetDoing(absl::StrCat("reading table '", plan.schema.name, "'"));
      RETURN_IF_ERROR((*statement)->StepToRow());
      *into = PartAt(**statement, 0);
      (*statement)->Reset();
    }
    ASSIGN_OR_RETURN(part.nulls, file.Number(nulls));
  }
  if (!CountsAsText(part.least) || !CountsAsText(part.greatest)) return FactsOf(part, true);
  if (keeps_waiting) {
    ASSIGN_OR_RETURN(const Part all, InLooks(file, plan, name));
    return FactsOf(part, all.shortest == all.longest);
  }
  RETURN_IF_ERROR(file.BeginLook());
  const SourceLook look(file);
  ASSIGN_OR_RETURN(const bool alike, AreOfOneLength(file, plan, name));
  return FactsOf(part, alike);
}

absl::StatusOr<std::uint64_t> CountInLooks(const SqliteFile& file, const SourcePlan& plan) {
  const std::string& rowid = plan.rowid;
  ASSIGN_OR_RETURN(sqlite::Statement statement,
                   file.Prepare(absl::StrCat("SELECT count(*), max(r) FROM (SELECT ", rowid, " AS r",
                                             plan.FromWhere(rowid + " >= ?1"), " ORDER BY ", rowid, " LIMIT ",
                                             kRowsOfLook, ")")));
  statement.SetDoing("counting rows");
  std::uint64_t count = 0;
  for (std::int64_t next = INT64_MIN;;) {
    RETURN_IF_ERROR(file.BeginLook());
    const SourceLook look(file);
    statement.Bind(1, next);
    RETURN_IF_ERROR(statement.StepToRow());
    const std::int64_t rows = statement.Int(0);
    const std::int64_t last = statement.Int(1);
    statement.Reset();
    count += static_cast<std::uint64_t>(rows);
    if (rows < kRowsOfLook || last == INT64_MAX) return count;
    next = last + 1;
  }
}

}  // namespace mirror
