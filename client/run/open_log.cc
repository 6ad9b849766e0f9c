#include "client/run/open_log.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "client/exchange/exchange_tables.h"
#include "client/run/datajoin_run.h"
#include "client/run/log_kinds.h"
#include "client/run/source_rules.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/log/change_log.h"
#include "client/source/sqlite/sqlite_signal.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

using Tables = std::vector<std::string>;

// --- SQLite -------------------------------------------------------------------

ChangeLogOptions SqliteOptionsOf(const SourceConfig& source, const LogUser& user) {
  if (user.state_dir.empty()) return LogOptionsOf(source);
  ChangeLogOptions options = OwnLogOptionsOf(source, user.state_dir, user.source_id);
  options.source_id = user.source_id;
  options.owner.takes_over = user.takes_over;
  return options;
}

absl::StatusOr<std::unique_ptr<SourceLog>> OpenSqliteLog(const SourceConfig& source, const LogUser& user,
                                                         KeptLog* /*kept*/,
                                                         const std::atomic<bool>* /*stop*/) {
  ASSIGN_OR_RETURN(std::unique_ptr<ChangeLog> log, ChangeLog::Open(SqliteOptionsOf(source, user)));
  return std::unique_ptr<SourceLog>(std::move(log));
}

/// Makes the exchange's tables. Returns what was done, for people.
absl::StatusOr<std::string> MakeExchange(const SourceConfig& source) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteFile> file, SqliteFile::Open(source.path, Use::kChange));
  ASSIGN_OR_RETURN(const bool made, MakeExchangeTables(*file));
  return absl::StrCat("the exchange's tables _mirror_exchange, _mirror_inbox and _mirror_ledger ",
                      made ? "are made" : "are there");
}

absl::StatusOr<InstalledLog> InstallSqliteLog(const SourceConfig& source, const LogUser& user,
                                              const Tables& tables) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ChangeLog> log, ChangeLog::Install(SqliteOptionsOf(source, user)));
  ASSIGN_OR_RETURN(const std::string moved, log->Bind({}));
  Tables logged = tables;
  std::erase(logged, kLedgerTable);
  std::string done = absl::StrCat("the changes of ", Counted(logged.size(), "table"), " are logged");
  if (source.accept.any()) {
    ASSIGN_OR_RETURN(const std::string made, MakeExchange(source));
    absl::StrAppend(&done, "; ", made);
    logged.emplace_back(kLedgerTable);
  }
  ASSIGN_OR_RETURN(const Tables renewed, log->Renew(logged));
  // After the logs: their entries so far are no news for the outbox.
  ASSIGN_OR_RETURN(const std::string datajoin, InstallDatajoin(source));
  if (!datajoin.empty()) absl::StrAppend(&done, "; ", datajoin);
  std::string blind;
  for (const std::string& table : tables) {
    const TableLog* entry = log->Find(table);
    if (entry != nullptr && entry->table.blind) absl::StrAppend(&blind, blind.empty() ? "" : ", ", table);
  }
  if (!blind.empty()) {
    absl::StrAppend(
        &done,
        ". These tables are sent whole whenever they change, since REPLACE can remove their rows without a "
        "trigger: ",
        blind);
  }
  return InstalledLog{log->source_id(), std::move(done)};
}

absl::StatusOr<bool> UninstallSqliteLog(const SourceConfig& source, const LogUser& user) {
  return ChangeLog::Uninstall(SqliteOptionsOf(source, user));
}

absl::StatusOr<WaitingChanges> CountWaitingInSqlite(const SourceConfig& source, const LogUser& user) {
  return ChangeLog::Waiting(source.path, SqliteOptionsOf(source, user).owner);
}

std::unique_ptr<ChangeSignal> OpenSqliteSignal(const SourceConfig& source, const KeptLog& /*kept*/,
                                               FileWatcher& watcher) {
  return std::make_unique<SqliteSignal>(source.path, watcher);
}

// --- Servers ------------------------------------------------------------------

std::unique_ptr<ChangeSignal> OpenServerSignal(const SourceConfig& /*source*/, const KeptLog& kept,
                                               FileWatcher& /*watcher*/) {
  return std::make_unique<KeptLogSignal>(kept);
}

bool HasPostgresScript(const SourceConfig& /*source*/) { return true; }
/// For MariaDB only the exchange's tables are made.
bool HasMariadbScript(const SourceConfig& source) { return source.accept.any(); }

// ------------------------------------------------------------------------------

