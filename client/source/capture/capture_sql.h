#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_SQL_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_SQL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/source/sqlite/log/log_sql.h"

namespace mirror {

// How the state of captured tables is read and written, see CaptureState.

/// The rows of a table, by its id.
inline std::string RowsName(std::int64_t id) { return absl::StrCat("rows_", id); }
inline std::string KeyNames(std::size_t parts) { return absl::StrJoin(LogKeyNames(parts), ", "); }
inline std::string Places(std::size_t count) {
  return absl::StrJoin(std::vector<std::string>(count, "?"), ", ");
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_SQL_H_
