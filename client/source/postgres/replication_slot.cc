#include "client/source/postgres/replication_slot.h"

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/lsn.h"
#include "base/db/postgres/name.h"
#include "base/digest.h"
#include "base/status_macros.h"
#include "client/source/postgres/log_words.h"

namespace mirror {
namespace {

using postgres::Rows;

constexpr std::size_t kOpenShown = 3;
/// Extra time after the server's own limit.
constexpr std::chrono::seconds kAnswerGrace{5};
constexpr int kEndWithinMs = 5'000;

/// to_jsonb() reads columns that only newer servers have; on older ones it gives NULL.
constexpr char kLookSql[] =
    "SELECT o.wal_level, o.slots_max, o.timeout, (SELECT count(*) FROM pg_replication_slots), s.plugin, "
    "s.database, s.database = current_database(), s.wal_status, s.safe_wal_size, s.restart_lsn, "
    "s.confirmed_flush_lsn, s.active_pid, a.usename, a.application_name, coalesce(to_jsonb(s) ->> "
    "'invalidation_reason', CASE WHEN to_jsonb(s) ->> 'conflicting' = 'true' THEN 'conflict' END), "
    "s.slot_name, o.end_lsn FROM (SELECT current_setting('wal_level') AS wal_level, "
    "current_setting('max_replication_slots') AS slots_max, (SELECT setting FROM pg_settings WHERE name = "
    "'wal_sender_timeout') AS timeout, CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE "
    "pg_current_wal_flush_lsn() END AS end_lsn) o LEFT JOIN pg_replication_slots s ON s.slot_name = @slot "
    "LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid";

std::int64_t SlotNumber(const Rows& rows, int column) {
  std::int64_t number = 0;
  return absl::SimpleAtoi(rows.Text(0, column), &number) ? number : 0;
}

std::uint64_t SlotLsn(const Rows& rows, int row, int column) {
  const absl::StatusOr<std::uint64_t> lsn = postgres::ParseLsn(rows.View(row, column));
  return lsn.ok() ? *lsn : 0;
}

ReplicationSlot ReadSlot(const Rows& rows) {
  ReplicationSlot slot;
  slot.plugin = rows.Text(0, 4);
  slot.database = rows.Text(0, 5);
  slot.here = rows.View(0, 6) == "t";
  slot.wal_status = rows.Text(0, 7);
  if (!rows.IsNull(0, 8)) slot.safe_wal_size = SlotNumber(rows, 8);
  slot.restart_lsn = SlotLsn(rows, 0, 9);
  slot.confirmed_flush_lsn = SlotLsn(rows, 0, 10);
  slot.active_pid = static_cast<int>(SlotNumber(rows, 11));
  slot.active_role = rows.Text(0, 12);
  slot.active_application = rows.Text(0, 13);
  slot.invalidation = rows.Text(0, 14);
  return slot;
}

/// Returns whether the process was ended.
bool EndOwnReader(postgres::Connection& connection, const ReplicationSlot& slot,
                  const std::string& application) {
  const absl::StatusOr<std::string> name = postgres::QuotedText(application);
  if (!name.ok()) return false;
  const absl::StatusOr<Rows> ended =
      connection.Command(absl::StrCat("SELECT pg_terminate_backend(pid, ", kEndWithinMs,
                                      ") FROM pg_stat_activity WHERE pid = ", slot.active_pid,
                                      " AND usename = current_user AND application_name = ", *name),
                         "ending the agent's own reader of the slot");
  return ended.ok() && ended->rows() == 1 && ended->View(0, 0) == "t";
}

}  // namespace

absl::StatusOr<SlotLook> LookAtSlot(postgres::Connection& connection, const std::string& slot) {
  ASSIGN_OR_RETURN(const std::string name, postgres::QuotedText(slot));
  std::string sql(kLookSql);
  sql.replace(sql.find("@slot"), 5, name);
  ASSIGN_OR_RETURN(const Rows rows, connection.Command(sql, "checking the replication slot"));
  if (rows.rows() != 1 || rows.columns() != 17)
    return absl::InternalError("checking the replication slot: the server's answer is not one row");
  SlotLook look;
  look.wal_level = rows.Text(0, 0);
  look.slots_max = SlotNumber(rows, 1);
  look.sender_timeout = std::chrono::milliseconds(SlotNumber(rows, 2));
  look.slots = SlotNumber(rows, 3);
  look.end_lsn = SlotLsn(rows, 0, 16);
  if (!rows.IsNull(0, 15)) look.slot = ReadSlot(rows);
  return look;
}

std::string DefaultLogName(std::string_view context_id) {
  std::string name;
  for (const char c : context_id) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_') {
      name += c;
    } else {
      name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : '_';
    }
  }
  constexpr std::string_view kPrefix = "_mirror_";
  constexpr std::size_t kDigits = 8;
  if (name == context_id && name.size() <= postgres::kNameBytesMax - kPrefix.size())
    return absl::StrCat(std::string(kPrefix), name);
  name.resize(std::min(name.size(), postgres::kNameBytesMax - kPrefix.size() - kDigits - 1));
  return absl::StrCat(std::string(kPrefix), name, "_", HexDigest(context_id).substr(0, kDigits));
}

