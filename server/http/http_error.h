#ifndef MIRROR_SERVER_HTTP_HTTP_ERROR_H_
#define MIRROR_SERVER_HTTP_HTTP_ERROR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/http/message.h"
#include "base/json_writer.h"

// The answers of the door: JSON, also for errors.

namespace mirror {

inline constexpr char kJsonType[] = "application/json";

HttpAnswer JsonAnswer(JsonWriter json, int status = 200);
HttpAnswer JsonAnswer(std::string json, int status = 200);
/// Makes {"status":409,"code":"FAILED_PRECONDITION","message":"..."}. `more`:
/// members after those, begun with a comma.
HttpAnswer ErrorAnswer(const absl::Status& status, std::string_view more = "");
/// Returns the answer, or that of the error.
HttpAnswer AnswerOrError(absl::StatusOr<HttpAnswer> answer);
/// Makes the answer for an HTTP status to which no absl::Status belongs.
HttpAnswer ErrorAnswer(int status, std::string_view code, std::string_view message,
                       std::string_view more = "");

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_HTTP_ERROR_H_
