#ifndef MIRROR_TOOLS_MIRRORCTL_PARQUET_OUTPUT_H_
#define MIRROR_TOOLS_MIRRORCTL_PARQUET_OUTPUT_H_

#include <memory>

#include "base/parquet/parquet_writer.h"
#include "proto/wire/table.h"
#include "tools/mirrorctl/row_output.h"

namespace mirror {

/// Writes Parquet with the columns' own types. Exceptions, written as text because Parquet has no such type:
/// DECIMAL of over 38 digits and TIMESTAMPs with seven digits of a second; ANY, followed by a further column,
/// see KindColumn(). `table` must outlive the result.
std::unique_ptr<RowOutput> ParquetOutput(const TableSchema& table, ByteSink sink, RowGroupMax most = {});

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_PARQUET_OUTPUT_H_
