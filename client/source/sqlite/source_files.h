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

/// The files from which a source is read: itself, and a copy where it has to be one. Threads: one.
class SourceFiles {
 public:
  /// `options` outlive it.
  explicit SourceFiles(const SqliteReaderOptions& options) : options_(options) {}

  /// Opens the source, unless it is open.
  absl::Status Open();
  /// For another look. Without a log a source that moves is a copy from here on, see OpenSqliteReader().
  absl::Status OpenAnew();
  /// Null: it was never opened.
  const std::shared_ptr<const SqliteFile>& file() const { return file_; }
  /// From here on what needs a copy makes another one.
  void LeaveCopies() { copy_.reset(); }

  /// Where writers wait for a look, and the rows cannot be read in several, a copy.
  absl::StatusOr<std::shared_ptr<const SqliteFile>> For(const SourcePlan& plan);
  absl::StatusOr<std::shared_ptr<const SqliteFile>> ForOnePiece();
  /// With WAL one snapshot, beside which others write; else the file as it is open here, whose table must
  /// not move while it is read.
  absl::StatusOr<std::shared_ptr<const SqliteFile>> ForOneMoment();

  /// See TableLooks.
  std::function<std::string()> OnMove();

 private:
  absl::Status Register(const SqliteFile& file) const;
  absl::StatusOr<std::shared_ptr<const SqliteFile>> Copy();
  /// Null: the source is read as it is, since it rests, or lets its writers go on, or cannot be copied.
  std::shared_ptr<const SqliteFile> CopyOfWhatMoves();

  const SqliteReaderOptions& options_;
  std::shared_ptr<const SqliteFile> file_;
  std::shared_ptr<const SqliteFile> copy_;  ///< Of this look; null: it was not needed so far.
  int moves_ = 0;                           ///< Looks that a commit broke off.
  std::string copy_trouble_;                ///< Why what moves cannot be copied.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SOURCE_FILES_H_
