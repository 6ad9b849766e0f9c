#include "client/source/sqlite/log/change_log.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_cursor.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/log/log_sql.h"

namespace mirror {
namespace {

/// Records that Forget() deletes in one transaction.
constexpr std::int64_t kRecordsPerTrim = 1'000;

std::string Join(const LogPositions& positions) {
  std::string text;
  for (const auto& [log, lsn] : positions) absl::StrAppend(&text, text.empty() ? "" : " ", log, "=", lsn);
  return text;
}

LogPositions Split(const std::string& text) {
  LogPositions positions;
  for (const absl::string_view entry : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    std::int64_t log = 0, lsn = 0;
    const char* end = entry.data() + entry.size();
    const auto first = std::from_chars(entry.data(), end, log);
    if (first.ptr == end) continue;
    std::from_chars(first.ptr + 1, end, lsn);
    positions[log] = lsn;
  }
  return positions;
}

}  // namespace

absl::StatusOr<bool> ExchangeMarks::AreIn(const SqliteFile& file) {
  return file.Query("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = '_mirror_exchange'")
      .Step();
}

absl::StatusOr<CycleMarks::Cycles> ExchangeMarks::Read() {
  sqlite::Statement query = file_.Query("SELECT completing, completed FROM main._mirror_exchange");
  RETURN_IF_ERROR(query.StepToRow());
  return Cycles{query.Int(0), query.Int(1)};
}

absl::Status ExchangeMarks::NoteCompleting(std::int64_t cycle) {
  return file_.Change([this, cycle] {
    return file_.Query("UPDATE main._mirror_exchange SET completing = ?1").With(cycle).Run();
  });
}

absl::Status ExchangeMarks::NoteCompleted(std::int64_t cycle) {
  return file_.Change([this, cycle] {
    return file_.Query("UPDATE main._mirror_exchange SET completed = ?1").With(cycle).Run();
  });
}

absl::Status ExchangeMarks::NoteWithRecord() const {
  if (cycle_ == 0) return absl::OkStatus();
  return file_.Query("UPDATE main._mirror_exchange SET completing = ?1 WHERE completing <> ?1")
      .With(cycle_)
      .Run();
}

absl::StatusOr<std::int64_t> LogRecords::Next() const {
  return file_.Number("SELECT coalesce(max(id), 0) + 1 FROM _mirror_lineage");
}

absl::StatusOr<std::optional<LogPositions>> LogRecords::Find(const std::string& token) const {
  sqlite::Statement query =
      file_.Query("SELECT positions FROM _mirror_lineage WHERE token = ?1 AND id >= ?2");
  ASSIGN_OR_RETURN(const bool row, query.With(token, first_).Step());
  return row ? std::optional(Split(query.Text(0))) : std::nullopt;
}

absl::StatusOr<LogPositions> LogRecords::Sent() const {
  LogPositions sent;
  sqlite::Statement query = file_.Query("SELECT positions FROM _mirror_lineage ORDER BY id");
  RETURN_IF_ERROR(ForEachRow(query, [&] {
    for (const auto& [log, lsn] : Split(query.Text(0))) sent[log] = lsn;
  }));
  return sent;
}

absl::StatusOr<LogPositions> LogRecords::SentBefore(std::int64_t before_ms) const {
  LogPositions sent;
  sqlite::Statement query = file_.Query("SELECT positions FROM _mirror_lineage WHERE time_ms < ?1");
  RETURN_IF_ERROR(ForEachRow(query.With(before_ms), [&] {
    for (const auto& [log, lsn] : Split(query.Text(0))) sent[log] = std::max(sent[log], lsn);
  }));
  return sent;
}

absl::Status LogRecords::Adopt(const std::string& token, std::int64_t log, std::int64_t lsn) {
  // Tables that were sent together share one lineage.
  ASSIGN_OR_RETURN(std::optional<LogPositions> record, Find(token));
  if (record) {
    (*record)[log] = lsn;
    return file_.Query("UPDATE _mirror_lineage SET positions = ?1 WHERE token = ?2")
        .With(Join(*record), token)
        .Run();
  }
  return file_.Query("INSERT INTO _mirror_lineage (token, time_ms, positions) VALUES (?1, ?2, ?3)")
      .With(token, NowMs(), Join({{log, lsn}}))
      .Run();
}

absl::StatusOr<std::string> LogRecords::Begin(const LogPositions& positions) {
  token_.clear();
  seen_.clear();
  RETURN_IF_ERROR(Write(positions));
  return token_;
}

absl::StatusOr<std::string> LogRecords::Cover(std::int64_t log, std::int64_t lsn) {
  ASSIGN_OR_RETURN(const std::int64_t version, OthersVersion());
  const auto recorded = recorded_.find(log);
  const bool covered = version == recorded_version_ && recorded != recorded_.end() && recorded->second == lsn;
  if (!covered) RETURN_IF_ERROR(Write({{log, lsn}}));
  return token_;
}

absl::StatusOr<std::int64_t> LogRecords::OthersVersion() const { return file_.Number("PRAGMA data_version"); }

absl::Status LogRecords::See(const SqliteFile& file, std::int64_t log) {
  auto seen = seen_.find(log);
  if (seen == seen_.end()) {
    // A restore that removes entries older than the last record removes that record, too.
    const auto recorded = recorded_.find(log);
    std::int64_t from = recorded == recorded_.end() ? 0 : recorded->second;
    if (recorded == recorded_.end()) {
      ASSIGN_OR_RETURN(from, file.Number(absl::StrCat("SELECT max(seq) FROM main.", LogName(log))));
    }
    seen = seen_.emplace(log, LogPrefix(LogName(log), from)).first;
  }
  return seen->second.See(file);
}

absl::Status LogRecords::CheckNotRestored(const LogPositions& positions) {
  if (token_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool there,
                   file_.Query("SELECT 1 FROM _mirror_lineage WHERE token = ?1").With(token_).Step());
  if (!there) return absl::AbortedError("the source was restored while it was read");
  for (const auto& [log, lsn] : positions) {
    const auto seen = seen_.find(log);
    if (seen == seen_.end()) continue;
    RETURN_IF_ERROR(seen->second.Check(file_));
  }
  return absl::OkStatus();
}

absl::Status LogRecords::Write(const LogPositions& positions) {
  // Read before the record is made: the record does not cover a commit in between.
  ASSIGN_OR_RETURN(const std::int64_t version, OthersVersion());
  const std::string token = NewToken();
  RETURN_IF_ERROR(file_.Change([&]() -> absl::Status {
    RETURN_IF_ERROR(CheckNotRestored(positions));
    RETURN_IF_ERROR(with_records_ ? with_records_() : absl::OkStatus());
    return file_.Query("INSERT INTO _mirror_lineage (token, time_ms, positions) VALUES (?1, ?2, ?3)")
        .With(token, NowMs(), Join(positions))
        .Run();
  }));
  for (const auto& [log, lsn] : positions) {
    if (const auto seen = seen_.find(log); seen != seen_.end()) seen->second.Settle();
  }
  token_ = token;
  recorded_ = positions;
  recorded_version_ = version;
  return absl::OkStatus();
}

absl::Status LogRecords::Forget(const std::set<std::string>& shown, std::int64_t before_ms) {
  ASSIGN_OR_RETURN(
      const std::int64_t records,
      file_.Number(absl::StrCat("SELECT count(*) FROM _mirror_lineage WHERE time_ms < ", before_ms)));
  if (records == 0) return absl::OkStatus();
  std::set<std::int64_t> sent, unneeded;
  sqlite::Statement query =
      file_.Query("SELECT id, token, time_ms, positions FROM _mirror_lineage ORDER BY id DESC");
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) break;
    bool needed = shown.contains(query.Text(1)) || query.Int(2) >= before_ms;
    for (const auto& [log, lsn] : Split(query.Text(3))) needed = sent.insert(log).second || needed;
    if (!needed) unneeded.insert(query.Int(0));
  }
  auto next = unneeded.begin();
  while (next != unneeded.end()) {
    auto at = next;
    RETURN_IF_ERROR(file_.Change([&] {
      absl::Status removed;
      at = next;
      for (std::int64_t i = 0; i < kRecordsPerTrim && at != unneeded.end() && removed.ok(); ++i, ++at) {
        removed = file_.Query("DELETE FROM _mirror_lineage WHERE id = ?1").With(*at).Run();
      }
      return removed;
    }));
    next = at;
  }
  return absl::OkStatus();
}

