#ifndef MIRROR_SERVER_TENANT_RECORDS_REMEMBERED_H_
#define MIRROR_SERVER_TENANT_RECORDS_REMEMBERED_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/records/record_request.h"
#include "server/store/store.h"

// What requests under an Idempotency-Key got, so that a repetition gets it again and does nothing.

namespace mirror {

/// Of the documents of a source of records: by RememberedRequest::id.
inline constexpr char kAnswerKind[] = "answer";
inline constexpr std::int64_t kAnswersKeptMs = 24 * 3'600'000;
inline constexpr std::int64_t kAnswersMax = 100'000;

/// The text that is kept. `outcome`: of `remember`, which makes its answer of it.
std::string PackedOutcome(const RememberedRequest& remember, const RecordOutcome& outcome);
/// What is told a repetition: RecordOutcome::remembered. `request`: the repetition, null where the answer is
/// kept as it is. RecordOutcome::status: kOutOfRange: under the same id another one did;
/// kFailedPrecondition: what was kept cannot be read.
RecordOutcome OutcomeAgain(const std::string& packed, const RememberedRequest& remember,
                           const RecordRequest* request);

/// What a request got before, as OutcomeAgain(). Absent: it did not come in the last 24 h. Errors: as Store.
absl::StatusOr<std::optional<RecordOutcome>> FindRememberedIn(StoreRecords& records,
                                                              const RememberedRequest& remember,
                                                              std::int64_t now_ms,
                                                              const RecordRequest* request = nullptr);
/// Keeps `answer` as it is; it names no external id.
DocumentChange RememberedChange(const RememberedRequest& remember, const std::string& answer);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_RECORDS_REMEMBERED_H_
