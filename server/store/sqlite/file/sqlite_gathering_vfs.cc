#include "server/store/sqlite/file/sqlite_gathering_vfs.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/db/sqlite/descriptor.h"

namespace mirror {
namespace {

/// Size of the buffer. A buffer of twice this size was no faster.
constexpr std::size_t kPieceBytes = 64 << 10;
constexpr std::array<char, kPieceBytes> kZeroPiece{};
/// Bytes of a large transaction after which the system begins to write them to disk.
constexpr std::int64_t kEarlyBytes = 512 << 10;
/// Bytes of a checkpoint's pages after which the system begins to write them to disk.
constexpr std::int64_t kEarlyPagesBytes = 1 << 20;
constexpr int kFrameHeaderBytes = FrameSeals::kHeaderBytes;

sqlite3_vfs* System() {
  static sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
  return system;
}

/// Buffers writes to a file of the system's VFS. In memory that file's object follows this one.
class GatheringFile : public sqlite3_file {
 public:
  static GatheringFile& Of(sqlite3_file* file) { return *static_cast<GatheringFile*>(file); }

  sqlite3_file* system() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods& methods() { return *system()->pMethods; }
  /// Called after the system's file was opened.
  void BeginEarly() { early_.emplace(sqlite::DescriptorOf(system()), kEarlyBytes); }

  int Read(void* to, int size, sqlite3_int64 from) {
    const auto end = static_cast<sqlite3_int64>(from + size);
    if (failed_ != SQLITE_OK && end > begin_) return failed_;
    if (waiting_ > 0 && end > begin_ && from < End()) {
      if (const int code = Flush(); code != SQLITE_OK) return code;
    }
    return methods().xRead(system(), to, size, from);
  }

  int Write(const void* bytes, int size, sqlite3_int64 to) {
    const auto count = static_cast<std::size_t>(size);
    seals_.Wrote(bytes, size, to);
    begins_anew_ = begins_anew_ || to == 0;
    if (commit_begin_ < 0 || to < commit_begin_) commit_begin_ = to;
    // If a page was written twice, the transaction ends with headers that are written again. The page after
    // the last of these headers is in the file already.
    if (size != kFrameHeaderBytes) page_bytes_ = size;
    commit_end_ = to + size + (size == kFrameHeaderBytes ? page_bytes_ : 0);
    if (failed_ != SQLITE_OK) return failed_;
    if (waiting_ > 0 && (to != End() || waiting_ + count > kPieceBytes)) {
      if (const int code = Flush(); code != SQLITE_OK) return code;
    }
    if (count > kPieceBytes) return methods().xWrite(system(), bytes, size, to);
    if (!piece_) piece_.reset(new (std::nothrow) Piece);
    if (!piece_) return methods().xWrite(system(), bytes, size, to);
    if (waiting_ == 0) begin_ = to;
    std::memcpy(piece_->data() + waiting_, bytes, count);
    waiting_ += count;
    return SQLITE_OK;
  }

  /// Writes the buffer. If that fails, the bytes are lost. Then all calls that concern them fail until
  /// Drop(), because SQLite may already rely on them. `more`: the transaction has more to write.
  int Flush(bool more = true) {
    if (waiting_ == 0 || failed_ != SQLITE_OK) return failed_;
    const int size = static_cast<int>(std::exchange(waiting_, 0));
    failed_ = methods().xWrite(system(), piece_->data(), size, begin_);
    // At the end of a transaction the sync does this.
    if (more && failed_ == SQLITE_OK && early_ && !early_->Wrote(begin_, size)) early_failed_ = true;
    return failed_;
  }