namespace {

constexpr const char* kTables[] = {
    "CREATE TABLE IF NOT EXISTS _mirror_tables (log INTEGER PRIMARY KEY, name TEXT NOT NULL, floor INTEGER "
    "NOT "
    "NULL, masks_after INTEGER NOT NULL, anchor INTEGER NOT NULL, columns TEXT NOT NULL, added TEXT NOT "
    "NULL)",
    "CREATE TABLE IF NOT EXISTS _mirror_lineage (id INTEGER PRIMARY KEY, token TEXT NOT NULL, time_ms "
    "INTEGER "
    "NOT NULL, positions TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS _mirror_lineage_by_token ON _mirror_lineage (token)",
    "CREATE TABLE IF NOT EXISTS _mirror_source (one INTEGER PRIMARY KEY CHECK (one = 1), source_id TEXT NOT "
    "NULL, host TEXT NOT NULL, path TEXT NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL, next_log "
    "INTEGER NOT NULL, first_lineage INTEGER NOT NULL)",
};

/// Matches the names of the agent's objects; an application's own _mirror_x stays.
constexpr const char* kOurs =
    "(name IN ('_mirror_layout', '_mirror_source', '_mirror_owner', '_mirror_tables', '_mirror_lineage', "
    "'_mirror_lineage_by_token') OR name GLOB "
    "'_mirror_log_[0-9]*' OR (type = 'trigger' AND name GLOB '_mirror_[0-9]*_*'))";

absl::Status NotWhole(const std::string& path) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the change log of '", path,
      "' is incomplete: some of its _mirror_... tables were dropped or emptied. Nothing was sent. Run "
      "'mirror-agent uninstall' and 'install'; then every table is populated anew"));
}