absl::Status CheckSlotName(std::string_view slot) {
  const bool is_one = !slot.empty() && slot.size() <= postgres::kNameBytesMax &&
                      std::all_of(slot.begin(), slot.end(), [](char c) {
                        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
                      });
  if (is_one) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "'", std::string(slot), "' is not a valid name of a replication slot: PostgreSQL allows 1 to ",
      postgres::kNameBytesMax, " lower case letters, digits and '_'"));
}

absl::StatusOr<std::uint64_t> CreateSlot(postgres::Connection& connection, const std::string& slot,
                                         std::chrono::milliseconds within) {
  RETURN_IF_ERROR(CheckSlotName(slot));
  ASSIGN_OR_RETURN(const SlotLook look, LookAtSlot(connection, slot));
  if (look.slot) {
    return absl::AlreadyExistsError(
        absl::StrCat("the server has a replication slot '", slot, "' already. It was not changed"));
  }
  if (absl::Status why = WhyUnreadable(slot, look); LogTroubleOf(why) != LogTrouble::kNoSlot) return why;
  const postgres::AnswersWithin patience(connection, within + kAnswerGrace);
  // Each wait for an open transaction is a wait for a lock, so only the total can be limited.
  const absl::StatusOr<Rows> made = connection.Command(
      absl::StrCat("SET LOCAL lock_timeout TO 0; SET LOCAL statement_timeout TO ", within.count(),
                   "; SELECT lsn FROM pg_create_logical_replication_slot('", slot, "', 'pgoutput')"),
      absl::StrCat("making the replication slot '", slot, "'"));
  if (made.ok()) return SlotLsn(*made, 0, 0);
  if (postgres::TroubleOf(made.status()) != postgres::Trouble::kCancelled)
    return ExplainLog(made.status(), slot);
  const std::string open = OpenTransactions(connection);
  return absl::UnavailableError(absl::StrCat(
      "the replication slot '", slot,
      "' waits for the transactions that were open when the agent requested it, and ", within.count(),
      " ms were not enough. It was not created. Open now: ", open.empty() ? "none" : open,
      ". End the ones that are not needed, and try again"));
}

absl::Status DropSlot(postgres::Connection& connection, const std::string& slot,
                      const std::string& application) {
  absl::StatusOr<SlotLook> look = LookAtSlot(connection, slot);
  if (!look.ok()) return look.status();
  if (!look->slot) return absl::OkStatus();
  if (absl::Status why = WhyUnreadable(slot, *look); LogTroubleOf(why) == LogTrouble::kOtherSlot) return why;
  if (look->slot->active_pid != 0) {
    if (!EndOwnReader(connection, *look->slot, application)) return SlotInUse(slot, *look->slot);
  }
  ASSIGN_OR_RETURN(const std::string name, postgres::QuotedText(slot));
  const absl::StatusOr<Rows> dropped =
      connection.Command(absl::StrCat("SELECT pg_drop_replication_slot(", name, ")"),
                         absl::StrCat("dropping the replication slot '", slot, "'"));
  // Another session has dropped it, or reads it now.
  const absl::Status why = dropped.ok() ? absl::OkStatus() : ExplainLog(dropped.status(), slot);
  if (LogTroubleOf(why) == LogTrouble::kNoSlot) return absl::OkStatus();
  if (postgres::FailureOf(why).sqlstate != "55006") return why;
  look = LookAtSlot(connection, slot);
  return look.ok() && look->slot ? SlotInUse(slot, *look->slot) : why;
}

absl::StatusOr<std::uint64_t> AdvanceSlot(postgres::Connection& connection, const std::string& slot,
                                          std::uint64_t to) {
  const absl::StatusOr<SlotLook> look = LookAtSlot(connection, slot);
  if (!look.ok()) return look.status();
  RETURN_IF_ERROR(WhyUnreadable(slot, *look));
  if (look->slot->active_pid != 0) return SlotInUse(slot, *look->slot);
  if (to <= look->slot->confirmed_flush_lsn) return look->slot->confirmed_flush_lsn;
  ASSIGN_OR_RETURN(const std::string name, postgres::QuotedText(slot));
  const absl::StatusOr<Rows> moved =
      connection.Command(absl::StrCat("SELECT end_lsn FROM pg_replication_slot_advance(", name, ", '",
                                      postgres::FormatLsn(to), "')"),
                         absl::StrCat("advancing the replication slot '", slot, "'"));
  if (!moved.ok()) return ExplainLog(moved.status(), slot);
  return SlotLsn(*moved, 0, 0);
}

std::string OpenTransactions(postgres::Connection& connection) {
  const absl::StatusOr<Rows> rows = connection.Command(
      "SELECT concat('process ', pid, ' (role ', usename, ', application ', application_name, ')') FROM "
      "pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() UNION ALL "
      "SELECT concat('the prepared transaction ', quote_literal(gid)) FROM pg_prepared_xacts",
      "asking which transactions are open");
  if (!rows.ok()) return "";
  std::vector<std::string> shown;
  for (int row = 0; row < rows->rows(); ++row) {
    if (shown.size() < kOpenShown) shown.push_back(rows->Text(row, 0));
  }
  const auto more = static_cast<std::size_t>(rows->rows()) - shown.size();
  return absl::StrCat(absl::StrJoin(shown, ", "), more > 0 ? absl::StrCat(", and ", more, " more") : "");
}

}  // namespace mirror
