#ifndef MIRROR_SERVER_HTTP_ASKED_SOURCE_H_
#define MIRROR_SERVER_HTTP_ASKED_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/http/http_call.h"
#include "server/storages/storages.h"

namespace mirror {

/// A data source with its tenant.
struct AskedSource {
  DataSource source;
  std::shared_ptr<Tenant> tenant;
};

/// Finds a data source. `source`: id or name; empty: the default one. The caller checks first whether the
/// call's key may see the storage: see HttpRoute::is_of_storage(). Errors: as Storages.
absl::StatusOr<AskedSource> FindSourceOf(Storages& storages, const std::string& storage,
                                         const std::string& source);
/// Returns the data source that the query names, in either spelling; empty: none.
std::string SourceOfQuery(const HttpCall& call);
/// Does the same for a body. Errors: kInvalidArgument: not a text, or both spellings are there, and differ.
absl::StatusOr<std::string> SourceOfBody(const JsonView& body);

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_ASKED_SOURCE_H_