/// Drops triggers first: without their log every write of the application would fail.
absl::Status DropOurs(const SqliteFile& file) {
  return file.DropAll(absl::StrCat("SELECT type, name FROM sqlite_schema WHERE ", kOurs,
                                   " ORDER BY type <> 'trigger', type <> 'index'"));
}

/// The exchange's tables, which stay when a log restarts.
constexpr const char* kOfExchange =
    "(name IN ('_mirror_exchange', '_mirror_inbox', '_mirror_ledger') OR name GLOB '_mirror_datajoin*')";

absl::Status DropOfExchange(const SqliteFile& file) {
  return file.DropAll(
      absl::StrCat("SELECT type, name FROM sqlite_schema WHERE type = 'table' AND ", kOfExchange));
}

absl::StatusOr<LogPresence> LookForLog(const std::string& path, Use use) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteFile> file, SqliteFile::Open(path, use));
  return FindLog(*file);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChangeLog>> ChangeLog::Open(const ChangeLogOptions& options) {
  // Read-only first: a source without a log is not opened for writing.
  absl::StatusOr<LogPresence> there = LookForLog(options.path, Use::kRead);
  // A write of the agent may have been killed: a writable connection rolls it back at its first look.
  if (absl::IsFailedPrecondition(there.status())) there = LookForLog(options.path, Use::kChange);
  if (!there.ok()) return there.status();
  if (*there == LogPresence::kNone) return nullptr;
  return Make(options, false);
}

absl::StatusOr<std::unique_ptr<ChangeLog>> ChangeLog::Install(const ChangeLogOptions& options) {
  return Make(options, true);
}

absl::StatusOr<std::unique_ptr<ChangeLog>> ChangeLog::Make(const ChangeLogOptions& options, bool install) {
  ASSIGN_OR_RETURN(std::unique_ptr<SqliteFile> file, SqliteFile::Open(options.path, Use::kChange));
  std::unique_ptr<ChangeLog> log(new ChangeLog(options, std::move(file)));
  const SourceMark& mark = log->file_->mark();
  ASSIGN_OR_RETURN(const LogPresence there, FindLog(*log->file_));
  if (there != LogPresence::kWhole && !install) return NotWhole(options.path);
  if (there != LogPresence::kNone) RETURN_IF_ERROR(CheckLogOwner(*log->file_, options.owner));
  if (there != LogPresence::kWhole) {
    const absl::Status made = log->file_->Change([&]() -> absl::Status {
      // An incomplete earlier log is of no use.
      RETURN_IF_ERROR(DropOurs(*log->file_));
      for (const char* const sql : kTables) {
        RETURN_IF_ERROR(log->file_->Run(sql));
      }
      return log->file_
          ->Query(
              "INSERT OR IGNORE INTO _mirror_source (one, source_id, host, path, device, inode, next_log, "
              "first_lineage) VALUES (1, ?1, ?2, ?3, ?4, ?5, 1, 0)")
          .With(options.source_id.empty() ? NewToken() : options.source_id, options.host, mark.path,
                static_cast<std::int64_t>(mark.device), static_cast<std::int64_t>(mark.inode))
          .Run();
    });
    if (!made.ok()) return made;
  }
  RETURN_IF_ERROR(TakeOverLog(*log->file_));
  RETURN_IF_ERROR(ClaimLog(*log->file_, options.owner));
  RETURN_IF_ERROR(log->Load());
  return log;
}

