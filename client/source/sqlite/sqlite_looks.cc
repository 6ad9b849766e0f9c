#include "client/source/sqlite/sqlite_looks.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {

TableLooks::TableLooks(std::shared_ptr<const SqliteFile> file, std::string table, DefinitionWatch definition,
                       ChangeLog* log, bool closed_later, std::function<std::string()> on_move)
    : file_(std::move(file)),
      table_(std::move(table)),
      definition_(std::move(definition)),
      log_(log),
      closed_later_(closed_later),
      on_move_(std::move(on_move)),
      moves_(log == nullptr ? "PRAGMA data_version"
                            : absl::StrCat("SELECT max(seq) FROM main.", LogName(log->Find(table_)->id))),
      rows_(file_->look_rows()) {}

absl::Status TableLooks::Begin() {
  absl::Status begun = file_->BeginLook();
  if (begun.ok() && (file_->access() == Access::kChunks || log_ != nullptr)) begun = CheckUnmoved();
  if (!begun.ok()) file_->EndLook();
  if (absl::IsAborted(begun)) return Moved(begun.message());
  return begun;
}

absl::Status TableLooks::CheckEnd() const {
  if (file_->access() != Access::kStill) return absl::OkStatus();
  const absl::Status still = file_->BeginLook();
  return still.ok() ? still : Moved(still.message());
}

/// Checks that nothing was committed since the first look; with a log, only that this table did not change.
absl::Status TableLooks::CheckUnmoved() {
  RETURN_IF_ERROR(definition_.Check(*file_));
  if (log_ != nullptr) RETURN_IF_ERROR(log_->See(*file_, table_));
  if (closed_later_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto moved, file_->Number(moves_));
  if (!moved_) moved_ = moved;
  if (moved == *moved_) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("another program committed while it was read", on_move_()));
}

absl::Status TableLooks::Moved(absl::string_view how) const {
  return absl::AbortedError(absl::StrCat("table '", table_, "' could not be read at one moment: ", how));
}

}  // namespace mirror
