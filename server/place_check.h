#ifndef MIRROR_SERVER_PLACE_CHECK_H_
#define MIRROR_SERVER_PLACE_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace mirror {

/// For --check-config. Tries what a configuration names besides keys and certificates, with the rights
/// of this process: the data folder can be written, or created; each hook's program can be run and its
/// SQL parsed; the HTTP door's certificate can be used and its keys read; each database answers and
/// can serve its purpose. A start requires less, since a program may be installed later. Leaves
/// nothing behind. Returns, in sentences, what does not prevent a start but should be known first.
/// Errors: kFailedPrecondition, the first that is found.
absl::StatusOr<std::vector<std::string>> CheckPlaces(const ServerConfig& config);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLACE_CHECK_H_
