#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_SORTED_DIGESTS_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_SORTED_DIGESTS_H_

#include <memory>

#include "client/source/reader.h"

namespace mirror {

/// Gives the rows of `scan`, which come in any order, in the order of KeyRange: keys and digests are sorted
/// in a temporary file first. If a key comes twice, the first row counts.
/// Without a key the rows stay in their order.
std::unique_ptr<DigestReader> SortRows(std::unique_ptr<DigestReader> scan, std::size_t key_parts);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_SORTED_DIGESTS_H_
