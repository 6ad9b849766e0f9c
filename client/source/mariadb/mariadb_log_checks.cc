#include "client/source/mariadb/mariadb_log_checks.h"

#include <map>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "client/source/mariadb/binlog_place.h"
#include "client/source/mariadb/mariadb_log_facts.h"

namespace mirror {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kPausesKept = 3;

/// False: the binlog cannot be read.
bool CheckBinlogSettings(const MariadbCheckLook& look, std::uint32_t server_id) {
  constexpr char kStep[] = "binlog";
  const absl::StatusOr<std::vector<std::string>> refusals = CheckBinlog(look.connection, server_id);
  if (!refusals.ok()) {
    look.findings.CannotAsk(kStep, refusals.status());
    return false;
  }
  for (const std::string& refusal : *refusals)
    look.findings.Fail(kStep, refusal, "do that, or set strategy = \"synthetic\"");
  if (refusals->empty()) {
    look.findings.Ok(
        kStep, absl::StrCat("it contains whole rows and column names, and is read as server_id ", server_id));
  }
  return refusals->empty();
}

void CheckBinlogExpiry(const MariadbCheckLook& look, std::int64_t pause_ms) {
  constexpr char kStep[] = "binlog expiry";
  const absl::StatusOr<std::optional<std::int64_t>> kept = ReadBinlogKeptSeconds(look.connection);
  if (!kept.ok()) return look.findings.CannotAsk(kStep, kept.status());
  if (!*kept) {
    return look.findings.Warn(
        kStep, "the server never removes its binlog, so its disk can become full",
        absl::StrCat("SET GLOBAL binlog_expire_logs_seconds = ", (kPausesKept * pause_ms + kDayMs) / 1'000,
                     " or more, also in its configuration"));
  }
  const std::int64_t needed_ms = kPausesKept * pause_ms + kDayMs;
  const std::string words = absl::StrCat("the server keeps its binlog for ", SpanText(**kept * 1'000));
  if (**kept * 1'000 >= needed_ms) return look.findings.Ok(kStep, words);
  look.findings.Warn(kStep,
                     absl::StrCat(words, ", and the pause between two cycles may be ", SpanText(pause_ms),
                                  ": changes that are removed before they are read are found by comparing "
                                  "all tables"),
                     absl::StrCat("SET GLOBAL binlog_expire_logs_seconds = ", needed_ms / 1'000,
                                  " (three such pauses and a day), also in its configuration"));
}

/// Reports what a server may lose in a power failure.
void CheckBinlogSync(const MariadbCheckLook& look) {
  constexpr char kStep[] = "sync_binlog";
  const absl::StatusOr<mariadb::Rows> rows = look.connection.Query(
      "SELECT @@global.sync_binlog, @@global.innodb_flush_log_at_trx_commit", "asking what it syncs");
  if (!rows.ok()) return look.findings.CannotAsk(kStep, rows.status());
  if (rows->Int(0, 0) == 1 && rows->Int(0, 1) == 1)
    return look.findings.Ok(kStep, "1: a commit is on disk before it is read");
  look.findings.Warn(
      kStep,
      absl::StrCat(
          "sync_binlog is ", rows->Int(0, 0), " and innodb_flush_log_at_trx_commit is ", rows->Int(0, 1),
          ": after a failure of its machine the server may lack rows that the mirror has; then all tables "
          "are populated"),
      "set both to 1, if the application can bear the cost");
}

void CheckLoggedTables(const MariadbCheckLook& look, const MariadbLogCheckOptions& options) {
  const absl::StatusOr<std::map<std::string, std::string>> unlogged =
      ReadUnlogged(look.connection, look.tables);
  if (!unlogged.ok()) return look.findings.CannotAsk("logged tables", unlogged.status());
  std::map<std::string, std::vector<std::string>> by_reason;
  std::size_t logged = 0;
  for (const MariadbTable& table : look.tables) {
    if (!options.logs(table.name)) continue;
    const auto why = unlogged->find(table.name);
    if (why == unlogged->end()) {
      ++logged;
    } else {
      by_reason[why->second].push_back(table.name);
    }
  }
  if (logged > 0) look.findings.Ok("logged tables", Counted(logged, "table"));
  TellUnlogged(by_reason, &look.findings);
}

}  // namespace

void CheckMariadbLog(const MariadbCheckLook& look, const MariadbLogCheckOptions& options) {
  if (CheckBinlogSettings(look, options.server_id)) {
    CheckBinlogExpiry(look, options.pause_ms);
    CheckBinlogSync(look);
  }
  CheckLoggedTables(look, options);
}

}  // namespace mirror
