#include "server/store/postgres/records/own_writes.h"

#include <utility>

#include "server/store/postgres/place/place_words.h"

namespace mirror {

void OwnWrites::Add(std::string sql, std::vector<postgres::Value> values) {
  statements_.push_back({std::move(sql), std::move(values)});
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

absl::Status OwnWrites::Send(postgres::Connection& connection) {
  if (empty()) return absl::OkStatus();
  postgres::Pipeline pipeline(connection);
  QueueIn(pipeline);
  const absl::Status ran = pipeline.Run().status();
  Clear();
  return InStoreWords(ran, Touched::kOwnTable);
}

}  // namespace mirror
