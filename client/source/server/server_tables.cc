#include "client/source/server/server_tables.h"

#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "client/source/steps/row_steps.h"

namespace mirror {

std::string SetGivenKey(const std::vector<std::string>& names, bool may_be_null, TableSchema* schema) {
  std::uint32_t position = 0;
  for (const std::string& name : names) {
    const std::optional<std::uint32_t> column = schema->Find(name);
    if (!column) {
      return absl::StrCat("its 'key' names the column '", name,
                          "', which the table does not have: correct the configuration");
    }
    if (schema->columns[*column].nullable && !may_be_null) {
      return absl::StrCat("its 'key' names the column '", name,
                          "', which may be NULL: make it NOT NULL in the source, or name another key");
    }
    schema->columns[*column].key_position = ++position;
    schema->columns[*column].nullable = false;
  }
  return "";
}

std::string WhyNoSteps(const TableSchema& schema, const TableSchema& for_steps, const TableSteps& steps) {
  if (const absl::Status checked = CheckSteps(schema, steps); !checked.ok())
    return std::string(checked.message());
  if (steps.where.empty()) return "";
  return std::string(RowSteps::MakeFilter(for_steps, steps).status().message());
}

const TableSteps* StepsOfTable(const std::vector<TableSteps>& steps, const std::string& table) {
  const auto found = std::find_if(steps.begin(), steps.end(),
                                  [&table](const TableSteps& its) { return SameName(its.table, table); });
  if (found == steps.end() || (found->where.empty() && found->hash.empty() && found->mask.empty()))
    return nullptr;
  return &*found;
}

void TellOnce(const std::vector<std::string>& now, std::string* told, std::vector<std::string>* notes) {
  std::string digest = now.empty() ? "" : HexDigest(absl::StrJoin(now, "\n")).substr(0, 16);
  if (digest != *told) notes->insert(notes->end(), now.begin(), now.end());
  *told = std::move(digest);
}

bool IsKeyNullable(const TableSchema& schema) {
  return std::any_of(schema.columns.begin(), schema.columns.end(),
                     [](const Column& column) { return column.key_position != 0 && column.nullable; });
}

void DropKey(TableSchema* schema) {
  for (Column& column : schema->columns) {
    if (std::exchange(column.key_position, 0) != 0) column.nullable = true;
  }
}

}  // namespace mirror