struct LogKind {
  SourceKind kind;
  absl::StatusOr<std::unique_ptr<SourceLog>> (*open)(const SourceConfig&, const LogUser&, KeptLog*,
                                                     const std::atomic<bool>*);
  absl::StatusOr<InstalledLog> (*install)(const SourceConfig&, const LogUser&, const Tables&);
  absl::StatusOr<bool> (*uninstall)(const SourceConfig&, const LogUser&);
  absl::StatusOr<WaitingChanges> (*count_waiting)(const SourceConfig&, const LogUser&);
  std::unique_ptr<ChangeSignal> (*open_signal)(const SourceConfig&, const KeptLog&, FileWatcher&);
  /// Whether another role may have to run print_install's script. Null: the kind needs none.
  bool (*has_script)(const SourceConfig&) = nullptr;
  /// Null: the kind needs no script.
  absl::StatusOr<std::string> (*print_install)(const SourceConfig&, const LogUser&, const Tables&) = nullptr;
  /// Null: it logs every table.
  absl::StatusOr<std::map<std::string, std::string>> (*find_unlogged)(const SourceConfig&) = nullptr;
  /// SQL that drops the exchange's tables, empty: none exists. Null: they belong to the log's owner.
  absl::StatusOr<std::string> (*find_exchange)(const SourceConfig&) = nullptr;
  /// Statements that take the rights of the agent's user back, empty: it has none. Null: the kind has no
  /// users.
  absl::StatusOr<std::string> (*find_rights)(const SourceConfig&) = nullptr;
};
/// The kinds with KindTraits.reads_log.
constexpr LogKind kLogKinds[] = {
    {SourceKind::kSqlite, OpenSqliteLog, InstallSqliteLog, UninstallSqliteLog, CountWaitingInSqlite,
     OpenSqliteSignal},
    {SourceKind::kPostgres, OpenPostgresLog, InstallPostgresLog, UninstallPostgresLog, CountWaitingInStage,
     OpenServerSignal, HasPostgresScript, PrintPostgresInstall, FindUnloggedInPostgres,
     FindExchangeInPostgres, RevokeInPostgres},
    {SourceKind::kMariadb, OpenMariadbLog, InstallMariadbLog, UninstallMariadbLog, CountWaitingInStage,
     OpenServerSignal, HasMariadbScript, PrintMariadbInstall, FindUnloggedInMariadb, FindExchangeInMariadb,
     RevokeInMariadb}};

/// Null: the kind has no log.
const LogKind* LogKindOf(const SourceConfig& source) { return RowOfKind(kLogKinds, source.kind); }

absl::Status HasNoLog(const SourceConfig& source) {
  return absl::UnimplementedError(
      absl::StrCat("a source of kind \"", ToString(source.kind), "\" has no change log"));
}

/// A warning is given when the stage has more than so many tenths of `max_stage`. Not earlier, because the
/// stage's file shrinks only when a quarter of it is free.
constexpr std::int64_t kStageTenths = 8;

std::string Size(std::int64_t bytes) { return SizeText(static_cast<std::uint64_t>(bytes)); }

std::string OverWal(std::int64_t lag, std::int64_t most) {
  return absl::StrCat(
      "the source's log is ", Size(lag), " ahead of this agent, over max_wal (", Size(most),
      "). The log stays on the source's disk until the agent reads it. Nothing is lost. Check whether runs "
      "succeed ('mirror-agent status'), and check the slot ('mirrorctl doctor --source')");
}

std::string KeptByOthers(std::int64_t retained, std::int64_t most) {
  return absl::StrCat(
      "the source keeps ", Size(retained), " of its log for this agent, over max_wal (", Size(most),
      "), although the agent has read all committed changes: a transaction that has been open for long holds "
      "the log. Nothing is lost. End that transaction; 'mirrorctl doctor --source' names it");
}

std::string SoonLost(std::int64_t safe) {
  return absl::StrCat(
      "after ", Size(safe),
      " more of its log, the source drops the log that it keeps for this agent (max_slot_wal_keep_size), and "
      "the agent has to compare all tables. Nothing is lost so far. Make sure that runs succeed, or raise "
      "that limit");
}

std::string StageIsFull(std::int64_t bytes, std::int64_t most) {
  return absl::StrCat(
      "the stage has ", Size(bytes), " of max_stage (", Size(most),
      "). Above this limit the agent drops staged rows that the mirror already has, oldest first. If that is "
      "not enough, it drops the staged changes of the largest table and compares that table instead. Nothing "
      "is lost. Raise max_stage, or let the endpoint take rows");
}

}  // namespace

