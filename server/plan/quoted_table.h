#ifndef MIRROR_SERVER_PLAN_QUOTED_TABLE_H_
#define MIRROR_SERVER_PLAN_QUOTED_TABLE_H_

#include <string>

#include "absl/strings/str_cat.h"

namespace mirror {

/// How a message begins that is about a table: table 'contact'.
inline std::string QuotedTable(const std::string& table) { return absl::StrCat("table '", table, "'"); }

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_QUOTED_TABLE_H_
