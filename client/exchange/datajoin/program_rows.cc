#include "client/exchange/datajoin/program_rows.h"

#include "absl/strings/str_cat.h"
#include "client/exchange/datajoin/box_entry.h"
#include "client/exchange/datajoin/datajoin_objects.h"

namespace mirror {

absl::Status ShowProgram(BoxSql& sql, const char* program, const ProgramState& state, std::int64_t now_ms) {
  return sql.Run(
      absl::StrCat("UPDATE ", sql.Named(kProgramTable),
                   " SET fromoutboxpointer = ?2, status = ?3, update_datetime = ?4, updated_by_user = "
                   "'mirror-agent' WHERE CAST(id AS text) = ?1 AND (fromoutboxpointer IS DISTINCT FROM ?2 OR "
                   "status IS DISTINCT FROM ?3)"),
      {program, absl::StrCat(state.pointer), state.status, BoxTime(now_ms)});
}

}  // namespace mirror
