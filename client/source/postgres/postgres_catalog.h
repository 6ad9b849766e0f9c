#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_CATALOG_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_CATALOG_H_

#include <cstddef>
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
  std::int64_t number = 0;  ///< pg_attribute.attnum: no other column of the table ever has it.
  std::string name;
  std::uint32_t type = 0;      ///< Of a domain that of its base.
  std::int32_t modifier = -1;  ///< Of that type; -1: none.
  std::string type_name;       ///< The type without its modifier, as it stands in a cast.
  bool sends_text = false;     ///< Its binary format is its text.
  bool not_null = false;
  bool readable = false;  ///< The role may read it.
  /// What rows have there that were written before it was added, as text; absent: NULL, or each its own.
  std::optional<std::string> missing = {};
  friend bool operator==(const PostgresColumn&, const PostgresColumn&) = default;
};

/// What has rows: a table by itself, or one that is a part of a partitioned one.
struct PostgresLeaf {
  std::uint32_t oid = 0;
  std::string name;  ///< With its schema, quoted.
  bool readable = false;
  bool hides_rows = false;  ///< Row security is in effect for the role.
  bool foreign = false;     ///< Its rows are in another database.
  bool unlogged = false;    ///< As of a table.
  char identity = 'd';      ///< As of a table.
  friend bool operator==(const PostgresLeaf&, const PostgresLeaf&) = default;
};

/// A table of the schema that is part of no other one, as the catalogs have it.
struct PostgresTable {
  std::uint32_t oid = 0;
  std::string name;
  std::string quoted;                      ///< With its schema.
  bool partitioned = false;                ///< Its rows are those of `leaves`.
  bool has_children = false;               ///< Tables inherit from it: their rows are not its own.
  bool unlogged = false;                   ///< Its changes are in no log, and a crash empties it.
  bool hides_rows = false;                 ///< Row security is in effect for the role.
  std::vector<PostgresColumn> columns;     ///< By number, those that are stored by the application.
  std::vector<std::string> generated;      ///< Columns that PostgreSQL computes.
  std::vector<std::int64_t> key;           ///< Numbers of the primary key's columns in its order.
  std::vector<std::string> key_operators;  ///< For each of them how its index compares for equality.
  bool key_waits = false;                  ///< It may be broken until a transaction ends.
  bool key_broken = false;                 ///< Its index is not valid.
  char identity = 'd';                     ///< pg_class.relreplident: d (the key), f (all), i (another), n.
  std::vector<PostgresLeaf> leaves;        ///< Of a partitioned table.
  friend bool operator==(const PostgresTable&, const PostgresTable&) = default;

  /// Behind FROM: its rows, in columns of their names, called t. Each leaf for itself, so that they are those
  /// of the statement's snapshot; where the role may not read them, by the table itself.
  std::string Rows() const;
  /// Behind LOCK TABLE: all that Rows() reads.
  std::string Lockable() const;
};

/// Asks for all tables of a schema, or for the one with this oid, which may be none. They are those of the
/// transaction's snapshot.
class PostgresTableQueries {
 public:
  explicit PostgresTableQueries(std::string schema, std::uint32_t oid = 0)
      : schema_(std::move(schema)), oid_(oid) {}

  /// As the last of a pipeline that runs while this is there.
  void Queue(postgres::Pipeline& pipeline) const;
  /// Of what that pipeline gave: by oid.
  absl::StatusOr<std::vector<PostgresTable>> Take(const std::vector<postgres::Rows>& rows) const;

 private:
  const std::string schema_;
  const std::uint32_t oid_;
};

/// The snapshot of a transaction, and whether a standby gave it.
inline constexpr char kPostgresSnapshotSql[] = "SELECT pg_current_snapshot()::text, pg_is_in_recovery()";
/// Rows of a standby may be older than what its server's log gave, and nobody could tell.
absl::Status StandbyAnswered();

/// An error of reading a table, for people, with the code that SourceReader promises: kAborted where a new
/// look helps.
absl::Status ExplainReading(const absl::Status& status, const PostgresTable& table, const std::string& role);

/// What has to be granted so that the role can read the table, for people. Empty: nothing.
std::string WhyUnreadable(const PostgresTable& table, const std::string& role);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_CATALOG_H_
