#include "server/tenant/records/partner_rows.h"

#include <optional>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "proto/wire/batch.h"
#include "server/records/record_mapper.h"

namespace mirror {
namespace {

/// By place in the agreed table.
void SetValue(std::size_t place, std::optional<std::string> value, PartnerRow* row) {
  switch (place) {
    case 0:
      row->external_id = std::move(value).value_or("");
      return;
    case 1:
      row->id = std::move(value).value_or("");
      return;
    case 2:
      row->created_at = std::move(value).value_or("");
      return;
    case 3:
      row->modified_at = std::move(value).value_or("");
      return;
    case 4:
      row->record = std::move(value);
      return;
    default:
      row->columns[place - kOwnPartnerColumns] = std::move(value);
  }
}

std::optional<std::string_view> ValueOf(std::size_t place, const PartnerRow& row) {
  switch (place) {
    case 0:
      return row.external_id;
    case 1:
      return row.id;
    case 2:
      return row.created_at;
    case 3:
      return row.modified_at;
    case 4:
      return row.record;
    default:
      return row.columns[place - kOwnPartnerColumns];
  }
}

}  // namespace

absl::StatusOr<std::vector<PartnerRow>> PartnersOf(const TableSchema& agreed, const TableSchema& kept,
                                                   RowBlock* rows) {
  ASSIGN_OR_RETURN(const ChangeBatch batch, BatchOf(kept, rows));
  std::vector<PartnerRow> partners(batch.row_count);
  for (PartnerRow& partner : partners) partner.columns.resize(agreed.columns.size() - kOwnPartnerColumns);
  for (const ColumnView& view : batch.columns) {
    const std::optional<std::uint32_t> place = agreed.Find(kept.columns[view.column].name);
    if (!place) continue;
    for (std::uint32_t row = 0; row < batch.row_count; ++row) {
      const Value value = view.At(row);
      SetValue(*place, value.kind == Kind::kNull ? std::nullopt : std::optional(std::string(value.bytes)),
               &partners[row]);
    }
  }
  return partners;
}

RowBlock BlockOf(const TableSchema& agreed, const std::vector<std::uint32_t>& columns,
                 const std::vector<const PartnerRow*>& rows) {
  RowBlock block = RowBlock::For(agreed, columns);
  for (ColumnBuffer& buffer : block.columns) {
    for (const PartnerRow* const row : rows) {
      const std::optional<std::string_view> value = ValueOf(buffer.column(), *row);
      if (value) {
        buffer.AppendBytes(*value);
      } else {
        buffer.AppendNull();
      }
    }
  }
  return block;
}

}  // namespace mirror
