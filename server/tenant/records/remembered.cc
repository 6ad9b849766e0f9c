#include "server/tenant/records/remembered.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/json/json_document.h"
#include "base/json/json_writer.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

std::string Packed(const std::string& body_hash, const std::string& kept) {
  return absl::StrCat(body_hash, "\n", kept);
}

absl::Status OtherBody() {
  return absl::OutOfRangeError(
      "this Idempotency-Key came before with another body. Nothing was done. Use a new key for a new "
      "request.");
}

absl::Status NotKept() {
  return absl::FailedPreconditionError(
      "this request was answered before, and its answer is not kept any more. Nothing was done. Send it "
      "under another Idempotency-Key if it is to be done again.");
}

/// Of what PackedOutcome() kept.
std::optional<RecordOutcome> OutcomeIn(std::string_view kept, const RecordRequest& request) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(kept);
  if (!document.ok()) return std::nullopt;
  const JsonView root = document->root();
  const std::optional<JsonView> failures = root.Find("failures");
  if (!failures) return std::nullopt;
  RecordOutcome outcome;
  outcome.inserts = root.NumberOf("inserts");
  outcome.updates = root.NumberOf("updates");
  outcome.unchanged = root.NumberOf("unchanged");
  outcome.deletes = root.NumberOf("deletes");
  for (const JsonView& failure : failures->Elements()) {
    const std::size_t item = failure.NumberOf("item");
    if (item >= request.items.size()) return std::nullopt;
    outcome.failures.push_back({.external_id = request.items[item].external_id,
                                .message = failure.TextOf("message"),
                                .line = request.items[item].line,
                                .item = item});
  }
  return outcome;
}

}  // namespace

std::string PackedOutcome(const RememberedRequest& remember, const RecordOutcome& outcome) {
  JsonWriter json;
  json.Begin('{')
      .Member("inserts", outcome.inserts)
      .Member("updates", outcome.updates)
      .Member("unchanged", outcome.unchanged)
      .Member("deletes", outcome.deletes)
      .Key("failures")
      .Begin('[');
  for (const RecordFailure& failure : outcome.failures) {
    json.Begin('{')
        .Member("item", static_cast<std::uint64_t>(failure.item))
        .Member("message", failure.message)
        .End('}');
  }
  return Packed(remember.body_hash, json.End(']').End('}').Take());
}

RecordOutcome OutcomeAgain(const std::string& packed, const RememberedRequest& remember,
                           const RecordRequest* request) {
  const std::size_t end = packed.find('\n');
  RecordOutcome outcome;
  if (packed.substr(0, end) != remember.body_hash) {
    outcome.status = OtherBody();
  } else if (request == nullptr || !remember.answer) {
    outcome.remembered = packed.substr(end + 1);
  } else if (const std::optional<RecordOutcome> kept =
                 OutcomeIn(std::string_view(packed).substr(end + 1), *request)) {
    outcome.remembered = remember.answer(*kept);
  } else {
    outcome.status = NotKept();
  }
  return outcome;
}

absl::StatusOr<std::optional<RecordOutcome>> FindRememberedIn(StoreRecords& records,
                                                              const RememberedRequest& remember,
                                                              std::int64_t now_ms,
                                                              const RecordRequest* request) {
  ASSIGN_OR_RETURN(const std::optional<Document> found, records.ReadDocument(kAnswerKind, remember.id));
  if (!found || found->at_ms <= now_ms - kAnswersKeptMs) return std::nullopt;
  return OutcomeAgain(found->text, remember, request);
}

DocumentChange RememberedChange(const RememberedRequest& remember, const std::string& answer) {
  return {kAnswerKind, remember.id, Packed(remember.body_hash, answer)};
}

}  // namespace mirror