  int Sync(int flags) {
    if (const int code = FlushAndRest(); code != SQLITE_OK) return code;
    if (!seals_.End()) return SQLITE_IOERR_DATA;
    if (IsOfAnotherLog()) owed_begin_ = -1;
    if (without_sync_ && !begins_anew_ && !early_failed_ && MayWait()) {
      if (owed_begin_ < 0) owed_begin_ = commit_begin_;
      owed_end_ = commit_end_;
      commit_begin_ = -1;
      return SQLITE_OK;
    }
    if (const int code = sync_failed_ ? WriteOwed() : SQLITE_OK; code != SQLITE_OK) return code;
    // The system might not report the early failure again.
    const bool lost = std::exchange(early_failed_, false);
    const int code = lost ? SQLITE_IOERR_FSYNC : methods().xSync(system(), flags);
    sync_failed_ = code != SQLITE_OK;
    if (code != SQLITE_OK) return code;
    begins_anew_ = false;
    commit_begin_ = owed_begin_ = -1;
    return code;
  }
  void SetWithoutSync(bool without) { without_sync_ = without; }

  /// Writes the buffer and frees it, because most tenants are idle.
  int FlushAndRest() {
    const int code = Flush(false);
    piece_.reset();
    if (early_) early_->End();
    return code;
  }

  /// Discards the buffer. It belongs to a transaction that was rolled back.
  void Drop() {
    waiting_ = 0;
    failed_ = SQLITE_OK;
    seals_ = {};
    commit_begin_ = -1;
    piece_.reset();
    if (early_) early_->End();
    sync_failed_ = std::exchange(early_failed_, false) || sync_failed_;
  }

 private:
  using Piece = std::array<char, kPieceBytes>;

  /// Rewrites bytes of earlier commits after a failed sync. The system treats these bytes as written. SQLite
  /// rewrites only the pages of its own transaction, not those of earlier commits that waited for this sync.
  int WriteOwed() {
    if (owed_begin_ < 0) return SQLITE_OK;
    const std::unique_ptr<Piece> bytes(new (std::nothrow) Piece);
    if (!bytes) return SQLITE_IOERR_NOMEM;
    for (sqlite3_int64 at = owed_begin_; at < owed_end_;) {
      const int size = static_cast<int>(std::min<sqlite3_int64>(kPieceBytes, owed_end_ - at));
      int code = methods().xRead(system(), bytes->data(), size, at);
      // Another connection has copied all of it and truncated the log.
      if (code == SQLITE_IOERR_SHORT_READ) return SQLITE_OK;
      if (code == SQLITE_OK) code = methods().xWrite(system(), bytes->data(), size, at);
      if (code != SQLITE_OK) return code;
      at += size;
    }
    return SQLITE_OK;
  }

  /// Returns whether the unsynced bytes belong to a former log. A log grows only at its end. So if a
  /// transaction is before that point, this or another process has copied the log and begun it anew.
  bool IsOfAnotherLog() const { return owed_begin_ >= 0 && commit_begin_ >= 0 && commit_begin_ < owed_end_; }

  /// Returns whether this commit may wait too, according to the number of all unsynced bytes.
  bool MayWait() const {
    const sqlite3_int64 from = owed_begin_ < 0 ? commit_begin_ : owed_begin_;
    return commit_end_ - from <= CommitWithoutSync::kWaitingMax;
  }

  sqlite3_int64 End() const { return begin_ + static_cast<sqlite3_int64>(waiting_); }

