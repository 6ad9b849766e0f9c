#ifndef MIRROR_CLIENT_SOURCE_FILES_FILE_PLACES_H_
#define MIRROR_CLIENT_SOURCE_FILES_FILE_PLACES_H_

#include <string>
#include <vector>

#include "client/source/files/typed_rows.h"
#include "proto/wire/key_range.h"

namespace mirror {

/// See SourceReader::PlacesOf(). Takes a pass over the rows, up to the last of these keys.
std::vector<std::string> FindPlaces(TypedRows rows, const std::vector<Key>& keys);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_FILE_PLACES_H_
