#include "client/source/steps/pipeline_history.h"

#include <utility>

namespace mirror {

absl::StatusOr<std::vector<std::string>> PipelineHistory::Renew(const std::vector<std::string>& tables) {
  std::vector<std::string> names;
  for (const std::string& table : tables) names.push_back(SourceName(table));
  return inner_.Renew(names);
}

bool PipelineHistory::Complete(TableSchema& schema) {
  const PipelineReader::Origin* const origin = reader_.Find(schema.name);
  if (origin == nullptr) return inner_.Complete(schema);
  TableSchema source = origin->source;
  if (!inner_.Complete(source)) return false;
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    Column& column = schema.columns[i];
    const Column& before = origin->source.columns[origin->columns[i]];
    const Column& now = source.columns[origin->columns[i]];
    column.backfill = now.backfill;
    // One that the history has given it; of columns whose values go otherwise it gives none.
    if (!before.default_value) column.default_value = now.default_value;
    // The default is not what stands in the mirror.
    if (column.backfill == Backfill::kDefault && !column.default_value) column.backfill = Backfill::kUnknown;
  }
  return true;
}

absl::StatusOr<std::map<std::string, Position>> PipelineHistory::Begin(const std::vector<std::string>& tables,
                                                                       std::int64_t highest) {
  std::vector<std::string> names;
  for (const std::string& table : tables) names.push_back(SourceName(table));
  absl::StatusOr<std::map<std::string, Position>> targets = inner_.Begin(names, highest);
  if (!targets.ok()) return targets;
  std::map<std::string, Position> sent;
  for (std::size_t i = 0; i < tables.size(); ++i) sent[tables[i]] = targets->at(names[i]);
  return sent;
}

absl::Status PipelineHistory::Forget(const std::map<std::string, Position>& durable) {
  std::map<std::string, Position> source;
  for (const auto& [table, position] : durable) source[SourceName(table)] = position;
  return inner_.Forget(source);
}

}  // namespace mirror
