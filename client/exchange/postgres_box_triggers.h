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

// Objects that DataJoin's outbox needs in a PostgreSQL database if the agent fills it:
// `_mirror_datajoin_change`, and a trigger on each table with a key. The trigger notes in that
// table, in the transaction of the change, which row was changed and in which columns. The table
// holds no values but those of keys, and an entry is removed when it was put into the outbox.
//
// A role of the application that changes a row may not write the agent's tables, so the function
// of the triggers runs with the rights of its owner. It calls nothing that a table's owner could
// have made: PostgreSQL finds a cast, an operator or to_json() by the value's type, so the function
// converts values to text by the output functions of their types, and compares their bytes. If a
// superuser installs, the function belongs to a role without LOGIN that has no other right.

namespace mirror {

inline constexpr char kNoteFunction[] = "_mirror_datajoin_note";
inline constexpr char kChangeTable[] = "_mirror_datajoin_change";
/// The tables whose changes the function notes. It refuses to fire on others.
inline constexpr char kNotedTable[] = "_mirror_datajoin_table";

/// The role that runs the statements.
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

/// Says why the function is unsafe, for people. Empty: it is missing, or gives no role any rights.
std::string WhyUnsafe(const NoteFunction& function);

/// One column of a key that the function notes.
struct NotedKeyColumn {
  std::string table, column;
  std::uint32_t type = 0;  ///< The base type of a domain.
};
/// kFailedPrecondition, naming the first column whose type is neither built into PostgreSQL nor
/// part of an extension that a superuser owns. Only reads. Errors: also those of Connection.
absl::Status CheckNotedKeys(postgres::Connection& connection, const std::vector<NotedKeyColumn>& columns);

/// Returns the statements that make the function and its list of `tables`, in one
/// transaction after the one that makes kChangeTable. Empty: all exists. `there`: the
/// result of FindNoteFunction(). `makes_changes`: kChangeTable is made, too. Only reads.
/// Errors: those of Connection, postgres::QuotedName() and postgres::QuotedText().
absl::StatusOr<std::vector<std::string>> NoteFunctionStatements(postgres::Connection& connection,
                                                                const std::string& schema,
                                                                const std::vector<PostgresTable>& tables,
                                                                const NoteFunction& there, BoxesBy by,
                                                                bool makes_changes);

/// kFailedPrecondition: the database's encoding cannot store every text of the exchange.
absl::Status CheckBoxEncoding(const postgres::Connection& connection);

/// Returns the statements that make missing objects; only reads. `tables`: all mirrored
/// tables, even if the role cannot read them yet; empty: the application writes the outbox,
/// and nothing is noted. `keys`: of tables that declare none, by folded name. Correct triggers
/// are left. Errors: those of Connection, postgres::QuotedText() and CheckNotedKeys().
absl::StatusOr<std::vector<std::string>> BoxTriggerStatements(
    postgres::Connection& connection, const std::string& schema, const std::vector<PostgresTable>& tables,
    const std::map<std::string, std::vector<std::string>>& keys, BoxesBy by);

/// Tables that a role has to read and write; the first two number their rows by a column `id`.
std::vector<std::string> BoxTables();
/// Statements that let a role use the boxes, for a DBA's script.
/// `notes`: triggers note changes. Errors: those of QuotedName().
absl::StatusOr<std::vector<std::string>> BoxGrants(const std::string& schema, const std::string& role,
                                                   bool notes);

/// Statements that drop the triggers and the agent's own tables of the
/// boxes; those that people read stay. Empty: none exists. Only reads.
absl::StatusOr<std::string> BoxesDrop(postgres::Connection& connection, const std::string& schema);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_BOX_TRIGGERS_H_
