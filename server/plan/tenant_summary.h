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

/// Failures of cycles; a refusal before a cycle began counts, too.
struct CycleFailure {
  std::int64_t since_ms = 0;  ///< Time of the first failure since the last good cycle; 0: no failure.
  std::int64_t last_ms = 0;
  std::string why = {};  ///< Reason of the last failure, for people.
  friend bool operator==(const CycleFailure&, const CycleFailure&) = default;
};

/// Kind of a document without an id. It is written with each new import job, and its time is the job's.
inline constexpr char kLastJobKind[] = "job.last";

/// A tenant's state that can be read without opening its database. It is made when the database is opened,
/// when a cycle begins or ends, and when an operator acts. The catalog keeps it over a restart. Times are
/// unix milliseconds; 0: never.
struct TenantSummary {
  bool known = false;  ///< The other values are valid: they were read, now or before the last restart.
  std::int64_t completed_ms = 0;
  std::int64_t progress_ms = 0;
  bool active = false;  ///< A cycle is running.
  bool paused = false;
  bool moving = false;  ///< The pause belongs to a move, which runs or is done: see MoveMark.
  bool quarantined = false;
  std::string quarantine = {};  ///< What is damaged, if `quarantined`.
  std::string issuer = {}, environment = {}, source_id = {};
  std::int64_t cycle = 0;
  std::string pause_reason = {};
  std::string waiting_source = {};  ///< Id of another source database, which waits for an operator.
  CycleFailure failure = {};
  std::uint32_t holds = 0;  ///< Number of holds that wait for a decision.
  std::uint32_t tables = 0;
  std::uint32_t tables_differing = 0;    ///< Number of tables that were found to differ from the source.
  std::uint32_t tables_unpopulated = 0;  ///< Number of tables at LSN -1.
  std::uint32_t tables_refused = 0;      ///< Number of tables refused in the last announcement.
  std::uint32_t tables_unsent = 0;       ///< Number of tables that the source could not send in the last
                                         ///< completed cycle.
  std::int64_t rows = 0;                 ///< Sum over the tables whose number of rows is known.
  std::int64_t lsn = -1;                 ///< The highest LSN of all tables.
  std::uint64_t bytes = 0;               ///< Size on disk of a shared mirror; 0: not read yet.
  /// Oldest source time of a table; tables without a known time are ignored. 0 for records, which have no
  /// such time.
  std::int64_t oldest_source_ms = 0;
  std::vector<std::string> table_names;  ///< Names of all tables.
  /// Content of the documents beside the rows. Absent: not read yet.
  std::optional<ListedDocuments> documents;
  std::int64_t job_ms = 0;  ///< Time of the tenant's newest import job, see kLastJobKind.
  /// The times whose state the tables show. `targets` stays empty: readers take them from the configuration,
  /// which may have changed since.
  Freshness freshness;
  friend bool operator==(const TenantSummary&, const TenantSummary&) = default;

  bool HasRecords() const { return issuer == kRecordsIssuer; }
};
/// Returns "cycles" or "records"; empty: not known.
std::string_view DoorWord(const TenantSummary& summary);

/// Replaces the values of `summary` that come from the tables.
void SummarizeTables(const std::vector<TableRecord>& records, const std::vector<TableCheck>& checks,
                     const Freshness& freshness, TenantSummary* summary);

/// Returns `summary` with the times of later commits. `times`: by folded name of the table.
TenantSummary WithTimes(const TenantSummary& summary, const std::map<std::string, std::int64_t>& times);

/// Returns `summary` with the times of its tables as `freshness` has them.
TenantSummary WithFreshness(const TenantSummary& summary, const Freshness& freshness);

/// Returns `summary` after a write of records, with the new number of rows and the new LSN of their table.
TenantSummary WithRecords(const TenantSummary& summary, std::int64_t rows, std::int64_t lsn);

/// Returns `before` with one more failed cycle.
CycleFailure FailedAgain(const CycleFailure& before, std::string_view why, std::int64_t now_ms);

/// Packs a summary for the catalog.
std::string PackSummary(const TenantSummary& summary);
/// Reads a packed summary. Absent: PackSummary() did not make this text.
std::optional<TenantSummary> UnpackSummary(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_TENANT_SUMMARY_H_
