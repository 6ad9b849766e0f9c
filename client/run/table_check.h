#ifndef MIRROR_CLIENT_RUN_TABLE_CHECK_H_
#define MIRROR_CLIENT_RUN_TABLE_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/config/source_config.h"

namespace mirror {

/// A [[source.table]] that says nothing of any table that is sent.
struct IdleTable {
  const TableConfig* table = nullptr;
  enum class Why { kMissing, kViewWithoutKey, kLeftOut } why = Why::kMissing;
  std::string words;  ///< For people, what to do among them.
};

/// `sent`: the tables that are, by the names of the mirror. Of files each [[source.table]] is a table.
/// Errors: the source cannot be read.
absl::StatusOr<std::vector<IdleTable>> FindIdleTables(const SourceConfig& source,
                                                      const std::vector<std::string>& sent);

/// Tables whose own strategy is cdc, by the names of the mirror.
std::vector<std::string> TablesToLog(const SourceConfig& source);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_TABLE_CHECK_H_
