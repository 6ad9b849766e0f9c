#ifndef MIRROR_SERVER_HTTP_COUNTS_JSON_H_
#define MIRROR_SERVER_HTTP_COUNTS_JSON_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json_writer.h"
#include "server/records/record_request.h"

namespace mirror {

/// An array of what failed; at most kFailuresMax of them.
inline constexpr std::size_t kFailuresMax = 1'000;
void WriteFailures(const std::vector<RecordFailure>& failures, JsonWriter* json);

/// The members that tell what was deleted. `erased_ms`: when its bytes had left the files; absent: not yet.
void WriteCounts(std::uint64_t deletes, const std::vector<RecordFailure>& failures,
                 std::optional<std::int64_t> erased_ms, JsonWriter* json);
/// An answer with such members in which the bytes had not left the files yet.
std::string WithErasedAt(const std::string& answer, std::int64_t erased_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_COUNTS_JSON_H_
