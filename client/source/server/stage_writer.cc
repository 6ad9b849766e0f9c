#include "client/source/server/stage_writer.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "base/nonce.h"
#include "base/reserved_name.h"
#include "base/status_macros.h"
#include "client/source/server/stage_rows.h"

namespace mirror {
namespace {

constexpr char kStaging[] = "staging";
constexpr char kReadFromLog[] = "Changes that were not written there are read again from the source's log";

/// Approximate memory of a mark or a transaction.
constexpr std::size_t kRecordBytes = 64;
/// Maximum number of tables not staged for which the last skipped change is remembered.
constexpr std::size_t kPassedOverMax = 10'000;

absl::Status NoTransaction() {
  return absl::AbortedError(
      "no transaction of the log is open: the log is read again from the stage's position");
}

std::string TooLong(const std::string& table) {
  return absl::StrCat("table '", table, "' has a row of more than ", Stage::kRowBytesMax,
                      " bytes, which cannot be staged");
}

absl::Status ClearStage(const sqlite::Connection& database) {
  ASSIGN_OR_RETURN(const std::vector<StagedTable> tables, ReadStagedTables(database));
  std::string sql = "DELETE FROM tables; DELETE FROM marks; DELETE FROM transactions";
  for (const StagedTable& table : tables) absl::StrAppend(&sql, "; DROP TABLE ", NetName(table.id));
  return database.Execute(sql, kStaging);
}

}  // namespace

StageLink::StageLink(StagePlace& stage) : stage_(stage), nonce_(NewToken()) {}

absl::Status StageLink::Lose(const std::string& why) {
  is_owner_ = false;
  return absl::AbortedError(absl::StrCat("the stage '", file_->path(), "' ", why, ". ", kReadFromLog));
}

absl::Status StageLink::Connect() {
  ASSIGN_OR_RETURN(std::shared_ptr<StageFile> file, stage_.File());
  if (database_ != nullptr && file == file_) return absl::OkStatus();
  RollBackLong();
  ASSIGN_OR_RETURN(auto connection, file->ConnectToWrite());
  look_ = sqlite::Statement();
  database_ = std::move(connection);
  look_ = database_->Prepare("PRAGMA data_version", kStaging);
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
    return database.Prepare("UPDATE stage SET writer = ?", kStaging).With(nonce_).Run();
  }));
  ASSIGN_OR_RETURN(version_, Version());
  is_owner_ = true;
  return Found::kNew;
}

absl::Status StageLink::CheckOwner() {
  sqlite::Statement select = database_->Prepare("SELECT place, writer FROM stage", kStaging);
  RETURN_IF_ERROR(select.StepToRow());
  if (select.View(1) != nonce_) return Lose("is written by another process now");
  return select.Int(0) == place_ ? absl::OkStatus() : Lose("was set to another position");
}

absl::Status StageLink::Write(const Work& work) {
  if (!is_long_) {
    return database_->Transact(
        sqlite::Connection::Begin::kImmediate, [&] { return work(*database_); }, kStaging);
  }
  absl::Status done = database_->Execute("SAVEPOINT work", kStaging);
  if (!done.ok()) return done;
  done = work(*database_);
  const absl::Status ended =
      database_->Execute(done.ok() ? "RELEASE work" : "ROLLBACK TO work; RELEASE work", kStaging);
  return done.ok() ? ended : done;
}

absl::Status StageLink::BeginLong() {
  absl::Status begun = database_->Execute("BEGIN IMMEDIATE", kStaging);
  is_long_ = begun.ok();
  return begun;
}

absl::Status StageLink::CommitLong() {
  absl::Status committed = database_->Execute("COMMIT", kStaging);
  if (committed.ok()) is_long_ = false;
  return committed;
}

void StageLink::RollBackLong() {
  if (!std::exchange(is_long_, false)) return;
  // An error may have ended the transaction already.
  if (database_->InTransaction()) (void)database_->Execute("ROLLBACK", kStaging);
}

StageWriter::StageWriter(const StageOptions& options, StagePlace& place, CommitSignal& commits,
                         std::function<void()> on_written)
    : options_(options), commits_(commits), on_written_(std::move(on_written)), link_(place) {}

StageWriter::~StageWriter() {
  const MutexLock lock(mutex_);
  link_.RollBackLong();
}

