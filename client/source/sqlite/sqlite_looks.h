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

/// The looks in which the rows of one table are read, one after the other. Threads: one.
class TableLooks {
 public:
  /// `log`: null when the source has none. `closed_later`: what changes while the table is read is known from
  /// its log; else all looks have to see the table as the first one did. `on_move`: called when they do not;
  /// gives what is to be said of that.
  TableLooks(std::shared_ptr<const SqliteFile> file, std::string table, DefinitionWatch definition,
             ChangeLog* log, bool closed_later, std::function<std::string()> on_move);

  /// Begins a look, which the caller ends. Errors: kAborted when the table is not what it was.
  absl::Status Begin();
  /// After the last row, in a look or not: these were all the rows of what was read.
  absl::Status CheckEnd() const;

  /// Whether a look ends after rows() of them, since writers wait for its end.
  bool in_chunks() const { return file_->access() == Access::kChunks; }
  std::size_t rows() const { return rows_; }
  /// Where the table stood in the first look, when every look has to see the same; absent before it.
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
  const std::string moves_;  ///< What becomes another number when somebody commits.
  const std::size_t rows_;
  std::optional<std::int64_t> moved_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_LOOKS_H_
