#ifndef MIRROR_CLIENT_CYCLE_ANSWER_CHECK_H_
#define MIRROR_CLIENT_CYCLE_ANSWER_CHECK_H_

#include <cstddef>

#include "absl/status/status.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// Below these a source could send its rows only in crumbs, or never. 0 is "not told".
inline constexpr std::size_t kMessageBytesMin = 64 << 10, kPartBytesMin = 4 << 10;

/// What an endpoint answers is believed to be well meant, not well made: whoever goes on with an answer has
/// looked at it here. Errors: kInternal, with what is wrong and what state it left.

/// That rows can be sent within these limits.
absl::Status CheckLimits(const v1::Limits& limits);
/// That there is one answer for each table, in the request's order, and none leaves out a key.
absl::Status CheckTables(const v1::TableSchemaRequest& request, const v1::TableSchemaResponse& response);
/// That there is one verdict for each table of the request, in its order.
absl::Status CheckVerdicts(const v1::ReplicationCompletedRequest& request,
                           const v1::ReplicationCompletedResponse& response);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_ANSWER_CHECK_H_
