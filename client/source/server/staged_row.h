#ifndef MIRROR_CLIENT_SOURCE_SERVER_STAGED_ROW_H_
#define MIRROR_CLIENT_SOURCE_SERVER_STAGED_ROW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// A value as text, in the form of the source's log and of its answers to SELECT; absent: NULL.
using SourceText = std::optional<std::string>;

struct StagedValue {
  std::int64_t column = 0;  ///< Unique in the table: a later column never gets the number of a dropped one.
  SourceText text;
  friend bool operator==(const StagedValue&, const StagedValue&) = default;
};

/// The packed texts of a key's columns in the key's order: keys are equal when their texts are equal.
using StagedKey = std::string;
StagedKey PackStagedKey(const std::vector<std::string>& texts);
/// Returns no texts for a key that PackStagedKey() did not make.
std::vector<std::string> UnpackStagedKey(const StagedKey& key);

enum class StagedKind : char {
  kGone = 'D',   ///< The row does not exist.
  kWhole = 'W',  ///< `values` has all columns of the row.
  kPart = 'P',   ///< The row existed before; `values` has its changed columns.
  kMoved = 'N',  ///< The row came from another key, and `values` lacks columns that have to be read.
};

/// All changes of one key since its table was first staged, folded into one.
struct StagedRow {
  StagedKind kind = StagedKind::kGone;
  std::int64_t lsn = 0;      ///< LSN of the last change.
  std::int64_t born = 0;     ///< LSN of the insert that created the row at this key; 0: it existed before.
  std::int64_t rekeyed = 0;  ///< LSN of the change that moved the row here from another key; 0: none did.
  std::vector<StagedValue> values;  ///< By column number; empty for kGone.
  bool complete = false;            ///< For kPart: `values` nevertheless has all columns.
  friend bool operator==(const StagedRow&, const StagedRow&) = default;
};

/// A change of one row as the log reports it.
struct LoggedChange {
  enum class Kind { kInsert, kUpdate, kDelete };
  Kind kind = Kind::kInsert;
  StagedKey old_key;                ///< For an update and a delete: the key before the change.
  StagedKey key;                    ///< For an insert and an update: the key after the change.
  std::vector<StagedValue> values;  ///< For an insert and an update, by column number.
  bool whole = true;                ///< False: the log left out some unchanged columns.
};

// Values packed into one text, ordered by column number. For each value: its column's number, length and
// bytes.

std::string PackStagedValues(const std::vector<StagedValue>& values);
/// Absent: `packed` was not made by PackStagedValues().
std::optional<std::vector<StagedValue>> UnpackStagedValues(std::string_view packed);
/// Merges packed values: all of `newer`, and of `older` those whose columns `newer` lacks.
std::string MergeStagedValues(std::string_view older, std::string_view newer);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGED_ROW_H_
