#ifndef MIRROR_SERVER_HTTP_COUNTS_JSON_H_
#define MIRROR_SERVER_HTTP_COUNTS_JSON_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json_writer.h"
#include "server/records/record_request.h"

namespace mirror {

/// Writes an array of failures; at most kFailuresMax of them.
inline constexpr std::size_t kFailuresMax = 1'000;
void WriteFailures(const std::vector<RecordFailure>& failures, JsonWriter* json);

/// Writes the counts of a deletion. `erased_ms`: when its bytes had left the files; absent: not yet.
void WriteCounts(std::uint64_t deletes, const std::vector<RecordFailure>& failures,
                 std::optional<std::int64_t> erased_ms, JsonWriter* json);
/// Adds the time to an answer with such members that was made before the bytes had left the files.
std::string WithErasedAt(const std::string& answer, std::int64_t erased_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_COUNTS_JSON_H_
