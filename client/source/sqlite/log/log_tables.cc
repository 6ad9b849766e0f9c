#include "client/source/sqlite/log/log_tables.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "client/source/sqlite/log/trigger_trial.h"

namespace mirror {
namespace {

/// Joins names to one text, "3:abc5:hello": a name may contain any character.
std::string Join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) absl::StrAppend(&text, name.size(), ":", name);
  return text;
}

std::vector<std::string> ColumnsIn(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    std::size_t size = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), size);
    text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(parsed.ptr - text.data()) + 1));
    names.emplace_back(text.substr(0, size));
    text.remove_prefix(std::min(text.size(), std::max<std::size_t>(size, 1)));
  }
  return names;
}

std::vector<std::string> Names(const LoggedTable& table) {
  std::vector<std::string> names;
  for (const LoggedTable::Column& column : table.columns) names.push_back(column.name);
  return names;
}

/// Whether the SQL of a trigger has RAISE(IGNORE), which also stops the triggers after it. Quoted texts and
/// names do not count, and a comment mark in them begins no comment.
bool MayEndStatement(const std::string& sql) {
  std::string plain;
  for (std::size_t at = 0; at < sql.size(); ++at) {
    if (sql.compare(at, 2, "--") == 0) {
      at = sql.find('\n', at);
    } else if (sql.compare(at, 2, "/*") == 0) {
      at = sql.find("*/", at + 2);
      if (at != std::string::npos) ++at;
    } else if (constexpr std::string_view kOpening = "'\"`["; kOpening.find(sql[at]) != kOpening.npos) {
      at = sql.find(sql[at] == '[' ? ']' : sql[at], at + 1);
      plain += '_';
    } else if (!absl::ascii_isspace(static_cast<unsigned char>(sql[at]))) {
      plain += absl::ascii_tolower(static_cast<unsigned char>(sql[at]));
    }
    if (at == std::string::npos) break;
  }
  return plain.find("raise(ignore)") != std::string::npos;
}

std::int64_t RandomNumber() {
  std::int64_t number = 0;
  sqlite3_randomness(sizeof number, &number);
  return number & INT64_MAX;
}

/// Returns the logs stored in the file, by folded name of the table.
absl::StatusOr<std::map<std::string, TableLog>> ReadLogs(const SqliteFile& file) {
  std::map<std::string, TableLog> logs;
  sqlite::Statement query =
      file.Query("SELECT log, name, floor, masks_after, anchor, columns, added FROM _mirror_tables");
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return logs;
    TableLog log;
    log.id = query.Int(0);
    log.table.name = query.Text(1);
    log.floor = query.Int(2);
    log.masks_after = query.Int(3);
    log.anchor = query.Int(4);
    log.columns = ColumnsIn(query.Text(5));
    log.added = ColumnsIn(query.Text(6));
    logs[FoldName(log.table.name)] = std::move(log);
  }
}

/// Calls `make`, which makes triggers, and checks that the application can still write to the table.
absl::Status WithTriedTriggers(const SqliteFile& file, const LoggedTable& table,
                               const std::function<absl::Status()>& make) {
  // If writes failed before, only the application can provide what they need.
  const bool worked = CompileWrites(file, table).ok();
  absl::Status status = make();
  if (!status.ok() || !worked) return status;
  status = CompileWrites(file, table);
  if (status.ok()) return status;
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", table.name,
      "': the triggers of its change log would make each write of the application fail, so "
      "they were not made: ",
      status.message(),
      ". Leave the table out with 'skip', or give it strategy = \"synthetic\" in a [[source.table]]"));
}

/// Stores the table's properties in its log.
void Keep(LoggedTable table, bool marks_ends, TableLog* log) {
  log->table = std::move(table);
  log->marks_ends = marks_ends;
}

}  // namespace

bool TableLog::IsComputed(const std::string& column) const {
  return std::any_of(table.columns.begin(), table.columns.end(), [&](const LoggedTable::Column& one) {
    return (one.generated || one.has_default) && one.name == column;
  });
}

absl::Status LogTables::Load() {
  logs_.clear();
  // Read first: a commit between the two reads counts as a change.
  ASSIGN_OR_RETURN(loaded_version_, file_.Number("PRAGMA data_version"));
  ASSIGN_OR_RETURN(logs_, ReadLogs(file_));
  return absl::OkStatus();
}

TableLog* LogTables::Find(const std::string& table) {
  const auto found = logs_.find(FoldName(table));
  return found == logs_.end() ? nullptr : &found->second;
}

absl::StatusOr<std::int64_t> LogTables::Last(const TableLog& log) const {
  return file_.Number(absl::StrCat("SELECT max(seq) FROM ", LogName(log.id)));
}

