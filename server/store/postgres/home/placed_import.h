#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_IMPORT_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_IMPORT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/home.h"
#include "server/store/postgres/home/placed_mirrors.h"

namespace mirror {

/// See StoreHome::NewImport. `mirrors` outlives it. A tenant that was deleted is allowed again by it.
///
/// Where no mirror is, the control database says that one is being imported before it is committed in its
/// place, and that it is served behind that. Between the two nobody makes another one; whoever looks for it
/// when the import was cut off puts that right: see PlacedMirrors::Find().
absl::StatusOr<std::unique_ptr<MirrorImport>> NewPlacedImport(PlacedMirrors& mirrors,
                                                              const std::string& context_id);

/// What `with` has takes the place of the tenant's mirror, or becomes its first one: see MirrorCopy::Replace.
absl::StatusOr<ReplacedMirror> ReplacePlaced(PlacedMirrors& mirrors, const std::string& context_id,
                                             Snapshot& with, std::int64_t now_ms, const GoOnCopying& go_on);

/// See StoreHome::NewCopy: until it takes a place it is `file`, a copy of another home.
std::unique_ptr<MirrorCopy> NewPlacedCopy(PlacedMirrors& mirrors, const std::string& context_id,
                                          std::unique_ptr<MirrorCopy> file);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_IMPORT_H_