// --- Changes from the log ---

/// Checks, before the staging thread continues, that no other process stages. Loads tables that others
/// changed.
absl::Status StageWriter::Own() {
  if (!lost_.ok()) return std::exchange(lost_, absl::OkStatus());
  const absl::StatusOr<StageLink::Found> found = link_.Own();
  if (absl::IsAborted(found.status()) || (found.ok() && *found == StageLink::Found::kNew)) ForgetTaken();
  if (!found.ok()) return found.status();
  if (*found == StageLink::Found::kNew) {
    ASSIGN_OR_RETURN(durable_, ReadDurable(link_.database()));
    durable_is_written_ = true;
    // Another process may have staged changes that this process never reads.
    commits_.Restarted();
  }
  return *found == StageLink::Found::kAsLeft ? absl::OkStatus() : LoadTables();
}

/// Reads the present tables. If another process raised a table's floor, rows of it held here may be
/// incomplete.
absl::Status StageWriter::LoadTables() {
  ASSIGN_OR_RETURN(const std::vector<StagedTable> tables, ReadStagedTables(link_.database()));
  std::unordered_map<std::int64_t, Table> former;
  std::swap(former, tables_);
  for (const StagedTable& known : tables) {
    Table& table = tables_[known.id];
    // Another process began to stage the table after changes of it were skipped here.
    if (const auto passed = passed_over_.find(known.id); passed != passed_over_.end()) {
      table.committed.floor = passed->second > known.floor ? passed->second : 0;
      passed_over_.erase(passed);
    }
    if (const auto found = former.find(known.id); found != former.end()) {
      table = std::move(found->second);
      const std::int64_t last = std::max(table.committed.last_lsn(), table.open.last_lsn());
      if (table.known.floor < known.floor && table.known.gone_because != known.gone_because) {
        table.committed = table.open = {};
        table.committed.floor = last;
      }
    }
    table.known = known;
  }
  Recount();
  return absl::OkStatus();
}

void StageWriter::ForgetTaken() {
  BreakOff();
  for (auto& [id, table] : tables_) table.committed = {};
  marks_.clear();
  transactions_.clear();
  place_ = link_.place();
  Recount();
}

/// Discards the open transaction.
void StageWriter::BreakOff() {
  for (const std::int64_t id : std::exchange(touched_, {})) {
    const auto found = tables_.find(id);
    if (found == tables_.end()) continue;
    unwritten_ -= found->second.open.fold.bytes();
    found->second.open = {};
    unwritten_ += found->second.open.fold.bytes();
    found->second.touched = found->second.ignored = found->second.has_rows = false;
    found->second.spilled_bytes = 0;
  }
  open_.reset();
  open_mark_.reset();
  passing_ = false;
  if (!link_.is_long()) return;
  link_.RollBackLong();
  freed_.NotifyAll();
  // The rollback also undid that tables were discarded in the open transaction: load their state.
  if (!LoadTables().ok()) link_.Leave();
}

absl::Status StageWriter::Begin(const LoggedTransaction& transaction) {
  const MutexLock lock(mutex_);
  BreakOff();
  RETURN_IF_ERROR(Own());
  open_ = transaction;
  owner_ = std::this_thread::get_id();
  passing_ = transaction.lsn <= place_;
  return absl::OkStatus();
}

/// Null: the table is not staged, or its changes in this transaction are skipped.
absl::StatusOr<StageWriter::Table*> StageWriter::Reach(std::int64_t table) {
  if (!open_) return NoTransaction();
  if (passing_) return nullptr;
  const auto found = tables_.find(table);
  if (found == tables_.end()) {
    if (passed_over_.size() < kPassedOverMax || passed_over_.contains(table))
      passed_over_[table] = open_->lsn;
    return nullptr;
  }
  if (!std::exchange(found->second.touched, true)) touched_.push_back(table);
  return found->second.ignored ? nullptr : &found->second;
}