  std::optional<EarlyWriting> early_;
  FrameSeals seals_;
  std::unique_ptr<Piece> piece_;
  std::size_t waiting_ = 0;
  sqlite3_int64 begin_ = 0;  ///< Offset of the buffered or lost bytes.
  int failed_ = SQLITE_OK;
  bool without_sync_ = false;
  bool begins_anew_ = false;                          ///< The log's header was written but is not synced yet.
  sqlite3_int64 commit_begin_ = -1, commit_end_ = 0;  ///< Range that the present transaction wrote; -1: none.
  int page_bytes_ = 0;                                ///< Size of the page that was written last.
  sqlite3_int64 owed_begin_ = -1, owed_end_ = 0;      ///< Range of commits that wait for a sync; -1: none.
  bool sync_failed_ = false;                          ///< The last sync failed.
  bool early_failed_ = false;                         ///< An early write of the transaction failed. That
                                                      ///< counts as a failed sync.
};

int Close(sqlite3_file* file) {
  // A transaction was written at its end, so bytes that are still buffered belong to none.
  GatheringFile& gathering = GatheringFile::Of(file);
  const int code = gathering.methods().xClose(gathering.system());
  gathering.~GatheringFile();
  return code;
}

int Read(sqlite3_file* file, void* to, int size, sqlite3_int64 from) {
  return GatheringFile::Of(file).Read(to, size, from);
}

int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 to) {
  return GatheringFile::Of(file).Write(bytes, size, to);
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  GatheringFile& gathering = GatheringFile::Of(file);
  if (const int code = gathering.Flush(); code != SQLITE_OK) return code;
  return gathering.methods().xTruncate(gathering.system(), size);
}

int Sync(sqlite3_file* file, int flags) { return GatheringFile::Of(file).Sync(flags); }

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  GatheringFile& gathering = GatheringFile::Of(file);
  if (const int code = gathering.Flush(); code != SQLITE_OK) return code;
  return gathering.methods().xFileSize(gathering.system(), size);
}

int Lock(sqlite3_file* file, int level) {
  GatheringFile& gathering = GatheringFile::Of(file);
  return gathering.methods().xLock(gathering.system(), level);
}

int Unlock(sqlite3_file* file, int level) {
  GatheringFile& gathering = GatheringFile::Of(file);
  return gathering.methods().xUnlock(gathering.system(), level);
}

int CheckReservedLock(sqlite3_file* file, int* result) {
  GatheringFile& gathering = GatheringFile::Of(file);
  return gathering.methods().xCheckReservedLock(gathering.system(), result);
}

int FileControl(sqlite3_file* file, int operation, void* argument) {
  GatheringFile& gathering = GatheringFile::Of(file);
  if (operation == SQLITE_FCNTL_SYNC) {
    if (const int code = gathering.FlushAndRest(); code != SQLITE_OK) return code;
  }
  return gathering.methods().xFileControl(gathering.system(), operation, argument);
}

int SectorSize(sqlite3_file* file) {
  GatheringFile& gathering = GatheringFile::Of(file);
  return gathering.methods().xSectorSize(gathering.system());
}

int DeviceCharacteristics(sqlite3_file* file) {
  GatheringFile& gathering = GatheringFile::Of(file);
  return gathering.methods().xDeviceCharacteristics(gathering.system());
}

/// Version 1 of the methods, without shared memory and mapping. Neither kind of file needs these.
constexpr sqlite3_io_methods kMethods = {
    1,
    Close,
    Read,
    Write,
    Truncate,
    Sync,
    FileSize,
    Lock,
    Unlock,
    CheckReservedLock,
    FileControl,
    SectorSize,
    DeviceCharacteristics,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
};

// The methods for a mirror's file are those of the system, except two.
const sqlite3_io_methods* system_pages = nullptr;

/// Returns the object for early writes. It follows the system's file in memory, at the place where the other
/// kind of file has its GatheringFile.
EarlyWriting& EarlyPages(sqlite3_file* file) {
  static_assert(sizeof(EarlyWriting) <= sizeof(GatheringFile));
  static_assert(std::is_trivially_destructible_v<EarlyWriting>);  // Nobody calls its destructor.
  return *reinterpret_cast<EarlyWriting*>(reinterpret_cast<char*>(file) + System()->szOsFile);
}

/// Extends a file before a checkpoint. The checkpoint announces the final length, and then writes page by
/// page. A page costs the system less if large pieces of zeros are there already (docs/decisions/0071). The
/// caller holds the checkpoint lock, so no one else extends the file. If the disk reports an error here, the
/// checkpoint gets it, too.
void Lengthen(sqlite3_file* file, sqlite3_int64 length) {
  constexpr auto kPiece = static_cast<sqlite3_int64>(kPieceBytes);
  sqlite3_int64 at = 0;
  if (system_pages->xFileSize(file, &at) != SQLITE_OK) return;
  while (at < length) {
    const sqlite3_int64 size = std::min(kPiece - at % kPiece, length - at);
    if (system_pages->xWrite(file, kZeroPiece.data(), static_cast<int>(size), at) != SQLITE_OK) return;
    at += size;
  }
}

