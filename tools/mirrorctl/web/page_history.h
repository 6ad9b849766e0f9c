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

// What the page of a table's history is given. A value is a text, NULL is null.

namespace mirror {

/// Of what differs, so many rows stand on a page, with about so many bytes of their values.
inline constexpr std::size_t kDifferencesMax = 200;
inline constexpr std::size_t kDifferenceBytesMax = 4 << 20;
/// A page waits so long for them.
inline constexpr std::chrono::seconds kDiffPatience(60);

/// {table, known_from, complete, columns: names, versions: of each, the newest first, {from_moment,
/// to_moment, operation, made_by, ended_by, deleted, cells: values, changed: numbers of columns}}
Json RowHistoryJson(const v1::ReadRowHistoryResponse& answer);

/// Gathers the parts of a difference, as many as a page shows.
class PageDiff {
 public:
  /// False: no more are shown than there are.
  bool Take(const v1::DiffPart& part);
  /// All parts came, or as many as are shown.
  bool is_whole() const { return ended_ || more_; }
  /// {table, key_columns, from, to, command: that gives all, more: there are more rows, rows: of each {key:
  /// as it is typed, columns: names, before, after: values, or null}}. Of a row that stood at both moments
  /// the columns are those that differ, else all.
  Json ToJson(const std::string& context_id) const;

 private:
  void Add(const v1::RowDifference& row);

  v1::DiffHeader header_;
  Json rows_ = Json::array();
  std::size_t bytes_ = 0;
  bool ended_ = false, more_ = false;
};

/// Both are calls for operators. Errors: those of HistoryClient.
absl::StatusOr<Json> ShowRowHistory(AdminClient& admin, const v1::RowOfTable& row);
/// kUnavailable also: the answer broke off.
absl::StatusOr<Json> ShowTableDiff(AdminClient& admin, const v1::DiffTableRequest& asked,
                                   const Interruption& interruption);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_WEB_PAGE_HISTORY_H_
