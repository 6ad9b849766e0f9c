#include "client/exchange/datajoin/program_rows.h"

#include "absl/strings/str_cat.h"
#include "client/exchange/datajoin/box_entry.h"
#include "client/exchange/datajoin/datajoin_objects.h"

namespace mirror {

absl::Status ShowProgram(const SqliteFile& file, const char* program, const ProgramState& state,
                         std::int64_t now_ms) {
  return file
      .Query(absl::StrCat("UPDATE main.", std::string(kProgramTable),
                          " SET fromoutboxpointer = ?2, status = ?3, update_datetime = ?4, updated_by_user = "
                          "'mirror-agent' WHERE CAST(id AS TEXT) = ?1 AND (fromoutboxpointer IS NOT ?2 OR "
                          "status IS NOT ?3)"))
      .With(program, absl::StrCat(state.pointer), state.status, BoxTime(now_ms))
      .Run();
}

}  // namespace mirror
