#ifndef MIRROR_SERVER_PLAN_TENANT_SUMMARY_H_
#define MIRROR_SERVER_PLAN_TENANT_SUMMARY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/plan/plan.h"

namespace mirror {

/// Failure of cycles, or their refusal before they begin.
struct CycleFailure {
  std::int64_t since_ms = 0;  ///< Time of the first failure since the last good cycle; 0: no failure.
  std::int64_t last_ms = 0;
  std::string why = {};  ///< Reason of the last failure, for people.
  friend bool operator==(const CycleFailure&, const CycleFailure&) = default;
};

/// A document without an id, written with each new import job: its time is the time of the job.
inline constexpr char kLastJobKind[] = "job.last";

/// A tenant's state that can be read without opening its database. Made when the database is opened, when
/// a cycle begins or ends, and when an operator acts; the catalog keeps it over a restart. Times are unix
/// milliseconds; 0: never.
struct TenantSummary {
  bool known = false;  ///< The other values were read, now or before the last restart.
  std::int64_t completed_ms = 0;
  std::int64_t progress_ms = 0;
  bool active = false;  ///< A cycle runs.
  bool paused = false;
  bool moving = false;  ///< Paused because it is part of a move, or has moved: see MoveMark.
  bool quarantined = false;
  std::string quarantine = {};  ///< The damage, if it is quarantined.
  std::string issuer = {}, environment = {}, source_id = {};
  std::int64_t cycle = 0;
  std::string pause_reason = {};
  std::string waiting_source = {};  ///< Another source database, which waits for an operator.
  CycleFailure failure = {};
  std::uint32_t holds = 0;  ///< Those that wait for a decision.
  std::uint32_t tables = 0;
  std::uint32_t tables_differing = 0;    ///< Found to differ from the source.
  std::uint32_t tables_unpopulated = 0;  ///< At LSN -1.
  std::uint32_t tables_refused = 0;      ///< In the last announcement.
  std::uint32_t tables_unsent = 0;       ///< Not sent by the source in the last completed cycle.
  std::int64_t rows = 0;                 ///< Sum over the tables whose number of rows is known.
  std::int64_t lsn = -1;                 ///< The highest of its tables.
  std::uint64_t bytes = 0;               ///< On disk, for a shared mirror; 0: not read yet.
  /// Source time of the oldest table, among those with a known time. 0 for records, which have no such time.
  std::int64_t oldest_source_ms = 0;
  std::vector<std::string> table_names;  ///< Of all tables.
  /// The documents beside the rows. Absent: not read yet.
  std::optional<ListedDocuments> documents;
  std::int64_t job_ms = 0;  ///< Time of its newest import job, see kLastJobKind.
  /// The times as of which tables are current. Without targets: those are in the configuration, which may
  /// have changed when this is read.
  Freshness freshness;
  friend bool operator==(const TenantSummary&, const TenantSummary&) = default;

  bool HasRecords() const { return issuer == kRecordsIssuer; }
};
/// Returns "cycles", "records", or nothing if it is not known.
std::string_view DoorWord(const TenantSummary& summary);

/// Replaces the values of `summary` that come from the tables.
void SummarizeTables(const std::vector<TableRecord>& records, const std::vector<TableCheck>& checks,
                     const Freshness& freshness, TenantSummary* summary);

/// Returns `summary` with the times of later commits, by folded name of the table.
TenantSummary WithTimes(const TenantSummary& summary, const std::map<std::string, std::int64_t>& times);

/// Returns `summary` after a write of records: with the number of rows, and the LSN of their table.
TenantSummary WithRecords(const TenantSummary& summary, std::int64_t rows, std::int64_t lsn);

/// Returns the state after one more cycle that failed.
CycleFailure FailedAgain(const CycleFailure& before, std::string_view why, std::int64_t now_ms);

/// Packs a summary for the catalog.
std::string PackSummary(const TenantSummary& summary);
/// Reads it. Absent: PackSummary() did not make this text.
std::optional<TenantSummary> UnpackSummary(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_TENANT_SUMMARY_H_
