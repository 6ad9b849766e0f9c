#include "tools/mirrorctl/export/table_export.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/codec.h"
#include "tools/mirrorctl/export/parquet_output.h"
#include "tools/mirrorctl/export/text_outputs.h"

namespace mirror {
namespace {

absl::Status NoExport(std::string_view why) {
  return absl::InternalError(absl::StrCat("what the server sent is no export: ", std::string(why),
                                          ". Is this mirrorctl older than the server?"));
}

ExportNotes NotesOf(const v1::ExportHeader& header) {
  ExportNotes notes = {{"mirror_context_id", header.context_id()},
                       {"mirror_table", header.table().name()},
                       {"mirror_lsn", absl::StrCat(header.position().lsn())},
                       {"mirror_schema_hash", header.schema_hash()},
                       {"mirror_exported_ms", absl::StrCat(header.time_ms())}};
  if (header.moment() != 0) notes.emplace_back("mirror_moment", absl::StrCat(header.moment()));
  return notes;
}

}  // namespace

absl::Status TableExport::Take(v1::ExportPart* part) {
  switch (part->part_case()) {
    case v1::ExportPart::kHeader:
      return header_ ? NoExport("a second header") : Begin(std::move(*part->mutable_header()));
    case v1::ExportPart::kRows:
      return header_ && !is_ended_ ? AddRows(part->mutable_rows()) : NoExport("rows out of their place");
    case v1::ExportPart::kEnd:
      if (!header_ || is_ended_) return NoExport("an end out of its place");
      if (part->end().rows() != rows_) return NoExport("its end counts other rows than came");
      is_ended_ = true;
      return absl::OkStatus();
    case v1::ExportPart::PART_NOT_SET:
      break;
  }
  return NoExport("a part that is not known here");
}

absl::Status TableExport::Finish() {
  if (!is_ended_) {
    return absl::UnavailableError("the server sent only some of the rows: nothing was kept, so ask again");
  }
  return output_->End(NotesOf(*header_));
}

absl::Status TableExport::Begin(v1::ExportHeader header) {
  absl::StatusOr<TableSchema> table = DecodeTable(header.table(), WireLimits());
  if (!table.ok()) return NoExport(std::string(table.status().message()));
  table_ = *std::move(table);
  header_ = std::move(header);
  switch (format_) {
    case ExportFormat::kParquet:
      output_ = ParquetOutput(table_, sink_);
      break;
    case ExportFormat::kCsv:
      output_ = CsvOutput(table_, sink_);
      break;
    case ExportFormat::kJsonLines:
      output_ = JsonLinesOutput(table_, sink_);
      break;
  }
  return output_->Begin();
}

absl::Status TableExport::AddRows(v1::ExportRows* rows) {
  v1::ReadRowsResponse message;
  message.set_row_count(rows->row_count());
  message.mutable_columns()->Swap(rows->mutable_columns());
  const absl::StatusOr<ReadRowsView> view = DecodeRows(message, table_, WireLimits());
  if (!view.ok()) return NoExport(std::string(view.status().message()));
  bool is_whole = view->columns.size() == table_.columns.size();
  for (std::size_t i = 0; is_whole && i < view->columns.size(); ++i) {
    is_whole = view->columns[i].column == i && view->columns[i].large.empty();
  }
  if (!is_whole) return NoExport("rows with other columns than its header");
  rows_ += view->row_count;
  return output_->Write(view->columns, view->row_count);
}

}  // namespace mirror
