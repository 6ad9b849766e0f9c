#ifndef MIRROR_PROTO_WIRE_SOURCE_OBJECTS_CODEC_H_
#define MIRROR_PROTO_WIRE_SOURCE_OBJECTS_CODEC_H_

#include "absl/status/statusor.h"
#include "mirror/v1/table.pb.h"
#include "proto/wire/source_objects.h"
#include "proto/wire/table.h"

namespace mirror {

/// Reads and checks the announced objects of `table`. Objects over a limit are not copied. An index with a
/// collation that only a later version knows becomes an untold index. Errors: those of CheckObjects.
absl::StatusOr<SourceObjects> DecodeObjects(const v1::SourceObjects& message, const TableSchema& table);
void EncodeObjects(const SourceObjects& objects, v1::SourceObjects* message);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_SOURCE_OBJECTS_CODEC_H_
