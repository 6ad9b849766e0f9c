#include "client/source/postgres/postgres_moment.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/pipeline.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr char kHolding[] = "keeping one moment for all tables";
/// At the server, which counts from the last statement: a reading that began in time finds it there.
constexpr std::chrono::minutes kServerWaits = PostgresMoment::kKeptFor + std::chrono::minutes(2);

bool IsSnapshotName(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char letter) {
    return std::isxdigit(letter) != 0 || letter == '-';
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresMoment>> PostgresMoment::Hold(
    std::shared_ptr<PostgresSessions> sessions) {
  ASSIGN_OR_RETURN(std::unique_ptr<SourceReading> reading, SourceReading::Make(std::move(sessions)));
  std::unique_ptr<PostgresMoment> moment(new PostgresMoment(std::move(reading)));
  moment->begun_ = std::chrono::steady_clock::now();
  postgres::Pipeline pipeline(moment->reading_->connection());
  moment->reading_->Begin(pipeline);
  pipeline.Queue(absl::StrCat("SET LOCAL idle_in_transaction_session_timeout TO '",
                              std::chrono::duration_cast<std::chrono::seconds>(kServerWaits).count(), "s'"),
                 {}, kHolding);
  // Older servers do not know it.
  pipeline.Queue("SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'", {},
                 kHolding);
  const int named = pipeline.Queue("SELECT pg_export_snapshot()", {}, kHolding);
  ASSIGN_OR_RETURN(const std::vector<postgres::Rows> rows, pipeline.Run());
  moment->snapshot_ = rows[static_cast<std::size_t>(named)].Text(0, 0);
  if (!IsSnapshotName(moment->snapshot_)) return absl::InternalError("the source's snapshot has no name");
  return moment;
}

absl::Status PostgresMoment::Explain(absl::Status status) {
  const absl::StatusOr<std::int64_t> there =
      reading_->connection().Number("SELECT 1", {}, "looking whether the moment is kept");
  if (there.ok()) return status;
  return absl::UnavailableError(
      "the source's server ended the transaction that keeps the moment of which all tables are read (a "
      "restart, "
      "pg_terminate_backend, or a timeout for transactions that is set for the role or the database). What "
      "was "
      "committed of other tables stands; the next run reads the rest");
}

}  // namespace mirror
