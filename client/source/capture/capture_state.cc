#include "client/source/capture/capture_state.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/db/sqlite/file_layout.h"
#include "base/file.h"
#include "base/folded_name.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "client/source/capture/capture_look.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// The layout number that version 0.1.0 stored in `capture`.
constexpr int kVersion = 2;
const KnownLayout kLayout = {"the agent's memory of the source's rows", 3};
constexpr int kBusyMs = 5'000;
/// Actions on the file, for messages.
constexpr char kOpening[] = "opened", kCopying[] = "copied", kReading[] = "reading it",
               kWriting[] = "writing it";
/// A higher LSN was written by hand: the runs do not continue from it.
constexpr std::int64_t kSensibleRun = INT64_MAX / 2;

constexpr char kTables[] =
    "CREATE TABLE IF NOT EXISTS capture (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, "
    "run INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS captured (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, "
    "form TEXT NOT NULL, changed INTEGER NOT NULL, rows INTEGER NOT NULL, floor INTEGER NOT NULL, digest "
    "INTEGER NOT NULL, key_parts INTEGER NOT NULL, pointer, looked_ms INTEGER NOT NULL, by_column INTEGER "
    "NOT NULL, deletes_pointer, feed TEXT NOT NULL DEFAULT '', feed_record TEXT NOT NULL DEFAULT '');"
    "CREATE TABLE IF NOT EXISTS sent (captured INTEGER NOT NULL, run INTEGER NOT NULL, lineage TEXT NOT "
    "NULL, "
    "time_ms INTEGER NOT NULL, PRIMARY KEY (captured, run)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS fed (captured INTEGER NOT NULL, digest INTEGER NOT NULL, PRIMARY KEY "
    "(captured, digest)) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO capture VALUES (1, 2, 0)";

constexpr char kSelectTable[] =
    "SELECT id, name, form, changed, rows, floor, digest, key_parts, pointer, looked_ms, "
    "by_column, deletes_pointer, feed, feed_record FROM captured";

std::string PathOf(const std::string& state_dir, const std::string& context_id) {
  return absl::StrCat(state_dir, "/", context_id, ".capture.db");
}

}  // namespace

absl::StatusOr<std::unique_ptr<CaptureState>> CaptureState::Open(const std::string& state_dir,
                                                                 const std::string& context_id) {
  std::unique_ptr<CaptureState> state(new CaptureState);
  RETURN_IF_ERROR(state->Load(PathOf(state_dir, context_id)));
  return state;
}

bool CaptureState::Exists(const std::string& state_dir, const std::string& context_id) {
  std::error_code error;
  return std::filesystem::exists(PathOf(state_dir, context_id), error);
}

absl::StatusOr<std::unique_ptr<CaptureState>> CaptureState::OpenCopy(const std::string& state_dir,
                                                                     const std::string& context_id) {
  std::unique_ptr<CaptureState> copy(new CaptureState);
  copy->path_ = PathOf(state_dir, context_id);
  // A temporary file of SQLite.
  absl::Status made = copy->Connect("", {.mode = sqlite::OpenAs::Mode::kMake, .one_thread = true}, kCopying);
  if (made.ok() && Exists(state_dir, context_id))
    made = copy->database_->LoadFrom(copy->path_, kBusyMs, kCopying);
  if (!made.ok()) return made;
  RETURN_IF_ERROR(copy->MakeTables());
  return copy;
}

absl::Status CaptureState::Load(const std::string& path) {
  path_ = path;
  std::error_code error;
  if (!std::filesystem::exists(path_, error)) {
    // The file holds keys of rows: only this user may read it, from the first byte on.
    if (absl::Status made = WriteFileAtomically(path_, "", FileUse::kSecret, ExistingFile::kReplace);
        !made.ok()) {
      return made;
    }
  }
  RETURN_IF_ERROR(Connect(
      path_, {.mode = sqlite::OpenAs::Mode::kWrite, .busy_ms = kBusyMs, .one_thread = true}, kOpening));
  return MakeTables();
}

