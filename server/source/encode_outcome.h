#ifndef MIRROR_SERVER_SOURCE_ENCODE_OUTCOME_H_
#define MIRROR_SERVER_SOURCE_ENCODE_OUTCOME_H_

#include <vector>

#include "mirror/v1/change_batch.pb.h"
#include "mirror/v1/mirror_client.pb.h"
#include "server/plan/row_request.h"

namespace mirror {

/// Writes the outcome of a batch into the message for its source.
void EncodeOutcome(const BatchOutcome& outcome, v1::BatchResult* result);
/// Does the same for all batches of a request.
void EncodeOutcomes(const std::vector<BatchOutcome>& outcomes, v1::RowDataResponse* response);

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_ENCODE_OUTCOME_H_
