#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_SORTED_DIGESTS_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_SORTED_DIGESTS_H_

#include <memory>

#include "client/source/reader.h"

namespace mirror {

/// The rows of `scan`, which come in any order, in the order of KeyRange: keys and digests are put into a
/// temporary file first. Of a key that comes twice the first row counts. Without
/// a key they stay as they come.
std::unique_ptr<DigestReader> SortRows(std::unique_ptr<DigestReader> scan, std::size_t key_parts);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_SORTED_DIGESTS_H_
