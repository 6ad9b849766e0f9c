#ifndef MIRROR_SERVER_STORE_OWN_NAMES_H_
#define MIRROR_SERVER_STORE_OWN_NAMES_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

// Names of tables that no store mirrors a source's table under: the mirror's own tables are called so.

namespace mirror {

/// Errors: kInvalidArgument.
absl::Status CheckNotOwnName(const std::string& table, const std::string& context_id);

/// The refusal of a name that cannot be had; `why` is a clause.
absl::Status NotUnderThisName(const std::string& table, std::string_view why);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_OWN_NAMES_H_
