#ifndef MIRROR_TOOLS_MIRRORCTL_WEB_PAGE_HISTORY_H_
#define MIRROR_TOOLS_MIRRORCTL_WEB_PAGE_HISTORY_H_

#include <chrono>
#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "base/interruption.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/admin_output.h"

// Makes the content of the page for a table's history. Values are texts; NULL is null.

namespace mirror {

/// Limits of a page of differences: number of rows, and approximate bytes of their values.
inline constexpr std::size_t kDifferencesMax = 200;
inline constexpr std::size_t kDifferenceBytesMax = 4 << 20;
/// Time limit of a page for a comparison.
inline constexpr std::chrono::seconds kDiffPatience(60);

/// Returns {table, known_from, complete, columns: names, versions: the newest first, each {from_moment,
/// to_moment, operation, made_by, ended_by, deleted, cells: values, changed: numbers of columns}}.
Json RowHistoryJson(const v1::ReadRowHistoryResponse& answer);

/// Collects the parts of a difference, up to the limits of a page.
class PageDiff {
 public:
  /// Returns false if the page is full and there are more rows.
  bool Take(const v1::DiffPart& part);
  /// Returns true if all parts have come, or the page is full.
  bool is_whole() const { return ended_ || more_; }
  /// Returns {table, key_columns, from, to, command: a command that prints all rows, more: true if there are
  /// more rows, rows: each {key: as users type it, columns: names, before, after: values, or null}}. For a
  /// row that existed at both moments the columns are those that differ, otherwise all columns.
  Json ToJson(const std::string& context_id) const;

 private:
  void Add(const v1::RowDifference& row);

  v1::DiffHeader header_;
  Json rows_ = Json::array();
  std::size_t bytes_ = 0;
  bool ended_ = false, more_ = false;
};

/// Make calls that only operators may make. Errors: those of HistoryClient.
absl::StatusOr<Json> ShowRowHistory(AdminClient& admin, const v1::RowOfTable& row);
/// Errors: also kUnavailable: the answer broke off.
absl::StatusOr<Json> ShowTableDiff(AdminClient& admin, const v1::DiffTableRequest& asked,
                                   const Interruption& interruption);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_WEB_PAGE_HISTORY_H_
