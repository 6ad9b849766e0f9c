#include "server/consequences/kept_beside.h"

namespace mirror {

absl::StatusOr<KeptBeside> CountKeptBeside(Snapshot& /*mirror*/, const std::string& /*table*/) {
  return KeptBeside{};
}

}  // namespace mirror
