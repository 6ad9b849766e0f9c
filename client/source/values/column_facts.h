#ifndef MIRROR_CLIENT_SOURCE_VALUES_COLUMN_FACTS_H_
#define MIRROR_CLIENT_SOURCE_VALUES_COLUMN_FACTS_H_

#include "absl/status/statusor.h"
#include "client/source/reader.h"
#include "client/source/values/value_rows.h"
#include "proto/wire/table.h"

namespace mirror {

/// See SourceReader::LookAtColumn(): of all values of one column, which is announced as `given`.
absl::StatusOr<SourceReader::ColumnFacts> FactsOfValues(const Column& given, ValueRows& rows);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_VALUES_COLUMN_FACTS_H_
