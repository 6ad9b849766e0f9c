#include "client/source/stage/stage_link.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "client/source/stage/stage_rows.h"

namespace mirror {
namespace {

constexpr char kLinking[] = "staging";
constexpr char kReadAnew[] = "What was not written there is read anew from the source's log";

}  // namespace

StageLink::StageLink(StagePlace& stage) : stage_(stage), nonce_(NewToken()) {}

absl::Status StageLink::Lose(const std::string& why) {
  is_owner_ = false;
  return absl::AbortedError(absl::StrCat("the stage '", file_->path(), "' ", why, ". ", kReadAnew));
}

absl::Status StageLink::Connect() {
  ASSIGN_OR_RETURN(std::shared_ptr<StageFile> file, stage_.File());
  if (database_ != nullptr && file == file_) return absl::OkStatus();
  RollBackLong();
  ASSIGN_OR_RETURN(auto connection, file->ConnectToWrite());
  look_ = sqlite::Statement();
  database_ = std::move(connection);
  look_ = database_->Prepare("PRAGMA data_version", kLinking);
  file_ = std::move(file);
  return std::exchange(is_owner_, false) ? Lose("was removed or replaced") : absl::OkStatus();
}

absl::StatusOr<std::int64_t> StageLink::Version() {
  RETURN_IF_ERROR(look_.StepToRow());
  const std::int64_t version = look_.Int(0);
  look_.Reset();
  return version;
}

absl::StatusOr<StageLink::Found> StageLink::Own() {
  RETURN_IF_ERROR(Connect());
  if (is_long_) return Found::kAsLeft;
  if (is_owner_) {
    ASSIGN_OR_RETURN(const std::int64_t version, Version());
    if (std::exchange(version_, version) == version) return Found::kAsLeft;
    RETURN_IF_ERROR(CheckOwner());
    return Found::kOthers;
  }
  RETURN_IF_ERROR(Write([&](const sqlite::Connection& database) {
    ASSIGN_OR_RETURN(place_, ReadPlace(database));
    return database.Prepare("UPDATE stage SET writer = ?", kLinking).With(nonce_).Run();
  }));
  ASSIGN_OR_RETURN(version_, Version());
  is_owner_ = true;
  return Found::kNew;
}

absl::Status StageLink::CheckOwner() {
  sqlite::Statement select = database_->Prepare("SELECT place, writer FROM stage", kLinking);
  RETURN_IF_ERROR(select.StepToRow());
  if (select.View(1) != nonce_) return Lose("is written by another process now");
  return select.Int(0) == place_ ? absl::OkStatus() : Lose("was set to another place");
}

absl::Status StageLink::Write(const Work& work) {
  if (!is_long_) {
    return database_->Transact(
        sqlite::Connection::Begin::kImmediate, [&] { return work(*database_); }, kLinking);
  }
  absl::Status done = database_->Execute("SAVEPOINT work", kLinking);
  if (!done.ok()) return done;
  done = work(*database_);
  const absl::Status ended =
      database_->Execute(done.ok() ? "RELEASE work" : "ROLLBACK TO work; RELEASE work", kLinking);
  return done.ok() ? ended : done;
}

absl::Status StageLink::BeginLong() {
  absl::Status begun = database_->Execute("BEGIN IMMEDIATE", kLinking);
  is_long_ = begun.ok();
  return begun;
}

absl::Status StageLink::CommitLong() {
  absl::Status committed = database_->Execute("COMMIT", kLinking);
  if (committed.ok()) is_long_ = false;
  return committed;
}

void StageLink::RollBackLong() {
  if (!std::exchange(is_long_, false)) return;
  // An error may have ended it already.
  if (database_->InTransaction()) (void)database_->Execute("ROLLBACK", kLinking);
}

}  // namespace mirror
