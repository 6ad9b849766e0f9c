#include "client/source/steps/row_steps.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/turned_value.h"

namespace mirror {

bool ValueTurner::Turn(const TableSteps::Turn& turn, const Value& value, std::string* text) {
  text->clear();
  if (turn.rule == Rule::kMasked) {
    AppendMask(value, turn.keep, text);
    return true;
  }
  std::array<char, 8> number{};
  const HashedForm form = FormToHash(value, &number);
  return hash_ && hash_->AppendHex(form.kind, form.bytes, text);
}

absl::StatusOr<RowFilter> RowSteps::MakeFilter(const TableSchema& table, const TableSteps& steps) {
  absl::StatusOr<RowFilter> filter = RowFilter::Make(table, steps.where);
  if (!absl::IsInvalidArgument(filter.status())) return filter;
  return WrongSteps(
      steps, absl::StrCat("table '", steps.table, "': 'where' is not a condition that SQLite understands: ",
                          filter.status().message()));
}

absl::StatusOr<RowSteps> RowSteps::Make(const TableSchema& table, const TableSteps& steps,
                                        const TenantHashKey* key) {
  RowSteps made(table.name, key);
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const TableSteps::Turn turn = steps.TurnOf(table.columns[i].name);
    if (turn.rule != Rule::kPlain) made.turns_.push_back({i, turn, ""});
  }
  if (steps.where.empty()) return made;
  ASSIGN_OR_RETURN(made.filter_, MakeFilter(table, steps));
  return made;
}

absl::StatusOr<bool> RowSteps::Matches(const std::vector<Value>& row) {
  if (!filter_) return true;
  for (std::size_t i = 0; i < row.size(); ++i) filter_->Bind(i, row[i]);
  return filter_->Matches();
}

absl::Status RowSteps::Turn(std::vector<Value>* row) {
  for (Turned& turned : turns_) {
    Value& value = (*row)[turned.column];
    if (value.kind == Kind::kNull) continue;
    if (!turner_->Turn(turned.turn, value, &turned.text)) {
      return absl::UnavailableError(absl::StrCat("a value of table '", table_, "' could not be hashed"));
    }
    value = {Kind::kText, 0, 0, turned.text};
  }
  return absl::OkStatus();
}

}  // namespace mirror
