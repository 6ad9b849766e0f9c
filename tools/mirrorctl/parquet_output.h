#ifndef MIRROR_TOOLS_MIRRORCTL_PARQUET_OUTPUT_H_
#define MIRROR_TOOLS_MIRRORCTL_PARQUET_OUTPUT_H_

#include <memory>

#include "base/parquet/parquet_writer.h"
#include "proto/wire/table.h"
#include "tools/mirrorctl/row_output.h"

namespace mirror {

/// Parquet with the columns' own types, but for: DECIMAL of over 38 digits and TIMESTAMPs of seven digits of
/// a second, which no type there holds, as text; ANY, as text with another column behind it, see
/// KindColumn(). `table` outlives it.
std::unique_ptr<RowOutput> ParquetOutput(const TableSchema& table, ByteSink sink, RowGroupMax most = {});

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_PARQUET_OUTPUT_H_
