#ifndef MIRROR_SERVER_CONSEQUENCES_COMPARE_MOMENTS_H_
#define MIRROR_SERVER_CONSEQUENCES_COMPARE_MOMENTS_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "server/consequences/consequence.h"
#include "server/consequences/count_mirror.h"

namespace mirror {

/// Bytes of rows of one side that are held at once while two moments are compared.
inline constexpr std::size_t kComparedBlockBytes = 4 << 20;

/// What a restore would do: the mirror as it is `now` beside the copy, of `then`. `now` absent: there is no
/// mirror. `quick`: numbers of rows alone; else the rows of each table that both have are compared, key by
/// key, in the columns of one name that both have. A table without a key, or with other keys, is not.
/// `act.more` is to name the copy's state. Errors: those of the snapshots; kCancelled.
absl::StatusOr<Consequences> CountRestored(const CountedMirror* now, const CountedMirror& then,
                                           const Act& act, bool quick,
                                           std::size_t block_bytes = kComparedBlockBytes);

}  // namespace mirror

#endif  // MIRROR_SERVER_CONSEQUENCES_COMPARE_MOMENTS_H_