absl::Status CaptureState::MakeTables() {
  // Notes must be on disk before rows are sent.
  for (const char* const sql :
       {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA temp_store = MEMORY"}) {
    RETURN_IF_ERROR(Run(sql));
  }
  sqlite3* const database = database_->handle();
  const absl::StatusOr<bool> older = IsOlder(database, kLayout, path_);
  if (absl::IsDataLoss(older.status())) return database_->LastError(kReading);
  if (!older.ok()) return older.status();
  if (*older) {
    RETURN_IF_ERROR(InTransaction([&] {
      absl::Status made = Run(kTables);
      return made.ok() ? TakeOver(database, kLayout, kVersion, path_) : made;
    }));
  }
  sqlite::Statement select = Prepared("SELECT version, run FROM capture");
  RETURN_IF_ERROR(select.StepToRow());
  if (select.Int(0) != kVersion) {
    return absl::DataLossError(absl::StrCat(
        "'", path_, "' was written by another version of the agent. Nothing was sent. Run that version, or ",
        "remove the file: then every table is populated anew"));
  }
  run_ = select.Int(1);
  return absl::OkStatus();
}

absl::Status CaptureState::Connect(const std::string& path, const sqlite::OpenAs& as,
                                   std::string_view doing) {
  ASSIGN_OR_RETURN(database_, sqlite::Connection::Open(
                                  path, as,
                                  [this](const sqlite::Failure& failure, std::string_view what) {
                                    return Explain(failure, what);
                                  },
                                  doing));
  return absl::OkStatus();
}

absl::Status CaptureState::Explain(const sqlite::Failure& failure, std::string_view doing) const {
  if (doing == kOpening || doing == kCopying) {
    return absl::UnavailableError(
        absl::StrCat("'", path_, "' cannot be ", std::string(doing), ": ", failure.words));
  }
  const std::string text = absl::StrCat(
      "'", path_, "', the agent's memory of the source's rows: ", std::string(doing), ": ", failure.words);
  if (sqlite::IsDamage(failure)) {
    return absl::DataLossError(
        absl::StrCat(text, ". Nothing was sent. Remove the file: then every table is populated anew"));
  }
  // The file may be intact while its folder is full.
  return absl::UnavailableError(absl::StrCat(text, ". What was sent is kept. ",
                                             sqlite::IsFull(failure) ? "Make room on" : "Look at",
                                             " the disk of [agent] 'state_dir'; the next run continues"));
}

absl::Status CaptureState::Run(const std::string& sql) const { return database_->Execute(sql, kWriting); }

sqlite::Statement CaptureState::Prepared(const std::string& sql) const {
  sqlite::Statement statement = database_->Prepare(sql, kReading);
  if (!statement.IsReadOnly()) statement.SetDoing(kWriting);
  return statement;
}

absl::Status CaptureState::InTransaction(const std::function<absl::Status()>& work) {
  return database_->Transact(sqlite::Connection::Begin::kImmediate, work, kWriting);
}

absl::StatusOr<std::int64_t> CaptureState::BeginRun() {
  const std::int64_t run = run_ + 1;
  RETURN_IF_ERROR(Run(absl::StrCat("UPDATE capture SET run = ", run)));
  run_ = begun_ = run;
  return run;
}

CaptureState::Table CaptureState::ReadTable(const sqlite::Statement& row) {
  Table table;
  table.id = row.Int(0);
  table.name = row.Text(1);
  table.form = row.Text(2);
  table.changed = row.Int(3);
  table.rows = static_cast<std::uint64_t>(row.Int(4));
  table.floor = row.Int(5);
  table.digest = static_cast<std::uint64_t>(row.Int(6));
  table.key_parts = static_cast<std::size_t>(row.Int(7));
  table.pointer = ToKeyPart(row.ValueAt(8));
  table.looked_ms = row.Int(9);
  table.by_column = row.Int(10) != 0;
  table.deletes_pointer = ToKeyPart(row.ValueAt(11));
  table.feed = row.Text(12);
  table.feed_record = row.Text(13);
  return table;
}

absl::StatusOr<std::optional<CaptureState::Table>> CaptureState::Find(const std::string& name) {
  sqlite::Statement select = Prepared(absl::StrCat(kSelectTable, " WHERE name = ?1"));
  select.Bind(1, name);
  ASSIGN_OR_RETURN(const bool row, select.Step());
  if (!row) return std::nullopt;
  return ReadTable(select);
}

absl::StatusOr<std::vector<CaptureState::Table>> CaptureState::List() {
  sqlite::Statement select = Prepared(absl::StrCat(kSelectTable, " ORDER BY name"));
  std::vector<Table> tables;
  RETURN_IF_ERROR(ForEachRow(select, [&] { tables.push_back(ReadTable(select)); }));
  return tables;
}

absl::StatusOr<std::optional<std::int64_t>> CaptureState::LastSent(const Table& table) {
  sqlite::Statement select = Prepared("SELECT max(run) FROM sent WHERE captured = ?1");
  select.Bind(1, table.id);
  RETURN_IF_ERROR(select.StepToRow());
  if (select.IsNull(0)) return std::nullopt;
  return select.Int(0);
}

absl::Status CaptureState::SetPointer(const std::string& name, const KeyPart& pointer) {
  ASSIGN_OR_RETURN(std::optional<Table> table, Find(name));
  if (!table) return absl::NotFoundError(absl::StrCat("table '", name, "' was never read"));
  table->pointer = pointer;
  return Save(*table);
}

absl::Status CaptureState::SetDeletesPointer(const std::string& name, const KeyPart& pointer) {
  ASSIGN_OR_RETURN(std::optional<Table> table, Find(name));
  if (!table) return absl::NotFoundError(absl::StrCat("table '", name, "' was never read"));
  table->deletes_pointer = pointer;
  return InTransaction([&]() -> absl::Status {
    absl::Status forgotten = Run(absl::StrCat("DELETE FROM fed WHERE captured = ", table->id));
    return forgotten.ok() ? Save(*table) : forgotten;
  });
}

absl::Status CaptureState::Save(const Table& table) {
  sqlite::Statement update = Prepared(
      "UPDATE captured SET form = ?2, changed = ?3, rows = ?4, floor = ?5, digest = ?6, key_parts = ?7, "
      "pointer = ?8, looked_ms = ?9, by_column = ?10, deletes_pointer = ?11, feed = ?12, "
      "feed_record = ?13 WHERE id = ?1");
  update.Bind(1, table.id);
  update.Bind(2, table.form);
  update.Bind(3, table.changed);
  update.Bind(4, static_cast<std::int64_t>(table.rows));
  update.Bind(5, table.floor);
  update.Bind(6, static_cast<std::int64_t>(table.digest));
  update.Bind(7, static_cast<std::int64_t>(table.key_parts));
  update.Bind(8, FromKeyPart(table.pointer));
  update.Bind(9, table.looked_ms);
  update.Bind(10, table.by_column ? 1 : 0);
  update.Bind(11, FromKeyPart(table.deletes_pointer));
  update.Bind(12, table.feed);
  update.Bind(13, table.feed_record);
  return update.Run();
}

absl::StatusOr<CaptureState::Table> CaptureState::Prepare(const std::string& name, const std::string& form,
                                                          std::size_t key_parts, bool by_column) {
  ASSIGN_OR_RETURN(const std::optional<Table> found, Find(name));
  // Names that differ only by case are the same name: the table then keeps its form and its records.
  if (found && SameName(found->form, form) && found->key_parts == key_parts &&
      found->by_column == by_column) {
    return *found;
  }
  Table table = found.value_or(Table{});
  const bool known = table.id != 0;
  table.name = name;
  table.form = form;
  table.key_parts = key_parts;
  table.by_column = by_column;
  table.floor = run_;
  table.changed = 0;
  table.rows = table.digest = 0;
  table.pointer = table.deletes_pointer = KeyPart();
  table.looked_ms = 0;
  const absl::Status made = InTransaction([&]() -> absl::Status {
    if (!known) {
      sqlite::Statement insert = Prepared(
          "INSERT INTO captured (name, form, changed, rows, floor, digest, key_parts, looked_ms, by_column) "
          "VALUES (?1, '', 0, 0, 0, 0, 0, 0, 0)");
      insert.Bind(1, name);
      RETURN_IF_ERROR(insert.Run());
      table.id = database_->LastRowid();
    }
    const std::string rows = RowsName(table.id);
    RETURN_IF_ERROR(
        Run(absl::StrCat("DROP TABLE IF EXISTS ", rows, "; DELETE FROM fed WHERE captured = ", table.id)));
    if (key_parts > 0) {
      // The key columns have no types, so that keys are stored unchanged. `digest` is NULL when the row is
      // deleted. `mask` has a byte for each column, set if it changed after the run `since`. NULL: any may
      // have changed.
      RETURN_IF_ERROR(Run(
          absl::StrCat("CREATE TABLE ", rows, " (", KeyNames(key_parts),
                       ", digest INTEGER, run INTEGER NOT NULL, born INTEGER NOT NULL, id INTEGER NOT NULL, ",
                       by_column ? "hashes BLOB, mask BLOB, since INTEGER, " : "", "PRIMARY KEY (",
                       KeyNames(key_parts), ")) WITHOUT ROWID")));
    }
    return Save(table);
  });
  if (!made.ok()) return made;
  return table;
}

absl::Status CaptureState::Retain(const std::vector<std::string>& names) {
  std::set<std::string> kept;
  for (const std::string& name : names) kept.insert(FoldName(name));
  std::vector<std::int64_t> gone;
  {
    sqlite::Statement select = Prepared("SELECT id, name FROM captured");
    RETURN_IF_ERROR(ForEachRow(select, [&] {
      if (!kept.contains(FoldName(select.Text(1)))) gone.push_back(select.Int(0));
    }));
  }
  for (const std::int64_t id : gone) {
    RETURN_IF_ERROR(InTransaction([&]() -> absl::Status {
      return Run(
          absl::StrCat("DROP TABLE IF EXISTS ", RowsName(id), "; DELETE FROM sent WHERE captured = ", id,
                       "; DELETE FROM fed WHERE captured = ", id, "; DELETE FROM captured WHERE id = ", id));
    }));
  }
  return absl::OkStatus();
}

absl::StatusOr<CaptureState::Noted> CaptureState::CountNoted(const Table& table, std::int64_t from) {
  if (table.key_parts == 0) return Noted{};
  sqlite::Statement select = Prepared(
      absl::StrCat("SELECT count(*) FILTER (WHERE digest IS NOT NULL AND born > ?1), count(*) FILTER (WHERE "
                   "digest IS NOT NULL AND born <= ?1), count(*) FILTER (WHERE digest IS NULL) FROM ",
                   RowsName(table.id), " WHERE run > ?1"));
  select.Bind(1, from);
  RETURN_IF_ERROR(select.StepToRow());
  const auto count = [&](int column) { return static_cast<std::uint64_t>(select.Int(column)); };
  return Noted{count(0), count(1), count(2)};
}

absl::StatusOr<std::vector<CaptureState::Note>> CaptureState::ReadNoted(const Table& table, std::int64_t from,
                                                                        const Key& behind, std::size_t most) {
  const std::string names = KeyNames(table.key_parts);
  const std::string later =
      behind.empty() ? "" : absl::StrCat(" AND (", names, ") > (", Places(table.key_parts), ")");
  sqlite::Statement select = Prepared(
      absl::StrCat("SELECT ", names, ", digest IS NULL, born, digest IS ", kToAsk, ", ",
                   table.by_column ? "iif(since <= ?, mask, NULL)" : "iif(?, NULL, NULL)", " FROM ",
                   RowsName(table.id), " WHERE run > ?", later, " ORDER BY ", names, " LIMIT ", most));
  select.Bind(1, from);
  select.Bind(2, from);
  BindKey(select, 3, behind);
  std::vector<Note> notes;
  const int parts = static_cast<int>(table.key_parts);
  RETURN_IF_ERROR(ForEachRow(select, [&] {
    notes.push_back({ReadKey(select, table.key_parts), select.Int(parts) != 0, select.Int(parts + 1) > from,
                     select.Int(parts + 2) != 0});
    const std::string_view mask = select.View(parts + 3);
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i] != 0) notes.back().columns.push_back(static_cast<std::uint32_t>(i));
    }
  }));
  return notes;
}

