#ifndef MIRROR_TOOLS_MIRRORCTL_PARQUET_OUTPUT_H_
#define MIRROR_TOOLS_MIRRORCTL_PARQUET_OUTPUT_H_

#include <memory>

#include "base/parquet/parquet_writer.h"
#include "proto/wire/table.h"
#include "tools/mirrorctl/row_output.h"

namespace mirror {

/// Makes an output that writes Parquet with the columns' own types. Values that Parquet has no type for are
/// written as text: DECIMAL of over 38 digits, TIMESTAMPs with seven digits of a second, and ANY. An ANY
/// column is followed by a further column, see KindColumn(). `table` must outlive the result.
std::unique_ptr<RowOutput> ParquetOutput(const TableSchema& table, ByteSink sink, RowGroupMax most = {});

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_PARQUET_OUTPUT_H_
