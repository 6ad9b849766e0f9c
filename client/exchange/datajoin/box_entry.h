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

/// One line of ds_change_outbox or ds_change_inbox. Nothing of it is a command, and nothing reads it back.
struct BoxEntry {
  std::string object_database, object_table, object_pk_attribute;
  std::string object_attribute = {};             ///< Empty: none, as of a deleted row.
  std::string object_id = {};                    ///< Empty: the database has yet to make it.
  std::optional<std::string> object_value = {};  ///< Absent: NULL.
  std::string object_operation;                  ///< "I", "U", "D"
  std::string updated_by_server_id = {};         ///< Empty: nobody knows.
  std::int64_t update_ms = 0;                    ///< 0: nobody knows.
  std::string note;
  std::string source_id = {};  ///< Empty: there is none.
};

/// In a change. Errors: those of BoxSql.
absl::Status AddEntry(BoxSql& sql, std::string_view box, std::int64_t id, const BoxEntry& entry);
/// The highest of a box; 0: it is empty.
absl::StatusOr<std::int64_t> HighestEntry(BoxSql& sql, std::string_view box);

/// A value as a box has it: text as it is, `~` and all; bytes as \x and hexadecimal digits. Absent: NULL.
std::optional<std::string> BoxText(const sqlite::Value& value);
/// What a box calls a row: the value of its key, or, where it has several, a JSON array of them.
std::string BoxId(const RowOf& key);
std::string BoxId(const std::vector<Literal>& key);
/// The columns of a table's key, by the source's own names, with a comma between.
std::string BoxKeyNames(const MemberTable& table);
/// "2026-11-26 10:00:00", UTC: texts of it are in the order of time. Of 0 nothing.
std::string BoxTime(std::int64_t unix_ms);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_BOX_ENTRY_H_
