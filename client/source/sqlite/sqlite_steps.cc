#include "client/source/sqlite/sqlite_steps.h"

#include <sqlite3.h>

#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/value.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "client/source/steps/row_filter.h"
#include "client/source/steps/row_steps.h"

namespace mirror {
namespace {

constexpr char kHash[] = "_mirror_hash", kMask[] = "_mirror_mask";

Value ValueOf(sqlite3_value* value) {
  Value plain;
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      plain.kind = Kind::kInteger;
      plain.integer = sqlite3_value_int64(value);
      break;
    case SQLITE_FLOAT:
      plain.kind = Kind::kReal;
      plain.real = sqlite3_value_double(value);
      break;
    case SQLITE_TEXT:
      plain.bytes = sqlite::TextOf(value);
      plain.kind = IsText(plain.bytes) ? Kind::kText : Kind::kRawText;
      break;
    case SQLITE_BLOB:
      plain.kind = Kind::kBlob;
      plain.bytes = sqlite::BlobOf(value);
      break;
    default:
      break;
  }
  return plain;
}

void TurnValue(sqlite3_context* context, int count, sqlite3_value** values) {
  if (sqlite3_value_type(values[0]) == SQLITE_NULL) return sqlite3_result_null(context);
  TableSteps::Turn turn{Rule::kHashed, 0};
  if (count == 2) turn = {Rule::kMasked, static_cast<std::uint32_t>(sqlite3_value_int(values[1]))};
  std::string text;
  if (!static_cast<ValueTurner*>(sqlite3_user_data(context))->Turn(turn, ValueOf(values[0]), &text)) {
    sqlite3_result_error(context, "a value could not be hashed", -1);
    return;
  }
  sqlite3_result_text(context, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

absl::Status SetFilter(const SqliteFile& file, const TableSteps& steps, SourcePlan* plan) {
  const std::string from = absl::StrCat("main.", QuoteName(plan->schema.name));
  const absl::StatusOr<std::set<std::string>> reads =
      CheckExpression(file.handle(), from, plan->schema.name, steps.where);
  if (absl::IsInvalidArgument(reads.status())) {
    return WrongSteps(
        steps, absl::StrCat("table '", steps.table, "': 'where' is not a condition that SQLite understands: ",
                            reads.status().message()));
  }
  if (!reads.ok()) return reads.status();
  plan->filter = AsTerm(steps.where);
  for (const std::string& name : *reads) {
    const std::optional<std::uint32_t> at = plan->schema.Find(name);
    // Where a change of such a column shows is not known: any change may be one.
    if (!at || plan->generated[*at]) {
      plan->filter_by_any = true;
    } else {
      plan->filter_columns.push_back(*at);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RegisterTurns(const SqliteFile& file, const TenantHashKey* key) {
  const int flags = SQLITE_UTF8 | SQLITE_DIRECTONLY | SQLITE_DETERMINISTIC;
  const auto end = [](void* turner) { delete static_cast<ValueTurner*>(turner); };
  for (const auto& [name, count] : {std::pair(kHash, 1), std::pair(kMask, 2)}) {
    auto turner = std::make_unique<ValueTurner>(key);
    // SQLite ends it, also when it refuses.
    if (sqlite3_create_function_v2(file.handle(), name, count, flags, turner.release(), &TurnValue, nullptr,
                                   nullptr, end) != SQLITE_OK) {
      return absl::UnavailableError(absl::StrCat(name, " cannot be registered"));
    }
  }
  return absl::OkStatus();
}

absl::Status ApplySteps(const SqliteFile& file, const TableSteps& steps, SourcePlan* plan) {
  RETURN_IF_ERROR(CheckSteps(plan->schema, steps));
  plan->values.resize(plan->schema.columns.size());
  plan->unsent.resize(plan->schema.columns.size());
  // The expression is about the values as they are at the source.
  const absl::Status filtered = steps.where.empty() ? absl::OkStatus() : SetFilter(file, steps, plan);
  for (std::size_t i = 0; i < plan->schema.columns.size(); ++i) {
    Column& column = plan->schema.columns[i];
    plan->unsent[i] = !steps.Sends(column.name);
    const TableSteps::Turn turn = steps.TurnOf(column.name);
    if (turn.rule == Rule::kPlain) continue;
    plan->values[i] = turn.rule == Rule::kHashed
                          ? absl::StrCat(kHash, "(", QuoteName(column.name), ")")
                          : absl::StrCat(kMask, "(", QuoteName(column.name), ", ", turn.keep, ")");
    TurnToText(&column);
  }
  return filtered;
}

}  // namespace mirror
