#ifndef MIRROR_CLIENT_SOURCE_SERVER_STAGED_ROW_H_
#define MIRROR_CLIENT_SOURCE_SERVER_STAGED_ROW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// A value as the source writes it in its log, and in the answer to a SELECT; absent: NULL.
using SourceText = std::optional<std::string>;

struct StagedValue {
  std::int64_t column = 0;  ///< Its number in the source: no other column of the table ever has it.
  SourceText text;
  friend bool operator==(const StagedValue&, const StagedValue&) = default;
};

/// The texts of a key's columns in the key's order, packed: two keys are the same when their texts are.
using StagedKey = std::string;
StagedKey PackStagedKey(const std::vector<std::string>& texts);
/// Of what PackStagedKey() did not make: no texts.
std::vector<std::string> UnpackStagedKey(const StagedKey& key);

enum class StagedKind : char {
  kGone = 'D',   ///< There is no such row.
  kWhole = 'W',  ///< `values` are all of the row's.
  kPart = 'P',   ///< The row was there before; `values` are those of its columns that changed.
  kMoved = 'N',  ///< It came here from another key, and `values` lack columns that have to be read.
};

/// All that happened to one key since its table was staged first, as one.
struct StagedRow {
  StagedKind kind = StagedKind::kGone;
  std::int64_t lsn = 0;             ///< Of the last change.
  std::int64_t born = 0;            ///< When a row came to this key; 0: it was there before.
  std::int64_t rekeyed = 0;         ///< When it came from another key; 0: it did not.
  std::vector<StagedValue> values;  ///< By number of their column; of kGone none.
  bool complete = false;            ///< Of kPart: `values` are all of the row's all the same.
  friend bool operator==(const StagedRow&, const StagedRow&) = default;
};

/// A change of one row as the log tells it.
struct LoggedChange {
  enum class Kind { kInsert, kUpdate, kDelete };
  Kind kind = Kind::kInsert;
  StagedKey old_key;                ///< Of an update and a delete: before it.
  StagedKey key;                    ///< Of an insert and an update: after it.
  std::vector<StagedValue> values;  ///< Of an insert and an update, by number of their column.
  bool whole = true;  ///< `values` are all of the row's; else the log left out some that did not change.
};

// Values as one text: of each the column's number, the length and the bytes; by number.

std::string PackStagedValues(const std::vector<StagedValue>& values);
/// Absent: PackStagedValues() did not make it.
std::optional<std::vector<StagedValue>> UnpackStagedValues(std::string_view packed);
/// Those of `newer`, and of `older` the columns that are not there. Both packed.
std::string MergeStagedValues(std::string_view older, std::string_view newer);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGED_ROW_H_