absl::Status LogTables::RaiseFloor(TableLog& log, std::int64_t floor) {
  log.floor = floor;
  return file_.Change([&] {
    return file_.Query("UPDATE _mirror_tables SET floor = ?1 WHERE log = ?2").With(floor, log.id).Run();
  });
}

absl::StatusOr<std::vector<std::string>> LogTables::Renew(const std::vector<std::string>& tables) {
  std::vector<std::string> news;
  std::vector<TableLog> gone;
  std::set<std::string> wanted;
  for (const std::string& table : tables) wanted.insert(FoldName(table));
  for (auto at = logs_.begin(); at != logs_.end();) {
    if (wanted.contains(at->first)) {
      ++at;
      continue;
    }
    gone.push_back(at->second);
    at = logs_.erase(at);
  }
  RETURN_IF_ERROR(ReadObjects());
  for (const TableLog& log : gone) {
    RETURN_IF_ERROR(ChangeObjects([&] { return Remove(log); }));
  }
  std::vector<std::string> changed;
  for (const std::string& table : tables) {
    ASSIGN_OR_RETURN(const bool fine, IsFine(table));
    if (!fine) changed.push_back(table);
  }
  for (std::size_t done = 0; done < changed.size(); done += kRenewTables) {
    // Lets waiting writers continue.
    if (done > 0) sqlite3_sleep(kRenewPauseMs);
    const std::span<const std::string> some =
        std::span<const std::string>(changed).subspan(done, std::min(kRenewTables, changed.size() - done));
    RETURN_IF_ERROR(RenewTables(some, &news));
  }
  RETURN_IF_ERROR(DropOrphans());
  return news;
}

absl::StatusOr<std::vector<std::string>> LogTables::Blocked() {
  RETURN_IF_ERROR(ReadObjects());
  std::vector<std::string> blocked;
  for (const auto& [table, triggers] : objects_.triggers) {
    const auto writes_nowhere = [this](const auto& trigger) {
      const std::string_view behind =
          std::string_view(trigger.first).substr(std::string_view("_mirror_").size());
      const std::string number(behind.substr(0, behind.find('_')));
      return !objects_.tables.contains(absl::StrCat("_mirror_log_", number));
    };
    if (std::any_of(triggers.begin(), triggers.end(), writes_nowhere)) blocked.push_back(table);
  }
  return blocked;
}

absl::StatusOr<std::string> LogTables::Problem(const std::string& table) {
  const TableLog* const log = Find(table);
  if (log == nullptr) return "it has no log";
  ASSIGN_OR_RETURN(const SourcePlan plan, PlanSource(file_, table));
  ASSIGN_OR_RETURN(const LoggedTable described, DescribeLogged(file_, plan));
  std::string why;
  const absl::StatusOr<Finding> finding = Look(*log, described, &why);
  return finding.ok() ? absl::StatusOr<std::string>(why) : finding.status();
}

absl::StatusOr<LogTables::Finding> LogTables::LookAt(const std::string& name, LoggedTable* table,
                                                     std::string* why) {
  ASSIGN_OR_RETURN(const SourcePlan plan, PlanSource(file_, name));
  ASSIGN_OR_RETURN(*table, DescribeLogged(file_, plan));
  const TableLog* const log = Find(name);
  return log == nullptr ? Finding::kBroken : Look(*log, *table, why);
}

absl::StatusOr<bool> LogTables::IsFine(const std::string& name) {
  if (Find(name) == nullptr) return false;
  RETURN_IF_ERROR(file_.BeginLook());
  const SourceLook open(file_);
  // Triggers dropped since the last read would count as intact.
  RETURN_IF_ERROR(KeepObjects());
  std::string why;
  LoggedTable table;
  ASSIGN_OR_RETURN(const Finding finding, LookAt(name, &table, &why));
  if (finding != Finding::kFine) return false;
  Keep(std::move(table), MarksEnds(), Find(name));
  return true;
}

absl::Status LogTables::RenewTables(std::span<const std::string> names, std::vector<std::string>* news) {
  bool repeated = false;
  std::vector<std::string> found;
  const absl::Status changed = ChangeObjects([&]() -> absl::Status {
    found.clear();
    // Another agent may have changed the logs since they were loaded, or the change was rolled back.
    ASSIGN_OR_RETURN(const std::int64_t version, file_.Number("PRAGMA data_version"));
    if (std::exchange(repeated, true) || version != loaded_version_) {
      ASSIGN_OR_RETURN(Logs logs, ReadLogs(file_));
      for (const std::string& name : names) {
        logs_.erase(FoldName(name));
        logs_.insert(logs.extract(FoldName(name)));
      }
    }
    for (const std::string& name : names) {
      RETURN_IF_ERROR(RenewTable(name, &found));
    }
    return absl::OkStatus();
  });
  news->insert(news->end(), found.begin(), found.end());
  return changed;
}

