#ifndef MIRROR_CLIENT_EXCHANGE_DATAJOIN_PROGRAM_ROWS_H_
#define MIRROR_CLIENT_EXCHANGE_DATAJOIN_PROGRAM_ROWS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "client/exchange/box_sql.h"

namespace mirror {

/// The rows of ds_program_parameter.
inline constexpr char kTransportProgram[] = "1000";
inline constexpr char kImportProgram[] = "1001";

/// How far a program came.
struct ProgramState {
  std::int64_t pointer = 0;  ///< Of its box: every entry up to here is done with.
  std::string status;        ///< "done", "waiting", or what is wrong, without values.
};
/// In a change. What stands there already is not written again, and a row that is gone stays so. Errors:
/// those of BoxSql.
absl::Status ShowProgram(BoxSql& sql, const char* program, const ProgramState& state, std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_PROGRAM_ROWS_H_
