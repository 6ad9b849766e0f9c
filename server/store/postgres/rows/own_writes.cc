#include "server/store/postgres/rows/own_writes.h"

#include <utility>

#include "base/status_macros.h"
#include "server/own_records/postgres_record.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {

void OwnWrites::Add(std::string sql, std::vector<postgres::Value> values) {
  statements_.push_back({std::move(sql), std::move(values)});
}

void OwnWrites::Add(std::string sql, const Fields& row) {
  std::vector<postgres::Value> values;
  values.reserve(row.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Field& field = row[i];
    const bool is_text = !field.is_null() && !field.text().empty();
    values.push_back(ValueOf(is_text ? Field(Keep(std::string(field.text()))) : field, row.column(i).kind));
  }
  Add(std::move(sql), std::move(values));
}

void OwnWrites::QueueIn(postgres::Pipeline& pipeline) const {
  for (const Statement& statement : statements_) {
    pipeline.Queue(statement.sql, statement.values, "writing the mirror's own tables");
  }
}

void OwnWrites::Clear() {
  statements_.clear();
  kept_.clear();
}

absl::StatusOr<std::vector<postgres::Rows>> OwnWrites::RunIn(postgres::Pipeline& pipeline) {
  absl::StatusOr<std::vector<postgres::Rows>> ran = pipeline.Run();
  Clear();
  ++sent_;
  if (ran.ok()) return ran;
  const absl::Status failed = ToStoreStatus(ran.status(), TableOwner::kOwnTable);
  failed_.Update(failed);
  return failed;
}

absl::Status OwnWrites::Send(postgres::Connection& connection) {
  if (empty()) return absl::OkStatus();
  postgres::Pipeline pipeline(connection);
  QueueIn(pipeline);
  return RunIn(pipeline).status();
}

absl::StatusOr<postgres::Rows> OwnWrites::SendAndQuery(postgres::Connection& connection,
                                                       const std::string& sql, postgres::Values values,
                                                       std::string_view doing) {
  postgres::Pipeline pipeline(connection);
  QueueIn(pipeline);
  pipeline.Queue(sql, values, doing);
  ASSIGN_OR_RETURN(std::vector<postgres::Rows> ran, RunIn(pipeline));
  return std::move(ran.back());
}

}  // namespace mirror
