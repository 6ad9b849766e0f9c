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

/// That cycles fail, or are refused before they begin.
struct CycleFailure {
  std::int64_t since_ms = 0;  ///< When the first one failed since the last good one; 0: none did.
  std::int64_t last_ms = 0;
  std::string why = {};  ///< Of the last one, for people.
  friend bool operator==(const CycleFailure&, const CycleFailure&) = default;
};

/// A document without an id, written with each new import job: when it was written is when the job came.
inline constexpr char kLastJobKind[] = "job.last";

/// A tenant's state that can be read without its database: made when that is opened, when a cycle begins or
/// ends and when an operator acts, and kept in the catalog over a restart. Times are unix milliseconds; 0:
/// never.
struct TenantSummary {
  bool known = false;  ///< The rest was read, now or before the last restart.
  std::int64_t completed_ms = 0;
  std::int64_t progress_ms = 0;
  bool active = false;  ///< A cycle runs.
  bool paused = false;
  bool moving = false;  ///< Paused since it is part of a move, or left with one: see MoveMark.
  bool quarantined = false;
  std::string quarantine = {};  ///< What is wrong, when it is.
  std::string issuer = {}, environment = {}, source_id = {};
  std::int64_t cycle = 0;
  std::string pause_reason = {};
  std::string waiting_source = {};  ///< Another source database, which waits for an operator.
  CycleFailure failure = {};
  std::uint32_t holds = 0;  ///< That wait for a decision.
  std::uint32_t tables = 0;
  std::uint32_t tables_differing = 0;    ///< Found to differ from the source.
  std::uint32_t tables_unpopulated = 0;  ///< At LSN -1.
  std::uint32_t tables_refused = 0;      ///< Of the last announcement.
  std::uint32_t tables_unsent = 0;       ///< That the source could not send in the last completed cycle.
  std::int64_t rows = 0;                 ///< Of the tables whose number is known.
  std::int64_t lsn = -1;                 ///< The highest of its tables.
  std::uint64_t bytes = 0;               ///< On disk, of a shared mirror; 0: nobody asked yet.
  /// Source time of the oldest table, among those whose time is known. Of records it means nothing, and is 0.
  std::int64_t oldest_source_ms = 0;
  std::vector<std::string> table_names;  ///< Of all tables.
  /// What is kept beside the rows. Absent: that was not read yet.
  std::optional<ListedDocuments> documents;
  std::int64_t job_ms = 0;  ///< When its newest import job came, see kLastJobKind.
  /// As of when they are. Without targets: those are the configuration's, which may be another one by the
  /// time that this is read.
  Freshness freshness;
  friend bool operator==(const TenantSummary&, const TenantSummary&) = default;

  bool HasRecords() const { return issuer == kRecordsIssuer; }
};
/// "cycles", "records", or nothing where it is not known.
std::string_view DoorWord(const TenantSummary& summary);

/// What the tables say, in place of what `summary` had.
void SummarizeTables(const std::vector<TableRecord>& records, const std::vector<TableCheck>& checks,
                     const Freshness& freshness, TenantSummary* summary);

/// As of when tables are since then, by folded name: what commits said after `summary` was made.
TenantSummary WithTimes(const TenantSummary& summary, const std::map<std::string, std::int64_t>& times);

/// `summary` after records were written: how many rows there are then, and where their table stands.
TenantSummary WithRecords(const TenantSummary& summary, std::int64_t rows, std::int64_t lsn);

/// After one more cycle that failed.
CycleFailure FailedAgain(const CycleFailure& before, std::string_view why, std::int64_t now_ms);

/// For the catalog.
std::string PackSummary(const TenantSummary& summary);
/// Absent: not a text that PackSummary gave.
std::optional<TenantSummary> UnpackSummary(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_TENANT_SUMMARY_H_
