#ifndef MIRROR_SERVER_RECORDS_RECORD_REQUEST_H_
#define MIRROR_SERVER_RECORDS_RECORD_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/plan/plan.h"

// What comes through the door for records, and what became of it.

namespace mirror {

/// A member of a record.
struct RecordAttribute {
  std::string name;
  std::optional<std::string> json;  ///< The value as JSON; absent: null.
  std::string text;                 ///< What a column gets: the text of a string or a number, else the JSON.
  std::size_t values = 1;           ///< Of the JSON, see JsonLimits::values_max.
};

/// A business partner on its way in.
struct RecordItem {
  std::string external_id;
  std::vector<RecordAttribute> attributes;
  std::string failure;     ///< Why it cannot be taken, for people; empty: it can.
  std::uint64_t line = 0;  ///< Of the file that it comes from.
};

struct RecordFailure {
  std::string external_id, message;
  std::uint64_t line = 0;  ///< As RecordItem::line.
  std::size_t item = 0;    ///< Its place in the request.
};

enum class RecordOperation : std::uint8_t { kUpsert, kDelete };

/// What became of a request. Upsert: every row is one of `inserts`, `updates` and `failures`.
struct RecordOutcome {
  absl::Status status;  ///< Not OK: nothing of the request was done.
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  std::uint64_t unchanged = 0;  ///< Of the updates.
  std::vector<RecordFailure> failures;
  std::string remembered;  ///< The answer that this request got before; empty: it did not come before.
};

/// How a repetition of a request is known, and what it is answered.
struct RememberedRequest {
  std::string id;         ///< Of the document: who asked, for what, with which key.
  std::string body_hash;  ///< Another one under the same id is refused.
  /// Makes the answer of what the request does: what is kept is that, and of failures their places in the
  /// request, so that no external id stands there. Absent: the answer is kept as it is.
  std::function<std::string(const RecordOutcome& outcome)> answer = {};
};

/// A document that a request depends on, read under the store's writer lock before it is planned.
struct DocumentCheck {
  std::string kind, id;
  /// Its error is the request's outcome. Absent: there is no such document.
  std::function<absl::Status(const std::optional<Document>& document)> check;
};

struct RecordRequest {
  RecordOperation operation = RecordOperation::kUpsert;
  std::vector<RecordItem> items;
  bool updates_known = true;    ///< Upsert: an id that is known is an update, else it is that row's failure.
  bool all_or_nothing = false;  ///< One failure, and nothing is done.
  std::optional<RememberedRequest> remember = std::nullopt;
  /// Written in the same transaction, made of what the request does.
  std::function<std::vector<DocumentChange>(const RecordOutcome& outcome)> documents = {};
  std::optional<DocumentCheck> check = std::nullopt;
  std::uint64_t bytes = 0;  ///< What it weighs, for who commits several together.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RECORDS_RECORD_REQUEST_H_
