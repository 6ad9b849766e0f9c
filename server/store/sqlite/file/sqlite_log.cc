#include "server/store/sqlite/file/sqlite_log.h"

#include <sqlite3.h>

#include <string>
#include <system_error>
#include <utility>

namespace mirror {
namespace {

std::string WalName(sqlite3* connection) {
  const char* const name = sqlite3_filename_wal(sqlite3_db_filename(connection, "main"));
  return name != nullptr ? name : "";
}

}  // namespace

SqliteLog::SqliteLog(sqlite3* writer, Checkpointer* checkpointer, std::function<sqlite3*()> open_beside)
    : writer_(writer), checkpointer_(checkpointer), open_beside_(std::move(open_beside)) {
  sqlite3_wal_hook(
      writer_,
      [](void* log, sqlite3*, const char*, int pages) {
        static_cast<SqliteLog*>(log)->pages_ = pages;
        return SQLITE_OK;
      },
      this);
  if (checkpointer_ != nullptr) growth_.emplace(*checkpointer_, WalName(writer_));
}

SqliteLog::~SqliteLog() {
  Leave();
  sqlite3_wal_hook(writer_, nullptr, nullptr);
}

void SqliteLog::Committed() {
  if (pages_ < kLogPages) {
    if (growth_) growth_->Committed(pages_);
    return;
  }
  if (checkpointer_ != nullptr && pages_ < kLongLogPages) {
    if (!copy_) CopyBeside();
    if (!copy_ || !copy_->Ended()) return;
  }
  CopyAll(SQLITE_CHECKPOINT_PASSIVE);
}

bool SqliteLog::Empty() { return CopyAll(SQLITE_CHECKPOINT_TRUNCATE); }

bool SqliteLog::CopyAll(int how) {
  Leave();
  if (growth_) growth_->End();
  // Another attempt would seem to succeed, and the log begin anew: it alone has what the file lacks.
  if (failed_) return false;
  // Both stay where somebody else is copying: nothing is known of the log then.
  int pages = -1, copied = -1;
  const int code = sqlite3_wal_checkpoint_v2(writer_, "main", how, &pages, &copied);
  code_ = code == SQLITE_OK ? SQLITE_OK : sqlite3_extended_errcode(writer_);
  NoteFailure(code_);
  // Busy: a reader keeps it from being truncated, perhaps not from being copied.
  return (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY) && pages >= 0 && copied == pages;
}

void SqliteLog::CopyBeside() {
  if (!checkpointer_->HasRoom()) return;
  beside_ = open_beside_();
  if (beside_ == nullptr) return;
  try {
    copy_.emplace(*checkpointer_, [beside = beside_] { return CopyLog(beside); });
  } catch (const std::system_error&) {
    // No thread to be had: the writer copies, later.
    sqlite3_close(std::exchange(beside_, nullptr));
  }
}

void SqliteLog::Leave() {
  if (copy_) {
    copy_->End();
    NoteFailure(static_cast<int>(copy_->result()));
  }
  copy_.reset();
  sqlite3_close(std::exchange(beside_, nullptr));
}

/// What cannot be written, as on a full disk, is written by the next attempt. What was written and cannot be
/// kept is not: the system takes it for clean from then on.
void SqliteLog::NoteFailure(int code) {
  if (code == SQLITE_IOERR_FSYNC) failed_ = true;
}

}  // namespace mirror
