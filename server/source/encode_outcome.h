#ifndef MIRROR_SERVER_SOURCE_ENCODE_OUTCOME_H_
#define MIRROR_SERVER_SOURCE_ENCODE_OUTCOME_H_

#include <vector>

#include "mirror/v1/change_batch.pb.h"
#include "mirror/v1/mirror_client.pb.h"
#include "server/plan/row_request.h"

namespace mirror {

/// What became of a batch, as its source is told.
void EncodeOutcome(const BatchOutcome& outcome, v1::BatchResult* result);
/// The same for all of a request.
void EncodeOutcomes(const std::vector<BatchOutcome>& outcomes, v1::RowDataResponse* response);

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_ENCODE_OUTCOME_H_
