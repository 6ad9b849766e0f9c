#ifndef MIRROR_SERVER_RECORDS_MAPPER_JSON_H_
#define MIRROR_SERVER_RECORDS_MAPPER_JSON_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/json/json_document.h"
#include "server/records/record_mapper.h"

namespace mirror {

/// {"id":"m1","columns":[{"from":"ORT","to":"city"},...],"unmapped":"keep"}
std::string MapperJson(const RecordMapper& mapper);
/// Errors: kInvalidArgument, for people: RecordMapper::Make()'s, and of the JSON.
absl::StatusOr<RecordMapper> MapperOf(const JsonView& json);
/// The same of what MapperJson() gave.
absl::StatusOr<RecordMapper> MapperOf(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_RECORDS_MAPPER_JSON_H_
