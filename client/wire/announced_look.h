#ifndef MIRROR_CLIENT_WIRE_ANNOUNCED_LOOK_H_
#define MIRROR_CLIENT_WIRE_ANNOUNCED_LOOK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/wire/mirror_client.h"
#include "proto/wire/table.h"

namespace mirror {

/// AnnouncedLoss in mirror_client.proto.
struct LossOfMirror {
  std::string table;
  bool retired = false;
  std::int64_t rows = 0;
  std::vector<std::string> columns = {};
  std::uint64_t values = 0;
  bool held = false;
};

/// What an announcement would do to the mirror.
struct AnnouncedLook {
  struct Table {
    std::string table;
    bool refused = false;  ///< Else it would be populated anew.
    std::string reason;
  };
  std::vector<Table> tables;  ///< Those that are refused or populated.
  std::vector<LossOfMirror> losses;
};

/// TableSchema as a dry run: nothing is done. Errors: the call's; kAborted: the endpoint knows no dry runs.
absl::StatusOr<AnnouncedLook> LookAtAnnouncement(MirrorClient& client, const std::string& source_id,
                                                 const std::vector<TableSchema>& tables);

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_ANNOUNCED_LOOK_H_