absl::Status StageWriter::Take(std::int64_t id, LoggedChange change) {
  const MutexLock lock(mutex_);
  const absl::StatusOr<Table*> found = Reach(id);
  if (!found.ok() || *found == nullptr) return found.status();
  Table& table = **found;
  table.has_rows = true;
  std::size_t length = change.key.size() + change.old_key.size();
  for (const StagedValue& value : change.values) length += 16 + (value.text ? value.text->size() : 0);
  const std::size_t before = table.open.fold.bytes();
  if (length > Stage::kRowBytesMax) {
    table.open.GiveUpAsTooLong(open_->lsn, TooLong(table.known.name));
    table.ignored = true;
  } else {
    const auto below = [&](const StagedKey& key) MIRROR_REQUIRES(mutex_) { return Below(table, key); };
    RETURN_IF_ERROR(table.open.fold.Take(std::move(change), open_->lsn, below));
  }
  unwritten_ += table.open.fold.bytes() - before;
  return unwritten_ < options_.fold_bytes ? absl::OkStatus() : MakeRoom();
}

absl::Status StageWriter::Empty(std::int64_t id, const std::string& given_up) {
  const MutexLock lock(mutex_);
  const absl::StatusOr<Table*> found = Reach(id);
  if (!found.ok() || *found == nullptr) return found.status();
  Table& table = **found;
  if (given_up.empty()) {
    table.open.Truncate(open_->lsn);
  } else {
    table.open.GiveUp(open_->lsn, given_up);
    table.ignored = true;
  }
  Recount();
  return absl::OkStatus();
}

absl::Status StageWriter::Mark(StageMark mark) {
  const MutexLock lock(mutex_);
  if (!open_) return NoTransaction();
  mark.lsn = open_->lsn;
  mark.time_ms = open_->time_ms;
  open_mark_ = std::move(mark);
  return absl::OkStatus();
}

absl::Status StageWriter::Commit() {
  const MutexLock lock(mutex_);
  if (!open_) return NoTransaction();
  // The agent writes rows of the source only together with rows of a table of its own.
  const bool is_of_agent =
      std::any_of(touched_.begin(), touched_.end(), [this](std::int64_t id) MIRROR_REQUIRES(mutex_) {
        const auto found = tables_.find(id);
        return found != tables_.end() && found->second.has_rows && IsReservedName(found->second.known.name);
      });
  if (!touched_.empty()) is_of_agent ? commits_.Passed(open_->lsn) : commits_.Committed(open_->lsn);
  if (link_.is_long()) return CommitSpilled();
  if (!passing_) {
    for (const std::int64_t id : touched_) {
      Table& table = tables_[id];
      const std::size_t before = table.bytes();
      table.committed.Lay(std::move(table.open));
      unwritten_ += table.bytes() - before;
    }
    if (open_mark_) marks_.push_back(*std::move(open_mark_));
    if (open_->xid != 0 && !touched_.empty()) transactions_.emplace_back(open_->lsn, open_->xid);
    unwritten_ += kRecordBytes * 2;
    place_ = open_->lsn;
  }
  BreakOff();
  if (unwritten_ < options_.fold_bytes) return absl::OkStatus();
  absl::Status written = WriteCommitted();
  return written.ok() ? KeepWithin() : written;
}

absl::StatusOr<std::int64_t> StageWriter::Flush() {
  const MutexLock lock(mutex_);
  absl::Status written = Own();
  if (written.ok()) written = WriteCommitted();
  if (written.ok()) written = KeepWithin();
  if (!written.ok()) return written;
  return link_.place();
}

/// Returns what the committed layer and the file know of a key.
absl::StatusOr<std::optional<FoldedRow>> StageWriter::Below(const Table& table, const StagedKey& key) {
  if (table.open.emptied) return std::nullopt;
  const FoldedRow* const here = table.committed.fold.Find(key);
  const bool is_all = here != nullptr && (here->kind != StagedKind::kPart || here->complete);
  if (is_all || table.committed.emptied) return here == nullptr ? std::nullopt : std::optional(*here);
  absl::StatusOr<std::optional<FoldedRow>> written = ReadFolded(link_.database(), table.known.id, key);
  if (!written.ok() || here == nullptr) return written;
  return *written ? Compose(**written, *here) : *here;
}

// --- From memory to the file ---

void StageWriter::Recount() {
  std::size_t bytes = (marks_.size() + transactions_.size()) * kRecordBytes;
  for (const auto& [id, table] : tables_) bytes += table.bytes();
  unwritten_ = bytes;
}

