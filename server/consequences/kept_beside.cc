#include "server/consequences/kept_beside.h"

#include <optional>

#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<KeptBeside> CountKeptBeside(Snapshot& mirror, const std::string& table) {
  KeptBeside kept;
  ASSIGN_OR_RETURN(const std::optional<TableHistory> history, mirror.versions().ReadHistory(table));
  if (history) {
    ASSIGN_OR_RETURN(const std::int64_t versions, mirror.versions().CountVersions(*history));
    kept.versions = versions;
  }
  ASSIGN_OR_RETURN(const std::int64_t entries, mirror.journal().CountEntries(table));
  kept.entries = entries;
  return kept;
}

}  // namespace mirror
