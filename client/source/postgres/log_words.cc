#include "client/source/postgres/log_words.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"

namespace mirror {
namespace {

constexpr char kLogPayload[] = "mirror.source/log";
constexpr char kStands[] = "Nothing was read, and the slot stands where it was";

absl::StatusCode LogCodeOf(LogTrouble trouble) {
  switch (trouble) {
    case LogTrouble::kNone:
      return absl::StatusCode::kOk;
    case LogTrouble::kNoSlot:
      return absl::StatusCode::kNotFound;
    case LogTrouble::kInUse:
    case LogTrouble::kNoFreeSlot:
      return absl::StatusCode::kUnavailable;
    case LogTrouble::kBehindEnd:
      return absl::StatusCode::kOutOfRange;
    default:
      return absl::StatusCode::kFailedPrecondition;
  }
}

std::string SlotText(const std::string& slot) { return absl::StrCat("the replication slot '", slot, "'"); }

}  // namespace

LogTrouble LogTroubleOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kLogPayload);
  int number = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &number)) return LogTrouble::kNone;
  return static_cast<LogTrouble>(number);
}

absl::Status ToStatus(LogTrouble trouble, const std::string& words) {
  absl::Status status(LogCodeOf(trouble), words);
  status.SetPayload(kLogPayload, absl::Cord(std::to_string(static_cast<int>(trouble))));
  return status;
}

absl::Status WhyUnreadable(const std::string& slot, const SlotLook& look) {
  if (look.wal_level != "logical") {
    return ToStatus(
        LogTrouble::kNotLogical,
        absl::StrCat("the server's wal_level is '", look.wal_level,
                     "', so that its log does not tell what changed. Nothing was read. Set it: ALTER "
                     "SYSTEM SET wal_level = logical, and restart the server"));
  }
  if (!look.slot) {
    return ToStatus(
        LogTrouble::kNoSlot,
        absl::StrCat("the server has no replication slot '", slot,
                     "': it was dropped, or this is another server. What changed since it was read "
                     "last is not to be had from the log. Run 'mirror-agent install'; the tables "
                     "are compared then"));
  }
  const ReplicationSlot& found = *look.slot;
  if (found.plugin != "pgoutput" || !found.here) {
    return ToStatus(LogTrouble::kOtherSlot,
                    absl::StrCat(SlotText(slot), " is not a mirror's: its plugin is '", found.plugin,
                                 "' and its database '", found.database, "'. ", kStands,
                                 ". Give the source another 'slot' in its configuration"));
  }
  if (found.is_lost()) {
    return ToStatus(
        LogTrouble::kLost,
        absl::StrCat(
            "the server has given up ", SlotText(slot), " (wal_status ", found.wal_status,
            found.invalidation.empty() ? "" : ", ", found.invalidation,
            "), since it kept more of the log than max_slot_wal_keep_size allows. What changed since "
            "it was read last is not to be had from the log. The next cycle makes it anew, and compares the "
            "tables. Cycles that are more frequent, or a higher limit, avoid it"));
  }
  return absl::OkStatus();
}

absl::Status SlotInUse(const std::string& slot, const ReplicationSlot& found) {
  std::string who = absl::StrCat("process ", found.active_pid, " of the server");
  if (!found.active_role.empty()) absl::StrAppend(&who, ", role '", found.active_role, "'");
  if (!found.active_application.empty())
    absl::StrAppend(&who, ", application '", found.active_application, "'");
  return ToStatus(
      LogTrouble::kInUse,
      absl::StrCat(SlotText(slot), " is active for PID ", found.active_pid, " (", who, "). ", kStands,
                   ". End the other reader; where it is gone, and its process is not: "
                   "SELECT pg_terminate_backend(",
                   found.active_pid, ")"));
}

absl::Status PublicationMissing(const std::string& publication, const std::string& slot, bool exists) {
  if (!exists) {
    return ToStatus(LogTrouble::kNoPublication,
                    absl::StrCat("the database has no publication '", publication,
                                 "', and without it the log tells nothing. ", kStands,
                                 ". Run 'mirror-agent install'; the tables are compared then"));
  }
  return ToStatus(
      LogTrouble::kNoPublication,
      absl::StrCat(
          "the publication '", publication, "' does not exist where ", SlotText(slot),
          " stands in the log: it was made after the slot, or dropped and made anew. From there the slot "
          "gives nothing, however often it is tried. ",
          kStands,
          ". The agent moves the slot past that place as soon as nobody else reads it, and the tables are "
          "compared"));
}

absl::Status ExplainLog(const absl::Status& status, const std::string& slot) {
  const postgres::Failure failure = postgres::FailureOf(status);
  const std::string words(status.message());
  const auto as = [&](LogTrouble trouble, const char* next) {
    return ToStatus(trouble, absl::StrCat(words, ". ", kStands, next));
  };
  if (failure.trouble == postgres::Trouble::kNotLetIn || failure.trouble == postgres::Trouble::kDenied) {
    return as(LogTrouble::kDenied, failure.trouble == postgres::Trouble::kDenied
                                       ? ". The role needs REPLICATION: ALTER ROLE gives it"
                                       : "");
  }
  if (failure.trouble == postgres::Trouble::kTooMany) return as(LogTrouble::kNoFreeSlot, "");
  // "configuration limit exceeded": no free slot.
  if (failure.sqlstate == "53400") {
    return ToStatus(
        LogTrouble::kNoFreeSlot,
        absl::StrCat("all replication slots of the server are in use, so that '", slot,
                     "' was not made. Drop those in pg_replication_slots that nobody needs, or raise "
                     "max_replication_slots and restart the server"));
  }
  if (failure.sqlstate == "42704") {
    return ToStatus(LogTrouble::kNoSlot, absl::StrCat("the server has no replication slot '", slot, "'"));
  }
  return status;
}

}  // namespace mirror
