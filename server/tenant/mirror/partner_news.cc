#include "server/tenant/mirror/partner_news.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// Things told of, in memory. Beyond that some are told again.
constexpr std::size_t kToldMax = 10'000;

constexpr char kKeep[] =
    "To keep the partner's data, put it into a table of the partner's own (a hook can fill one after each "
    "cycle), or, in a SQLite mirror, set 'preserve_target = true' for the table at the source";

}  // namespace

void PartnerNews::TellColumns(const std::vector<TouchedTable>& touched) {
  for (const TouchedTable& added : touched) {
    if (added.columns.empty()) continue;
    const std::string names = ListNames(added.columns);
    if (told_.size() >= kToldMax) told_.clear();
    if (!told_.insert(absl::StrCat(FoldName(added.table), " columns ", names)).second) continue;
    events_.Add(
        context_id_, Severity::kWarning, "partner.column_lost",
        absl::StrCat(
            "table '", added.table, "' has ", added.columns.size() == 1 ? "a column" : "columns",
            " that the source does not have: ", names, ". The next population makes the table without ",
            added.columns.size() == 1 ? "it, and its" : "them, and their", " values are lost. ", kKeep));
  }
}

void PartnerNews::TellRows(Store& store, std::int64_t cycle, const std::string& table,
                           const char* what_comes) {
  if (store.IsBuilding()) return;
  if (cycle != counted_cycle_) counted_.clear();
  counted_cycle_ = cycle;
  const std::string key = FoldName(table);
  if (!counted_.insert(key).second) return;
  const absl::StatusOr<std::int64_t> rows = store.records().CountPartnerRows(table);
  if (!rows.ok() || *rows == 0) return;
  if (told_.size() >= kToldMax) told_.clear();
  if (!told_.insert(absl::StrCat(key, " rows ", *rows)).second) return;
  events_.Add(context_id_, Severity::kWarning, "partner.rows_lost",
              absl::StrCat("table '", table, "' has ", Counted(static_cast<std::uint64_t>(*rows), "row"),
                           " more than the mirror wrote: somebody else wrote into it. ", what_comes,
                           *rows == 1 ? " it away. " : " them away. ", kKeep));
}

}  // namespace mirror
