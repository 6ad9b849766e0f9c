#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_BOX_TRIGGERS_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_BOX_TRIGGERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/source/postgres/postgres_catalog.h"

// What DataJoin's outbox needs of a PostgreSQL database, where it is filled by itself:
// `_mirror_datajoin_change`, and on each table with a key a trigger that notes there which row was changed,
// and in which columns, in the transaction that changes it. It holds no values but those of keys, and what
// was told is gone from it.
//
// An application's role that changes a row may not write the agent's
// tables, so the triggers' function runs with the rights of its owner. It calls nothing that a table's owner
// could have made: values become text by the output functions of their types, and are compared by their
// bytes. A cast, an operator or to_json() would be looked up by the value's type. Where a superuser installs,
// the function belongs to a role without LOGIN that has no other right.

namespace mirror {

inline constexpr char kNoteFunction[] = "_mirror_datajoin_note";
inline constexpr char kChangeTable[] = "_mirror_datajoin_change";
/// The tables whose changes the function notes. It refuses to fire on others.
inline constexpr char kNotedTable[] = "_mirror_datajoin_table";

/// Says which role runs the statements.
enum class BoxesBy : std::uint8_t {
  kSession,  ///< The session's role, now.
  kDba,      ///< A role that is not known yet, maybe a superuser.
};

/// The function in a schema.
struct NoteFunction {
  bool is_there = false;
  bool fits = false;       ///< It is as this version makes it.
  bool is_public = false;  ///< Every role may execute it.
  std::string owner;
  bool owner_is_superuser = false;
};
/// Only reads. Errors: those of Connection and of postgres::QuotedName().
absl::StatusOr<NoteFunction> FindNoteFunction(postgres::Connection& connection, const std::string& schema);

/// Says what is wrong with the function, for people. Empty: there is none, or it gives no role any rights.
std::string WhyUnsafe(const NoteFunction& function);

/// One column of a key that the function notes.
struct NotedKeyColumn {
  std::string table, column;
  std::uint32_t type = 0;  ///< Of a domain that of its base.
};
/// kFailedPrecondition, naming the first: its type is neither PostgreSQL's own nor of an extension that a
/// superuser owns. Only reads. Errors: also those of Connection.
absl::Status CheckNotedKeys(postgres::Connection& connection, const std::vector<NotedKeyColumn>& columns);

/// The statements that make the function and its list of `tables`, behind the one that makes kChangeTable, in
/// one transaction. Empty: all is there. `there`: what FindNoteFunction() found. `makes_changes`:
/// kChangeTable is made, too. Only reads. Errors: those of Connection, postgres::QuotedName() and
/// postgres::QuotedText().
absl::StatusOr<std::vector<std::string>> NoteFunctionStatements(postgres::Connection& connection,
                                                                const std::string& schema,
                                                                const std::vector<PostgresTable>& tables,
                                                                const NoteFunction& there, BoxesBy by,
                                                                bool makes_changes);

/// kFailedPrecondition: not every text of the exchange could stand in the boxes.
absl::Status CheckBoxEncoding(const postgres::Connection& connection);

/// The statements that make what is missing; only reads. `tables`: those that are mirrored, whether the role
/// may read them yet or not; none: the application writes the outbox, and nothing is noted. `keys`: of tables
/// that declare none, by folded name. A trigger that is there and fits is left. Errors: those of Connection,
/// postgres::QuotedText() and CheckNotedKeys().
absl::StatusOr<std::vector<std::string>> BoxTriggerStatements(
    postgres::Connection& connection, const std::string& schema, const std::vector<PostgresTable>& tables,
    const std::map<std::string, std::vector<std::string>>& keys, BoxesBy by);

/// What a role has to read and write of them; the first two number their rows by a column `id`.
std::vector<std::string> BoxTables();
/// That a role may use the boxes, for a DBA's script. `notes`: triggers note what changes. Errors: those of
/// QuotedName().
absl::StatusOr<std::vector<std::string>> BoxGrants(const std::string& schema, const std::string& role,
                                                   bool notes);

/// What drops triggers, and all of the boxes that is the agent's own, in statements; what people read stays.
/// Empty: nothing of it is there. Only reads.
absl::StatusOr<std::string> BoxesDrop(postgres::Connection& connection, const std::string& schema);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_BOX_TRIGGERS_H_
