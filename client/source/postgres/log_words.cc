#include "client/source/postgres/log_words.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"

namespace mirror {
namespace {

constexpr char kLogPayload[] = "mirror.source/log";
constexpr char kStands[] = "Nothing was read, and the slot did not move";

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
                     "', so its log does not contain the changes. Nothing was read. Set it: ALTER SYSTEM SET "
                     "wal_level = logical, and restart the server"));
  }
  if (!look.slot) {
    return ToStatus(
        LogTrouble::kNoSlot,
        absl::StrCat("the server has no replication slot '", slot,
                     "': it was dropped, or this is another server. The changes since the last reading "
                     "cannot be read from the log. Run 'mirror-agent install'; then the tables are "
                     "compared"));
  }
  const ReplicationSlot& found = *look.slot;
  if (found.plugin != "pgoutput" || !found.here) {
    return ToStatus(LogTrouble::kOtherSlot,
                    absl::StrCat(SlotText(slot), " does not belong to a mirror: its plugin is '",
                                 found.plugin, "' and its database '", found.database, "'. ", kStands,
                                 ". Give the source another 'slot' in its configuration"));
  }
  if (found.is_lost()) {
    return ToStatus(
        LogTrouble::kLost,
        absl::StrCat(
            "the server has invalidated ", SlotText(slot), " (wal_status ", found.wal_status,
            found.invalidation.empty() ? "" : ", ", found.invalidation,
            "). The usual cause: the slot kept more of the log than max_slot_wal_keep_size allows. The "
            "changes since the last reading cannot be read from the log. The next cycle creates the slot "
            "again and compares the tables. More frequent cycles, or a higher limit, avoid this"));
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
                   ". End the other reader. If it has ended but its process on the server has not: SELECT "
                   "pg_terminate_backend(",
                   found.active_pid, ")"));
}

absl::Status PublicationMissing(const std::string& publication, const std::string& slot, bool exists) {
  if (!exists) {
    return ToStatus(LogTrouble::kNoPublication,
                    absl::StrCat("the database has no publication '", publication,
                                 "', and without it the log gives no changes. ", kStands,
                                 ". Run 'mirror-agent install'; then the tables are compared"));
  }
  return ToStatus(
      LogTrouble::kNoPublication,
      absl::StrCat(
          "the publication '", publication, "' does not exist at the position of ", SlotText(slot),
          ": it was created after the slot, or dropped and created again. From that position the slot gives "
          "no changes, and a retry does not help. ",
          kStands,
          ". The agent moves the slot past that position as soon as no other process reads it; then the "
          "tables are compared"));
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
    return ToStatus(LogTrouble::kNoFreeSlot,
                    absl::StrCat("all replication slots of the server are in use, so '", slot,
                                 "' was not created. Drop unused slots in pg_replication_slots, or raise "
                                 "max_replication_slots and restart the server"));
  }
  if (failure.sqlstate == "42704") {
    return ToStatus(LogTrouble::kNoSlot, absl::StrCat("the server has no replication slot '", slot, "'"));
  }
  return status;
}

}  // namespace mirror