absl::Status LogTables::RenewTable(const std::string& name, std::vector<std::string>* news) {
  std::string why;
  LoggedTable table;
  // Checked again within the transaction, where no other writer can interfere.
  ASSIGN_OR_RETURN(const Finding finding, LookAt(name, &table, &why));
  TableLog* const log = Find(name);
  absl::Status status;
  switch (finding) {
    case Finding::kFine:
      break;
    case Finding::kColumnsAdded:
      status = Extend(table, *log);
      break;
    case Finding::kOtherMarks:
      log->table = table;
      status = WithTriedTriggers(file_, table, [&] { return RenewTriggers(*log); });
      break;
    case Finding::kBroken:
      if (log != nullptr) status = Remove(*log);
      if (status.ok()) status = DropTriggersOn(FoldName(name), "_mirror_");
      if (status.ok()) status = Make(table);
      break;
  }
  if (!status.ok()) return status;
  Keep(std::move(table), MarksEnds(), Find(name));
  if (finding == Finding::kBroken && !why.empty()) {
    news->push_back(absl::StrCat("table '", name, "': ", why,
                                 "; its change log starts again and the table is ", "populated"));
  }
  return absl::OkStatus();
}

absl::Status LogTables::BeginAnew(const std::string& table) {
  const TableLog former = *Find(table);
  return ChangeObjects([&]() -> absl::Status {
    RETURN_IF_ERROR(Remove(former));
    return Make(former.table);
  });
}

absl::StatusOr<LogTables::Finding> LogTables::Look(const TableLog& log, const LoggedTable& table,
                                                   std::string* why) const {
  ASSIGN_OR_RETURN(*why, EntryProblem(log));
  const std::vector<std::string> names = Names(table);
  const bool extends =
      names.size() >= log.columns.size() && std::equal(log.columns.begin(), log.columns.end(), names.begin());
  if (why->empty() && !extends) *why = "its columns were renamed, moved or dropped";
  bool other_marks = false;
  if (why->empty()) {
    *why = TriggerProblem(log, table, MarksEnds());
    other_marks = !why->empty() && TriggerProblem(log, table, !MarksEnds()).empty();
    if (other_marks) why->clear();
  }
  if (why->empty() && !IsOlder(log, table)) *why = "it was dropped and created again";
  if (!why->empty()) return Finding::kBroken;
  if (names.size() > log.columns.size()) return Finding::kColumnsAdded;
  return other_marks ? Finding::kOtherMarks : Finding::kFine;
}

absl::Status LogTables::ChangeObjects(const std::function<absl::Status()>& work) {
  std::int64_t left = -1;
  const absl::Status changed = file_.Change([&]() -> absl::Status {
    RETURN_IF_ERROR(KeepObjects());
    objects_version_ = -1;  // Until the end: the work may be rolled back and called again.
    RETURN_IF_ERROR(work());
    const absl::StatusOr<std::int64_t> after = file_.Number("PRAGMA schema_version");
    left = after.value_or(-1);
    return after.status();
  });
  objects_version_ = left;
  if (changed.ok()) return changed;
  objects_version_ = -1;
  (void)Load();  // Loads the file's state, not the intended one.
  return changed;
}

absl::Status LogTables::KeepObjects() {
  const absl::StatusOr<std::int64_t> version = file_.Number("PRAGMA schema_version");
  if (!version.ok() || *version == objects_version_) return version.status();
  return ReadObjects();
}

absl::Status LogTables::ReadObjects() {
  objects_ = {};
  // Read first: a commit between the two reads counts as a change.
  ASSIGN_OR_RETURN(objects_version_, file_.Number("PRAGMA schema_version"));
  sqlite::Statement query = file_.Query(
      "SELECT type, name, tbl_name, rowid, sql, name GLOB '_mirror_[0-9]*_*' FROM main.sqlite_schema "
      "WHERE type = 'table' OR type = 'trigger'");
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return absl::OkStatus();
    if (query.Text(0) == "table") {
      objects_.tables[FoldName(query.Text(1))] = query.Int(3);
    } else if (query.Int(5) != 0) {
      objects_.AddTrigger(FoldName(query.Text(2)), query.Text(1), query.Text(4), query.Int(3));
    } else if (MayEndStatement(query.Text(4))) {
      std::int64_t& last = objects_.last_ending[FoldName(query.Text(2))];
      last = std::max(last, query.Int(3));
    }
  }
}

