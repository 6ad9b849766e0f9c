#ifndef MIRROR_SERVER_HTTP_HTTP_ERROR_H_
#define MIRROR_SERVER_HTTP_HTTP_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/http/message.h"
#include "base/json_writer.h"
#include "server/records/record_request.h"

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

/// Writes an array of failures; at most kFailuresMax of them.
inline constexpr std::size_t kFailuresMax = 1'000;
void WriteFailures(const std::vector<RecordFailure>& failures, JsonWriter* json);

/// Writes the counts of a deletion. `erased_ms`: when its bytes had left the files; absent: not yet.
void WriteCounts(std::uint64_t deletes, const std::vector<RecordFailure>& failures,
                 std::optional<std::int64_t> erased_ms, JsonWriter* json);
/// Adds the time to an answer with such members that was made before the bytes had left the files.
std::string WithErasedAt(const std::string& answer, std::int64_t erased_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_HTTP_ERROR_H_
