#include "server/tenant/records_form.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/records/record_mapper.h"

namespace mirror {

absl::StatusOr<std::shared_ptr<const RecordsForm>> ReadForm(StoreRecords& records,
                                                            const std::string& context_id,
                                                            const TableRecord& record,
                                                            const ColumnRules& rules,
                                                            const std::shared_ptr<const RecordsForm>& known) {
  ASSIGN_OR_RETURN(const std::optional<Document> source, records.ReadDocument(kSourceKind, ""));
  if (known && source && known->schema_hash == record.schema_hash && known->mapper_text == source->text)
    return known;
  ASSIGN_OR_RETURN(const std::optional<TableSchema> agreed, records.ReadSchema(kPartnerTable));
  if (!agreed || !source) {
    return absl::FailedPreconditionError(
        absl::StrCat("the metadata of data source '", context_id,
                     "' was removed by hand. Nothing was written. Restore a backup of it."));
  }
  ASSIGN_OR_RETURN(RecordMapper mapper, MapperOf(source->text));
  const absl::StatusOr<TableSchema> by_rules = PartnerTableOf(mapper, rules);
  if (!by_rules.ok()) return absl::FailedPreconditionError(by_rules.status().message());
  // Existing rows were kept by the former rules, and would be mixed with new ones.
  if (SchemaHash(*by_rules) != SchemaHash(*agreed)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the configuration's column rules for data source '", context_id,
                     "' differ from the rules that its rows were stored by. Nothing was written. Clear it "
                     "and send its rows again, or restore the former rules."));
  }
  const bool is_ruled = std::any_of(agreed->columns.begin(), agreed->columns.end(),
                                    [](const Column& column) { return column.rule != Rule::kPlain; });
  return std::make_shared<const RecordsForm>(RecordsForm{.schema_hash = record.schema_hash,
                                                         .mapper_text = source->text,
                                                         .mapper = std::move(mapper),
                                                         .agreed = *agreed,
                                                         .kept = KeptForm(*agreed),
                                                         .is_ruled = is_ruled});
}

absl::StatusOr<TableSchema> PartnerTableOf(const RecordMapper& mapper, const ColumnRules& rules) {
  TableSchema table = mapper.table();
  const absl::Status set = rules.Set(&table);
  for (std::size_t i = 0; i < kOwnPartnerColumns; ++i) {
    const Column& column = table.columns[i];
    if (column.rule == Rule::kPlain || column.name == kRecordColumn) continue;
    // A row is found by its original external id, and its kept values are merged with new ones.
    return absl::InvalidArgumentError(absl::StrCat(
        "table '", kPartnerTable, "', column '", column.name, "': this endpoint is configured to ",
        column.rule == Rule::kHashed   ? "hash it"
        : column.rule == Rule::kMasked ? "mask it"
                                       : "leave it out",
        ", and a data source of records keeps its external ids, ids and times as they are. Nothing was "
        "done. Ask the mirror's operator to list it under 'plain'."));
  }
  if (!set.ok()) return set;
  for (const Column& column : table.columns) {
    // The record contains all values, in their original form.
    if (column.rule != Rule::kPlain) {
      table.columns[*table.Find(kRecordColumn)].rule = Rule::kLeftOut;
      break;
    }
  }
  return table;
}

}  // namespace mirror