/// Called when memory is over its limit. Writes committed changes first, then spills the open transaction.
absl::Status StageWriter::MakeRoom() {
  RETURN_IF_ERROR(WriteCommitted());
  if (unwritten_ < options_.fold_bytes) return absl::OkStatus();
  absl::Status spilled = Spill();
  if (absl::IsAborted(spilled)) ForgetTaken();
  if (!spilled.ok()) BreakOff();
  return spilled;
}

/// Writes what was taken of the open transaction into a transaction of SQLite, which stays open.
absl::Status StageWriter::Spill() {
  if (!link_.is_long()) {
    RETURN_IF_ERROR(link_.BeginLong());
    // SQLite's log may be long already because a reader holds it. That part does not count for this
    // transaction.
    limit_ = options_.max_bytes + link_.file().LogBytes();
    RETURN_IF_ERROR(link_.CheckOwner());
  }
  Table* greatest = nullptr;
  for (const std::int64_t id : touched_) {
    Table& table = tables_[id];
    table.spilled_bytes += static_cast<std::int64_t>(table.open.fold.bytes());
    RETURN_IF_ERROR(WriteLayer(table, &Table::open));
    SetWritten(table, &Table::open);
    if (!table.ignored && (greatest == nullptr || table.spilled_bytes > greatest->spilled_bytes))
      greatest = &table;
  }
  Recount();
  ASSIGN_OR_RETURN(const std::int64_t used, UsedBytes(link_.database(), link_.file()));
  if (used <= limit_ || greatest == nullptr) return absl::OkStatus();
  // SQLite's log keeps the discarded rows until the transaction ends, so the limit is raised.
  limit_ = used + options_.max_bytes / 8;
  greatest->open.GiveUpAsTooLong(open_->lsn,
                                 absl::StrCat("one transaction of the source made the stage longer than ",
                                              options_.max_bytes, " bytes ([[source]] 'max_stage')"));
  greatest->ignored = true;
  absl::Status written = WriteLayer(*greatest, &Table::open);
  if (written.ok()) SetWritten(*greatest, &Table::open);
  return written;
}

/// Writes a layer of a table into SQLite's transaction.
absl::Status StageWriter::WriteLayer(Table& table, Layer layer) {
  TableChanges& changes = table.*layer;
  const std::int64_t id = table.known.id;
  if (changes.empty()) return absl::OkStatus();
  absl::Status done;
  if (changes.emptied) done = link_.database().Execute(absl::StrCat("DELETE FROM ", NetName(id)), kStaging);
  if (done.ok()) done = WriteFold(link_.database(), id, changes.fold);
  if (absl::IsOutOfRange(done)) {
    changes.GiveUpAsTooLong(changes.fold.last_lsn(), TooLong(table.known.name));
    if (layer == &Table::open) table.ignored = true;
    return WriteLayer(table, layer);
  }
  if (done.ok() && changes.ChangesTable())
    done = WriteStagedTable(link_.database(), changes.ApplyTo(table.known));
  return done;
}

/// Records that the layer written by WriteLayer() is in the file.
void StageWriter::SetWritten(Table& table, Layer layer) {
  TableChanges& changes = table.*layer;
  if (changes.empty()) return;
  table.known = changes.ApplyTo(table.known);
  if (changes.is_too_long) given_up_.push_back(table.known);
  changes = {};
}

/// Writes marks, transactions and the place.
absl::Status StageWriter::WriteRecords() {
  const sqlite::Connection& database = link_.database();
  absl::Status done;
  for (const StageMark& mark : marks_) {
    if (done.ok()) done = WriteMark(database, mark);
  }
  sqlite::Statement add =
      database.Prepare("INSERT OR REPLACE INTO transactions (lsn, xid) VALUES (?, ?)", kStaging);
  for (const auto& [lsn, xid] : transactions_) {
    if (done.ok()) done = add.With(lsn, xid).Run();
  }
  sqlite::Statement keep = database.Prepare("UPDATE tables SET durable = ? WHERE id = ?", kStaging);
  for (const auto& [table, lsn] : durable_) {
    if (done.ok() && !durable_is_written_) done = keep.With(lsn, table).Run();
  }
  if (!done.ok()) return done;
  return database.Prepare("UPDATE stage SET place = ?", kStaging).With(place_).Run();
}

