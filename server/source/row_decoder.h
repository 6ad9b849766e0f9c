#ifndef MIRROR_SERVER_SOURCE_ROW_DECODER_H_
#define MIRROR_SERVER_SOURCE_ROW_DECODER_H_

#include "absl/status/status.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/limits.h"
#include "server/plan/caller.h"
#include "server/plan/row_request.h"
#include "server/tenant/tenants.h"

namespace mirror {

/// Converts a request of rows, by the agreed definitions, to views of its message. For columns with a rule it
/// keeps only what the rule allows. The constructor's arguments must outlive this object. Threads: any.
class RowDecoder {
 public:
  RowDecoder(const Caller& caller, Tenant& tenant, const WireLimits& limits)
      : caller_(caller), tenant_(tenant), limits_(limits) {}

  /// Decodes a request, and writes the results of refused parts into `response`. Errors: the whole request is
  /// refused.
  absl::Status Decode(const v1::RowDataRequest& request, RowRequest* decoded,
                      v1::RowDataResponse* response) const;

 private:
  const Caller& caller_;
  Tenant& tenant_;
  const WireLimits& limits_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_ROW_DECODER_H_
