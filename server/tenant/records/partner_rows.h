#ifndef MIRROR_SERVER_TENANT_RECORDS_PARTNER_ROWS_H_
#define MIRROR_SERVER_TENANT_RECORDS_PARTNER_ROWS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"
#include "server/records/record_merge.h"

// Rows of kPartnerTable between columns and partners.

namespace mirror {

/// `kept`: the table in its kept form, with all columns of which the block is. A column that is left out is
/// null. The block's nulls are completed.
absl::StatusOr<std::vector<PartnerRow>> PartnersOf(const TableSchema& agreed, const TableSchema& kept,
                                                   RowBlock* rows);

/// The rows as a block of these columns of `agreed`.
RowBlock BlockOf(const TableSchema& agreed, const std::vector<std::uint32_t>& columns,
                 const std::vector<const PartnerRow*>& rows);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_RECORDS_PARTNER_ROWS_H_
