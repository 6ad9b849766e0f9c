#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_IMPORT_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_IMPORT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/home.h"
#include "server/store/postgres/home/placed_mirrors.h"

namespace mirror {

/// See StoreHome::NewImport. `mirrors` must outlive it. An import lifts the block of a deleted tenant.
///
/// If there is no mirror, the control database says "importing" before the commit in the place, and "serving"
/// after it. Between the two no server makes another mirror. If the import was interrupted, the next server
/// that looks for the mirror corrects the state: see PlacedMirrors::Find().
absl::StatusOr<std::unique_ptr<MirrorImport>> NewPlacedImport(PlacedMirrors& mirrors,
                                                              const std::string& context_id);

/// Makes the contents of `with` the tenant's mirror, in place of any present one: see MirrorCopy::Replace.
absl::StatusOr<ReplacedMirror> ReplacePlaced(PlacedMirrors& mirrors, const std::string& context_id,
                                             Snapshot& with, std::int64_t now_ms, const GoOnCopying& go_on);

/// See StoreHome::NewCopy: until it replaces a mirror, the copy is `file`, a copy of a file home.
std::unique_ptr<MirrorCopy> NewPlacedCopy(PlacedMirrors& mirrors, const std::string& context_id,
                                          std::unique_ptr<MirrorCopy> file);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_IMPORT_H_
