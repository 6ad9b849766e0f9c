#include "server/store/sqlite_log.h"

#include <sqlite3.h>

#include <utility>

namespace mirror {

SqliteLog::SqliteLog(sqlite3* writer, Checkpointer* checkpointer, std::function<sqlite3*()> open_beside)
    : writer_(writer), checkpointer_(checkpointer), open_beside_(std::move(open_beside)) {
  sqlite3_wal_hook(
      writer_,
      [](void* log, sqlite3*, const char*, int pages) {
        static_cast<SqliteLog*>(log)->pages_ = pages;
        return SQLITE_OK;
      },
      this);
}

SqliteLog::~SqliteLog() {
  Leave();
  sqlite3_wal_hook(writer_, nullptr, nullptr);
}

void SqliteLog::Committed() {
  if (pages_ < kLogPages) return;
  if (pages_ < kLongLogPages) {
    if (copy_ ? !copy_->Ended() : CopyBeside()) return;
  }
  copy_.reset();
  sqlite3_wal_checkpoint_v2(writer_, "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

bool SqliteLog::CopyBeside() {
  if (checkpointer_ == nullptr) return false;
  if (beside_ == nullptr) beside_ = open_beside_();
  if (beside_ == nullptr) return false;
  copy_.emplace(*checkpointer_, beside_);
  return true;
}

void SqliteLog::Leave() {
  copy_.reset();
  sqlite3_close(std::exchange(beside_, nullptr));
}

}  // namespace mirror