absl::Status StageWriter::WriteCommitted() {
  const bool floors = std::any_of(tables_.begin(), tables_.end(),
                                  [](const auto& table) { return !table.second.committed.empty(); });
  if (link_.is_long() || (place_ == link_.place() && !floors)) return absl::OkStatus();
  absl::Status written = link_.Write([&](const sqlite::Connection&) MIRROR_REQUIRES(mutex_) {
    absl::Status done = link_.CheckOwner();
    for (auto& [id, table] : tables_) {
      if (done.ok()) done = WriteLayer(table, &Table::committed);
    }
    return done.ok() ? WriteRecords() : done;
  });
  if (absl::IsAborted(written)) ForgetTaken();
  if (!written.ok()) return written;
  for (auto& [id, table] : tables_) SetWritten(table, &Table::committed);
  marks_.clear();
  transactions_.clear();
  durable_is_written_ = true;
  link_.set_place(place_);
  Recount();
  on_written_();
  return absl::OkStatus();
}

/// Writes the whole open transaction into the file.
absl::Status StageWriter::CommitSpilled() {
  if (open_mark_) marks_.push_back(*std::move(open_mark_));
  if (open_->xid != 0) transactions_.emplace_back(open_->lsn, open_->xid);
  place_ = open_->lsn;
  absl::Status written;
  for (const std::int64_t id : touched_) {
    if (written.ok()) written = WriteLayer(tables_[id], &Table::open);
  }
  if (written.ok()) written = WriteRecords();
  if (written.ok()) written = link_.CommitLong();
  if (!written.ok()) {
    ForgetTaken();
    return written;
  }
  for (const std::int64_t id : touched_) SetWritten(tables_[id], &Table::open);
  freed_.NotifyAll();
  marks_.clear();
  transactions_.clear();
  durable_is_written_ = true;
  link_.set_place(place_);
  BreakOff();
  Recount();
  on_written_();
  return KeepWithin();
}

/// See StageOptions::max_bytes.
absl::Status StageWriter::KeepWithin() {
  if (link_.is_long()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::int64_t used, UsedBytes(link_.database(), link_.file()));
  if (used <= options_.max_bytes) return absl::OkStatus();
  const std::string because =
      absl::StrCat("the stage was longer than ", options_.max_bytes, " bytes ([[source]] 'max_stage')");
  ASSIGN_OR_RETURN(std::vector<StagedTable> given_up,
                   MakeRoomInStage(link_.database(), durable_, options_.max_bytes, because));
  given_up_.insert(given_up_.end(), given_up.begin(), given_up.end());
  ASSIGN_OR_RETURN(const std::vector<StagedTable> tables, ReadStagedTables(link_.database()));
  for (const StagedTable& known : tables) {
    if (const auto found = tables_.find(known.id); found != tables_.end()) found->second.known = known;
  }
  return absl::OkStatus();
}

std::vector<StagedTable> StageWriter::TakeGivenUp() {
  const MutexLock lock(mutex_);
  return std::exchange(given_up_, {});
}

// --- Writes of other threads ---

/// Waits until no other thread has a spilled transaction open, then connects to the present file.
absl::Status StageWriter::AwaitTurn() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(Stage::kBusyMs);
  while (link_.is_long() && owner_ != std::this_thread::get_id()) {
    if (freed_.WaitUntil(mutex_, end)) continue;
    return absl::UnavailableError(absl::StrCat(
        "the stage '", options_.path, "' is busy with a large transaction of the source. Nothing was ",
        "changed there; the next run continues"));
  }
  absl::Status connected = link_.Connect();
  if (!absl::IsAborted(connected)) return connected;
  // The caller can continue with the present file. The staging thread gets the error from its next call:
  // otherwise it would continue after the changes that are discarded here.
  lost_ = std::move(connected);
  ForgetTaken();
  tables_.clear();
  return link_.Connect();
}

absl::Status StageWriter::Write(const StageLink::Work& work) {
  const MutexLock lock(mutex_);
  absl::Status turn = AwaitTurn();
  return turn.ok() ? link_.Write(work) : turn;
}

absl::Status StageWriter::SetPlace(std::int64_t lsn, bool clears) {
  const MutexLock lock(mutex_);
  absl::Status set = AwaitTurn();
  if (!set.ok()) return set;
  BreakOff();
  set = link_.Write([&](const sqlite::Connection& database) {
    absl::Status cleared = clears ? ClearStage(database) : absl::OkStatus();
    return cleared.ok() ? database.Prepare("UPDATE stage SET place = ?", kStaging).With(lsn).Run() : cleared;
  });
  if (!set.ok()) return set;
  link_.set_place(lsn);
  lost_ = absl::OkStatus();
  if (clears) {
    commits_.Restarted();
    tables_.clear();
    durable_.clear();
    passed_over_.clear();
  }
  ForgetTaken();
  return absl::OkStatus();
}