absl::StatusOr<std::unique_ptr<SourceLog>> OpenLog(const SourceConfig& source, const LogUser& user,
                                                   KeptLog* kept, const std::atomic<bool>* stop) {
  const LogKind* const kind = LogKindOf(source);
  if (kind == nullptr) return nullptr;
  absl::StatusOr<std::unique_ptr<SourceLog>> log = kind->open(source, user, kept, stop);
  if (kept != nullptr) kept->is_missing = log.ok() && *log == nullptr;
  return log;
}

std::unique_ptr<ChangeSignal> OpenSignal(const SourceConfig& source, const KeptLog& kept,
                                         FileWatcher& watcher) {
  const LogKind* const kind = LogKindOf(source);
  return !source.follow || kind == nullptr ? nullptr : kind->open_signal(source, kept, watcher);
}

absl::StatusOr<InstalledLog> InstallLog(const SourceConfig& source, const LogUser& user,
                                        const std::vector<std::string>& tables) {
  const LogKind* const kind = LogKindOf(source);
  return kind == nullptr ? HasNoLog(source) : kind->install(source, user, tables);
}

absl::StatusOr<std::string> PrintInstall(const SourceConfig& source, const LogUser& user,
                                         const std::vector<std::string>& tables) {
  const LogKind* const kind = LogKindOf(source);
  if (kind == nullptr) return HasNoLog(source);
  if (kind->print_install != nullptr) return kind->print_install(source, user, tables);
  return absl::UnimplementedError(
      absl::StrCat("a source of kind \"", ToString(source.kind),
                   "\" needs no script: 'mirror-agent install' does all that is needed"));
}

bool HasInstallScript(const SourceConfig& source) {
  const LogKind* const kind = LogKindOf(source);
  return kind != nullptr && kind->has_script != nullptr && kind->has_script(source);
}

absl::StatusOr<std::map<std::string, std::string>> FindUnlogged(const SourceConfig& source) {
  const LogKind* const kind = LogKindOf(source);
  if (kind == nullptr || kind->find_unlogged == nullptr) return std::map<std::string, std::string>();
  return kind->find_unlogged(source);
}

absl::StatusOr<bool> UninstallLog(const SourceConfig& source, const LogUser& user) {
  const LogKind* const kind = LogKindOf(source);
  return kind == nullptr ? absl::StatusOr<bool>(false) : kind->uninstall(source, user);
}

absl::StatusOr<std::string> LeftByUninstall(const SourceConfig& source) {
  const LogKind* const kind = LogKindOf(source);
  if (source.accept.any() || kind == nullptr || kind->find_exchange == nullptr) return std::string();
  const absl::StatusOr<std::string> drop = kind->find_exchange(source);
  if (!drop.ok() || drop->empty()) return drop;
  return absl::StrCat(
      "the exchange's tables stay, since this [[source]] has no 'accept' and another source may use them. If "
      "no source needs them any more, let the database's owner run ",
      *drop);
}

absl::StatusOr<std::string> KeptAfterUninstall(const SourceConfig& source) {
  const LogKind* const kind = LogKindOf(source);
  if (kind == nullptr || kind->find_rights == nullptr) return std::string();
  const absl::StatusOr<std::string> revoke = kind->find_rights(source);
  if (!revoke.ok() || revoke->empty()) return revoke;
  return absl::StrCat(
      "the agent's user keeps its rights. If nothing else uses this user, let the administrator who granted "
      "the rights run ",
      *revoke);
}

absl::StatusOr<WaitingChanges> CountWaiting(const SourceConfig& source, const LogUser& user) {
  const LogKind* const kind = LogKindOf(source);
  return kind == nullptr ? WaitingChanges() : kind->count_waiting(source, user);
}

std::vector<std::string> NearBounds(const LogFigures& figures, const SourceConfig& source) {
  std::vector<std::string> near;
  const std::int64_t wal = source.server.max_wal_bytes, stage = source.server.max_stage_bytes;
  if (figures.lag && *figures.lag > wal) {
    near.push_back(OverWal(*figures.lag, wal));
  } else if (figures.retained && *figures.retained > wal) {
    near.push_back(KeptByOthers(*figures.retained, wal));
  }
  // Only a quarter of the allowed log is left.
  if (figures.safe && figures.retained && *figures.safe < *figures.retained / 3)
    near.push_back(SoonLost(*figures.safe));
  if (figures.stage_bytes && *figures.stage_bytes > stage / 10 * kStageTenths)
    near.push_back(StageIsFull(*figures.stage_bytes, stage));
  return near;
}

}  // namespace mirror
