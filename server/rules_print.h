#ifndef MIRROR_SERVER_RULES_PRINT_H_
#define MIRROR_SERVER_RULES_PRINT_H_

#include <string>

#include "server/config/config.h"

namespace mirror {

/// Returns 16 hexadecimal digits that differ for configurations that servers of the same mirrors must not
/// have side by side: what is mirrored, held, reported, and kept for how long. Each server's own settings,
/// and those that a reload changes, do not count. The first kColumnRulesDigits identify the rules for
/// columns. No secret. `application_key`: SigningKey::PublicThumbprint(), which a reload does change.
///
/// Prints compare within one version only: each version may add to them. So during an upgrade two
/// servers with one configuration may differ, and `server.rules` is reported without a reason. The
/// first kColumnRulesDigits come from ColumnRuleBlock alone, since an older server stops agreeing on
/// tables when they differ: additions stay out of them.
std::string RulesPrint(const ServerConfig& config, const std::string& application_key);

}  // namespace mirror

#endif  // MIRROR_SERVER_RULES_PRINT_H_
