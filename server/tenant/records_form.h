#ifndef MIRROR_SERVER_TENANT_RECORDS_FORM_H_
#define MIRROR_SERVER_TENANT_RECORDS_FORM_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/plan/column_rules.h"
#include "server/plan/plan.h"
#include "server/records/record_mapper.h"
#include "server/store/store.h"

namespace mirror {

inline constexpr char kSourceKind[] = "source";  ///< Kind of the one document that has the mapper; no id.

/// The form of a source of records: its mapper, and its table as agreed and as kept. It is made once, and
/// stays valid while the table's hash and the mapper's text do not change. Threads: any.
struct RecordsForm {
  std::string schema_hash, mapper_text;  ///< The values from which it was made.
  RecordMapper mapper;
  TableSchema agreed, kept;
  bool is_ruled = false;  ///< A column has a rule, so its values are not kept as they were received.
};

/// Reads the form. `record`: the table's present metadata row. `known`: the last form, or null. Returns
/// `known` if nothing changed. Errors: as Store; kFailedPrecondition: the document with the mapper is
/// missing, or the rows were kept under other rules than `rules`, the configured ones.
absl::StatusOr<std::shared_ptr<const RecordsForm>> ReadForm(StoreRecords& records,
                                                            const std::string& context_id,
                                                            const TableRecord& record,
                                                            const ColumnRules& rules,
                                                            const std::shared_ptr<const RecordsForm>& known);

/// Returns the table of a source of records with this mapper. If columns have rules, the table keeps no
/// records. Errors: kInvalidArgument: a rule does not fit its column.
absl::StatusOr<TableSchema> PartnerTableOf(const RecordMapper& mapper, const ColumnRules& rules);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_RECORDS_FORM_H_
