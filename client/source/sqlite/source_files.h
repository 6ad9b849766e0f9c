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

/// The files from which a source is read: the source itself and, if needed, a copy of it. Threads: one.
class SourceFiles {
 public:
  /// `options` must outlive it.
  explicit SourceFiles(const SqliteReaderOptions& options) : options_(options) {}

  /// Opens the source, unless it is open.
  absl::Status Open();
  /// Opens the source for a new look. If it has no log and moves while it is read, it is copied now, see
  /// OpenSqliteReader().
  absl::Status OpenAnew();
  /// Null: it was never opened.
  const std::shared_ptr<const SqliteFile>& file() const { return file_; }
  /// Makes the next call that needs a copy take a new one.
  void LeaveCopies() { copy_.reset(); }

  /// Returns the source, or a copy if a look blocks writers and the rows cannot be read in several looks.
  absl::StatusOr<std::shared_ptr<const SqliteFile>> For(const SourcePlan& plan);
  absl::StatusOr<std::shared_ptr<const SqliteFile>> ForOnePiece();
  /// Returns a file that is read at one moment. With WAL it has one snapshot, which does not block writers.
  /// Otherwise it is the open file, and its table must not change while it is read.
  absl::StatusOr<std::shared_ptr<const SqliteFile>> ForOneMoment();

  /// Returns the `on_move` of TableLooks.
  std::function<std::string()> OnMove();

 private:
  absl::Status Register(const SqliteFile& file) const;
  absl::StatusOr<std::shared_ptr<const SqliteFile>> Copy();
  /// Returns the copy. Null: the source itself is read, because it does not move, blocks no writers, or
  /// cannot be copied.
  std::shared_ptr<const SqliteFile> CopyOfWhatMoves();

  const SqliteReaderOptions& options_;
  std::shared_ptr<const SqliteFile> file_;
  std::shared_ptr<const SqliteFile> copy_;  ///< The copy of this look; null: not needed so far.
  int moves_ = 0;                           ///< Readings that a commit of another program broke off.
  std::string copy_trouble_;                ///< Why a moving source cannot be copied.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SOURCE_FILES_H_