absl::StatusOr<bool> ChangeLog::Uninstall(const ChangeLogOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteFile> file, SqliteFile::Open(options.path, Use::kChange));
  ASSIGN_OR_RETURN(
      const std::int64_t ours,
      file->Number(absl::StrCat("SELECT count(*) FROM sqlite_schema WHERE ", kOurs, " OR ", kOfExchange)));
  if (ours == 0) return false;
  // Refused if a later version may have created objects unknown here.
  ASSIGN_OR_RETURN(const LogPresence there, FindLog(*file));
  if (there != LogPresence::kNone) RETURN_IF_ERROR(CheckLogOwner(*file, options.owner));
  RETURN_IF_ERROR(file->Change([&] {
    absl::Status status = DropOurs(*file);
    return status.ok() ? DropOfExchange(*file) : status;
  }));
  return true;
}

absl::StatusOr<std::optional<std::map<std::string, std::optional<std::int64_t>>>> ChangeLog::Waiting(
    const std::string& path, const LogOwner& owner) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteFile> file, SqliteFile::Open(path));
  ASSIGN_OR_RETURN(const LogPresence there, FindLog(*file));
  if (there == LogPresence::kNone) return std::nullopt;
  if (there == LogPresence::kPart) return NotWhole(path);
  RETURN_IF_ERROR(CheckLogOwner(*file, owner));
  LogTables logs(*file);
  RETURN_IF_ERROR(logs.Load());
  ASSIGN_OR_RETURN(const LogPositions sent, LogRecords(*file).Sent());
  std::map<std::string, std::optional<std::int64_t>> waiting;
  for (const auto& [name, log] : logs.all()) {
    ASSIGN_OR_RETURN(const std::int64_t last, logs.Last(log));
    const auto found = sent.find(log.id);
    waiting[name] = found == sent.end() ? std::nullopt : std::optional(last - found->second);
  }
  return waiting;
}

absl::Status ChangeLog::Load() {
  sqlite::Statement query = file_->Query("SELECT source_id, first_lineage FROM _mirror_source");
  ASSIGN_OR_RETURN(const bool row, query.Step());
  if (!row) return NotWhole(options_.path);
  source_id_ = query.Text(0);
  records_.SetFirst(query.Int(1));
  if (options_.exchange) {
    ASSIGN_OR_RETURN(const bool noted, ExchangeMarks::AreIn(*file_));
    if (noted) {
      marks_.emplace(*file_);
      records_.DoWithRecords([this] { return marks_->NoteWithRecord(); });
    }
  }
  return logs_.Load();
}

absl::StatusOr<std::string> ChangeLog::Bind(const SourceMark& /*mark*/) {
  const SourceMark& mark = file_->mark();
  std::string path;
  bool copied = false, restored = false;
  {
    sqlite::Statement query = file_->Query("SELECT host, path, device, inode FROM _mirror_source");
    RETURN_IF_ERROR(query.Step().status());
    path = query.Text(1);
    copied = query.Text(0) != options_.host || path != mark.path;
    restored = query.Int(2) != static_cast<std::int64_t>(mark.device) ||
               query.Int(3) != static_cast<std::int64_t>(mark.inode);
  }
  if (!copied && !restored) return "";
  const std::string id = copied ? NewToken() : source_id_;
  std::int64_t first = records_.first();
  RETURN_IF_ERROR(file_->Change([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::int64_t next, records_.Next());
    if (copied) first = next;
    return file_
        ->Query(
            "UPDATE _mirror_source SET source_id = ?1, host = ?2, path = ?3, device = ?4, "
            "inode = ?5, first_lineage = ?6")
        .With(id, options_.host, mark.path, static_cast<std::int64_t>(mark.device),
              static_cast<std::int64_t>(mark.inode), first)
        .Run();
  }));
  source_id_ = id;
  records_.SetFirst(first);
  if (!copied) {
    return absl::StrCat("'", mark.path,
                        "' is another file than in the last run: it was restored. Tables are populated where "
                        "the mirror holds a state that this file never had");
  }
  return absl::StrCat(
      "the source was at '", path, "' and is now at '", mark.path,
      "', or this is another machine: it counts as a new source, and a mirror that accepts this run "
      "populates its tables");
}

