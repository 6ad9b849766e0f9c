#ifndef MIRROR_SERVER_HTTP_ROW_STREAM_SOURCE_H_
#define MIRROR_SERVER_HTTP_ROW_STREAM_SOURCE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "base/http/message.h"
#include "server/tenant/readings.h"
#include "server/watch/door_counters.h"

namespace mirror {

/// All rows of a table, one JSON object a line, and behind them {"_end":true,"rows":n,"lsn":m}: whoever does
/// not find that last line has not got all. A thread of its own reads ahead, kPiecesMax pieces at most.
/// `place`: let go of with it. `counters` outlive it.
std::unique_ptr<HttpBodySource> StreamRows(CommittedReading reading, std::vector<std::uint32_t> columns,
                                           std::shared_ptr<void> place, DoorCounters& counters);

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_ROW_STREAM_SOURCE_H_
