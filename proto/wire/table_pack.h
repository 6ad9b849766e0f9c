#ifndef MIRROR_PROTO_WIRE_TABLE_PACK_H_
#define MIRROR_PROTO_WIRE_TABLE_PACK_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/wire/table.h"

namespace mirror {

/// Returns a table as bytes (a serialised mirror.v1.Table), for callers that store it without protobuf.
std::string PackTable(const TableSchema& table);
/// Reads the bytes of PackTable(). Errors: kDataLoss: PackTable() did not make these bytes.
absl::StatusOr<TableSchema> UnpackTable(std::string_view packed);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_TABLE_PACK_H_