absl::StatusOr<std::vector<std::string>> ChangeLog::Renew(const std::vector<std::string>& tables) {
  absl::StatusOr<std::vector<std::string>> news = logs_.Renew(tables);
  if (!news.ok()) return news.status();
  RETURN_IF_ERROR(BoundLogs());
  return news;
}

bool ChangeLog::Complete(TableSchema& schema) {
  const TableLog* log = logs_.Find(schema.name);
  const bool same =
      log != nullptr &&
      std::equal(log->columns.begin(), log->columns.end(), schema.columns.begin(), schema.columns.end(),
                 [](const std::string& name, const Column& column) { return name == column.name; });
  if (!same) return false;
  // If a column was added while the log was active, rows without an entry hold the default.
  for (Column& column : schema.columns) {
    if (std::find(log->added.begin(), log->added.end(), column.name) == log->added.end()) continue;
    if (column.default_value) {
      column.backfill = Backfill::kDefault;
    } else if (!log->IsComputed(column.name)) {
      column.backfill = Backfill::kNone;
    }
  }
  return true;
}

absl::Status ChangeLog::BoundLogs() {
  for (const auto& [name, log] : logs_.all()) {
    ASSIGN_OR_RETURN(const std::int64_t last, logs_.Last(log));
    if (last - log.floor <= options_.max_log) continue;
    TableLog* given_up = logs_.Find(name);
    RETURN_IF_ERROR(logs_.RaiseFloor(*given_up, last));
    // Not only after a cycle: there may be none for weeks.
    int trims = 0;
    RETURN_IF_ERROR(Trim(*given_up, &trims));
  }
  return absl::OkStatus();
}

absl::StatusOr<Standing> ChangeLog::Judge(const std::string& table, const Position& position) {
  const TableLog* log = logs_.Find(table);
  if (log == nullptr) return Standing::kGone;
  ASSIGN_OR_RETURN(const std::optional<LogPositions> record, records_.Find(position.lineage));
  ASSIGN_OR_RETURN(const std::int64_t last, logs_.Last(*log));
  const std::int64_t lsn = position.lsn.value;
  if (record) {
    const auto sent = record->find(log->id);
    if (sent == record->end()) return Standing::kGone;  // From an earlier log of this table.
    if (lsn > sent->second) return Standing::kMiss;     // Set by hand: this source did not send it.
  }
  if (lsn > last) return Standing::kAhead;
  if (lsn < log->floor) return Standing::kGone;
  return record ? Standing::kKnown : Standing::kMiss;
}

absl::StatusOr<std::optional<std::vector<Key>>> ChangeLog::ChangedKeys(const std::string& table, Lsn lsn) {
  const TableLog* const log = logs_.Find(table);
  if (log == nullptr || !NamesRows(table)) return std::nullopt;
  const std::vector<std::string> names = LogKeyNames(log->table.key.size());
  ASSIGN_OR_RETURN(sqlite::Statement select,
                   file_->Prepare(absl::StrCat("SELECT ", absl::StrJoin(names, ", "), " FROM main.",
                                               LogName(log->id), " WHERE seq > ?1")));
  select.SetDoing(absl::StrCat("reading the log of table '", table, "'"));
  select.Bind(1, lsn.value);
  std::vector<Key> keys;
  RETURN_IF_ERROR(ForEachRow(select, [&] { keys.push_back(ReadKey(select, names.size())); }));
  return keys;
}

bool ChangeLog::NamesRows(const std::string& table) {
  const TableLog* log = logs_.Find(table);
  return log != nullptr && !log->table.blind && !log->table.key.empty();
}

absl::StatusOr<bool> ChangeLog::WasSent(const std::string& table) {
  const TableLog* log = logs_.Find(table);
  if (log == nullptr) return false;
  if (!sent_) {
    ASSIGN_OR_RETURN(sent_, records_.Sent());
  }
  return sent_->contains(log->id);
}

absl::StatusOr<std::optional<bool>> ChangeLog::ChangedSince(const std::string& table, Lsn lsn) {
  const TableLog* log = logs_.Find(table);
  if (log == nullptr) return std::nullopt;
  ASSIGN_OR_RETURN(const std::int64_t last, logs_.Last(*log));
  return last > lsn.value;
}