bool LogTables::IsOlder(const TableLog& log, const LoggedTable& table) const {
  const auto own = objects_.tables.find(FoldName(table.name)), of_log = objects_.tables.find(LogName(log.id));
  return own != objects_.tables.end() && of_log != objects_.tables.end() && own->second < of_log->second;
}

absl::StatusOr<std::string> LogTables::EntryProblem(const TableLog& log) const {
  if (!objects_.tables.contains(LogName(log.id))) return "its log was dropped";
  sqlite::Statement anchor =
      file_.Query(absl::StrCat("SELECT m0 FROM ", LogName(log.id), " WHERE seq = ", kAnchorSeq));
  ASSIGN_OR_RETURN(const bool row, anchor.Step());
  return row && anchor.Int(0) == log.anchor ? "" : "its log was emptied";
}

std::string LogTables::TriggerProblem(const TableLog& log, const LoggedTable& table, bool mark_ends) const {
  static const std::map<std::string, std::string> kNone;
  const auto of_table = objects_.triggers.find(FoldName(table.name));
  const auto& there = of_table == objects_.triggers.end() ? kNone : of_table->second;
  const std::vector<LogObject> expected = LogTriggers(log.id, table, log.columns.size(), mark_ends);
  for (const LogObject& trigger : expected) {
    const auto found = there.find(trigger.name);
    if (found == there.end()) {
      // They appear and disappear with UNIQUE indexes.
      const bool probe = trigger.name.find("_before_") != std::string::npos;
      return probe ? "a trigger of its log is gone, or its UNIQUE indexes changed"
                   : "a trigger of its log is gone";
    }
    if (found->second != trigger.sql) return "a trigger of its log was changed, or its indexes changed";
  }
  if (there.size() != expected.size()) return "its indexes changed";
  const auto own = objects_.first_own.find(FoldName(table.name));
  const auto ending = objects_.last_ending.find(FoldName(table.name));
  const bool hidden =
      own != objects_.first_own.end() && ending != objects_.last_ending.end() && ending->second > own->second;
  return hidden ? "a trigger with RAISE(IGNORE) was made after those of its log; SQLite runs it first, so it "
                  "may have kept changes from the log"
                : "";
}

absl::Status LogTables::Make(const LoggedTable& table) {
  ASSIGN_OR_RETURN(const std::int64_t id, file_.Number("SELECT next_log FROM _mirror_source"));
  TableLog log;
  log.id = id;
  log.anchor = RandomNumber();
  log.columns = Names(table);
  log.table = table;
  RETURN_IF_ERROR(file_.Query("UPDATE _mirror_source SET next_log = ?1").With(log.id + 1).Run());
  RETURN_IF_ERROR(file_.Run(LogTable(log.id, table).sql));
  RETURN_IF_ERROR(file_.Query(absl::StrCat("INSERT INTO ", LogName(log.id), " (seq, m0) VALUES (?1, ?2)"))
                      .With(kAnchorSeq, log.anchor)
                      .Run());
  RETURN_IF_ERROR(WithTriedTriggers(file_, table, [&] { return MakeTriggers(log); }));
  RETURN_IF_ERROR(Store(log));
  objects_.tables[LogName(log.id)] = INT64_MAX;  // After every existing table.
  logs_[FoldName(table.name)] = std::move(log);
  return absl::OkStatus();
}

absl::Status LogTables::Extend(const LoggedTable& table, TableLog& log) {
  ASSIGN_OR_RETURN(const std::int64_t last, Last(log));
  const std::size_t masks = MaskColumns(log.columns.size());
  const std::vector<std::string> names = Names(table);
  log.added.insert(log.added.end(), names.begin() + static_cast<std::ptrdiff_t>(log.columns.size()),
                   names.end());
  log.columns = names;
  log.masks_after = last;
  log.table = table;
  for (std::size_t mask = masks; mask < MaskColumns(names.size()); ++mask) {
    RETURN_IF_ERROR(file_.Run(absl::StrCat("ALTER TABLE ", LogName(log.id), " ADD COLUMN m", mask)));
  }
  const absl::Status renewed = WithTriedTriggers(file_, table, [&] { return RenewTriggers(log); });
  return renewed.ok() ? Store(log) : renewed;
}

