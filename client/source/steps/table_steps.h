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

/// The steps for one table between its source and the mirror. Columns have the source's names. Names are
/// equal if they differ only by ASCII case.
struct TableSteps {
  int line = 0;                      ///< Line of its [[source.table]], for messages.
  std::string table;                 ///< Its name in the source.
  std::string as;                    ///< Its name in the mirror; empty: the same.
  std::vector<std::string> columns;  ///< Columns to send; empty: all.
  std::map<std::string, std::string> rename;
  std::string where;  ///< A SQL expression over a row; only rows for which it is true are sent. Empty: all.
  std::vector<std::string> hash;  ///< Sent as Rule::kHashed.
  /// Sent as Rule::kMasked, with the number of characters at the end that stay.
  std::map<std::string, std::uint32_t> mask;

  const std::string& name() const { return as.empty() ? table : as; }
  /// Returns whether the sent rows differ from the source's rows.
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
  /// Returns the mirror's name of a column.
  std::string SentColumn(const std::string& column) const;
};

/// Looks for steps that contradict each other. Returns the key in the configuration and the problem, for
/// people; absent: there is none. `ruled`: a column by which changes are found; empty: there is none.
std::optional<std::pair<std::string, std::string>> FindConflict(const TableSteps& steps,
                                                                const std::string& ruled);

/// Checks all steps but `where` against a table of the source. Errors: kInvalidArgument, for people.
absl::Status CheckSteps(const TableSchema& source, const TableSteps& steps);

/// Returns the error about these steps; its text begins with the problem.
absl::Status WrongSteps(const TableSteps& steps, const std::string& what);

/// Changes a column whose values are hashed or masked into its announced form: a TEXT without a default.
void TurnToText(Column* column);

/// Returns the sent form of a source's table. `origin` gets for each sent column its index in `source`.
TableSchema SentForm(const TableSchema& source, const TableSteps& steps, std::vector<std::uint32_t>* origin);

/// Returns a text that differs when the sent rows differ. Empty: the source's rows are sent unchanged. `key`
/// may be null.
std::string FingerprintOf(const TableSteps& steps, const TenantHashKey* key);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STEPS_TABLE_STEPS_H_
