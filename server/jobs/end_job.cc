#include "server/jobs/end_job.h"

#include <utility>
#include <vector>

#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<std::optional<ImportJob>> EndJob(Tenant& tenant, const std::string& id,
                                                const std::string& message, std::int64_t now_ms,
                                                const MayEndJob& may_end) {
  std::optional<ImportJob> dead;
  RETURN_IF_ERROR(tenant.ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        dead.reset();
        ASSIGN_OR_RETURN(const std::optional<Document> kept, records.ReadDocument(kJobKind, id));
        std::optional<ImportJob> job = kept ? JobOf(kept->text) : std::nullopt;
        if (!job || IsOver(job->state)) return std::vector<DocumentChange>();
        RETURN_IF_ERROR(may_end(*job));
        dead = DeadJob(*std::move(job), message, now_ms);
        return std::vector<DocumentChange>{JobChange(*dead)};
      },
      now_ms));
  return dead;
}

}  // namespace mirror
