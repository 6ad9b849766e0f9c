#include "server/store/postgres/rows/row_refusals.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/human_text.h"

namespace mirror {

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
                    : "Somebody added it to the table: drop it, or let 'mirrorctl invalidate' make "
                      "the table anew without it."));
    }
    case postgres::Trouble::kTooLarge: {
      const std::string index =
          failure.constraint.empty() ? "" : absl::StrCat(" (index '", failure.constraint, "')");
      absl::Status refused = absl::InvalidArgumentError(absl::StrCat(
          place, ": the row is too large for PostgreSQL", index,
          ", whose keys and indexes have at most 2,704 bytes, and whose rows 8,160 beside their long values",
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
          absl::StrCat(place, ": it is not in the database as it was agreed: somebody dropped or changed it",
                       kNothing, "Let 'mirrorctl invalidate' make it anew."));
    case postgres::Trouble::kLockTimeout:
      return absl::AbortedError(absl::StrCat(
          "table '", schema.name, "': somebody else keeps a lock on it, or on rows of it, for long", kNothing,
          "The same batch again is safe. pg_locks shows who has the lock."));
    default:
      return status;
  }
}

absl::Status CheckNoneKeptOut(const TableSchema& schema, std::int64_t written, std::size_t sent) {
  if (written == static_cast<std::int64_t>(sent)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("table '", schema.name, "': a trigger or rule of somebody's let ", written, " of ",
                   Counted(sent, "row"),
                   " in. None of them was applied. Drop it: the source's rows have to be here as they "
                   "are."));
}

}  // namespace mirror
