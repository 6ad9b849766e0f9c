#ifndef MIRROR_SERVER_RULES_PRINT_H_
#define MIRROR_SERVER_RULES_PRINT_H_

#include <string>

#include "server/config/config.h"

namespace mirror {

/// Tells apart configurations that servers of the same mirrors must not have side by side: what is mirrored,
/// held, told and kept for how long. Not what each server may have for itself, nor what a reload changes. 16
/// hexadecimal digits, of which the first kColumnRulesDigits tell apart how columns are set; no secret.
/// `application_key`: SigningKey::PublicThumbprint() of the one in force, which a reload does change.
///
/// Prints compare within one version only: each version may add to them. So during an upgrade two
/// servers with one configuration may differ, and `server.rules` is reported without a reason. The
/// first kColumnRulesDigits come from ColumnRuleBlock alone, since an older server stops agreeing on
/// tables when they differ: additions stay out of them.
std::string RulesPrint(const ServerConfig& config, const std::string& application_key);

}  // namespace mirror

#endif  // MIRROR_SERVER_RULES_PRINT_H_
