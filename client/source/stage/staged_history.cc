#include "client/source/stage/staged_history.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "base/status_macros.h"

namespace mirror {

absl::Status StagedHistory::GiveUp(const std::string& table) {
  ASSIGN_OR_RETURN(const std::vector<StagedTable> tables, stage().Tables());
  ASSIGN_OR_RETURN(const std::int64_t place, stage().Place());
  for (const StagedTable& staged : tables) {
    if (staged.name != table) continue;
    return stage().RaiseFloor(staged.id, place + 1, "its [[source.table]] changed what is sent");
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> StagedHistory::Sent(const std::string& /*table*/, const Position& position) {
  ASSIGN_OR_RETURN(const std::optional<StageMark> mark, stage().FindMark(position.lineage));
  return mark && mark->lsn == position.lsn.value;
}

std::string StagedHistory::WhyGone(const std::string& table) {
  const absl::StatusOr<std::vector<StagedTable>> tables = stage().Tables();
  if (!tables.ok()) return "";
  for (const StagedTable& staged : *tables) {
    if (staged.name == table) return staged.gone_because;
  }
  return "";
}

}  // namespace mirror
