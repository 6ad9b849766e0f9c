#ifndef MIRROR_CLIENT_SOURCE_SERVER_STAGED_ROW_H_
#define MIRROR_CLIENT_SOURCE_SERVER_STAGED_ROW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// A value in the text form of the source's log, and of its answer to a SELECT; absent: NULL.
using SourceText = std::optional<std::string>;

struct StagedValue {
  std::int64_t column = 0;  ///< The number is unique in the table: no other column ever has it.
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
  std::int64_t lsn = 0;             ///< LSN of the last change.
  std::int64_t born = 0;            ///< When a row was inserted at this key; 0: it was there before.
  std::int64_t rekeyed = 0;         ///< When the row came from another key; 0: it did not.
  std::vector<StagedValue> values;  ///< By column number; empty for kGone.
  bool complete = false;            ///< For kPart: `values` nevertheless has all columns.
  friend bool operator==(const StagedRow&, const StagedRow&) = default;
};

/// A change of one row as the log reports it.
struct LoggedChange {
  enum class Kind { kInsert, kUpdate, kDelete };
  Kind kind = Kind::kInsert;
  StagedKey old_key;                ///< For an update and a delete: the key before it.
  StagedKey key;                    ///< For an insert and an update: the key after it.
  std::vector<StagedValue> values;  ///< For an insert and an update, by column number.
  bool whole = true;                ///< `values` has all columns; else the log left out some unchanged ones.
};

// Values packed into one text: for each the column's number, the length and the bytes; by number.

std::string PackStagedValues(const std::vector<StagedValue>& values);
/// Absent: `packed` was not made by PackStagedValues().
std::optional<std::vector<StagedValue>> UnpackStagedValues(std::string_view packed);
/// Merges packed values: those of `newer`, and the columns of `older` that `newer` lacks.
std::string MergeStagedValues(std::string_view older, std::string_view newer);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGED_ROW_H_