absl::StatusOr<Position> CaptureState::Begin(const std::vector<std::string>& tables, std::int64_t highest) {
  const std::int64_t run = std::max(run_, highest < kSensibleRun ? highest + 1 : 0);
  const Position target{Lsn{run}, NewToken()};
  RETURN_IF_ERROR(InTransaction([&]() -> absl::Status {
    RETURN_IF_ERROR(Run(absl::StrCat("UPDATE capture SET run = ", run)));
    sqlite::Statement insert = Prepared(
        "INSERT OR REPLACE INTO sent (captured, run, lineage, time_ms) SELECT id, ?2, ?3, ?4 FROM captured "
        "WHERE name = ?1");
    for (const std::string& name : tables) {
      insert.Bind(1, name);
      insert.Bind(2, run);
      insert.Bind(3, target.lineage);
      insert.Bind(4, NowMs());
      RETURN_IF_ERROR(insert.Run());
    }
    return absl::OkStatus();
  }));
  run_ = run;
  target_ = target;
  return target;
}

absl::StatusOr<bool> CaptureState::Sent(const std::string& name, const Position& position) {
  sqlite::Statement select = Prepared(
      "SELECT 1 FROM sent JOIN captured ON id = captured WHERE name = ?1 AND sent.run = ?2 AND lineage = ?3");
  select.Bind(1, name);
  select.Bind(2, position.lsn.value);
  select.Bind(3, position.lineage);
  return select.Step();
}

