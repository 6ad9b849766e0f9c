#include "server/store/store.h"

#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "server/store/writing.h"

namespace mirror {

absl::StatusOr<CommitResult> Store::Commit(const Plan& plan) {
  Writing writing;
  while (writing.Begin(*this)) writing.Commit(plan);
  if (!writing.result().ok()) return writing.result().status();
  return std::move((*writing.result())->result);
}

absl::StatusOr<std::optional<Document>> StoreRecords::ReadDocument(const std::string& kind,
                                                                   const std::string& id) {
  ASSIGN_OR_RETURN(std::vector<Document> found, ReadDocuments(kind, id, 1));
  if (found.empty() || found.front().id != id) return std::optional<Document>();
  return std::move(found.front());
}

}  // namespace mirror
