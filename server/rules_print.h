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
/// Of one version: each may add to what is told apart. During an upgrade two servers with one configuration
/// may so have two prints, and `server.rules` is told without a reason. The first kColumnRulesDigits are of
/// ColumnRuleBlock alone, since an older server stops agreeing on tables when they differ: what is added
/// stays out of them.
std::string RulesPrint(const ServerConfig& config, const std::string& application_key);

}  // namespace mirror

#endif  // MIRROR_SERVER_RULES_PRINT_H_
