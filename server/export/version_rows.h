#ifndef MIRROR_SERVER_EXPORT_VERSION_ROWS_H_
#define MIRROR_SERVER_EXPORT_VERSION_ROWS_H_

#include <cstdint>
#include <memory>

#include "server/export/row_source.h"
#include "server/store/version_reader.h"

namespace mirror {

/// Number of the table's last commit; 0: commits have none.
std::int64_t LastMoment(const CommittedReading& reading);

/// All versions that are kept of a table's rows, the present ones too: its columns, and behind them what the
/// view of all versions has: from_moment, to_moment, from_lsn, to_lsn, from_ms, to_ms, operation. Where the
/// table has a column of such a name, `_mirror_` stands before it. In no order; there is no key.
std::unique_ptr<RowSource> MakeVersionRows(CommittedReading reading, TableHistory history);

}  // namespace mirror

#endif  // MIRROR_SERVER_EXPORT_VERSION_ROWS_H_
