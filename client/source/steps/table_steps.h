#ifndef MIRROR_CLIENT_SOURCE_STEPS_TABLE_STEPS_H_
#define MIRROR_CLIENT_SOURCE_STEPS_TABLE_STEPS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "certs/keyed_hash.h"
#include "proto/wire/table.h"

namespace mirror {

/// What is done with one table between its source and the mirror. Columns are called as the source calls
/// them; names are compared by ASCII case only.
struct TableSteps {
  int line = 0;                      ///< Of its [[source.table]], for messages.
  std::string table;                 ///< As the source calls it.
  std::string as;                    ///< As the mirror is to call it; empty: the same.
  std::vector<std::string> columns;  ///< Those that are sent; empty: all.
  std::map<std::string, std::string> rename;
  std::string where;  ///< A SQL expression over a row: only rows of which it is true are sent. Empty: all.
  std::vector<std::string> hash;              ///< Sent as Rule::kHashed.
  std::map<std::string, std::uint32_t> mask;  ///< Sent as Rule::kMasked; characters at the end that stay.

  const std::string& name() const { return as.empty() ? table : as; }
  /// Whether rows are others than those of the source.
  bool ChangesRows() const {
    return !columns.empty() || !rename.empty() || !where.empty() || !hash.empty() || !mask.empty();
  }
  bool any() const { return !as.empty() || ChangesRows(); }

  struct Turn {
    Rule rule = Rule::kPlain;  ///< kPlain, kHashed or kMasked.
    std::uint32_t keep = 0;
  };
  Turn TurnOf(std::string_view column) const;
  bool Sends(std::string_view column) const;
  /// As the mirror calls it.
  std::string SentColumn(const std::string& column) const;
};

/// Steps that cannot be meant, whatever the table: the key of the configuration, and what is wrong with it,
/// for people. `ruled`: a column by which changes are found; empty: there is none.
std::optional<std::pair<std::string, std::string>> FindConflict(const TableSteps& steps,
                                                                const std::string& ruled);

/// Whether a table of the source can be sent so, but for `where`. Errors: kInvalidArgument, for people.
absl::Status CheckSteps(const TableSchema& source, const TableSteps& steps);

/// The words of an error about these steps: what is wrong comes first.
absl::Status WrongSteps(const TableSteps& steps, const std::string& what);

/// A column whose values are hashed or masked, as it is announced: a TEXT without a default.
void TurnToText(Column* column);

/// A table of the source as it is sent. `origin`: for each column its index in `source`.
TableSchema SentForm(const TableSchema& source, const TableSteps& steps, std::vector<std::uint32_t>* origin);

/// Differs when the rows that are sent differ; empty: they are those of the source. `key` may be null.
std::string FingerprintOf(const TableSteps& steps, const TenantHashKey* key);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STEPS_TABLE_STEPS_H_
