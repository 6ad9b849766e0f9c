#ifndef MIRROR_PROTO_WIRE_LSN_H_
#define MIRROR_PROTO_WIRE_LSN_H_

#include <compare>
#include <cstdint>
#include <string>

namespace mirror {

/// Position of one table in its source's change log.
///
/// A log sequence number of the source. Two of them can be ordered; their difference has no meaning. The
/// valid value is the one that the mirror stores; the source does not store it.
struct Lsn {
  std::int64_t value = -1;  ///< -1: no data is trusted, send every row.
  friend auto operator<=>(const Lsn&, const Lsn&) = default;
};

/// An LSN with a token, the lineage. By both the source finds the position in its own record.
struct Position {
  Lsn lsn;
  std::string lineage;  ///< Any bytes, at most kLineageBytesMax. Only the source interprets them.
  friend bool operator==(const Position&, const Position&) = default;
};

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_LSN_H_
