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

inline constexpr char kSourceKind[] = "source";  ///< Of a document, one, without an id: the mapper.

/// The form that a source of records has: its mapper, and its table as agreed and as kept. Made once, and
/// good for as long as the table's hash and the mapper's text are the same. Threads: any.
struct RecordsForm {
  std::string schema_hash, mapper_text;  ///< What it was made of.
  RecordMapper mapper;
  TableSchema agreed, kept;
  bool is_ruled = false;  ///< Some column is not kept as it comes.
};

/// `record`: of the table, as it is now. `known`: the form that was found last, or none; it is given back
/// where nothing changed. Errors: as Store; kFailedPrecondition: what it keeps of itself is gone, or its rows
/// were kept by other rules than `rules`, those of the configuration.
absl::StatusOr<std::shared_ptr<const RecordsForm>> ReadForm(StoreRecords& records,
                                                            const std::string& context_id,
                                                            const TableRecord& record,
                                                            const ColumnRules& rules,
                                                            const std::shared_ptr<const RecordsForm>& known);

/// The table of a source of records with this mapper. With rules for some of its columns it keeps no record.
/// Errors: kInvalidArgument: a rule that its column cannot have.
absl::StatusOr<TableSchema> PartnerTableOf(const RecordMapper& mapper, const ColumnRules& rules);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_RECORDS_FORM_H_