int ControlPages(sqlite3_file* file, int operation, void* argument) {
  if (operation == SQLITE_FCNTL_CKPT_START) EarlyPages(file).End();
  if (operation == SQLITE_FCNTL_SIZE_HINT) Lengthen(file, *static_cast<const sqlite3_int64*>(argument));
  return system_pages->xFileControl(file, operation, argument);
}

/// Writes a page, and lets the system begin to write it to disk. Otherwise the final sync of a checkpoint
/// would delay syncs of logs.
int WritePage(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 to) {
  const int code = system_pages->xWrite(file, bytes, size, to);
  if (code != SQLITE_OK) return code;
  return EarlyPages(file).Wrote(to, size) ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

void WatchPages(sqlite3_file* file) {
  // SQLite has one set of methods for all files of a kind.
  static const sqlite3_io_methods methods = [file] {
    system_pages = file->pMethods;
    sqlite3_io_methods made = *file->pMethods;
    made.xFileControl = ControlPages;
    made.xWrite = WritePage;
    return made;
  }();
  if (file->pMethods != system_pages || System()->szOsFile % alignof(EarlyWriting) != 0) return;
  new (&EarlyPages(file)) EarlyWriting(sqlite::DescriptorOf(file), kEarlyPagesBytes);
  file->pMethods = &methods;
}

template <int kind>
int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* given) {
  if ((flags & kind) == 0) {
    const int code = System()->xOpen(System(), name, file, flags, given);
    if (code == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0) WatchPages(file);
    return code;
  }
  auto* const gathering = new (file) GatheringFile;
  const int code = System()->xOpen(System(), name, gathering->system(), flags, given);
  if (code == SQLITE_OK) {
    gathering->pMethods = &kMethods;
    if (kind == SQLITE_OPEN_WAL) gathering->BeginEarly();
  } else {
    gathering->pMethods = nullptr;  // So SQLite does not close it.
    if (gathering->system()->pMethods != nullptr) gathering->methods().xClose(gathering->system());
    gathering->~GatheringFile();
  }
  return code;
}

template <int kind>
const char* Register(const char* name) {
  if (System() == nullptr) return nullptr;
  sqlite::WatchDescriptors(System());
  // All calls except open are those of the system, and use the system's own fields.
  static sqlite3_vfs vfs = *System();
  vfs.zName = name;
  vfs.szOsFile = static_cast<int>(sizeof(GatheringFile)) + System()->szOsFile;
  vfs.xOpen = Open<kind>;
  return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? name : nullptr;
}

/// Returns the connection's log. Null: no log is open, or it belongs to another VFS.
GatheringFile* LogOf(sqlite3* connection) {
  sqlite3_file* log = nullptr;
  sqlite3_file_control(connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  return log != nullptr && log->pMethods == &kMethods ? &GatheringFile::Of(log) : nullptr;
}

void RolledBack(void* connection) {
  if (GatheringFile* const log = LogOf(static_cast<sqlite3*>(connection))) log->Drop();
}

}  // namespace

CommitWithoutSync::CommitWithoutSync(sqlite3* connection) : connection_(connection) {
  if (GatheringFile* const log = LogOf(connection_)) log->SetWithoutSync(true);
}

CommitWithoutSync::~CommitWithoutSync() {
  if (GatheringFile* const log = LogOf(connection_)) log->SetWithoutSync(false);
}

void DropGatheredAtRollback(sqlite3* connection) {
  sqlite3_rollback_hook(connection, RolledBack, connection);
}

const char* GatheringVfs(Gathered what) {
  static const char* const log = Register<SQLITE_OPEN_WAL>("mirror-log");
  static const char* const database = Register<SQLITE_OPEN_MAIN_DB>("mirror-building");
  return what == Gathered::kLog ? log : database;
}

