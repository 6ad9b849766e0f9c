#ifndef MIRROR_SERVER_PLACE_CHECK_H_
#define MIRROR_SERVER_PLACE_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace mirror {

/// What a configuration names beside keys and certificates, tried as this process may use it: the data
/// folder can be written, or made; each hook's program can be run and its SQL read; the HTTP door's
/// certificate can be shown and its keys be read; each database answers and can be what it is to be. For
/// --check-config: a start asks for less, since a program may come later. Leaves nothing behind. Gives what
/// keeps nobody from starting and should be known before, in sentences. Errors: kFailedPrecondition, the
/// first that is found.
absl::StatusOr<std::vector<std::string>> CheckPlaces(const ServerConfig& config);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLACE_CHECK_H_
