#include "server/http/counts_json.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/iso_time.h"

namespace mirror {

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
