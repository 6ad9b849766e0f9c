#ifndef MIRROR_SERVER_HTTP_IDEMPOTENCY_H_
#define MIRROR_SERVER_HTTP_IDEMPOTENCY_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/http/http_call.h"
#include "server/records/record_request.h"

namespace mirror {

/// How a repetition of the call is known, by its Idempotency-Key: bound to the API key, to what is asked of
/// whom, and to the body. Absent: the caller gave none. Errors: kInvalidArgument.
absl::StatusOr<std::optional<RememberedRequest>> RememberOf(const HttpCall& call, std::string_view what,
                                                            std::string_view of_whom, std::string_view body);

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_IDEMPOTENCY_H_
