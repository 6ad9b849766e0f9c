#include "client/source/sqlite/source_files.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/sqlite/sqlite_tables.h"

namespace mirror {

absl::Status SourceFiles::Open() {
  if (file_ != nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(file_,
                   SqliteFile::Open(options_.path, options_.log == nullptr ? Use::kRead : Use::kLooks));
  return Register(*file_);
}

absl::Status SourceFiles::OpenAnew() {
  copy_.reset();
  file_.reset();
  RETURN_IF_ERROR(Open());
  if (options_.log != nullptr) return absl::OkStatus();
  if (const std::shared_ptr<const SqliteFile> copy = CopyOfWhatMoves(); copy != nullptr) file_ = copy;
  copy_.reset();
  return absl::OkStatus();
}

absl::Status SourceFiles::Register(const SqliteFile& file) const {
  return RegisterTurns(file, options_.hash_key ? &*options_.hash_key : nullptr);
}

absl::StatusOr<std::shared_ptr<const SqliteFile>> SourceFiles::For(const SourcePlan& plan) {
  return plan.steady_order.empty() ? ForOnePiece() : file_;
}

absl::StatusOr<std::shared_ptr<const SqliteFile>> SourceFiles::ForOnePiece() {
  if (file_->access() != Access::kChunks || options_.log != nullptr) return file_;
  return Copy();
}

absl::StatusOr<std::shared_ptr<const SqliteFile>> SourceFiles::Copy() {
  if (copy_ != nullptr) return copy_;
  ASSIGN_OR_RETURN(std::unique_ptr<SqliteFile> copy, file_->CopyOfOneMoment(options_.copy));
  RETURN_IF_ERROR(Register(*copy));
  copy_ = std::move(copy);
  return copy_;
}

std::function<std::string()> SourceFiles::OnMove() {
  return [this] {
    ++moves_;
    return copy_trouble_.empty() ? "" : absl::StrCat("; ", copy_trouble_);
  };
}

std::shared_ptr<const SqliteFile> SourceFiles::CopyOfWhatMoves() {
  const bool moves = moves_ >= kMovesBeforeCopy && !file_->wal() && file_->access() == Access::kChunks;
  if (!moves || !copy_trouble_.empty()) return nullptr;
  const absl::StatusOr<std::shared_ptr<const SqliteFile>> copy = Copy();
  if (copy.ok()) return *copy;
  copy_trouble_ = std::string(copy.status().message());
  return nullptr;
}

absl::StatusOr<std::shared_ptr<const SqliteFile>> SourceFiles::ForOneMoment() {
  if (!file_->wal()) {
    const std::shared_ptr<const SqliteFile> copy = CopyOfWhatMoves();
    return copy == nullptr ? file_ : copy;
  }
  ASSIGN_OR_RETURN(std::unique_ptr<SqliteFile> file, SqliteFile::Open(options_.path));
  RETURN_IF_ERROR(Register(*file));
  const SourceMark &now = file->mark(), &before = file_->mark();
  if (now.device == before.device && now.inode == before.inode) return file;
  return absl::AbortedError(absl::StrCat("'", before.path, "' was replaced while it was read"));
}

}  // namespace mirror
