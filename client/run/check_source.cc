#include "client/run/check_source.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/folded_name.h"
#include "client/run/source_rules.h"
#include "client/source/mariadb/log/mariadb_log_checks.h"
#include "client/source/mariadb/mariadb_checks.h"
#include "client/source/odbc/odbc_checks.h"
#include "client/source/postgres/log/log_checks.h"
#include "client/source/postgres/postgres_checks.h"

namespace mirror {
namespace {

/// Of a rule for every minute those of a day; of a rarer one enough for its longest gap.
constexpr int kRunsLookedAt = 1'500;
constexpr std::int64_t kMinuteMs = 60'000, kDayMinutes = 24 * 60;

bool IsToBeLogged(const SourceConfig& source, const std::string& table) {
  const auto own = std::find_if(source.tables.begin(), source.tables.end(),
                                [&table](const TableConfig& one) { return SameName(one.name, table); });
  return (own == source.tables.end() ? source.strategy : StrategyOf(source, *own)) == Strategy::kCdc;
}

SourceFindings CheckOfPostgres(const SourceConfig& source) {
  const ServerSource& server = source.server;
  PostgresCheckOptions options;
  options.access.dsn = server.dsn;
  options.access.password_file = server.password_file;
  options.access.application_name = "mirrorctl doctor";
  options.schema = server.schema;
  options.choice = {.include = source.include, .skip = source.skip, .blocked = source.blocked};
  PostgresLogCheckOptions log;
  log.logs = [&source](const std::string& table) { return IsToBeLogged(source, table); };
  const std::string by_default = SlotName(source.context_id);
  log.slot = server.slot.empty() ? by_default : server.slot;
  log.publication = server.publication.empty() ? by_default : server.publication;
  log.pause_ms = LongestPauseMs(source, std::chrono::system_clock::now());
  log.snapshot_wait_ms = server.snapshot_wait_ms;
  log.max_wal_bytes = server.max_wal_bytes;
  if (UsesLog(source)) options.then = [&log](const PostgresCheckLook& look) { CheckPostgresLog(look, log); };
  return CheckPostgresSource(options);
}

SourceFindings CheckOfMariadb(const SourceConfig& source) {
  MariadbCheckOptions options;
  options.access = MariadbAccessOf(source);
  options.access.program_name = "mirrorctl doctor";
  options.choice = {.include = source.include, .skip = source.skip, .blocked = source.blocked};
  MariadbLogCheckOptions log;
  log.logs = [&source](const std::string& table) { return IsToBeLogged(source, table); };
  log.server_id = ServerIdOf(source);
  log.pause_ms = LongestPauseMs(source, std::chrono::system_clock::now());
  if (UsesLog(source)) options.then = [&log](const MariadbCheckLook& look) { CheckMariadbLog(look, log); };
  return CheckMariadbSource(options);
}

SourceFindings CheckOfOdbc(const SourceConfig& source) {
  OdbcCheckOptions options;
  options.access = OdbcAccessOf(source);
  options.choice = {.include = source.include, .skip = source.skip, .blocked = source.blocked};
  return CheckOdbcSource(options);
}

}  // namespace

SourceFindings CheckSource(const SourceConfig& source) {
  switch (source.kind) {
    case SourceKind::kPostgres:
      return CheckOfPostgres(source);
    case SourceKind::kMariadb:
      return CheckOfMariadb(source);
    case SourceKind::kOdbc:
      return CheckOfOdbc(source);
    default:
      return {};
  }
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

}  // namespace mirror
