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
/// As the door says it: "SCHEDULED".
std::string_view ToString(JobState state);
inline bool IsOver(JobState state) { return state != JobState::kScheduled && state != JobState::kRunning; }

/// Messages of jobs that somebody ended.
inline constexpr char kJobCancelled[] = "cancelled", kJobCleared[] = "cleared";

/// An import of one file into one data source; a document of its tenant's mirror, which moves with the rows.
struct ImportJob {
  std::string id;  ///< "Acme--crm-5b2f0c1e8d7a": the tenant, and 12 digits.
  std::string storage, source;
  std::string key;     ///< Name of the API key that asked for it.
  std::string upload;  ///< Where the file is.
  std::string server;  ///< That has it: the name of its folder of uploads. Empty: the only server.
  bool updates_known = true;
  JobState state = JobState::kScheduled;
  std::string message;
  std::uint64_t progress = 0;  ///< 0 to 100.
  std::uint64_t seq = 0;       ///< The last rows of the file that are committed, see ImportRows::seq.
  std::uint64_t ahead = 0;     ///< How many rows behind those are committed, too.
  std::uint64_t inserts = 0, updates = 0, unchanged = 0, failed = 0;
  std::uint64_t rejects = 0;       ///< That are kept, see RejectOf().
  std::uint64_t rejects_read = 0;  ///< Of the file's own that are counted: after a kill they come once more.
  std::int64_t created_ms = 0, modified_ms = 0;
};

inline constexpr char kRejectKind[] = "reject";  ///< By the job's id, a slash and a number of eight digits.
inline constexpr std::uint64_t kRejectsKeptMax = 10'000;
inline constexpr std::size_t kJobsKeptMax = 1'000;  ///< Of one data source.

/// The tenant in a job's id; empty: it is none.
std::string TenantOfJob(const std::string& id);
std::string JobText(const ImportJob& job);
/// Absent: it cannot be read.
std::optional<ImportJob> JobOf(const std::string& text);
/// Those that can be read.
std::vector<ImportJob> JobsIn(const std::vector<Document>& documents);
DocumentChange JobChange(const ImportJob& job);
/// As it is when it dies of `message`.
ImportJob DeadJob(ImportJob job, const std::string& message, std::int64_t now_ms);

/// A row that was not taken.
struct Reject {
  std::uint64_t line = 0;
  std::string external_id;  ///< As text, as it would be compared; empty: it is not known.
  std::string message, raw;
};
std::string RejectId(const std::string& job, std::uint64_t number);
/// Of a row whose external id is not known, `raw` is not kept: nothing would find it when that is deleted.
std::string RejectText(const Reject& reject);
std::optional<Reject> RejectOf(const std::string& text);

}  // namespace mirror

#endif  // MIRROR_SERVER_RECORDS_IMPORT_JOB_H_
