#ifndef MIRROR_CLIENT_SOURCE_STEPS_ROW_STEPS_H_
#define MIRROR_CLIENT_SOURCE_STEPS_ROW_STEPS_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/keyed_hash.h"
#include "client/source/steps/row_filter.h"
#include "client/source/steps/table_steps.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// Hashes and masks values before they are sent. Threads: one.
class ValueTurner {
 public:
  /// `key` may be null: hashing is then impossible.
  explicit ValueTurner(const TenantHashKey* key) {
    if (key != nullptr) hash_.emplace(*key);
  }

  /// Sets `text` to the text to send for a value that is not NULL. False: the value could not be hashed.
  bool Turn(const TableSteps::Turn& turn, const Value& value, std::string* text);

 private:
  std::optional<KeyedHash> hash_;
};

/// Applies the steps to the rows of one table, for any reader. First `where` is evaluated for the source's
/// values, then values are hashed and masked. Threads: one.
class RowSteps {
 public:
  /// `table`: of the source, before TurnToText(). Its columns match a row's values in number and order. `key`
  /// may be null; otherwise it must outlive this. Errors: kInvalidArgument, for people; kUnavailable.
  static absl::StatusOr<RowSteps> Make(const TableSchema& table, const TableSteps& steps,
                                       const TenantHashKey* key);
  /// Makes only the filter. Errors: as of Make().
  static absl::StatusOr<RowFilter> MakeFilter(const TableSchema& table, const TableSteps& steps);

  /// Returns whether rows may be left out.
  bool filters() const { return filter_.has_value(); }
  /// Returns whether the row is sent. Errors: `where` cannot be evaluated for it.
  absl::StatusOr<bool> Matches(const std::vector<Value>& row);
  /// Replaces values by the values to send, which are valid until the next call. Key columns are hashed like
  /// others. Errors: kUnavailable.
  absl::Status Turn(std::vector<Value>* row);

 private:
  RowSteps(std::string table, const TenantHashKey* key)
      : table_(std::move(table)), turner_(std::make_unique<ValueTurner>(key)) {}

  struct Turned {
    std::size_t column = 0;
    TableSteps::Turn turn;
    std::string text;  ///< Text of the present row.
  };
  std::string table_;
  std::optional<RowFilter> filter_;
  std::vector<Turned> turns_;
  std::unique_ptr<ValueTurner> turner_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STEPS_ROW_STEPS_H_
