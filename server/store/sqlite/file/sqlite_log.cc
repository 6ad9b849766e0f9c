#include "server/store/sqlite/file/sqlite_log.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
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
  // Another attempt would seem to succeed and begin the log anew. But only the log has what the file lacks.
  if (failed_) return false;
  // Both stay -1 if another connection is copying. Then the state of the log is unknown.
  int pages = -1, copied = -1;
  const int code = sqlite3_wal_checkpoint_v2(writer_, "main", how, &pages, &copied);
  code_ = code == SQLITE_OK ? SQLITE_OK : sqlite3_extended_errcode(writer_);
  NoteFailure(code_);
  // Busy: a reader prevents the truncation, but perhaps not the copy.
  return (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY) && pages >= 0 && copied == pages;
}

void SqliteLog::CopyBeside() {
  if (!checkpointer_->HasRoom()) return;
  beside_ = open_beside_();
  if (beside_ == nullptr) return;
  try {
    copy_.emplace(*checkpointer_, [beside = beside_] { return CopyLog(beside); });
  } catch (const std::system_error&) {
    // No thread can be started. The writer copies the log later.
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

/// Notes a failed copy. The next attempt repeats a failed write, such as on a full disk. But it does not
/// repeat the write of data that could not be synced, because the system treats these as written from then
/// on.
void SqliteLog::NoteFailure(int code) {
  if (code == SQLITE_IOERR_FSYNC) failed_ = true;
}

namespace {

constexpr std::int64_t kHeaderBytes = 32, kPageBytes = 4'096 + 24;
/// Zeros for one write.
constexpr std::array<char, 64 << 10> kZeros{};

std::int64_t LengthOf(int file) {
  // Does not ask for times, see docs/decisions/0072.
  struct statx info {};
  if (statx(file, "", AT_EMPTY_PATH, STATX_SIZE | STATX_TYPE, &info) != 0) return 0;
  return S_ISREG(info.stx_mode) ? static_cast<std::int64_t>(info.stx_size) : 0;
}

bool HasRoom(int file) {
  struct statvfs disk {};
  return fstatvfs(file, &disk) == 0 && disk.f_bavail * disk.f_frsize >= LogGrowth::kFreeMin;
}

/// Returns false if the disk refuses more.
bool Append(int file, std::int64_t bytes) {
  while (bytes > 0) {
    const auto size = std::min(static_cast<std::size_t>(bytes), kZeros.size());
    if (write(file, kZeros.data(), size) != static_cast<ssize_t>(size)) return false;
    bytes -= static_cast<std::int64_t>(size);
  }
  // The writer's own sync reports a failure as well, because the system reports it for each descriptor.
  return fdatasync(file) == 0;
}

}  // namespace

std::int64_t GrowLog(const std::string& path, std::int64_t used, std::int64_t bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return 0;
  std::int64_t length = LengthOf(file);
  if (length < used || !HasRoom(file)) {
    close(file);
    return 0;
  }
  while (length < bytes && Append(file, bytes - length)) length = LengthOf(file);
  length = LengthOf(file);
  close(file);
  return length;
}

LogGrowth::LogGrowth(Checkpointer& checkpointer, std::string path)
    : checkpointer_(checkpointer), path_(std::move(path)) {}

void LogGrowth::Committed(int pages) {
  const int added = pages - std::exchange(pages_, pages);
  if (task_ && task_->Ended()) {
    length_ = task_->result();
    refused_ = length_ < asked_;
    task_.reset();
  }
  const std::int64_t used = kHeaderBytes + pages * kPageBytes;
  const std::int64_t step = std::clamp(used, kStepMin, kStepMax);
  if (task_ || refused_ || added > kSmallCommitPages || used < kStepMin) return;
  if (used + step / 4 <= length_) return;
  if (checkpointer_.Waiting() < kWaitingMax) Begin(used, used + step);
}

void LogGrowth::Begin(std::int64_t used, std::int64_t bytes) {
  asked_ = bytes;
  try {
    task_.emplace(checkpointer_, [path = path_, used, bytes] { return GrowLog(path, used, bytes); });
  } catch (const std::system_error&) {
    refused_ = true;  // No thread can be started.
  }
}

void LogGrowth::End() {
  task_.reset();
  pages_ = 0;
  length_ = 0;
  refused_ = false;
}

}  // namespace mirror
