#include "server/store/sqlite/rows/sqlite_rows.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/store/sqlite/rows/sqlite_bind_loop.h"
#include "server/store/sqlite/rows/sqlite_set_apply.h"

namespace mirror {

absl::Status WriteRows(SqliteConnection& connection, const std::string& target, const ApplyRows& apply,
                       ApplyMethod method, std::int64_t now_ms, RowsWritten* written) {
  const bool as_set = method == ApplyMethod::kSet ||
                      (method == ApplyMethod::kBest && IsFasterAsSet(*apply.schema, *apply.batch));
  if (as_set && CanApplyAsSet(*apply.schema, *apply.batch)) {
    std::optional<absl::Status> status = WriteAsSet(connection, target, apply, method, now_ms, written);
    if (status) return *std::move(status);
  }
  return WriteByBindLoop(connection, target, apply, now_ms, written);
}

absl::Status WritePart(SqliteConnection& connection, const std::string& table, std::int64_t cycle,
                       const KeepPart& part, std::int64_t value_bytes_max) {
  ASSIGN_OR_RETURN(
      Query known,
      connection.Prepare(
          "SELECT coalesce(sum(length(data)) FILTER (WHERE table_name = ?1 AND value_id = ?2), 0), "
          "coalesce(sum(length(data)), 0) FROM _mirror_parts WHERE cycle = ?3"));
  known.Bind(1, table).Bind(2, static_cast<std::int64_t>(part.value_id)).Bind(3, cycle);
  if (absl::StatusOr<bool> row = known.Step(); !row.ok()) return row.status();
  const std::int64_t held = known.Int(0);
  const auto offset = static_cast<std::int64_t>(part.offset);
  const auto size = static_cast<std::int64_t>(part.data.size());
  // It came before. A part is bounded by the message that brings it.
  if (offset >= 0 && offset < held && size <= held - offset) return absl::OkStatus();
  if (offset != held) {
    return absl::FailedPreconditionError(
        absl::StrCat("table '", table, "': a part at byte ", offset, " of a value came, but ", held,
                     " bytes of it are there. Nothing was stored. Send its parts in order."));
  }
  if (held + size > value_bytes_max || known.Int(1) + size > 2 * value_bytes_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat("table '", table, "': values in parts are over the limit of ", value_bytes_max,
                     " bytes for one, or twice that for all that wait for their batch. Nothing was stored. "
                     "Send the batches of the waiting values first, or leave the column out."));
  }
  ASSIGN_OR_RETURN(Query insert, connection.Prepare("INSERT INTO _mirror_parts (table_name, cycle, value_id, "
                                                    "offset, data) VALUES (?1, ?2, ?3, ?4, ?5)"));
  return insert.Bind(1, table)
      .Bind(2, cycle)
      .Bind(3, static_cast<std::int64_t>(part.value_id))
      .Bind(4, offset)
      .BindBlob(5, part.data)
      .Run();
}

}  // namespace mirror
