#include "client/source/postgres/log_checks.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"
#include "client/source/postgres/publication.h"
#include "client/source/postgres/publication_facts.h"
#include "client/source/postgres/replication_slot.h"
#include "client/source/server/server_words.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

constexpr std::size_t kNamedMost = 10;
constexpr std::int64_t kDaySeconds = 86'400;
/// For a shorter period the written bytes are reported, not a rate per day.
constexpr std::int64_t kRateSeconds = 600;
constexpr std::int64_t kMebibyte = 1 << 20;

constexpr char kLogSettings[] =
    "SELECT current_setting('max_wal_senders')::int8, (SELECT count(*) FROM pg_stat_replication), "
    "(SELECT setting::int8 FROM pg_settings WHERE name = 'max_slot_wal_keep_size'), "
    // PostgreSQL 18 and later.
    "(SELECT setting::int8 FROM pg_settings WHERE name = 'idle_replication_slot_timeout'), "
    "(SELECT wal_bytes::int8 FROM pg_stat_wal), "
    "(SELECT extract(epoch FROM clock_timestamp() - stats_reset)::int8 FROM pg_stat_wal), "
    "pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8";

/// A transaction with a number holds a lock on it, visible to all; its start time is only visible to some.
constexpr char kOpenTransactions[] =
    "SELECT l.pid, coalesce(a.usename::text, ''), "
    "extract(epoch FROM clock_timestamp() - a.xact_start)::int8 FROM pg_locks l "
    "LEFT JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'transactionid' AND l.granted "
    "AND l.mode = 'ExclusiveLock' AND l.pid IS NOT NULL AND l.pid <> pg_backend_pid() "
    "ORDER BY 3 DESC NULLS LAST, 1 LIMIT 20";

/// Whether the role may make the wanted publication: for these tables, by its name.
constexpr char kMayInstall[] =
    "SELECT coalesce((SELECT pg_has_role(pubowner, 'USAGE') FROM pg_publication WHERE pubname = $2), "
    "has_database_privilege(current_database(), 'CREATE')) AND "
    "coalesce((SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class "
    "WHERE oid = ANY ($1::text::oid[])), true)";

constexpr char kPreparedTransactions[] =
    "SELECT gid, owner::text, database::text, extract(epoch FROM clock_timestamp() - prepared)::int8 "
    "FROM pg_prepared_xacts ORDER BY prepared LIMIT 20";

