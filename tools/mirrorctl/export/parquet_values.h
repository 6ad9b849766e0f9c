#ifndef MIRROR_TOOLS_MIRRORCTL_EXPORT_PARQUET_VALUES_H_
#define MIRROR_TOOLS_MIRRORCTL_EXPORT_PARQUET_VALUES_H_

#include "absl/status/status.h"
#include "base/parquet/column_chunk.h"
#include "base/parquet/parquet_column.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// How the values of `column` stand in Parquet; of ANY their texts.
ParquetColumn ParquetColumnOf(const Column& column);

/// `value` is no NULL and one of `column`; `chunk` is one of ParquetColumnOf(). Errors: kFailedPrecondition
/// naming the column: it is none.
absl::Status AppendParquet(const Column& column, const Value& value, ColumnChunk* chunk);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_EXPORT_PARQUET_VALUES_H_
