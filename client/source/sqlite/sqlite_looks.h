#ifndef MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_LOOKS_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_LOOKS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "client/source/sqlite/log/change_log.h"

namespace mirror {

/// The successive looks in which the rows of one table are read. Threads: one.
class TableLooks {
 public:
  /// `log`: null if the source has none. `closed_later`: changes made while the table is read are found in
  /// its log. Otherwise all looks must see the table as the first look did. `on_move`: called if a look does
  /// not; returns a text for the error.
  TableLooks(std::shared_ptr<const SqliteFile> file, std::string table, DefinitionWatch definition,
             ChangeLog* log, bool closed_later, std::function<std::string()> on_move);

  /// Begins a look; the caller ends it. Errors: kAborted if the table changed.
  absl::Status Begin();
  /// Called after the last row, in a look or outside. Errors: kAborted if these were not all rows of the
  /// table.
  absl::Status CheckEnd() const;

  /// Returns whether a look ends after rows() rows, because writers wait for its end.
  bool in_chunks() const { return file_->access() == Access::kChunks; }
  std::size_t rows() const { return rows_; }
  /// The table's position in the first look, if every look must see the same position. Absent: no look has
  /// begun.
  const std::optional<std::int64_t>& moved() const { return moved_; }

 private:
  absl::Status CheckUnmoved();
  absl::Status Moved(absl::string_view how) const;

  std::shared_ptr<const SqliteFile> file_;
  const std::string table_;
  DefinitionWatch definition_;
  ChangeLog* const log_;
  const bool closed_later_;
  const std::function<std::string()> on_move_;
  const std::string moves_;  ///< SQL for a number that changes when another program commits.
  const std::size_t rows_;
  std::optional<std::int64_t> moved_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_LOOKS_H_
