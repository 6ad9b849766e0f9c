#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_UNSENT_NOTES_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_UNSENT_NOTES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "mirror/v1/mirror_admin.pb.h"

namespace mirror {

/// A sentence for each reason for which the source could not send tables, with their names. Empty: it sent
/// all of them.
std::vector<std::string> UnsentNotes(const v1::ListTablesResponse& answer, std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_UNSENT_NOTES_H_
