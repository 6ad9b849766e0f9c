#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_HISTORY_OUTPUT_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_HISTORY_OUTPUT_H_

#include <cstddef>
#include <ostream>

#include "tools/mirrorctl/admin/admin_output.h"

// Prints changes to mirrors and earlier versions of rows, for people.

namespace mirror {

/// Makes an empty table of changes: call AddChange() for each change, then Print().
TextTable ChangeTable(std::size_t width);
void AddChange(TextTable& table, const v1::Change& change);
TextTable DifferenceTable(std::size_t width);
void AddDifference(TextTable& table, const v1::RowDifference& row);
TextTable VerifiedTable(std::size_t width);
void AddVerified(TextTable& table, const v1::VerifiedMoment& state);
void PrintExplained(std::ostream& out, const v1::ExplainRowResponse& row, std::size_t width);
void PrintVersions(std::ostream& out, const v1::ReadRowHistoryResponse& row, std::size_t width);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_HISTORY_OUTPUT_H_
