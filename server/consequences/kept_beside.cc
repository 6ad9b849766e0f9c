#include "server/consequences/kept_beside.h"

#include <optional>

namespace mirror {

absl::StatusOr<KeptBeside> CountKeptBeside(Snapshot& mirror, const std::string& table) {
  KeptBeside kept;
  const absl::StatusOr<std::optional<TableHistory>> history = mirror.versions().ReadHistory(table);
  if (!history.ok()) return history.status();
  if (*history) {
    const absl::StatusOr<std::int64_t> versions = mirror.versions().CountVersions(**history);
    if (!versions.ok()) return versions.status();
    kept.versions = *versions;
  }
  const absl::StatusOr<std::int64_t> entries = mirror.journal().CountEntries(table);
  if (!entries.ok()) return entries.status();
  kept.entries = *entries;
  return kept;
}

}  // namespace mirror
