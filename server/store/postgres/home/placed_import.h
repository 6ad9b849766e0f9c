#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_IMPORT_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_IMPORT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/home.h"
#include "server/store/postgres/home/placed_mirrors.h"

namespace mirror {

/// See StoreHome::NewImport. `mirrors` must outlive the result. An import ends the refusal of a deleted
/// tenant.
///
/// If there is no mirror, the control database has the state "importing" before the commit in the place, and
/// "serving" after it. Meanwhile no server makes another mirror. If the import is interrupted, the next
/// server that looks up the mirror corrects the state, see PlacedMirrors::Find().
absl::StatusOr<std::unique_ptr<MirrorImport>> NewPlacedImport(PlacedMirrors& mirrors,
                                                              const std::string& context_id);

/// Makes the contents of `with` the tenant's mirror and replaces a present one, see MirrorCopy::Replace.
absl::StatusOr<ReplacedMirror> ReplacePlaced(PlacedMirrors& mirrors, const std::string& context_id,
                                             Snapshot& with, std::int64_t now_ms, const GoOnCopying& go_on);

/// See StoreHome::NewCopy. Until the copy replaces a mirror, it is `file`, a copy of a file home.
std::unique_ptr<MirrorCopy> NewPlacedCopy(PlacedMirrors& mirrors, const std::string& context_id,
                                          std::unique_ptr<MirrorCopy> file);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_IMPORT_H_
