#ifndef MIRROR_CLIENT_EXCHANGE_DATAJOIN_BOX_ENTRY_H_
#define MIRROR_CLIENT_EXCHANGE_DATAJOIN_BOX_ENTRY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/value.h"
#include "client/exchange/box_source.h"
#include "client/exchange/member_table.h"
#include "proto/wire/table.h"

namespace mirror {

/// One entry of ds_change_outbox or ds_change_inbox. Nothing in it is executed or read back.
struct BoxEntry {
  std::string object_database, object_table, object_pk_attribute;
  std::string object_attribute = {};             ///< Empty: none, as for a deleted row.
  std::string object_id = {};                    ///< Empty: the database has yet to make the key.
  std::optional<std::string> object_value = {};  ///< Absent: NULL.
  std::string object_operation;                  ///< "I", "U", "D"
  std::string updated_by_server_id = {};         ///< Empty: unknown.
  std::int64_t update_ms = 0;                    ///< 0: unknown.
  std::string note;
  std::string source_id = {};  ///< Empty: none.
};

/// To be called in a change. Errors: those of BoxSql.
absl::Status AddEntry(BoxSql& sql, std::string_view box, std::int64_t id, const BoxEntry& entry);
/// Returns the highest id of a box; 0: it is empty.
absl::StatusOr<std::int64_t> HighestEntry(BoxSql& sql, std::string_view box);

/// Formats a value for a box: text unchanged, `~` included; bytes as \x and hexadecimal digits. Absent: NULL.
std::optional<std::string> BoxText(const sqlite::Value& value);
/// Returns the box's id of a row: the value of its key, or a JSON array of several values.
std::string BoxId(const RowOf& key);
std::string BoxId(const std::vector<Literal>& key);
/// Returns the columns of a table's key, by the source's own names, separated by commas.
std::string BoxKeyNames(const MemberTable& table);
/// Returns "2026-11-26 10:00:00", UTC: such texts sort in the order of time. For 0 it returns nothing.
std::string BoxTime(std::int64_t unix_ms);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_BOX_ENTRY_H_
