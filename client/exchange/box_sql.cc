#include "client/exchange/box_sql.h"

#include <utility>
#include <variant>

#include "base/status_macros.h"

namespace mirror {

std::int64_t BoxNumber(const Literal& value) {
  const auto* const number = std::get_if<std::int64_t>(&value);
  return number == nullptr ? 0 : *number;
}

std::string BoxString(const Literal& value) {
  const auto* const text = std::get_if<std::string>(&value);
  return text == nullptr ? "" : *text;
}

absl::StatusOr<std::int64_t> BoxSql::Number(const std::string& sql, std::vector<Literal> bound) {
  ASSIGN_OR_RETURN(const std::vector<BoxRow> rows, Query(sql, std::move(bound)));
  if (rows.size() != 1 || rows.front().empty())
    return absl::DataLossError("the source's _mirror_datajoin has lost its row: run 'mirror-agent install'");
  return BoxNumber(rows.front().front());
}

}  // namespace mirror
