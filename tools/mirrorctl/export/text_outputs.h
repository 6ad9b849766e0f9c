#ifndef MIRROR_TOOLS_MIRRORCTL_EXPORT_TEXT_OUTPUTS_H_
#define MIRROR_TOOLS_MIRRORCTL_EXPORT_TEXT_OUTPUTS_H_

#include <memory>

#include "proto/wire/table.h"
#include "tools/mirrorctl/export/row_output.h"

namespace mirror {

/// RFC 4180, with the names first. NULL is empty, an empty text is "". Bytes are base64. A column of ANY has
/// another one behind it, see KindColumn(). `table` outlives it.
std::unique_ptr<RowOutput> CsvOutput(const TableSchema& table, ByteSink sink);

/// One JSON object a line, see JsonRows. `table` outlives it.
std::unique_ptr<RowOutput> JsonLinesOutput(const TableSchema& table, ByteSink sink);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_EXPORT_TEXT_OUTPUTS_H_
