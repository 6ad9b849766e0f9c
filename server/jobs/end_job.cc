#include "server/jobs/end_job.h"

#include <utility>
#include <vector>

namespace mirror {

absl::StatusOr<std::optional<ImportJob>> EndJob(Tenant& tenant, const std::string& id,
                                                const std::string& message, std::int64_t now_ms,
                                                const MayEndJob& may_end) {
  std::optional<ImportJob> dead;
  absl::Status changed = tenant.ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        dead.reset();
        const absl::StatusOr<std::optional<Document>> kept = records.ReadDocument(kJobKind, id);
        if (!kept.ok()) return kept.status();
        std::optional<ImportJob> job = *kept ? JobOf((*kept)->text) : std::nullopt;
        if (!job || IsOver(job->state)) return std::vector<DocumentChange>();
        if (absl::Status may = may_end(*job); !may.ok()) return may;
        dead = DeadJob(*std::move(job), message, now_ms);
        return std::vector<DocumentChange>{JobChange(*dead)};
      },
      now_ms);
  if (!changed.ok()) return changed;
  return dead;
}

}  // namespace mirror
