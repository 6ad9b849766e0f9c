#ifndef MIRROR_PROTO_WIRE_TABLE_H_
#define MIRROR_PROTO_WIRE_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"

namespace mirror {

/// The types of proto/mirror/v1/table.proto, with the same numbers and meanings.
enum class Type : std::uint8_t {
  kUnspecified = 0,
  kBool = 1,
  kInt16 = 2,
  kInt32 = 3,
  kInt64 = 4,
  kFloat = 5,
  kDouble = 6,
  kDecimal = 7,
  kText = 8,
  kBytes = 9,
  kDate = 10,
  kTime = 11,
  kTimestamp = 12,
  kTimestampTz = 13,
  kUuid = 14,
  kAny = 15,
};

inline bool IsInteger(Type type) {
  return type == Type::kInt16 || type == Type::kInt32 || type == Type::kInt64;
}
enum class Affinity : std::uint8_t {
  kUnspecified = 0,
  kBlob = 1,
  kText = 2,
  kNumeric = 3,
  kInteger = 4,
  kReal = 5
};
enum class Backfill : std::uint8_t { kUnspecified = 0, kNone = 1, kDefault = 2, kUnknown = 3 };
enum class Deletes : std::uint8_t { kUnspecified = 0, kApply = 1, kIgnore = 2, kMark = 3 };

/// Change to a column's values before they are stored. Numbers are those of ColumnRule in table.proto.
enum class Rule : std::uint8_t { kPlain = 1, kLeftOut = 2, kHashed = 3, kMasked = 4 };

/// The arrays of ColumnData: which of them has a column's values.
enum class Storage : std::uint8_t { kInts, kDoubles, kBytes, kAny };
Storage StorageOf(Type type);
std::string_view ToString(Type type);

struct Null {
  friend bool operator==(Null, Null) = default;
};
/// A column's default. int64: BOOL to INT64 and DATE to TIMESTAMP_TZ; string: TEXT, DECIMAL; bytes: BYTES,
/// UUID.
struct Bytes {
  std::string value;
  friend bool operator==(const Bytes&, const Bytes&) = default;
};
using Literal = std::variant<Null, std::int64_t, double, std::string, Bytes>;

struct Column {
  std::string name;
  Type type = Type::kUnspecified;
  std::uint32_t length = 0;     ///< TEXT: UTF-16 units, BYTES: bytes; 0: unbounded.
  std::uint32_t precision = 0;  ///< DECIMAL: number of all digits. DATE to TIMESTAMP_TZ: digits of a second.
  std::uint32_t scale = 0;      ///< DECIMAL: digits after the dot.
  Affinity affinity = Affinity::kUnspecified;  ///< ANY only.
  bool nullable = false;
  std::optional<Literal> default_value = {};
  std::uint32_t key_position = 0;  ///< From 1; 0: not in the key.
  std::uint64_t column_id = 0;     ///< 0: the source has none.
  Backfill backfill = Backfill::kUnspecified;
  Rule rule = Rule::kPlain;       ///< Rule of the endpoint, never of the source.
  std::uint32_t rule_detail = 0;  ///< kMasked: number of characters that stay. kHashed: id of the key.
  friend bool operator==(const Column&, const Column&) = default;
};

/// One table as the source announced it. The codec makes it and checks it with CheckTable().
struct TableSchema {
  std::string name;
  std::vector<Column> columns;
  std::uint64_t table_id = 0;
  bool preserve_target = false;
  Deletes deletes = Deletes::kUnspecified;
  friend bool operator==(const TableSchema&, const TableSchema&) = default;

  /// Returns the indexes of the key columns in key order; empty for a table without a key.
  std::vector<std::uint32_t> Key() const;
  /// Returns the indexes of all columns, in their order.
  std::vector<std::uint32_t> AllColumns() const;
  /// Returns the index of the column with this name, ignoring ASCII case.
  std::optional<std::uint32_t> Find(std::string_view column_name) const;
};

/// Returns the table as an endpoint stores it: without the columns that are left out; hashed and masked
/// columns become texts without a default. `origin`, if given: for each column its index in `agreed`.
TableSchema KeptForm(const TableSchema& agreed, std::vector<std::uint32_t>* origin = nullptr);
/// Returns indexes of the columns whose values are stored unchanged: digests cover only these.
std::vector<std::uint32_t> PlainColumns(const TableSchema& table);
/// Returns true if the key is hashed: then only the table's number of rows can be compared.
bool HasHashedKey(const TableSchema& table);

/// Returns true if the table may have rows or columns of the partner: it has preserve_target, or deletes
/// other than APPLY. A population of such a table is merged into it, and not all of its rows are the
/// source's.
bool KeepsPartner(const TableSchema& table);

/// Returns a name in double quotes, with quotes in it doubled. Server and agent write names into SQL only in
/// this way.
std::string QuoteName(std::string_view name);

/// Returns a list of names for people: the first `most`, then "and 7 more".
std::string ListNames(const std::vector<std::string>& names, std::size_t most = 20);

/// Checks for 1 to 128 characters of UTF-8 without NUL. Errors: kInvalidArgument; `what` ("table", "column 3
/// of table 'x'") begins the message.
absl::Status CheckName(std::string_view name, std::string_view what);
/// Checks for `^[A-Za-z0-9_-]{1,64}$`: safe in a path, a database name or SQL. Errors: kInvalidArgument.
absl::Status CheckContextId(std::string_view context_id);

/// Checks one table by itself: names, duplicate columns, types and their attributes, the key's positions,
/// defaults that do not fit their column, a rule for deletes in a table without the key that it needs.
/// Errors: kInvalidArgument, naming table and column.
absl::Status CheckTable(const TableSchema& table);
/// Checks that a default fits its column. Errors: kInvalidArgument with the reason only.
absl::Status CheckLiteral(const Column& column, const Literal& literal);
/// Checks a text that came in parts for a TEXT column, or as KIND_TEXT for an ANY column: UTF-8 without NUL,
/// at most `length` UTF-16 units. The codec checks all other texts. Errors: kInvalidArgument with the reason
/// only, never the text.
absl::Status CheckText(const Column& column, std::string_view text);

/// Returns the hash of a definition as 32 hexadecimal digits; `backfill` is not part of it. Only the endpoint
/// computes the hash; a source sends it back.
std::string SchemaHash(const TableSchema& table);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_TABLE_H_
