#ifndef MIRROR_CLIENT_SOURCE_SQLITE_SOURCE_FILES_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_SOURCE_FILES_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "client/source/sqlite/sqlite_reader.h"

namespace mirror {

/// The files from which a source is read: the source itself, and a copy where one is needed. Threads: one.
class SourceFiles {
 public:
  /// `options` must outlive it.
  explicit SourceFiles(const SqliteReaderOptions& options) : options_(options) {}

  /// Opens the source, unless it is open.
  absl::Status Open();
  /// Opens it for a new look. Without a log, a source that moves is now copied, see OpenSqliteReader().
  absl::Status OpenAnew();
  /// Null: it was never opened.
  const std::shared_ptr<const SqliteFile>& file() const { return file_; }
  /// The next call that needs a copy makes a new one.
  void LeaveCopies() { copy_.reset(); }

  /// Returns a copy if a look blocks writers and the rows cannot be read in several looks.
  absl::StatusOr<std::shared_ptr<const SqliteFile>> For(const SourcePlan& plan);
  absl::StatusOr<std::shared_ptr<const SqliteFile>> ForOnePiece();
  /// With WAL: one snapshot, which does not block writers. Otherwise the open file; its table must not change
  /// while it is read.
  absl::StatusOr<std::shared_ptr<const SqliteFile>> ForOneMoment();

  /// See TableLooks.
  std::function<std::string()> OnMove();

 private:
  absl::Status Register(const SqliteFile& file) const;
  absl::StatusOr<std::shared_ptr<const SqliteFile>> Copy();
  /// Null: the source is read itself: it does not move, blocks no writers, or cannot be copied.
  std::shared_ptr<const SqliteFile> CopyOfWhatMoves();

  const SqliteReaderOptions& options_;
  std::shared_ptr<const SqliteFile> file_;
  std::shared_ptr<const SqliteFile> copy_;  ///< The copy of this look; null: not needed so far.
  int moves_ = 0;                           ///< Looks that another program's commit broke off.
  std::string copy_trouble_;                ///< Why a moving source cannot be copied.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SOURCE_FILES_H_
