#include "server/hub/hub_session.h"

#include <cstddef>
#include <utility>

#include "base/status_macros.h"
#include "server/hub/hub_records.h"
#include "server/own_records/postgres_record.h"

namespace mirror {
namespace {

using postgres::Rows;

constexpr char kAtWork[] = "at work on the hub's schema";
constexpr int kWritesAtOnce = 200;
constexpr std::size_t kRecordsAtOnce = 10'000;
constexpr int kRowsAtOnce = 500;

}  // namespace

std::string_view HubSession::Keep(std::string text) { return kept_.emplace_back(std::move(text)); }

absl::Status HubSession::Write(std::string_view sql, postgres::Values values) {
  return WriteAsIs(schema_.Sql(sql), values);
}

absl::Status HubSession::Write(std::string_view sql, Fields fields) {
  fields.Own();
  return Write(sql, ValuesOf(kept_fields_.emplace_back(std::move(fields))));
}

absl::Status HubSession::WriteAsIs(const std::string& sql, postgres::Values values) {
  writes_.Queue(sql, values, kAtWork);
  return writes_.size() < kWritesAtOnce ? absl::OkStatus() : Flush();
}

absl::Status HubSession::Flush() {
  if (writes_.size() == 0) return absl::OkStatus();
  const absl::Status done = writes_.Run().status();
  kept_.clear();
  kept_fields_.clear();
  return done;
}

absl::StatusOr<Rows> HubSession::Query(std::string_view sql, postgres::Values values) {
  RETURN_IF_ERROR(Flush());
  return connection_.Query(schema_.Sql(sql), values, kAtWork);
}

absl::Status HubSession::WriteCounts() {
  for (const auto& [data_source, delta] : deltas_) {
    RETURN_IF_ERROR(
        Write("INSERT INTO @_hub_counts AS c VALUES ($1, $2, $3, $4) ON CONFLICT (data_source) DO UPDATE SET "
              "rows = c.rows + excluded.rows, writes = c.writes + excluded.writes, inserts = c.inserts + "
              "excluded.inserts",
              {Keep(data_source), delta.rows, delta.writes, delta.inserts}));
  }
  deltas_.clear();
  return absl::OkStatus();
}

void HubWorkList::Note(const std::string& golden_id, bool has_work) {
  if (!has_work) {
    records_.erase(golden_id);
  } else if (records_.size() < kRecordsAtOnce) {
    records_.insert(golden_id);
  }
}

absl::StatusOr<std::optional<std::string>> HubWorkList::NextRecord() {
  if (records_.empty()) {
    ASSIGN_OR_RETURN(const Rows rows,
                     session_.Query("SELECT golden_id FROM @_hub_records WHERE work IS NOT NULL LIMIT $1",
                                    {kRecordsAtOnce}));
    for (int row = 0; row < rows.rows(); ++row) records_.insert(rows.Text(row, 0));
  }
  if (records_.empty()) return std::nullopt;
  return *records_.begin();
}

absl::StatusOr<std::optional<RowRef>> HubWorkList::NextRow() {
  for (bool again = false;;) {
    if (new_rows_.empty()) {
      ASSIGN_OR_RETURN(const Rows rows, session_.Query("SELECT row_id FROM @_hub_rows WHERE golden_id IS "
                                                       "NULL AND row_id > $1 ORDER BY row_id LIMIT $2",
                                                       {last_new_row_, kRowsAtOnce}));
      for (int row = 0; row < rows.rows(); ++row) new_rows_.push_back(rows.Int(row, 0));
      if (new_rows_.empty() && (again || last_new_row_ == 0)) return std::nullopt;
      // Once more from the beginning: a row that was passed may be without a record again.
      again = new_rows_.empty();
      last_new_row_ = again ? 0 : new_rows_.back();
      continue;
    }
    ASSIGN_OR_RETURN(const Rows rows,
                     session_.Query(HubRowRefs().SelectSql(kHubAt, "WHERE row_id = $1 AND golden_id IS NULL"),
                                    {new_rows_.front()}));
    if (rows.rows() == 1) return ReadFirst(HubRowRefs(), rows);
    new_rows_.pop_front();
  }
}

}  // namespace mirror
