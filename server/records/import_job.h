#ifndef MIRROR_SERVER_RECORDS_IMPORT_JOB_H_
#define MIRROR_SERVER_RECORDS_IMPORT_JOB_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/plan/plan.h"
#include "server/records/record_request.h"

namespace mirror {

enum class JobState : std::uint8_t { kScheduled, kRunning, kFinished, kCouldNotStart, kDied };
/// Returns the name that the HTTP door uses: "SCHEDULED".
std::string_view ToString(JobState state);
inline bool IsOver(JobState state) { return state != JobState::kScheduled && state != JobState::kRunning; }

/// Messages of jobs that a user ended.
inline constexpr char kJobCancelled[] = "cancelled", kJobCleared[] = "cleared";

/// An import of one file into one data source. It is stored as a document in the tenant's mirror, so it moves
/// with the mirror.
struct ImportJob {
  std::string id;  ///< "Acme--crm-5b2f0c1e8d7a": the tenant and 12 digits.
  std::string storage, source;
  std::string key;     ///< Name of the API key that requested the import.
  std::string upload;  ///< Location of the file.
  std::string server;  ///< Server that has the file: the name of its uploads folder. Empty: the only server.
  bool updates_known = true;
  JobState state = JobState::kScheduled;
  std::string message;
  std::uint64_t progress = 0;  ///< 0 to 100.
  std::uint64_t seq = 0;       ///< Last block of the file that is committed, see ImportRows::seq.
  std::uint64_t ahead = 0;     ///< Number of committed rows after that block.
  std::uint64_t inserts = 0, updates = 0, unchanged = 0, failed = 0;
  std::uint64_t rejects = 0;       ///< Rejects that are kept, see RejectOf().
  std::uint64_t rejects_read = 0;  ///< Number of rejects from reading the file that are already counted; when
                                   ///< the file is read again, that many are skipped.
  std::int64_t created_ms = 0, modified_ms = 0;
};

inline constexpr char kRejectKind[] = "reject";  ///< Id: the job's id, a slash and a number of eight digits.
inline constexpr std::uint64_t kRejectsKeptMax = 10'000;
inline constexpr std::size_t kJobsKeptMax = 1'000;  ///< Limit for one data source.

/// Returns the tenant in a job's id; empty: it is not a job's id.
std::string TenantOfJob(const std::string& id);
std::string JobText(const ImportJob& job);
/// Absent: the text cannot be parsed.
std::optional<ImportJob> JobOf(const std::string& text);
/// Returns the jobs that can be parsed.
std::vector<ImportJob> JobsIn(const std::vector<Document>& documents);
DocumentChange JobChange(const ImportJob& job);
/// Returns the job in the state after it died with `message`.
ImportJob DeadJob(ImportJob job, const std::string& message, std::int64_t now_ms);

/// A row that was rejected.
struct Reject {
  std::uint64_t line = 0;
  std::string external_id;  ///< As text, in the form that is compared; empty: unknown.
  std::string message, raw;
};
std::string RejectId(const std::string& job, std::uint64_t number);
/// If the external id of the row is unknown, `raw` is not kept: a deletion of that id would not find it.
std::string RejectText(const Reject& reject);
std::optional<Reject> RejectOf(const std::string& text);

}  // namespace mirror

#endif  // MIRROR_SERVER_RECORDS_IMPORT_JOB_H_