absl::Status LogTables::Remove(const TableLog& log) {
  // If the table was renamed, its triggers moved with it.
  for (const std::string& table : std::exchange(objects_.triggered[log.id], {})) {
    RETURN_IF_ERROR(DropTriggersOn(table, absl::StrCat("_mirror_", log.id, "_")));
  }
  // Its entries are deleted piece by piece: dropping a long log at once would block writers.
  return file_.Query("DELETE FROM _mirror_tables WHERE log = ?1").With(log.id).Run();
}

absl::Status LogTables::DropOrphans() {
  std::set<std::string> known;
  for (const auto& [name, log] : logs_) known.insert(LogName(log.id));
  constexpr std::string_view kPrefix = "_mirror_log_";
  int trims = 0;
  for (const auto& [name, place] : objects_.tables) {
    const bool is_log = name.starts_with(kPrefix) && name.size() > kPrefix.size() &&
                        name.find_first_not_of("0123456789", kPrefix.size()) == std::string::npos;
    if (!is_log || known.contains(name)) continue;
    ASSIGN_OR_RETURN(const bool empty, Trim(name, 0, INT64_MAX, &trims));
    if (!empty) return absl::OkStatus();  // The next run deletes the rest.
    RETURN_IF_ERROR(file_.Change([&, &log = name] { return file_.Run("DROP TABLE IF EXISTS " + log); }));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> LogTables::Trim(const std::string& log, std::int64_t behind, std::int64_t end,
                                     int* trims) {
  const std::string lowest = absl::StrCat("SELECT coalesce(min(seq), 0) FROM ", log, " WHERE seq > ", behind);
  for (;;) {
    ASSIGN_OR_RETURN(const std::int64_t first, file_.Number(lowest));
    if (first == 0 || first > end) return true;
    if (*trims == kTrimsMax) return false;
    // If writers wait for this process, each can continue.
    if ((*trims)++ > 0 && !file_.wal()) sqlite3_sleep(kTrimPauseMs);
    RETURN_IF_ERROR(file_.Change([&] {
      return file_.Query(absl::StrCat("DELETE FROM ", log, " WHERE seq >= ?1 AND seq <= ?2"))
          .With(first, std::min(end, first + kTrimRows - 1))
          .Run();
    }));
  }
}

absl::Status LogTables::DropTriggersOn(const std::string& table, const std::string& prefix) {
  auto& there = objects_.triggers[table];
  objects_.first_own.erase(table);
  for (auto at = there.begin(); at != there.end();) {
    if (!at->first.starts_with(prefix)) {
      ++at;
      continue;
    }
    RETURN_IF_ERROR(file_.Run("DROP TRIGGER IF EXISTS main." + QuoteName(at->first)));
    at = there.erase(at);
  }
  return absl::OkStatus();
}

void LogTables::Objects::AddTrigger(const std::string& table, const std::string& name, const std::string& sql,
                                    std::int64_t place) {
  triggers[table][name] = sql;
  const auto first = first_own.try_emplace(table, place).first;
  first->second = std::min(first->second, place);
  std::int64_t id = 0;
  const char* const number = name.data() + std::strlen("_mirror_");
  std::from_chars(number, name.data() + name.size(), id);
  triggered[id].insert(table);
}

absl::Status LogTables::MakeTriggers(const TableLog& log) {
  for (const LogObject& trigger : LogTriggers(log.id, log.table, log.columns.size(), MarksEnds())) {
    RETURN_IF_ERROR(file_.Run(trigger.sql));
    objects_.AddTrigger(FoldName(log.table.name), trigger.name, trigger.sql, INT64_MAX);
  }
  return absl::OkStatus();
}

absl::Status LogTables::RenewTriggers(const TableLog& log) {
  const std::vector<LogObject> expected = LogTriggers(log.id, log.table, log.columns.size(), MarksEnds());
  auto& there = objects_.triggers[FoldName(log.table.name)];
  for (const LogObject& trigger : expected) {
    const auto found = there.find(trigger.name);
    if (found != there.end() && found->second == trigger.sql) continue;
    if (found != there.end()) {
      RETURN_IF_ERROR(file_.Run("DROP TRIGGER main." + QuoteName(trigger.name)));
      there.erase(found);
    }
    RETURN_IF_ERROR(file_.Run(trigger.sql));
    objects_.AddTrigger(FoldName(log.table.name), trigger.name, trigger.sql, INT64_MAX);
  }
  return absl::OkStatus();
}

absl::Status LogTables::Store(const TableLog& log) {
  return file_
      .Query(
          "INSERT OR REPLACE INTO _mirror_tables (log, name, floor, masks_after, anchor, columns, added) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
      .With(log.id, log.table.name, log.floor, log.masks_after, log.anchor, Join(log.columns),
            Join(log.added))
      .Run();
}

}  // namespace mirror
