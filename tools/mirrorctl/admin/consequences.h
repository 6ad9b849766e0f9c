#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_CONSEQUENCES_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_CONSEQUENCES_H_

#include <cstddef>
#include <ostream>

#include "absl/status/status.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/admin_output.h"

// Prints the counts of a dry run, for commands and pages.

namespace mirror {

/// Checks that the server supports dry runs. An older server would ignore the flag and make the change.
/// Callers must send nothing else to such a server. Errors: kUnimplemented: the server is older; those of the
/// call.
absl::Status CheckKnowsDryRuns(AdminClient& admin);

/// Prints text for people.
void PrintConsequences(std::ostream& out, const v1::Consequences& counted, std::size_t width);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_CONSEQUENCES_H_
