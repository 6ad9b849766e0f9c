#ifndef MIRROR_SERVER_STORE_OWN_NAMES_H_
#define MIRROR_SERVER_STORE_OWN_NAMES_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

// Reserved names: no store mirrors a source's table under a name that one of the mirror's own tables has.

namespace mirror {

/// Checks that `table` is no reserved name. Errors: kInvalidArgument.
absl::Status CheckNotOwnName(const std::string& table, const std::string& context_id);

/// Returns the error for a name that a table cannot have; `why` is a clause.
absl::Status NotUnderThisName(const std::string& table, std::string_view why);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_OWN_NAMES_H_
