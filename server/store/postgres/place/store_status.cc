#include "server/store/postgres/place/store_status.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/db/postgres/failure.h"
#include "server/store/home.h"

namespace mirror {
namespace {

using postgres::Failure;
using postgres::Trouble;

/// Payload with the advice that ToStoreStatus() appended to a message.
constexpr char kAdvicePayload[] = "mirror.store/advice";

absl::StatusCode StoreCode(const Failure& failure, absl::StatusCode code, TableOwner touched) {
  switch (failure.trouble) {
    case Trouble::kRetry:
    case Trouble::kStalePlan:
    case Trouble::kCancelled:
      return absl::StatusCode::kUnavailable;
    case Trouble::kUndefined:
      // SQLSTATE 55000 is also used for temporary states, for example of a Citus node. They are no reason for
      // a quarantine.
      return touched == TableOwner::kOwnTable && failure.sqlstate != "55000"
                 ? absl::StatusCode::kDataLoss
                 : absl::StatusCode::kFailedPrecondition;
    case Trouble::kExists:
    case Trouble::kDenied:
    case Trouble::kNotLetIn:
    case Trouble::kRowSecurity:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return code;
  }
}

std::string AdviceOn(const Failure& failure, TableOwner touched) {
  switch (failure.trouble) {
    case Trouble::kRetry:
    case Trouble::kStalePlan:
    case Trouble::kCancelled:
      return "Nothing was applied; the same call again is safe.";
    case Trouble::kLost:
    case Trouble::kNotReady:
      return "Nothing was applied; check that this database runs. The same call again is safe.";
    case Trouble::kCommitUnknown:
      return "It is not known whether it was committed; the same call again is safe.";
    case Trouble::kReadOnly:
      return "Nothing was applied: that database is a standby now, or is set to read-only. Its connections "
             "were closed; the same call again is safe, and looks for the primary, which "
             "'target_session_attrs=read-write' finds among the hosts of a connection string.";
    case Trouble::kExists:
      return "Nothing was applied. Somebody made an object of that name in the mirror's schema: rename or "
             "drop it; the next cycle continues.";
    case Trouble::kUnsupported:
      if (touched == TableOwner::kOwnTable)
        return "Nothing was applied. Somebody changed a table that the mirror keeps for itself, or added "
               "something to it: undo that.";
      return "Nothing was applied. Something that somebody added to the table (a view, a rule, a policy, a "
             "generated column, a partition) or an extension prevents it: drop or change that; the next "
             "cycle continues. After 'mirrorctl invalidate' the next cycle makes the table again.";
    case Trouble::kConstraint:
      if (failure.constraint.empty() || touched == TableOwner::kOwnTable) return "";
      return absl::StrCat("Nothing of it was applied. If a DBA added '", failure.constraint,
                          "', drop it: the source's rows need not fulfil a constraint that the mirror did "
                          "not make.");
    case Trouble::kUndefined:
      if (touched == TableOwner::kOwnTable)
        return "Somebody dropped or changed a table that the mirror keeps for itself.";
      return "Somebody dropped or changed the table: after 'mirrorctl invalidate' the next cycle makes it "
             "again.";
    case Trouble::kDenied:
      return "The server's role needs all rights on the mirror's schema and on everything in it. If that "
             "role is the owner, somebody revoked rights: as that role or a superuser, type GRANT ALL ON "
             "SCHEMA, and GRANT ALL ON ALL TABLES IN SCHEMA, for that role. If it is not the owner, type "
             "ALTER … OWNER TO that role.";
    case Trouble::kRowSecurity:
      return "Row security must not apply to the table's owner, which is the server's role: type 'ALTER "
             "TABLE … NO FORCE ROW LEVEL SECURITY'. The policies still apply to readers.";
    default:
      return "";
  }
}

/// Returns the message without the advice that an earlier ToStoreStatus() appended.
std::string WithoutAdvice(const absl::Status& status) {
  const auto advice = status.GetPayload(kAdvicePayload);
  if (!advice) return std::string(status.message());
  return std::string(absl::StripSuffix(status.message(), std::string(*advice)));
}

}  // namespace

absl::Status ToStoreStatus(const absl::Status& status, TableOwner touched) {
  const Failure failure = postgres::FailureOf(status);
  if (failure.trouble == Trouble::kNone) return status;
  std::string advice = AdviceOn(failure, touched);
  if (!advice.empty()) advice.insert(0, ". ");
  absl::Status told(StoreCode(failure, status.code(), touched), absl::StrCat(WithoutAdvice(status), advice));
  status.ForEachPayload(
      [&told](absl::string_view type, const absl::Cord& payload) { told.SetPayload(type, payload); });
  told.SetPayload(kAdvicePayload, absl::Cord(advice));
  told.ErasePayload(kMissingPayload);
  if (failure.trouble == Trouble::kUndefined && touched == TableOwner::kOwnTable)
    told.SetPayload(kMissingPayload, absl::Cord(failure.sqlstate));
  return told;
}

bool MayTryAgain(const absl::Status& status) {
  const Trouble trouble = postgres::TroubleOf(status);
  return trouble == Trouble::kRetry || trouble == Trouble::kStalePlan;
}

bool SchemaWasThere(const absl::Status& made) {
  const postgres::Failure failure = postgres::FailureOf(made);
  return failure.sqlstate == "42P06" ||
         (failure.sqlstate == "23505" && failure.constraint == "pg_namespace_nspname_index");
}

}  // namespace mirror
