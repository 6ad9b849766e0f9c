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

inline constexpr char kSourceKind[] = "source";  ///< Kind of the document, without id, with the mapper.

/// The form of a source of records: its mapper, and its table as agreed and as kept. Made
/// once, and valid while the table's hash and the mapper's text stay the same. Threads: any.
struct RecordsForm {
  std::string schema_hash, mapper_text;  ///< The values from which it was made.
  RecordMapper mapper;
  TableSchema agreed, kept;
  bool is_ruled = false;  ///< Some column has a rule, so it is not kept as received.
};

/// `record`: the current row of the table. `known`: the last form, or null; it is returned
/// if nothing changed. Errors: as Store; kFailedPrecondition: its own document is missing,
/// or its rows were kept by other rules than `rules`, which are those of the configuration.
absl::StatusOr<std::shared_ptr<const RecordsForm>> ReadForm(StoreRecords& records,
                                                            const std::string& context_id,
                                                            const TableRecord& record,
                                                            const ColumnRules& rules,
                                                            const std::shared_ptr<const RecordsForm>& known);

/// Returns the table of a source of records with this mapper. With rules for some
/// columns it keeps no record. Errors: kInvalidArgument: a rule does not fit its column.
absl::StatusOr<TableSchema> PartnerTableOf(const RecordMapper& mapper, const ColumnRules& rules);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_RECORDS_FORM_H_
