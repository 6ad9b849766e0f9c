#ifndef MIRROR_PROTO_WIRE_LSN_H_
#define MIRROR_PROTO_WIRE_LSN_H_

#include <compare>
#include <cstdint>
#include <string>

namespace mirror {

/// Position of one table in its source's change log.
///
/// Unit: the source's log sequence number. Two of them can be ordered; their difference has no
/// meaning. The mirror's copy, in `<contextId>_mirroring`, is authoritative; the source keeps none.
struct Lsn {
  std::int64_t value = -1;  ///< -1: no data is trusted, send every row.
  friend auto operator<=>(const Lsn&, const Lsn&) = default;
};

/// An LSN with the token by which the source recognises it in its own record.
struct Position {
  Lsn lsn;
  std::string lineage;  ///< Opaque, at most kLineageBytesMax bytes.
  friend bool operator==(const Position&, const Position&) = default;
};

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_LSN_H_
