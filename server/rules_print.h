#ifndef MIRROR_SERVER_RULES_PRINT_H_
#define MIRROR_SERVER_RULES_PRINT_H_

#include <string>

#include "server/config/config.h"

namespace mirror {

/// Tells apart configurations that servers of the same mirrors must not have side by side: what is mirrored,
/// held, told and kept for how long. Not what each server may have for itself, nor what a reload changes. 16
/// hexadecimal digits, of which the first kColumnRulesDigits tell apart how columns are set; no secret; of
/// one version.
std::string RulesPrint(const ServerConfig& config);

}  // namespace mirror

#endif  // MIRROR_SERVER_RULES_PRINT_H_
