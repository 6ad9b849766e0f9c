#ifndef MIRROR_PROTO_WIRE_CODEC_H_
#define MIRROR_PROTO_WIRE_CODEC_H_

#include <string>

#include "absl/status/statusor.h"
#include "mirror/v1/change_batch.pb.h"
#include "mirror/v1/mirror_client.pb.h"
#include "mirror/v1/table.pb.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "proto/wire/limits.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"

namespace mirror {

/// Reads and checks one announced table. Errors: kInvalidArgument (CheckTable), kResourceExhausted (columns).
absl::StatusOr<TableSchema> DecodeTable(const v1::Table& message, const WireLimits& limits);
void EncodeTable(const TableSchema& table, v1::Table* message);
/// Returns the value for AuthenticateRequest.announced_sha256. `announcement` must have no cycle.
std::string AnnouncementSha256(const v1::TableSchemaRequest& announcement);

/// Decodes and checks a batch. The result has views into `message`, which must outlive it. After this call
/// every value can be bound. Checked are: lengths against row_count, row_count times columns, UTF-8, declared
/// length, range, NULL in a column that is not nullable, the columns that the operation needs, duplicate
/// keys. Errors: kInvalidArgument naming table, column, row and reason; kResourceExhausted over a limit.
absl::StatusOr<ChangeBatch> DecodeBatch(const v1::ChangeBatch& message, const TableSchema& table,
                                        const WireLimits& limits);

/// Copies the columns of `block` into `message` and sets row_count.
void EncodeRows(const RowBlock& block, v1::ChangeBatch* message);

void EncodeRows(const RowBlock& block, v1::ReadRowsResponse* message);

/// Rows that the endpoint returned. They are views into the message, which must outlive them.
struct ReadRowsView {
  std::uint32_t row_count = 0;
  std::vector<ColumnView> columns;
};
/// Decodes rows, with the same checks as for a batch's columns. Errors: kInvalidArgument.
absl::StatusOr<ReadRowsView> DecodeRows(const v1::ReadRowsResponse& message, const TableSchema& table,
                                        const WireLimits& limits);

/// Decodes a range of keys of `table`. Errors: kInvalidArgument: a bound does not have one value of the right
/// type for each key column.
absl::StatusOr<KeyRange> DecodeKeyRange(const v1::KeyRange& message, const TableSchema& table);
void EncodeKeyRange(const KeyRange& range, v1::KeyRange* message);

Position DecodePosition(const v1::Position& message);
void EncodePosition(const Position& position, v1::Position* message);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_CODEC_H_
