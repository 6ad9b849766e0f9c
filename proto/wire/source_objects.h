#ifndef MIRROR_PROTO_WIRE_SOURCE_OBJECTS_H_
#define MIRROR_PROTO_WIRE_SOURCE_OBJECTS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/table.h"

// Indexes and foreign keys of a table at its source, as announced. proto/mirror/v1/table.proto defines the
// meaning of each.

namespace mirror {

/// Greatest number of indexes, of foreign keys and of untold indexes of a table, and of columns of one of
/// these.
inline constexpr std::size_t kSourceObjectsMax = 64;
inline constexpr std::size_t kObjectColumnsMax = 32;

enum class Collation : std::uint8_t { kUnspecified = 0, kBinary = 1, kNocase = 2, kRtrim = 3 };
enum class UntoldReason : std::uint8_t {
  kUnspecified = 0,
  kPartial = 1,
  kExpression = 2,
  kCollation = 3,
};
enum class ForeignKeyAction : std::uint8_t {
  kUnspecified = 0,
  kNoAction = 1,
  kRestrict = 2,
  kSetNull = 3,
  kSetDefault = 4,
  kCascade = 5,
};

struct IndexColumn {
  std::string name;
  bool descending = false;
  Collation collation = Collation::kBinary;
  friend bool operator==(const IndexColumn&, const IndexColumn&) = default;
};
struct SourceIndex {
  std::string name;
  bool unique = false;
  std::vector<IndexColumn> columns;
  friend bool operator==(const SourceIndex&, const SourceIndex&) = default;
};
struct UntoldIndex {
  std::string name;
  UntoldReason reason = UntoldReason::kUnspecified;
  friend bool operator==(const UntoldIndex&, const UntoldIndex&) = default;
};
struct SourceForeignKey {
  std::vector<std::string> columns;
  std::string table;
  std::vector<std::string> table_columns;  ///< Empty: the key of that table.
  ForeignKeyAction on_delete = ForeignKeyAction::kNoAction;
  ForeignKeyAction on_update = ForeignKeyAction::kNoAction;
  friend bool operator==(const SourceForeignKey&, const SourceForeignKey&) = default;
};
struct SourceObjects {
  std::vector<SourceIndex> indexes;
  std::vector<SourceForeignKey> foreign_keys;
  std::vector<UntoldIndex> untold;
  std::uint32_t more = 0;  ///< Number of objects that the lists omit.
  friend bool operator==(const SourceObjects&, const SourceObjects&) = default;
};

/// Source objects as a store keeps them, by table.
struct KeptObjects {
  std::string table;
  SourceObjects objects;
  friend bool operator==(const KeptObjects&, const KeptObjects&) = default;
};

/// Checks the objects: their number, names, duplicate names, and columns that the table
/// does not have. Errors: kInvalidArgument, naming table and object.
absl::Status CheckObjects(const SourceObjects& objects, const TableSchema& table);

/// Returns the number of Protobuf messages and texts of the objects when they are sent.
/// Limits.message_entries_max limits this number.
std::size_t EntriesOf(const SourceObjects& objects);

/// Returns bytes (a serialised mirror.v1.SourceObjects), for callers that store them without protobuf.
std::string PackObjects(const SourceObjects& objects);
/// Reads the bytes of PackObjects(). Absent: PackObjects() did not make these bytes.
std::optional<SourceObjects> UnpackObjects(std::string_view packed);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_SOURCE_OBJECTS_H_
