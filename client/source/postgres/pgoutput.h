#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_PGOUTPUT_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_PGOUTPUT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

// The messages of PostgreSQL's output plugin pgoutput, protocol version 1 (logical streaming replication
// message formats of its documentation), only with text values. Views are into the decoded message.

namespace mirror::pgoutput {

struct Begin {
  std::uint64_t commit_lsn = 0;  ///< Position of the commit record's first byte.
  std::int64_t time_ms = 0;      ///< Unix milliseconds.
  std::uint32_t xid = 0;
};
struct Commit {
  std::uint64_t commit_lsn = 0, end_lsn = 0;
  std::int64_t time_ms = 0;
};
/// A message of pg_logical_emit_message().
struct Emitted {
  bool transactional = false;
  std::uint64_t lsn = 0;
  std::string_view prefix, content;
};
struct RelationColumn {
  bool is_key = false;
  std::string name;
  std::uint32_t type = 0;
  std::int32_t modifier = -1;
};
struct Relation {
  std::uint32_t oid = 0;
  std::string schema, name;
  char identity = 'd';  ///< pg_class.relreplident
  std::vector<RelationColumn> columns;
};
struct Field {
  enum class Kind { kNull, kUnchanged, kText };
  Kind kind = Kind::kNull;
  std::string_view text;
};
using Tuple = std::vector<Field>;  ///< In the order of the relation's columns.
struct Insert {
  std::uint32_t oid = 0;
  Tuple row;
};
struct Update {
  std::uint32_t oid = 0;
  std::optional<Tuple> old;  ///< If the key changed, or the identity is all columns.
  bool old_is_key = true;    ///< `old` only has values for the key's columns.
  Tuple row;
};
struct Delete {
  std::uint32_t oid = 0;
  Tuple old;
  bool old_is_key = true;
};
struct Truncate {
  std::vector<std::uint32_t> oids;
  bool cascade = false, restart_identity = false;
};
/// Origins and types, which are not used.
struct Ignored {};
using Message = std::variant<Begin, Commit, Emitted, Relation, Insert, Update, Delete, Truncate, Ignored>;

/// Errors: kDataLoss: it is no such message.
absl::StatusOr<Message> Decode(std::string_view data);

}  // namespace mirror::pgoutput

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_PGOUTPUT_H_