namespace {

/// Offset in a header of two numbers (salts) that are the same in the whole log.
constexpr int kSaltsAt = 8;

}  // namespace

void FrameSeals::Wrote(const void* bytes, int size, std::int64_t to) {
  if (to == 0) *this = {};  // The log begins anew.
  if (size != kHeaderBytes) {
    if (header_ >= 0 && to == header_ + kHeaderBytes) Appended(std::exchange(header_, -1));
    return;
  }
  WrittenAgain();
  std::uint64_t salts = 0;
  std::memcpy(&salts, static_cast<const char*>(bytes) + kSaltsAt, sizeof(salts));
  header_ = to;
  is_sealed_ = salts != 0;
}

bool FrameSeals::End() {
  WrittenAgain();
  const bool all = open_ < 0 || (sealed_ >= 0 && sealed_ <= open_);
  *this = {};
  return all;
}

/// Notes a new frame at `at`. Earlier frames at this place and after it were rolled back.
void FrameSeals::Appended(std::int64_t at) {
  if (open_ >= at) open_ = -1;
  if (open_ < 0 && !is_sealed_) open_ = at;
}

/// Notes a header without a page: it was written again over its former place.
void FrameSeals::WrittenAgain() {
  const std::int64_t at = std::exchange(header_, -1);
  if (at >= 0 && is_sealed_ && (sealed_ < 0 || at < sealed_)) sealed_ = at;
}

namespace {

/// In KiB, because SQLite takes a negative number so. A change of cache_spill alone is not enough: if more
/// pages are in use than the cache size, SQLite would evict each unchanged page at once, and read it again
/// for the next row.
constexpr int kHeld = -32'768;

std::string Ask(sqlite3* connection, const char* pragma) {
  std::string answer;
  const auto keep = [](void* to, int, char** values, char**) {
    *static_cast<std::string*>(to) = values[0];
    return SQLITE_OK;
  };
  sqlite3_exec(connection, pragma, keep, &answer, nullptr);
  return answer;
}

/// Returns the cache size to restore later; kHeld: no change is needed.
int CacheToChange(sqlite3* connection) {
  int size = kHeld;
  // Only a database with a log has this problem.
  if (Ask(connection, "PRAGMA main.journal_mode") != "wal") return kHeld;
  return absl::SimpleAtoi(Ask(connection, "PRAGMA main.cache_size"), &size) ? size : kHeld;
}

// If there is no memory for this, SQLite writes pages as usual.
void SetCache(sqlite3* connection, int size) {
  std::array<char, 64> sql;
  std::snprintf(sql.data(), sql.size(), "PRAGMA main.cache_size = %d", size);
  sqlite3_exec(connection, sql.data(), nullptr, nullptr, nullptr);
}

}  // namespace

HeldPages::HeldPages(sqlite3* connection) : connection_(connection), before_(CacheToChange(connection)) {
  if (before_ != kHeld) SetCache(connection_, kHeld);
}

HeldPages::~HeldPages() {
  if (before_ != kHeld) SetCache(connection_, before_);
}

namespace {

/// The page size of the system. If a page is written again soon, it would be written to disk twice.
constexpr std::int64_t kSystemPageBytes = 4'096;

/// Returns whether the failed call lost pages. If not, it began nothing, and the sync writes everything.
bool LosesPages(int error) {
  return error != ESPIPE && error != EINVAL && error != ENOSYS && error != EPERM && error != ENOMEM;
}

}  // namespace

bool EarlyWriting::Wrote(std::int64_t from, std::int64_t size) {
  if (from != end_) begin_ = (from + kSystemPageBytes - 1) / kSystemPageBytes * kSystemPageBytes;
  end_ = from + size;
  const std::int64_t whole = end_ / kSystemPageBytes * kSystemPageBytes;
  if (file_ < 0 || whole - begin_ < step_) return true;
  const int failed = sync_file_range(file_, begin_, whole - begin_, SYNC_FILE_RANGE_WRITE);
  begin_ = whole;
  return failed == 0 || !LosesPages(errno);
}

}  // namespace mirror
