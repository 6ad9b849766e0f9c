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

/// Hashes and masks values before they leave. Threads: one.
class ValueTurner {
 public:
  /// `key` may be null: then nothing can be hashed.
  explicit ValueTurner(const TenantHashKey* key) {
    if (key != nullptr) hash_.emplace(*key);
  }

  /// The text that is sent of a value that is not NULL. False: it could not be hashed.
  bool Turn(const TableSteps::Turn& turn, const Value& value, std::string* text);

 private:
  std::optional<KeyedHash> hash_;
};

/// What is done with the rows of one table, whoever reads them: first `where` looks at the values as the
/// source has them, then they are hashed and masked. Threads: one.
class RowSteps {
 public:
  /// `table`: of the source, before TurnToText(); its columns are a row's values, in their order. `key` may
  /// be null; else it outlives this. Errors: kInvalidArgument, for people; kUnavailable.
  static absl::StatusOr<RowSteps> Make(const TableSchema& table, const TableSteps& steps,
                                       const TenantHashKey* key);
  /// The first of the two alone. Errors: the same.
  static absl::StatusOr<RowFilter> MakeFilter(const TableSchema& table, const TableSteps& steps);

  /// Rows may be left out.
  bool filters() const { return filter_.has_value(); }
  /// Whether the row is to be sent. Errors: `where` cannot be evaluated for it.
  absl::StatusOr<bool> Matches(const std::vector<Value>& row);
  /// Puts what is sent in the place of values; good until the next call. A key is hashed as the rest. Errors:
  /// kUnavailable.
  absl::Status Turn(std::vector<Value>* row);

 private:
  RowSteps(std::string table, const TenantHashKey* key)
      : table_(std::move(table)), turner_(std::make_unique<ValueTurner>(key)) {}

  struct Turned {
    std::size_t column = 0;
    TableSteps::Turn turn;
    std::string text;  ///< Of the present row.
  };
  std::string table_;
  std::optional<RowFilter> filter_;
  std::vector<Turned> turns_;
  std::unique_ptr<ValueTurner> turner_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STEPS_ROW_STEPS_H_