absl::StatusOr<bool> CaptureState::Adopt(const std::string& name, const Position& position) {
  ASSIGN_OR_RETURN(std::optional<Table> table, Find(name));
  const std::int64_t lsn = position.lsn.value;
  if (!table || table->key_parts == 0 || table->looked_ms == 0) return false;
  if (lsn < 0 || lsn > kSensibleRun) return false;
  const std::int64_t run = std::max(run_, lsn);
  const std::string rows = RowsName(table->id);
  table->changed = 0;
  table->floor = lsn;
  const absl::Status adopted = InTransaction([&]() -> absl::Status {
    // If the state was lost, the run numbers began again. So rows that this look left out must count as left
    // out after the mirror's position.
    RETURN_IF_ERROR(Run(absl::StrCat("UPDATE ", rows, " SET run = ", lsn + 1, " WHERE digest = ",
                                     CaptureState::kLeftOut, " AND run = ", begun_, " AND run <= ", lsn)));
    // Later looks must get a higher number than the mirror's position.
    RETURN_IF_ERROR(Run(absl::StrCat(
        "UPDATE capture SET run = ", run, "; DELETE FROM ", rows, " WHERE digest IS NULL; UPDATE ", rows,
        " SET run = 0, born = 0 WHERE run > 0 AND NOT (digest = ", CaptureState::kLeftOut, " AND run > ", lsn,
        ")")));
    sqlite::Statement insert =
        Prepared("INSERT OR REPLACE INTO sent (captured, run, lineage, time_ms) VALUES (?1, ?2, ?3, ?4)");
    insert.Bind(1, table->id);
    insert.Bind(2, lsn);
    insert.Bind(3, position.lineage);
    insert.Bind(4, NowMs());
    RETURN_IF_ERROR(insert.Run());
    sqlite::Statement last = Prepared(absl::StrCat("SELECT coalesce(max(run), 0) FROM ", rows));
    RETURN_IF_ERROR(last.StepToRow());
    table->changed = last.Int(0);
    return Save(*table);
  });
  if (!adopted.ok()) return adopted;
  run_ = run;
  return true;
}