std::string SizeWords(std::int64_t bytes) {
  return SizeText(static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 0)));
}
std::string SecondsWords(std::int64_t seconds) { return SpanText(seconds * 1'000); }

/// One check of a server's log, finding by finding.
class LogChecks {
 public:
  LogChecks(const PostgresCheckLook& look, const PostgresLogCheckOptions& options)
      : look_(look), options_(options) {}

  void Run();

 private:
  struct Settings {
    std::int64_t senders_most = 0, senders = 0;
    std::int64_t keep_bytes = -1;                 ///< Negative: no limit.
    std::int64_t idle_seconds = 0;                ///< 0: never.
    std::int64_t wal_bytes = 0, wal_seconds = 0;  ///< Written since the counters began.
    std::int64_t BytesIn(std::int64_t seconds) const {
      const double of_second =
          wal_seconds > 0 ? static_cast<double>(wal_bytes) / static_cast<double>(wal_seconds) : 0;
      return std::llround(of_second * static_cast<double>(seconds));
    }
  };
  bool Ask();
  void CheckRight();
  void CheckServer();
  void CheckSlot();
  void SayLostSlot();
  void SaySlot(const ReplicationSlot& slot);
  void CheckKeptWal();
  void CheckIdleTimeout();
  void CheckPublication();
  void CheckMembership(const PublicationFacts* publication);
  void CheckTransactions();
  std::string WrittenWords() const;
  std::string InstallAdvice() const;

  const PostgresCheckLook& look_;
  const PostgresLogCheckOptions& options_;
  Settings settings_;
  SlotLook slots_;
  std::int64_t end_ = 0;                    ///< End of the server's log.
  std::optional<std::int64_t> kept_bytes_;  ///< Kept by the agent's slot; absent: no slot.
};

void LogChecks::Run() {
  CheckRight();
  if (look_.is_standby) {
    return look_.findings.Fail(
        "change log", "the server is a standby, which keeps no slot for the agent",
        "name the primary in 'dsn' (several hosts: target_session_attrs=read-write), or set strategy = "
        "\"synthetic\"");
  }
  if (!Ask()) return;
  CheckServer();
  CheckSlot();
  CheckKeptWal();
  CheckIdleTimeout();
  CheckPublication();
  CheckTransactions();
}

bool LogChecks::Ask() {
  const auto rows = look_.connection.Query(kLogSettings, {}, "asking for its settings");
  if (!rows.ok()) {
    look_.findings.CannotAsk("change log", rows.status());
    return false;
  }
  settings_.senders_most = rows->Int(0, 0);
  settings_.senders = rows->Int(0, 1);
  const std::int64_t keep = rows->Int(0, 2);
  settings_.keep_bytes = keep < 0 ? -1 : keep * kMebibyte;
  settings_.idle_seconds = rows->Int(0, 3);
  settings_.wal_bytes = rows->Int(0, 4);
  settings_.wal_seconds = rows->Int(0, 5);
  end_ = rows->Int(0, 6);
  absl::StatusOr<SlotLook> slots = LookAtSlot(look_.connection, options_.slot);
  if (!slots.ok()) {
    look_.findings.CannotAsk("slot", slots.status());
    return false;
  }
  slots_ = *std::move(slots);
  return true;
}

void LogChecks::CheckRight() {
  constexpr char kStep[] = "right REPLICATION";
  if (look_.may_replicate) return look_.findings.Ok(kStep, "the role has it");
  look_.findings.Fail(kStep, absl::StrCat("the role '", look_.role, "' lacks it, so it cannot read the log"),
                      absl::StrCat("ALTER ROLE ", SqlName(look_.role),
                                   " REPLICATION (as a superuser; on Amazon RDS: GRANT rds_replication TO ",
                                   SqlName(look_.role), ")"));
}

void LogChecks::CheckServer() {
  if (slots_.wal_level == "logical") {
    look_.findings.Ok("wal_level", "logical");
  } else {
    look_.findings.Fail("wal_level",
                        absl::StrCat("is ", slots_.wal_level, ": no changes can be read from the log"),
                        "ALTER SYSTEM SET wal_level = 'logical', then restart the server; or set strategy = "
                        "\"synthetic\"");
  }
  const auto room = [this](const char* step, const char* setting, std::int64_t used, std::int64_t most) {
    const std::string words = absl::StrCat(used, " of ", most, " are in use");
    if (used < most) return look_.findings.Ok(step, words);
    look_.findings.Fail(step, words,
                        absl::StrCat("raise ", setting, " and restart the server, or drop unused ones"));
  };
  if (!slots_.slot) room("replication slots", "max_replication_slots", slots_.slots, slots_.slots_max);
  room("WAL senders", "max_wal_senders", settings_.senders, settings_.senders_most);
}

void LogChecks::CheckSlot() {
  if (!slots_.slot) {
    return look_.findings.Warn("slot", absl::StrCat("there is no slot '", options_.slot, "'"),
                               InstallAdvice());
  }
  const ReplicationSlot& slot = *slots_.slot;
  if (slot.plugin != "pgoutput" || !slot.here) {
    return look_.findings.Fail(
        "slot",
        absl::StrCat("'", options_.slot, "' belongs to another program or database: plugin '", slot.plugin,
                     "', database '", slot.database, "'"),
        "give this source another name in 'slot'");
  }
  if (slot.restart_lsn != 0) kept_bytes_ = end_ - static_cast<std::int64_t>(slot.restart_lsn);
  if (slot.is_lost()) return SayLostSlot();
  SaySlot(slot);
}

void LogChecks::SayLostSlot() {
  look_.findings.Fail("slot",
                      absl::StrCat("'", options_.slot,
                                   "' is lost: the server kept no more of the log than "
                                   "max_slot_wal_keep_size allows"),
                      "the next cycle creates it again and compares all tables. Raise "
                      "max_slot_wal_keep_size, or run cycles more often");
}

void LogChecks::SaySlot(const ReplicationSlot& slot) {
  const std::int64_t lag = end_ - static_cast<std::int64_t>(slot.confirmed_flush_lsn);
  std::string words = absl::StrCat("'", options_.slot, "' is ", slot.wal_status, ", ", SizeWords(lag),
                                   " behind, and keeps ", SizeWords(kept_bytes_.value_or(0)), " of WAL");
  if (slot.safe_wal_size) absl::StrAppend(&words, "; lost after ", SizeWords(*slot.safe_wal_size), " more");
  if (slot.active_pid != 0) absl::StrAppend(&words, "; read by process ", slot.active_pid);
  if (slot.wal_status == "unreserved") {
    return look_.findings.Fail("slot", words,
                               "run a cycle at once ('mirror-agent once'): the slot may be lost at the next "
                               "checkpoint");
  }
  if (lag > options_.max_wal_bytes) {
    return look_.findings.Warn(
        "slot", absl::StrCat(words, ". That is over max_wal, ", SizeWords(options_.max_wal_bytes)),
        "check whether the agent runs: 'mirror-agent status'");
  }
  // An open transaction keeps the log that it has written; later log is confirmed.
  if (kept_bytes_ && *kept_bytes_ > options_.max_wal_bytes) {
    return look_.findings.Warn("slot", words, "end the oldest open transaction: see 'open transactions'");
  }
  look_.findings.Ok("slot", words);
}

std::string LogChecks::WrittenWords() const {
  if (settings_.wal_seconds < kRateSeconds) {
    return absl::StrCat("this server has written ", SizeWords(settings_.wal_bytes), " within ",
                        SecondsWords(settings_.wal_seconds));
  }
  return absl::StrCat("this server writes ", SizeWords(settings_.BytesIn(kDaySeconds)), " a day");
}

void LogChecks::CheckKeptWal() {
  constexpr char kStep[] = "kept WAL";
  const std::string now =
      kept_bytes_ ? absl::StrCat("the slot keeps ", SizeWords(*kept_bytes_), " now") : "there is no slot yet";
  if (settings_.keep_bytes < 0) {
    return look_.findings.Warn(
        kStep,
        absl::StrCat("max_slot_wal_keep_size has no limit: ", now, ", and ", WrittenWords(),
                     ". If the agent never runs again, all of that stays on the server's disk until the disk "
                     "is full"),
        absl::StrCat("ALTER SYSTEM SET max_slot_wal_keep_size = '", 2 * options_.max_wal_bytes / kMebibyte,
                     "MB', or as much as the disk can spare, and SELECT pg_reload_conf(); above that limit "
                     "the slot is lost, and tables are compared"));
  }
  const std::string limit = absl::StrCat("max_slot_wal_keep_size is ", SizeWords(settings_.keep_bytes));
  const std::int64_t in_pause = settings_.BytesIn(options_.pause_ms / 1'000);
  if (settings_.wal_seconds >= kRateSeconds && in_pause > settings_.keep_bytes) {
    return look_.findings.Warn(
        kStep,
        absl::StrCat(limit, ", but between two cycles (", SpanText(options_.pause_ms),
                     ") this server writes ", SizeWords(in_pause), ": the slot will be lost"),
        "raise it, or run cycles more often");
  }
  if (settings_.keep_bytes < options_.max_wal_bytes) {
    return look_.findings.Warn(kStep,
                               absl::StrCat(limit, ", less than max_wal, ", SizeWords(options_.max_wal_bytes),
                                            ": the slot is lost before an event reports its lag"),
                               "raise max_slot_wal_keep_size, or lower 'max_wal'");
  }
  look_.findings.Ok(kStep, absl::StrCat(limit, "; ", now, ", and ", WrittenWords()));
}

void LogChecks::CheckIdleTimeout() {
  if (settings_.idle_seconds == 0) return;
  constexpr char kStep[] = "slot timeout";
  const std::string limit =
      absl::StrCat("idle_replication_slot_timeout is ", SecondsWords(settings_.idle_seconds));
  // A single failed cycle must not lose the slot.
  if (settings_.idle_seconds * 1'000 >= 2 * options_.pause_ms) return look_.findings.Ok(kStep, limit);
  look_.findings.Warn(
      kStep,
      absl::StrCat(limit, ", and the pause between two cycles may be ", SpanText(options_.pause_ms),
                   ": a slot that is not read for that long is lost"),
      "raise it to at least twice that pause, or run cycles more often");
}

std::string LogChecks::InstallAdvice() const {
  std::vector<std::string> oids;
  for (const PostgresTable& table : look_.tables) {
    if (options_.logs(table.name) && WhyUnpublishable(table).empty()) oids.push_back(absl::StrCat(table.oid));
  }
  const std::string list = absl::StrCat("{", absl::StrJoin(oids, ","), "}");
  const auto may = look_.connection.Query(kMayInstall, {postgres::Value(list), options_.publication},
                                          "asking for the right to install");
  if (may.ok() && may->rows() > 0 && may->Bool(0, 0)) return "run 'mirror-agent install'";
  return kInstallForOwner;
}

void LogChecks::CheckPublication() {
  constexpr char kStep[] = "publication";
  const absl::StatusOr<std::optional<PublicationFacts>> facts =
      ReadPublication(look_.connection, options_.publication);
  if (!facts.ok()) return look_.findings.CannotAsk(kStep, facts.status());
  if (!*facts) {
    look_.findings.Warn(kStep, absl::StrCat("there is no publication '", options_.publication, "'"),
                        InstallAdvice());
    return CheckMembership(nullptr);
  }
  if (const std::string why = WhyUnusable(**facts); !why.empty()) {
    look_.findings.Fail(kStep, why, "do that as its owner");
  } else {
    look_.findings.Ok(kStep, absl::StrCat("'", options_.publication, "'"));
  }
  CheckMembership(&**facts);
}

void LogChecks::CheckMembership(const PublicationFacts* publication) {
  std::map<std::string, std::vector<std::string>> unlogged;  // By reason.
  std::vector<std::string> missing, narrowed;
  std::size_t logged = 0;
  for (const PostgresTable& table : look_.tables) {
    if (!options_.logs(table.name)) continue;
    const PublishedTable* const found = publication == nullptr ? nullptr : publication->Find(table.oid);
    if (const std::string why = WhyUnpublishable(table); !why.empty()) {
      unlogged[why].push_back(table.name);
    } else if (found == nullptr) {
      missing.push_back(table.name);
    } else if (found->filters || found->lists_columns) {
      narrowed.push_back(table.name);
    } else {
      ++logged;
    }
  }
  if (logged > 0) look_.findings.Ok("logged tables", Counted(logged, "table"));
  if (publication != nullptr && !missing.empty()) {
    look_.findings.Warn("not in publication",
                        absl::StrCat(ListNames(missing, kNamedMost), ": their changes are not in the log"),
                        absl::StrCat(InstallAdvice(), ", which adds them"));
  }
  if (!narrowed.empty()) {
    look_.findings.Fail(
        "narrowed tables",
        absl::StrCat("the publication has a row filter or a column list for ",
                     ListNames(narrowed, kNamedMost), ": changes are missing"),
        absl::StrCat(InstallAdvice(), "; filter with 'where' and 'columns' of a [[source.table]]"));
  }
  TellUnlogged(unlogged, &look_.findings);
}

void LogChecks::CheckTransactions() {
  constexpr char kStep[] = "open transactions";
  const auto open = look_.connection.Query(kOpenTransactions, {}, "asking for open transactions");
  if (!open.ok()) return look_.findings.CannotAsk(kStep, open.status());
  const auto prepared = look_.connection.Query(kPreparedTransactions, {}, "asking for prepared transactions");
  if (!prepared.ok()) return look_.findings.CannotAsk(kStep, prepared.status());
  const std::int64_t wait_s = options_.snapshot_wait_ms / 1'000;
  std::vector<std::string> waited;
  int hidden = 0;
  for (int row = 0; row < open->rows(); ++row) {
    if (open->IsNull(row, 2)) {
      ++hidden;
    } else if (open->Int(row, 2) > wait_s) {
      waited.push_back(absl::StrCat("process ", open->Int(row, 0), " of the role '", open->Text(row, 1),
                                    "', ", SecondsWords(open->Int(row, 2))));
    }
  }
  for (int row = 0; row < prepared->rows(); ++row) {
    if (prepared->Int(row, 3) <= wait_s) continue;
    waited.push_back(absl::StrCat("PREPARE TRANSACTION '", prepared->Text(row, 0), "' of the role '",
                                  prepared->Text(row, 1), "' in database '", prepared->Text(row, 2), "', ",
                                  SecondsWords(prepared->Int(row, 3))));
  }
  const std::string of_hidden =
      hidden == 0 ? ""
                  : absl::StrCat("; this role cannot see how long ", hidden,
                                 " more have been open (GRANT pg_read_all_stats allows it)");
  if (waited.empty()) {
    return look_.findings.Ok(kStep, absl::StrCat("none is open for longer than a new table waits, which is ",
                                                 SpanText(options_.snapshot_wait_ms), of_hidden));
  }
  look_.findings.Warn(
      kStep,
      absl::StrCat("a table that is new in the publication waits for these, and until they end the slot "
                   "keeps all WAL: ",
                   absl::StrJoin(waited, "; "), of_hidden),
      "end them: SELECT pg_terminate_backend(PROCESS); ROLLBACK PREPARED 'NAME' in its database");
}

}  // namespace

void CheckPostgresLog(const PostgresCheckLook& look, const PostgresLogCheckOptions& options) {
  LogChecks(look, options).Run();
}

}  // namespace mirror