absl::Status StageWriter::SetTable(const StagedTable& asked) {
  const MutexLock lock(mutex_);
  RETURN_IF_ERROR(AwaitTurn());
  StagedTable table = asked;
  RETURN_IF_ERROR(link_.Write([&](const sqlite::Connection& database) MIRROR_REQUIRES(mutex_) {
    ASSIGN_OR_RETURN(const std::optional<StagedTable> former, ReadStagedTable(database, table.id));
    if (former) {
      table.floor = std::max(table.floor, former->floor);
      table.truncated_lsn = std::max(table.truncated_lsn, former->truncated_lsn);
      if (table.gone_because.empty()) table.gone_because = former->gone_because;
    } else {
      const auto passed = passed_over_.find(table.id);
      if (passed != passed_over_.end()) table.floor = std::max(table.floor, passed->second);
    }
    absl::Status written = WriteStagedTable(database, table);
    return !written.ok() || former ? written : MakeNet(database, table.id);
  }));
  passed_over_.erase(table.id);
  tables_[table.id].known = std::move(table);
  return absl::OkStatus();
}

absl::Status StageWriter::DropTable(std::int64_t id) {
  const MutexLock lock(mutex_);
  RETURN_IF_ERROR(AwaitTurn());
  RETURN_IF_ERROR(link_.Write([&](const sqlite::Connection& database) {
    absl::Status done = database.Execute(absl::StrCat("DROP TABLE IF EXISTS ", NetName(id)), kStaging);
    return done.ok() ? database.Prepare("DELETE FROM tables WHERE id = ?", kStaging).With(id).Run() : done;
  }));
  tables_.erase(id);
  durable_.erase(id);
  std::erase(touched_, id);
  Recount();
  return absl::OkStatus();
}

absl::Status StageWriter::RaiseFloor(std::int64_t id, std::int64_t lsn, const std::string& because) {
  const MutexLock lock(mutex_);
  RETURN_IF_ERROR(AwaitTurn());
  std::int64_t floor = lsn;
  const auto found = tables_.find(id);
  if (found != tables_.end()) {
    for (const TableChanges* const layer : {&found->second.committed, &found->second.open})
      floor = std::max(floor, layer->last_lsn());
  }
  std::optional<StagedTable> known;
  absl::Status raised = link_.Write([&](const sqlite::Connection& database) {
    ASSIGN_OR_RETURN(const std::optional<StagedTable> former, ReadStagedTable(database, id));
    if (!former) return absl::NotFoundError(absl::StrCat("table ", id, " is not staged"));
    absl::StatusOr<StagedTable> emptied = EmptyTable(database, *former, floor, because);
    if (emptied.ok()) known = *std::move(emptied);
    return emptied.status();
  });
  if (!raised.ok() || found == tables_.end()) return raised;
  found->second.known = *std::move(known);
  found->second.committed = found->second.open = {};
  Recount();
  return absl::OkStatus();
}

absl::Status StageWriter::Trim(const std::map<std::int64_t, std::int64_t>& cuts, const DurableLsns& durable) {
  for (const auto& [table, cut] : cuts) {
    // Other connections can write between two of these transactions.
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) {
      const MutexLock lock(mutex_);
      RETURN_IF_ERROR(AwaitTurn());
      if (link_.is_long()) return absl::OkStatus();
      more = TrimSome(link_.database(), table, cut);
      const auto known = ReadStagedTable(link_.database(), table);
      const auto found = tables_.find(table);
      if (known.ok() && *known && found != tables_.end()) found->second.known = **known;
    }
    if (!more.ok()) return more.status();
  }
  const MutexLock lock(mutex_);
  RETURN_IF_ERROR(AwaitTurn());
  durable_is_written_ = durable_is_written_ && durable_ == durable;
  durable_ = durable;
  return cuts.empty() || link_.is_long() ? absl::OkStatus() : GiveBackRoom(link_.database());
}

}  // namespace mirror