absl::StatusOr<Standing> CaptureState::Judge(const std::string& name, const Position& position) {
  ASSIGN_OR_RETURN(const std::optional<Table> table, Find(name));
  if (!table) return Standing::kGone;
  ASSIGN_OR_RETURN(const bool sent, Sent(name, position));
  if (sent) return position.lsn.value < table->floor ? Standing::kGone : Standing::kKnown;
  if (position.lsn.value > run_) return Standing::kAhead;
  return position.lsn.value < table->floor ? Standing::kGone : Standing::kMiss;
}

absl::Status CaptureState::Forget(const std::string& name, const Position& durable, std::int64_t before_ms) {
  absl::StatusOr<std::optional<Table>> table = Find(name);
  if (!table.ok() || !*table) return table.status();
  // The oldest position from which a mirror can be updated.
  sqlite::Statement select =
      Prepared("SELECT coalesce(min(run), ?2) FROM sent WHERE captured = ?1 AND run < ?2 AND time_ms >= ?3");
  select.Bind(1, (*table)->id);
  select.Bind(2, durable.lsn.value);
  select.Bind(3, before_ms);
  RETURN_IF_ERROR(select.StepToRow());
  const std::int64_t floor = select.Int(0);
  select.Reset();
  if (floor <= (*table)->floor) return absl::OkStatus();
  (*table)->floor = floor;
  return InTransaction([&]() -> absl::Status {
    const std::string rows = (*table)->key_parts == 0
                                 ? ""
                                 : absl::StrCat("; DELETE FROM ", RowsName((*table)->id),
                                                " WHERE digest IS NULL AND run <= ", floor);
    const absl::Status removed =
        Run(absl::StrCat("DELETE FROM sent WHERE captured = ", (*table)->id, " AND run < ", floor, rows));
    return removed.ok() ? Save(**table) : removed;
  });
}

}  // namespace mirror
