#include "server/rpc/admin/admin_service.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "proto/wire/codec.h"
#include "server/http/row_source.h"

namespace mirror {
namespace {

/// The approximate size of one message of rows.
constexpr std::size_t kExportPartBytes = 1'000'000;
/// One row may be larger, but limited: protobuf ends at 2 GiB, and a reader holds a whole message.
constexpr std::size_t kExportedRowBytesMax = 1 << 30;

/// Text for the audit log; it contains names only.
std::string CallText(const v1::ExportTableRequest& request) {
  return absl::StrCat("ExportTable ", request.context_id(), ": ", request.table(),
                      request.history() ? ", its history" : "",
                      request.as_of().empty() ? "" : ", as of another time");
}

void Encode(const RowsForm& form, v1::ExportHeader* header) {
  EncodeTable(form.table, header->mutable_table());
  EncodePosition(form.position, header->mutable_position());
  header->set_schema_hash(form.schema_hash);
  header->set_moment(form.moment);
  header->set_row_count(form.rows);
  header->set_time_ms(NowMs());
}

absl::Status Left() { return absl::CancelledError("the export was cancelled"); }

}  // namespace

grpc::Status AdminChanges::ExportTable(grpc::ServerContext* context, const v1::ExportTableRequest* request,
                                       grpc::ServerWriter<v1::ExportPart>* writer) {
  return ServeTenant(*context, Needs::kOperator, CallText(*request), *request,
                     [&](Tenant& tenant) { return Export(tenant, *context, *request, *writer); });
}

absl::Status AdminChanges::Export(Tenant& tenant, const grpc::ServerContext& context,
                                  const v1::ExportTableRequest& request,
                                  grpc::ServerWriter<v1::ExportPart>& writer) {
  ASSIGN_OR_RETURN(const std::unique_ptr<RowSource> source,
                   OpenRows(tenant, {request.table(), request.history(), request.as_of()}));
  v1::ExportPart part;
  Encode(source->form(), part.mutable_header());
  part.mutable_header()->set_context_id(tenant.context_id());
  if (!writer.Write(part)) return Left();
  std::uint64_t rows = 0;
  RETURN_IF_ERROR(source->Read(kExportPartBytes, GoesOn(context), [&](RowBlock* block) -> absl::Status {
    if (block->bytes() > kExportedRowBytesMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat("table '", source->form().table.name, "' has a row of ", block->bytes(),
                       " bytes, and the limit for an export is ", kExportedRowBytesMax,
                       ". The exported part is not complete. Read that table from a backup."));
    }
    v1::ReadRowsResponse encoded;
    EncodeRows(*block, &encoded);
    v1::ExportRows& message = *part.mutable_rows();
    message.set_row_count(encoded.row_count());
    message.mutable_columns()->Swap(encoded.mutable_columns());
    rows += encoded.row_count();
    return writer.Write(part) ? absl::OkStatus() : Left();
  }));
  part.mutable_end()->set_rows(rows);
  return writer.Write(part) ? absl::OkStatus() : Left();
}

}  // namespace mirror
