#include "server/http/http_error.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/iso_time.h"
#include "server/plan/cycle_check.h"

namespace mirror {
namespace {

struct Meaning {
  int status;
  std::string_view code;
};

Meaning MeaningOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return {400, "INVALID_ARGUMENT"};
    case absl::StatusCode::kUnauthenticated:
      return {401, "UNAUTHENTICATED"};
    case absl::StatusCode::kPermissionDenied:
      return {403, "PERMISSION_DENIED"};
    case absl::StatusCode::kNotFound:
      return {404, "NOT_FOUND"};
    case absl::StatusCode::kUnimplemented:
      return {405, "UNIMPLEMENTED"};
    case absl::StatusCode::kAlreadyExists:
      return {409, "ALREADY_EXISTS"};
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
      return {409, "FAILED_PRECONDITION"};
    case absl::StatusCode::kOutOfRange:
      return {422, "OUT_OF_RANGE"};
    case absl::StatusCode::kResourceExhausted:
      return {429, "RESOURCE_EXHAUSTED"};
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return {503, "UNAVAILABLE"};
    case absl::StatusCode::kDataLoss:
      return {500, "DATA_LOSS"};
    default:
      return {500, "INTERNAL"};
  }
}

HttpAnswer Answer(int status, std::string_view code, std::string_view message, std::string_view more) {
  JsonWriter json;
  json.Begin('{')
      .Member("status", static_cast<std::uint64_t>(status))
      .Member("code", code)
      .Member("message", message.empty() ? "It failed, and the server knows no reason." : message);
  std::string body = json.Take();
  absl::StrAppend(&body, std::string(more), "}");
  HttpAnswer answer{.status = status, .content_type = kJsonType, .body = std::move(body)};
  if (status == 429 || status == 503) answer.fields.emplace_back("Retry-After", "1");
  if (status == 401) answer.fields.emplace_back("WWW-Authenticate", "ApiKey header=\"X-API-KEY\"");
  return answer;
}

}  // namespace

HttpAnswer JsonAnswer(JsonWriter json, int status) { return JsonAnswer(json.Take(), status); }

HttpAnswer JsonAnswer(std::string json, int status) {
  return {.status = status, .content_type = kJsonType, .body = std::move(json)};
}

HttpAnswer ErrorAnswer(const absl::Status& met, std::string_view more) {
  const absl::Status status = ToRecordsStatus(met);
  const Meaning meaning = MeaningOf(status.code());
  return Answer(meaning.status, meaning.code,
                std::string_view(status.message().data(), status.message().size()), more);
}

HttpAnswer AnswerOrError(absl::StatusOr<HttpAnswer> answer) {
  return answer.ok() ? *std::move(answer) : ErrorAnswer(answer.status());
}

HttpAnswer ErrorAnswer(int status, std::string_view code, std::string_view message, std::string_view more) {
  return Answer(status, code, message, more);
}

void WriteFailures(const std::vector<RecordFailure>& failures, JsonWriter* json) {
  json->Begin('[');
  for (std::size_t i = 0; i < std::min(failures.size(), kFailuresMax); ++i) {
    json->Begin('{')
        .Member("externalId", failures[i].external_id)
        .Member("message", failures[i].message)
        .End('}');
  }
  json->End(']');
}

void WriteCounts(std::uint64_t deletes, const std::vector<RecordFailure>& failures,
                 std::optional<std::int64_t> erased_ms, JsonWriter* json) {
  json->Member("numberOfDeletes", deletes)
      .Member("numberOfFailures", static_cast<std::uint64_t>(failures.size()))
      .Key("failures");
  WriteFailures(failures, json);
  json->Key("erasedAt");
  if (erased_ms) {
    json->String(Iso8601(*erased_ms));
  } else {
    json->Null();
  }
}

std::string WithErasedAt(const std::string& answer, std::int64_t erased_ms) {
  // Inside a text of the answer, quotes have a backslash.
  constexpr std::string_view kNotYet = "\"erasedAt\":null";
  const std::size_t at = answer.find(kNotYet);
  if (at == std::string::npos) return answer;
  std::string changed = answer;
  return changed.replace(at, kNotYet.size(), absl::StrCat("\"erasedAt\":\"", Iso8601(erased_ms), "\""));
}

}  // namespace mirror
