#include "client/run/check_source.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/name_pattern.h"
#include "client/exchange/datajoin/datajoin_objects.h"
#include "client/exchange/datajoin/sqlite_boxes.h"
#include "client/exchange/exchange_tables.h"
#include "client/exchange/mariadb_write_checks.h"
#include "client/exchange/postgres_write_checks.h"
#include "client/exchange/write_rights.h"
#include "client/run/open_source.h"
#include "client/run/source_rules.h"
#include "client/source/mariadb/mariadb_checks.h"
#include "client/source/mariadb/mariadb_log_checks.h"
#include "client/source/odbc/odbc_checks.h"
#include "client/source/postgres/log_checks.h"
#include "client/source/postgres/postgres_checks.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// Runs that are examined to find the longest pause. With a run every minute they cover a day; with a rarer
/// rule they cover its longest gap.
constexpr int kRunsLookedAt = 1'500;
constexpr char kDoctor[] = "mirrorctl doctor";
constexpr std::int64_t kMinuteMs = 60'000, kDayMinutes = 24 * 60;

bool IsToBeLogged(const SourceConfig& source, const std::string& table) {
  const auto own = std::find_if(source.tables.begin(), source.tables.end(),
                                [&table](const TableConfig& one) { return SameName(one.name, table); });
  return (own == source.tables.end() ? source.strategy : StrategyOf(source, *own)) == Strategy::kCdc;
}

PostgresCheckOptions PostgresLookOf(const SourceConfig& source) {
  PostgresCheckOptions options;
  options.access.dsn = source.server.dsn;
  options.access.password_file = source.server.password_file;
  options.schema = source.server.schema;
  options.choice = {.include = source.include, .skip = source.skip, .blocked = source.blocked};
  return options;
}

void CheckWritesOf(const SourceConfig& source, const PostgresCheckLook& look, SourceFindings* findings) {
  if (!source.accept.any()) return;
  CheckPostgresWrites(look, {source.server.schema, RulesOfExchange(source), source.exchange.datajoin()},
                      findings);
}

SourceFindings CheckOfPostgres(const SourceConfig& source) {
  const ServerSource& server = source.server;
  PostgresCheckOptions options = PostgresLookOf(source);
  options.access.application_name = kDoctor;
  PostgresLogCheckOptions log;
  log.logs = [&source](const std::string& table) { return IsToBeLogged(source, table); };
  const std::string by_default = SlotName(source.context_id);
  log.slot = server.slot.empty() ? by_default : server.slot;
  log.publication = server.publication.empty() ? by_default : server.publication;
  log.pause_ms = LongestPauseMs(source, std::chrono::system_clock::now());
  log.snapshot_wait_ms = server.snapshot_wait_ms;
  log.max_wal_bytes = server.max_wal_bytes;
  options.then = [&](const PostgresCheckLook& look) {
    if (UsesLog(source)) CheckPostgresLog(look, log);
    CheckWritesOf(source, look, &look.findings);
  };
  return CheckPostgresSource(options);
}

MariadbCheckOptions MariadbLookOf(const SourceConfig& source) {
  MariadbCheckOptions options;
  options.access = MariadbAccessOf(source);
  options.choice = {.include = source.include, .skip = source.skip, .blocked = source.blocked};
  return options;
}

void CheckWritesOf(const SourceConfig& source, const MariadbCheckLook& look, SourceFindings* findings) {
  if (source.accept.any()) CheckMariadbWrites(look, RulesOfExchange(source), findings);
}

SourceFindings CheckOfMariadb(const SourceConfig& source) {
  MariadbCheckOptions options = MariadbLookOf(source);
  options.access.program_name = kDoctor;
  MariadbLogCheckOptions log;
  log.logs = [&source](const std::string& table) { return IsToBeLogged(source, table); };
  log.server_id = ServerIdOf(source);
  log.pause_ms = LongestPauseMs(source, std::chrono::system_clock::now());
  options.then = [&](const MariadbCheckLook& look) {
    if (UsesLog(source)) CheckMariadbLog(look, log);
    CheckWritesOf(source, look, &look.findings);
  };
  return CheckMariadbSource(options);
}

SourceFindings CheckOfOdbc(const SourceConfig& source) {
  OdbcCheckOptions options;
  options.access = OdbcAccessOf(source);
  options.choice = {.include = source.include, .skip = source.skip, .blocked = source.blocked};
  return CheckOdbcSource(options);
}

/// Checks what deliveries need of a SQLite file. Whether the agent's user may write to the file is tested by
/// another check, which knows that user.
SourceFindings CheckDeliveriesOfSqlite(const SourceConfig& source) {
  SourceFindings findings;
  const absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source.path, Use::kLooks);
  absl::Status there = file.ok() ? CheckExchangeTables(**file) : file.status();
  if (there.ok() && source.exchange.datajoin()) {
    const ExchangeRules rules = RulesOfExchange(source);
    SqliteBoxes boxes(**file, rules);
    there = CheckDatajoinObjects(boxes.sql());
  }
  if (there.ok()) {
    findings.Ok(kDeliveriesStep, "the exchange's tables are there");
  } else {
    findings.Fail(kDeliveriesStep, std::string(there.message()), "do that, then run this again");
  }
  return findings;
}

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& other) { return SameName(other, name); });
}

