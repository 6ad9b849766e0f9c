#ifndef MIRROR_SERVER_RECORDS_RECORD_REQUEST_H_
#define MIRROR_SERVER_RECORDS_RECORD_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/plan/plan.h"

// Requests that come through the HTTP door for records, and their results.

namespace mirror {

/// A member of a record.
struct RecordAttribute {
  std::string name;
  std::optional<std::string> json;  ///< The value as JSON; absent: null.
  std::string text;                 ///< Column value: the text of a string or a number, else the JSON.
  std::size_t values = 1;           ///< Number of JSON values, see JsonLimits::values_max.
};

/// A business partner to be written.
struct RecordItem {
  std::string external_id;
  std::vector<RecordAttribute> attributes;
  std::string failure;     ///< Why it is rejected, for people; empty: it is accepted.
  std::uint64_t line = 0;  ///< Line of the file that it comes from.
};

struct RecordFailure {
  std::string external_id, message;
  std::uint64_t line = 0;  ///< As RecordItem::line.
  std::size_t item = 0;    ///< Its index in the request.
};

enum class RecordOperation : std::uint8_t { kUpsert, kDelete };

/// Result of a request. For an upsert, `inserts`, `updates` and `failures` together count every row.
struct RecordOutcome {
  absl::Status status;  ///< Not OK: nothing of the request was done.
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  std::uint64_t unchanged = 0;  ///< Those of `updates` that changed nothing.
  std::vector<RecordFailure> failures;
  std::string remembered;  ///< Earlier answer to the same request; empty: this is the first.
};

/// Identifies a repeated request, and holds its answer.
struct RememberedRequest {
  std::string id;         ///< Id of the document: made from caller, operation and key.
  std::string body_hash;  ///< A request with the same id and another hash is refused.
  /// Makes the answer from the outcome. Only the outcome is kept, with the failures' indexes in the
  /// request, so that no external id is kept. Absent: the answer itself is kept, see RememberedChange().
  std::function<std::string(const RecordOutcome& outcome)> answer = {};
};

/// A document that a request depends on. It is read under the store's writer lock, before planning.
struct DocumentCheck {
  std::string kind, id;
  /// An error of `check` becomes the request's outcome. Argument absent: there is no such document.
  std::function<absl::Status(const std::optional<Document>& document)> check;
};

struct RecordRequest {
  RecordOperation operation = RecordOperation::kUpsert;
  std::vector<RecordItem> items;
  bool updates_known = true;    ///< Upsert: a known id is updated; false: it is a failure of that row.
  bool all_or_nothing = false;  ///< One failure cancels the whole request.
  std::optional<RememberedRequest> remember = std::nullopt;
  /// Returns documents to be written in the same transaction, given the request's outcome.
  std::function<std::vector<DocumentChange>(const RecordOutcome& outcome)> documents = {};
  std::optional<DocumentCheck> check = std::nullopt;
  std::uint64_t bytes = 0;  ///< Size, for the queue that groups requests into one commit.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RECORDS_RECORD_REQUEST_H_
