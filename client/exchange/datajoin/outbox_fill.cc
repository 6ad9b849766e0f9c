#include "client/exchange/datajoin/outbox_fill.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/exchange/datajoin/box_entry.h"
#include "client/exchange/datajoin/datajoin_objects.h"

namespace mirror {
namespace {

/// Puts lines into the outbox.
class OutboxWriter {
 public:
  OutboxWriter(BoxSql& sql, const std::string& database, std::int64_t now_ms)
      : sql_(sql), database_(database), now_ms_(now_ms) {}

  absl::Status Tell(const ChangedForBox& change) {
    if (id_ == 0) {
      RETURN_IF_ERROR(Begin());
    }
    const MemberTable& table = *change.table;
    if (change.ended || (change.whole && !change.row)) {
      RETURN_IF_ERROR(Add(change, "D", "", std::nullopt));
    }
    if (!change.row) return absl::OkStatus();
    const std::vector<std::uint32_t> columns = table.PlainColumns();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const sqlite::Value& value = (*change.row)[i];
      if (change.whole ? value.type == sqlite::Type::kNull : !change.columns.contains(columns[i])) continue;
      RETURN_IF_ERROR(
          Add(change, change.whole ? "I" : "U", table.plan.schema.columns[columns[i]].name, BoxText(value)));
    }
    return absl::OkStatus();
  }

  absl::Status End() {
    if (id_ == given_) return absl::OkStatus();
    absl::Status kept = sql_.Run(
        absl::StrCat("UPDATE ", sql_.Named("_mirror_datajoin"), " SET outbox_id = ?1 WHERE outbox_id <> ?1"),
        {id_});
    return kept.ok() ? sql_.KeepNumber(kOutboxTable, id_) : kept;
  }

 private:
  absl::Status Begin() {
    ASSIGN_OR_RETURN(const std::int64_t highest, HighestEntry(sql_, kOutboxTable));
    ASSIGN_OR_RETURN(const std::int64_t given,
                     sql_.Number(absl::StrCat("SELECT outbox_id FROM ", sql_.Named("_mirror_datajoin"))));
    // An id is never used again, also where somebody empties the box.
    id_ = given_ = std::max(highest, given);
    return absl::OkStatus();
  }

  absl::Status Add(const ChangedForBox& change, const char* operation, const std::string& attribute,
                   std::optional<std::string> value) {
    BoxEntry entry;
    entry.object_database = entry.updated_by_server_id = database_;
    entry.object_table = change.table->name();
    entry.object_pk_attribute = BoxKeyNames(*change.table);
    entry.object_attribute = attribute;
    entry.object_id = BoxId(change.key);
    entry.object_value = std::move(value);
    entry.object_operation = operation;
    entry.update_ms = now_ms_;
    entry.note = kFilledNote;
    return AddEntry(sql_, kOutboxTable, ++id_, entry);
  }

  BoxSql& sql_;
  const std::string& database_;
  const std::int64_t now_ms_;
  std::int64_t id_ = 0;     ///< The last one that was given; 0: nothing was told yet, or none.
  std::int64_t given_ = 0;  ///< The last one before.
};

}  // namespace

absl::StatusOr<bool> FillOutbox(BoxSource& source, const std::string& database, std::int64_t now_ms) {
  OutboxWriter outbox(source.sql(), database, now_ms);
  absl::StatusOr<bool> more = source.TakeChanges(
      kOutboxPiece, [&outbox](const ChangedForBox& change) { return outbox.Tell(change); });
  if (!more.ok()) return more;
  RETURN_IF_ERROR(outbox.End());
  return more;
}

}  // namespace mirror
