#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_CATALOG_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_CATALOG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/pipeline.h"
#include "base/db/postgres/rows.h"
#include "client/source/server/server_words.h"

namespace mirror {

struct PostgresColumn {
  std::int64_t number = 0;  ///< pg_attribute.attnum, unique in the table: no other column ever has it.
  std::string name;
  std::uint32_t type = 0;      ///< For a domain: its base type.
  std::int32_t modifier = -1;  ///< Modifier of that type; -1: none.
  std::string type_name;       ///< The type without its modifier, in the form of a cast.
  bool sends_text = false;     ///< Its binary format equals its text.
  bool not_null = false;
  bool readable = false;  ///< The role may read it.
  /// The text value of rows written before the column was added; absent: NULL, or a value per row.
  std::optional<std::string> missing = {};
  friend bool operator==(const PostgresColumn&, const PostgresColumn&) = default;
};

/// A relation with rows: a table, or a part of a partitioned table.
struct PostgresLeaf {
  std::uint32_t oid = 0;
  std::string name;  ///< With its schema, quoted.
  bool readable = false;
  bool hides_rows = false;  ///< Row security applies to the role.
  bool foreign = false;     ///< Its rows are in another database.
  bool unlogged = false;    ///< See PostgresTable.
  char identity = 'd';      ///< See PostgresTable.
  friend bool operator==(const PostgresLeaf&, const PostgresLeaf&) = default;
};

/// A table of the schema that is no part of another one, in its form in the catalogs.
struct PostgresTable {
  std::uint32_t oid = 0;
  std::string name;
  std::string quoted;                      ///< With its schema.
  bool partitioned = false;                ///< Its rows are those of `leaves`.
  bool has_children = false;               ///< Tables inherit from it: their rows are not its own.
  bool unlogged = false;                   ///< Its changes are in no log, and a crash empties it.
  bool hides_rows = false;                 ///< Row security applies to the role.
  std::vector<PostgresColumn> columns;     ///< By number; those that the application stores.
  std::vector<std::string> generated;      ///< Columns that PostgreSQL computes.
  std::vector<std::int64_t> key;           ///< Numbers of the primary key's columns in its order.
  std::vector<std::string> key_operators;  ///< For each of them: the equality operator of the key's index.
  bool key_waits = false;                  ///< Deferrable: duplicates may exist within a transaction.
  bool key_broken = false;                 ///< Its index is not valid.
  char identity = 'd';                     ///< pg_class.relreplident: d (the key), f (all), i (another), n.
  std::vector<PostgresLeaf> leaves;        ///< Of a partitioned table.
  friend bool operator==(const PostgresTable&, const PostgresTable&) = default;

  /// The text after FROM: its rows, in columns of their names, named t. It names each leaf, so the rows are
  /// those of the statement's snapshot; if the role may not read the leaves, it names the table itself.
  std::string Rows() const;
  /// The text after LOCK TABLE: everything that Rows() reads.
  std::string Lockable() const;
};

/// Queries all tables of a schema, or the one with this oid, if it exists. The result is of the transaction's
/// snapshot.
class PostgresTableQueries {
 public:
  explicit PostgresTableQueries(std::string schema, std::uint32_t oid = 0)
      : schema_(std::move(schema)), oid_(oid) {}

  /// Queues the queries last in a pipeline; this object must live while it runs.
  void Queue(postgres::Pipeline& pipeline) const;
  /// Reads the pipeline's result: tables by oid.
  absl::StatusOr<std::vector<PostgresTable>> Take(const std::vector<postgres::Rows>& rows) const;

 private:
  const std::string schema_;
  const std::uint32_t oid_;
};

/// The snapshot of a transaction, and whether a standby gave it.
inline constexpr char kPostgresSnapshotSql[] = "SELECT pg_current_snapshot()::text, pg_is_in_recovery()";
/// Error for a standby: its rows may be older than the log of its server, undetected.
absl::Status StandbyAnswered();

/// Turns an error of reading a table into one for people, with the code that SourceReader promises: kAborted
/// if a new look helps.
absl::Status ExplainReading(const absl::Status& status, const PostgresTable& table, const std::string& role);

/// Returns the missing grants for the role to read the table, for people. Empty: none.
std::string WhyUnreadable(const PostgresTable& table, const std::string& role);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_CATALOG_H_