bool IsBlocked(const SourceConfig& source, const std::string& name) {
  return std::any_of(source.blocked.begin(), source.blocked.end(),
                     [&](const auto& blocked) { return MatchesPattern(name, blocked.first); });
}

SourceFindings CheckDeliveriesOfPostgres(const SourceConfig& source) {
  SourceFindings findings;
  PostgresCheckOptions options = PostgresLookOf(source);
  options.then = [&](const PostgresCheckLook& look) { CheckWritesOf(source, look, &findings); };
  CheckPostgresSource(options);  // CheckSource() reports its own findings.
  return findings;
}

SourceFindings CheckDeliveriesOfMariadb(const SourceConfig& source) {
  SourceFindings findings;
  MariadbCheckOptions options = MariadbLookOf(source);
  options.then = [&](const MariadbCheckLook& look) { CheckWritesOf(source, look, &findings); };
  CheckMariadbSource(options);  // CheckSource() reports its own findings.
  return findings;
}

struct KindChecks {
  SourceKind kind;
  SourceFindings (*check_source)(const SourceConfig&);
  /// Null: the kind takes no deliveries.
  SourceFindings (*check_deliveries)(const SourceConfig&);
};
/// The kinds with checks.
constexpr KindChecks kKindChecks[] = {{SourceKind::kSqlite, CheckDeliveries, CheckDeliveriesOfSqlite},
                                      {SourceKind::kPostgres, CheckOfPostgres, CheckDeliveriesOfPostgres},
                                      {SourceKind::kMariadb, CheckOfMariadb, CheckDeliveriesOfMariadb},
                                      {SourceKind::kOdbc, CheckOfOdbc, nullptr}};

}  // namespace

SourceFindings CheckDeliveries(const SourceConfig& source) {
  const KindChecks* const checks = RowOfKind(kKindChecks, source.kind);
  if (!source.accept.any() || checks == nullptr || checks->check_deliveries == nullptr) return {};
  return checks->check_deliveries(source);
}

SourceFindings CheckSource(const SourceConfig& source) {
  const KindChecks* const checks = RowOfKind(kKindChecks, source.kind);
  return checks == nullptr ? SourceFindings() : checks->check_source(source);
}

std::int64_t LongestPauseMs(const SourceConfig& source, std::chrono::system_clock::time_point now) {
  std::int64_t longest = source.interval_ms;
  if (source.cron) {
    longest = 0;
    std::optional<CronRule::Time> last = source.cron->Next(now);
    for (int i = 0; last && i < kRunsLookedAt; ++i) {
      const std::optional<CronRule::Time> next = source.cron->Next(*last);
      if (!next) break;
      longest = std::max<std::int64_t>(
          longest, std::chrono::duration_cast<std::chrono::milliseconds>(*next - *last).count());
      last = next;
    }
  }
  std::int64_t quiet = 0;
  for (const QuietHours& hours : source.quiet) {
    const std::int64_t minutes = (hours.to - hours.from + kDayMinutes) % kDayMinutes;
    quiet = std::max(quiet, minutes * kMinuteMs);
  }
  return longest + quiet;
}

absl::StatusOr<std::vector<IdleTable>> FindIdleTables(const SourceConfig& source,
                                                      const std::vector<std::string>& sent) {
  std::vector<IdleTable> idle;
  std::vector<std::string> names;
  for (const TableConfig& table : source.tables) {
    if (Has(sent, SentName(table)) || IsBlocked(source, table.name)) continue;
    idle.push_back({&table, IdleTable::Why::kMissing, ""});
    names.push_back(table.name);
  }
  if (idle.empty()) return idle;
  const std::unique_ptr<SourceReader> whole = OpenWholeSource(source, {});
  if (whole == nullptr) return std::vector<IdleTable>();
  const absl::StatusOr<std::vector<std::string>> tables = whole->TableNames(),
                                                 with_views = OpenWholeSource(source, names)->TableNames();
  if (!tables.ok()) return tables.status();
  if (!with_views.ok()) return with_views.status();
  const KindTraits& traits = TraitsOf(source.kind);
  for (IdleTable& one : idle) {
    const std::string head = absl::StrCat("[[source.table]] '", one.table->name, "', line ", one.table->line);
    if (Has(*tables, one.table->name) || !one.table->key.empty()) {
      one.why = Has(*with_views, one.table->name) ? IdleTable::Why::kLeftOut : IdleTable::Why::kMissing;
    } else if (Has(*with_views, one.table->name)) {
      one.why = IdleTable::Why::kViewWithoutKey;
    }
    switch (one.why) {
      case IdleTable::Why::kMissing:
        one.words = absl::StrCat(
            head, ": the source has no such table",
            traits.reads_views ? " or view" : absl::StrCat(", and views of ", traits.called, " are not read"),
            ". Correct its 'name', or remove the [[source.table]]");
        break;
      case IdleTable::Why::kViewWithoutKey:
        one.words = absl::StrCat(
            head,
            ": it is a view, and views are sent only with a 'key': name the columns that identify a row");
        break;
      case IdleTable::Why::kLeftOut:
        one.words = absl::StrCat(head, ": the table is not sent, since 'include' and 'skip' leave it out");
        break;
    }
  }
  return idle;
}

std::vector<std::string> TablesToLog(const SourceConfig& source) {
  std::vector<std::string> tables;
  for (const TableConfig& table : source.tables) {
    if (table.strategy == Strategy::kCdc) tables.push_back(SentName(table));
  }
  return tables;
}

}  // namespace mirror
