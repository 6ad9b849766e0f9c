#include "client/exchange/reached_rows.h"

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

/// A row whose own references are still to be looked for.
struct Step {
  const ServerMember* member = nullptr;
  RowOf key;
  bool deletes = false;
};

}  // namespace

absl::StatusOr<std::vector<ReachedRow>> ReachRows(DeliveryDatabase& database, const ServerMember& member,
                                                  const RowOf& key, bool deletes) {
  std::vector<ReachedRow> rows;
  std::set<std::pair<std::int64_t, std::string>> seen = {{member.table.log, KeyText(key)}};
  std::deque<Step> steps = {{&member, key, deletes}};
  const auto take = [&](ReachedRow row, bool goes) {
    if (!seen.emplace(row.member->table.log, KeyText(row.key)).second) return absl::OkStatus();
    if (rows.size() == kReachedRowsMax) {
      return absl::OutOfRangeError(
          absl::StrCat("it would change more than ", kReachedRowsMax, " rows that refer to it"));
    }
    steps.push_back({row.member, row.key, goes});
    rows.push_back(std::move(row));
    return absl::OkStatus();
  };
  for (; !steps.empty(); steps.pop_front()) {
    const Step& step = steps.front();
    RETURN_IF_ERROR(database.ReadReferring(*step.member, step.key, step.deletes, take));
  }
  return rows;
}

}  // namespace mirror