absl::StatusOr<bool> ChangeLog::Adopt(const std::string& table, const Position& position) {
  // A higher number was written by hand.
  constexpr std::int64_t kSensible = INT64_MAX / 2;
  const TableLog* log = logs_.Find(table);
  if (log == nullptr || position.lsn.value < kAnchorSeq || position.lsn.value > kSensible) return false;
  absl::StatusOr<std::int64_t> last = logs_.Last(*log);
  if (!last.ok()) return last.status();
  if (*last > position.lsn.value) {
    RETURN_IF_ERROR(logs_.BeginAnew(table));
    last = kAnchorSeq;
  }
  TableLog* const own = logs_.Find(table);
  RETURN_IF_ERROR(file_->Change([&]() -> absl::Status {
    if (*last < position.lsn.value) {
      RETURN_IF_ERROR(file_->Query(absl::StrCat("INSERT INTO ", LogName(own->id), " (seq) VALUES (?1)"))
                          .With(position.lsn.value)
                          .Run());
    }
    RETURN_IF_ERROR(logs_.RaiseFloor(*own, position.lsn.value));
    return records_.Adopt(position.lineage, own->id, position.lsn.value);
  }));
  return true;
}

absl::StatusOr<std::map<std::string, Position>> ChangeLog::Begin(const std::vector<std::string>& tables,
                                                                 std::int64_t /*highest*/) {
  sent_.reset();
  LogPositions positions;
  for (const std::string& table : tables) {
    const TableLog* log = logs_.Find(table);
    if (log == nullptr) return absl::NotFoundError(absl::StrCat("table '", table, "' has no change log"));
    ASSIGN_OR_RETURN(positions[log->id], logs_.Last(*log));
  }
  ASSIGN_OR_RETURN(const std::string token, records_.Begin(positions));
  std::map<std::string, Position> targets;
  for (const std::string& table : tables) targets[table] = {Lsn{positions[logs_.Find(table)->id]}, token};
  return targets;
}

absl::Status ChangeLog::See(const SqliteFile& file, const std::string& table) {
  const TableLog* log = logs_.Find(table);
  return log == nullptr ? absl::OkStatus() : records_.See(file, log->id);
}

absl::StatusOr<Position> ChangeLog::Seal(const std::string& table, Lsn lsn) {
  const TableLog* log = logs_.Find(table);
  if (log == nullptr) return absl::NotFoundError(absl::StrCat("table '", table, "' has no change log"));
  ASSIGN_OR_RETURN(const std::string token, records_.Cover(log->id, lsn.value));
  return Position{lsn, token};
}

absl::Status ChangeLog::GiveUp(const std::string& table) {
  TableLog* log = logs_.Find(table);
  if (log == nullptr) return absl::OkStatus();
  return file_->Change([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::int64_t last, logs_.Last(*log));
    // Skips a number beyond the last entry: a position at the last entry becomes invalid, too.
    absl::Status status = file_->Query(absl::StrCat("INSERT INTO ", LogName(log->id), " (seq) VALUES (?1)"))
                              .With(last + 1)
                              .Run();
    return status.ok() ? logs_.RaiseFloor(*log, last + 1) : status;
  });
}

absl::Status ChangeLog::Forget(const std::map<std::string, Position>& durable) {
  const std::int64_t before_ms = NowMs() - options_.retention_ms;
  int trims = 0;
  records_.LeaveSeen();
  RETURN_IF_ERROR(ForgetEntries(durable, before_ms, &trims));
  // Keeps the records that mirrors show.
  std::set<std::string> shown;
  for (const auto& [table, position] : durable) shown.insert(position.lineage);
  return records_.Forget(shown, before_ms);
}

absl::Status ChangeLog::ForgetEntries(const std::map<std::string, Position>& durable, std::int64_t before_ms,
                                      int* trims) {
  ASSIGN_OR_RETURN(LogPositions old, records_.SentBefore(before_ms));
  for (const auto& [table, position] : durable) {
    TableLog* log = logs_.Find(table);
    if (log == nullptr) continue;
    const std::int64_t floor = std::min(old[log->id], position.lsn.value);
    if (floor <= log->floor) continue;
    RETURN_IF_ERROR(logs_.RaiseFloor(*log, floor));
  }
  for (const auto& [name, log] : logs_.all()) {
    RETURN_IF_ERROR(Trim(log, trims));
  }
  return absl::OkStatus();
}

absl::Status ChangeLog::Trim(const TableLog& log, int* trims) {
  ASSIGN_OR_RETURN(const std::int64_t last, logs_.Last(log));
  // Keeps the highest entry; otherwise its number would be used again.
  return logs_.Trim(LogName(log.id), kAnchorSeq, std::min(log.floor, last - 1), trims).status();
}

}  // namespace mirror
