#include "client/source/capture/capture_state.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/db/sqlite/file_layout.h"
#include "base/file.h"
#include "base/folded_name.h"
#include "client/source/capture/capture_sql.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/file/sqlite_value.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// The layout that 0.1.0 had; its number stands in `capture`, for that version.
constexpr int kVersion = 2;
const KnownLayout kLayout = {"what the agent remembers of the source's rows,", 3};
constexpr int kBusyMs = 5'000;
/// An LSN above this was written by hand; it is not followed.
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
std::string NewToken() {
  char bytes[16];
  sqlite3_randomness(sizeof bytes, bytes);
  return absl::BytesToHexString(absl::string_view(bytes, sizeof bytes));
}

}  // namespace

absl::StatusOr<std::unique_ptr<CaptureState>> CaptureState::Open(const std::string& state_dir,
                                                                 const std::string& context_id) {
  std::unique_ptr<CaptureState> state(new CaptureState);
  if (absl::Status loaded = state->Load(PathOf(state_dir, context_id)); !loaded.ok()) return loaded;
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
  try {
    // A temporary file of SQLite's own.
    copy->database_ = std::make_unique<SQLite::Database>(
        "", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX);
    if (Exists(state_dir, context_id)) {
      copy->database_->backup(copy->path_.c_str(), SQLite::Database::Load);
    }
  } catch (const SQLite::Exception& wrong) {
    return absl::UnavailableError(absl::StrCat("'", copy->path_, "' cannot be copied: ", wrong.what()));
  }
  if (absl::Status prepared = copy->MakeTables(); !prepared.ok()) return prepared;
  return copy;
}

absl::Status CaptureState::Load(const std::string& path) {
  path_ = path;
  std::error_code error;
  if (!std::filesystem::exists(path_, error)) {
    // It holds keys of rows: for this user alone, from the first byte on.
    if (absl::Status made = WriteFileAtomically(path_, "", FileUse::kSecret, ExistingFile::kReplace);
        !made.ok()) {
      return made;
    }
  }
  try {
    database_ =
        std::make_unique<SQLite::Database>(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX, kBusyMs);
  } catch (const SQLite::Exception& wrong) {
    return absl::UnavailableError(absl::StrCat("'", path_, "' cannot be opened: ", wrong.what()));
  }
  return MakeTables();
}

absl::Status CaptureState::MakeTables() {
  // What was noted is on disk before it is sent.
  for (const char* const sql :
       {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA temp_store = MEMORY"}) {
    if (absl::Status run = Run(sql); !run.ok()) return run;
  }
  sqlite3* const database = database_->getHandle();
  const absl::StatusOr<bool> older = IsOlder(database, kLayout, path_);
  if (absl::IsDataLoss(older.status())) return Failed("reading it");
  if (!older.ok()) return older.status();
  if (*older) {
    absl::Status taken = InTransaction([&] {
      absl::Status made = Run(kTables);
      return made.ok() ? TakeOver(database, kLayout, kVersion, path_) : made;
    });
    if (!taken.ok()) return taken;
  }
  const absl::StatusOr<Statement> select = Prepared("SELECT version, run FROM capture");
  if (!select.ok()) return select.status();
  if (sqlite3_step(select->get()) != SQLITE_ROW) return Failed("reading it");
  if (sqlite3_column_int(select->get(), 0) != kVersion) {
    return absl::DataLossError(absl::StrCat(
        "'", path_, "' is that of another version of the agent. Nothing was sent. Run that one, or ",
        "remove the file: then every table is populated anew"));
  }
  run_ = sqlite3_column_int64(select->get(), 1);
  return absl::OkStatus();
}

absl::Status CaptureState::Failed(std::string_view doing) const {
  const int code = sqlite3_extended_errcode(database_->getHandle()) & 0xff;
  const std::string text =
      absl::StrCat("'", path_, "', what the agent remembers of the source's rows: ", std::string(doing), ": ",
                   sqlite3_errmsg(database_->getHandle()));
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
    return absl::DataLossError(
        absl::StrCat(text, ". Nothing was sent. Remove the file: then every table is populated anew"));
  }
  // The file may be whole, and its folder be full.
  return absl::UnavailableError(absl::StrCat(text, ". What was sent stands. ",
                                             code == SQLITE_FULL ? "Make room on" : "Look at",
                                             " the disk of [agent] 'state_dir'; the next run goes on"));
}

absl::Status CaptureState::Run(const std::string& sql) const {
  const int code = sqlite3_exec(database_->getHandle(), sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Failed("writing it");
}

absl::StatusOr<Statement> CaptureState::Prepared(const std::string& sql) const {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database_->getHandle(), sql.data(), static_cast<int>(sql.size()),
                                      &statement, nullptr);
  if (code != SQLITE_OK) return Failed("reading it");
  return Statement(statement);
}

absl::Status CaptureState::InTransaction(const std::function<absl::Status()>& work) {
  if (absl::Status begun = Run("BEGIN IMMEDIATE"); !begun.ok()) return begun;
  absl::Status done = work();
  if (done.ok()) done = Run("COMMIT");
  if (!done.ok() && sqlite3_get_autocommit(database_->getHandle()) == 0) (void)Run("ROLLBACK");
  return done;
}

absl::StatusOr<std::int64_t> CaptureState::BeginRun() {
  const std::int64_t run = run_ + 1;
  if (absl::Status saved = Run(absl::StrCat("UPDATE capture SET run = ", run)); !saved.ok()) return saved;
  run_ = begun_ = run;
  return run;
}

CaptureState::Table CaptureState::ReadTable(const Statement& row) {
  Table table;
  table.id = sqlite3_column_int64(row.get(), 0);
  table.name = ReadText(row, 1);
  table.form = ReadText(row, 2);
  table.changed = sqlite3_column_int64(row.get(), 3);
  table.rows = static_cast<std::uint64_t>(sqlite3_column_int64(row.get(), 4));
  table.floor = sqlite3_column_int64(row.get(), 5);
  table.digest = static_cast<std::uint64_t>(sqlite3_column_int64(row.get(), 6));
  table.key_parts = static_cast<std::size_t>(sqlite3_column_int64(row.get(), 7));
  KeyValue pointer;
  pointer.Keep(sqlite3_column_value(row.get(), 8));
  table.pointer = ToKeyPart(pointer);
  table.looked_ms = sqlite3_column_int64(row.get(), 9);
  table.by_column = sqlite3_column_int(row.get(), 10) != 0;
  KeyValue deletes_pointer;
  deletes_pointer.Keep(sqlite3_column_value(row.get(), 11));
  table.deletes_pointer = ToKeyPart(deletes_pointer);
  table.feed = ReadText(row, 12);
  table.feed_record = ReadText(row, 13);
  return table;
}

absl::StatusOr<std::optional<CaptureState::Table>> CaptureState::Find(const std::string& name) {
  const absl::StatusOr<Statement> select = Prepared(absl::StrCat(kSelectTable, " WHERE name = ?1"));
  if (!select.ok()) return select.status();
  BindText(*select, 1, name);
  const int code = sqlite3_step(select->get());
  if (code == SQLITE_DONE) return std::nullopt;
  if (code != SQLITE_ROW) return Failed("reading it");
  return ReadTable(*select);
}

absl::StatusOr<std::vector<CaptureState::Table>> CaptureState::List() {
  const absl::StatusOr<Statement> select = Prepared(absl::StrCat(kSelectTable, " ORDER BY name"));
  if (!select.ok()) return select.status();
  std::vector<Table> tables;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(select->get())) == SQLITE_ROW) tables.push_back(ReadTable(*select));
  if (code != SQLITE_DONE) return Failed("reading it");
  return tables;
}

absl::StatusOr<std::optional<std::int64_t>> CaptureState::LastSent(const Table& table) {
  const absl::StatusOr<Statement> select = Prepared("SELECT max(run) FROM sent WHERE captured = ?1");
  if (!select.ok()) return select.status();
  BindInt(*select, 1, table.id);
  if (sqlite3_step(select->get()) != SQLITE_ROW) return Failed("reading it");
  if (sqlite3_column_type(select->get(), 0) == SQLITE_NULL) return std::nullopt;
  return sqlite3_column_int64(select->get(), 0);
}

absl::Status CaptureState::SetPointer(const std::string& name, const KeyPart& pointer) {
  absl::StatusOr<std::optional<Table>> table = Find(name);
  if (!table.ok()) return table.status();
  if (!*table) return absl::NotFoundError(absl::StrCat("table '", name, "' was never looked at"));
  (*table)->pointer = pointer;
  return Save(**table);
}

absl::Status CaptureState::SetDeletesPointer(const std::string& name, const KeyPart& pointer) {
  absl::StatusOr<std::optional<Table>> table = Find(name);
  if (!table.ok()) return table.status();
  if (!*table) return absl::NotFoundError(absl::StrCat("table '", name, "' was never looked at"));
  (*table)->deletes_pointer = pointer;
  return InTransaction([&]() -> absl::Status {
    absl::Status forgotten = Run(absl::StrCat("DELETE FROM fed WHERE captured = ", (*table)->id));
    return forgotten.ok() ? Save(**table) : forgotten;
  });
}

absl::Status CaptureState::Save(const Table& table) {
  const absl::StatusOr<Statement> update = Prepared(
      "UPDATE captured SET form = ?2, changed = ?3, rows = ?4, floor = ?5, digest = ?6, key_parts = ?7, "
      "pointer = ?8, looked_ms = ?9, by_column = ?10, deletes_pointer = ?11, feed = ?12, "
      "feed_record = ?13 WHERE id = ?1");
  if (!update.ok()) return update.status();
  BindInt(*update, 1, table.id);
  BindText(*update, 2, table.form);
  BindInt(*update, 3, table.changed);
  BindInt(*update, 4, static_cast<std::int64_t>(table.rows));
  BindInt(*update, 5, table.floor);
  BindInt(*update, 6, static_cast<std::int64_t>(table.digest));
  BindInt(*update, 7, static_cast<std::int64_t>(table.key_parts));
  FromKeyPart(table.pointer).Bind(update->get(), 8);
  BindInt(*update, 9, table.looked_ms);
  BindInt(*update, 10, table.by_column ? 1 : 0);
  FromKeyPart(table.deletes_pointer).Bind(update->get(), 11);
  BindText(*update, 12, table.feed);
  BindText(*update, 13, table.feed_record);
  return sqlite3_step(update->get()) == SQLITE_DONE ? absl::OkStatus() : Failed("writing it");
}

absl::StatusOr<CaptureState::Table> CaptureState::Prepare(const std::string& name, const std::string& form,
                                                          std::size_t key_parts, bool by_column) {
  const absl::StatusOr<std::optional<Table>> found = Find(name);
  if (!found.ok()) return found.status();
  if (*found && (*found)->form == form && (*found)->key_parts == key_parts &&
      (*found)->by_column == by_column) {
    return **found;
  }
  Table table = found->value_or(Table{});
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
      const absl::StatusOr<Statement> insert = Prepared(
          "INSERT INTO captured (name, form, changed, rows, floor, digest, key_parts, looked_ms, by_column) "
          "VALUES (?1, '', 0, 0, 0, 0, 0, 0, 0)");
      if (!insert.ok()) return insert.status();
      BindText(*insert, 1, name);
      if (sqlite3_step(insert->get()) != SQLITE_DONE) return Failed("writing it");
      table.id = sqlite3_last_insert_rowid(database_->getHandle());
    }
    const std::string rows = RowsName(table.id);
    absl::Status gone =
        Run(absl::StrCat("DROP TABLE IF EXISTS ", rows, "; DELETE FROM fed WHERE captured = ", table.id));
    if (!gone.ok()) return gone;
    if (key_parts > 0) {
      // Without types, so that a key is kept as it is. `digest` is NULL when the row is gone. `mask` has the
      // columns that changed behind the run `since` (NULL: any may have), a byte for each.
      const absl::Status created = Run(
          absl::StrCat("CREATE TABLE ", rows, " (", KeyNames(key_parts),
                       ", digest INTEGER, run INTEGER NOT NULL, born INTEGER NOT NULL, id INTEGER NOT NULL, ",
                       by_column ? "hashes BLOB, mask BLOB, since INTEGER, " : "", "PRIMARY KEY (",
                       KeyNames(key_parts), ")) WITHOUT ROWID"));
      if (!created.ok()) return created;
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
    const absl::StatusOr<Statement> select = Prepared("SELECT id, name FROM captured");
    if (!select.ok()) return select.status();
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(select->get())) == SQLITE_ROW) {
      if (!kept.contains(FoldName(ReadText(*select, 1))))
        gone.push_back(sqlite3_column_int64(select->get(), 0));
    }
    if (code != SQLITE_DONE) return Failed("reading it");
  }
  for (const std::int64_t id : gone) {
    const absl::Status dropped = InTransaction([&]() -> absl::Status {
      return Run(
          absl::StrCat("DROP TABLE IF EXISTS ", RowsName(id), "; DELETE FROM sent WHERE captured = ", id,
                       "; DELETE FROM fed WHERE captured = ", id, "; DELETE FROM captured WHERE id = ", id));
    });
    if (!dropped.ok()) return dropped;
  }
  return absl::OkStatus();
}

absl::StatusOr<CaptureState::Noted> CaptureState::CountNoted(const Table& table, std::int64_t from) {
  if (table.key_parts == 0) return Noted{};
  const absl::StatusOr<Statement> select = Prepared(
      absl::StrCat("SELECT count(*) FILTER (WHERE digest IS NOT NULL AND born > ?1), count(*) FILTER (WHERE "
                   "digest IS NOT NULL AND born <= ?1), count(*) FILTER (WHERE digest IS NULL) FROM ",
                   RowsName(table.id), " WHERE run > ?1"));
  if (!select.ok()) return select.status();
  BindInt(*select, 1, from);
  if (sqlite3_step(select->get()) != SQLITE_ROW) return Failed("reading it");
  const auto count = [&](int column) {
    return static_cast<std::uint64_t>(sqlite3_column_int64(select->get(), column));
  };
  return Noted{count(0), count(1), count(2)};
}

absl::StatusOr<std::vector<CaptureState::Note>> CaptureState::ReadNoted(const Table& table, std::int64_t from,
                                                                        const Key& behind, std::size_t most) {
  const std::string names = KeyNames(table.key_parts);
  const std::string later =
      behind.empty() ? "" : absl::StrCat(" AND (", names, ") > (", Places(table.key_parts), ")");
  const absl::StatusOr<Statement> select = Prepared(
      absl::StrCat("SELECT ", names, ", digest IS NULL, born, digest IS ", kToAsk, ", ",
                   table.by_column ? "iif(since <= ?, mask, NULL)" : "iif(?, NULL, NULL)", " FROM ",
                   RowsName(table.id), " WHERE run > ?", later, " ORDER BY ", names, " LIMIT ", most));
  if (!select.ok()) return select.status();
  BindInt(*select, 1, from);
  BindInt(*select, 2, from);
  BindKey(*select, 3, behind);
  std::vector<Note> notes;
  const int parts = static_cast<int>(table.key_parts);
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(select->get())) == SQLITE_ROW) {
    notes.push_back({ReadKey(*select, table.key_parts), sqlite3_column_int(select->get(), parts) != 0,
                     sqlite3_column_int64(select->get(), parts + 1) > from,
                     sqlite3_column_int(select->get(), parts + 2) != 0});
    const std::string_view mask = BlobOf(sqlite3_column_value(select->get(), parts + 3));
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i] != 0) notes.back().columns.push_back(static_cast<std::uint32_t>(i));
    }
  }
  if (code != SQLITE_DONE) return Failed("reading it");
  return notes;
}

absl::StatusOr<Position> CaptureState::Begin(const std::vector<std::string>& tables, std::int64_t highest) {
  const std::int64_t run = std::max(run_, highest < kSensibleRun ? highest + 1 : 0);
  const Position target{Lsn{run}, NewToken()};
  const absl::Status saved = InTransaction([&]() -> absl::Status {
    if (absl::Status set = Run(absl::StrCat("UPDATE capture SET run = ", run)); !set.ok()) return set;
    const absl::StatusOr<Statement> insert = Prepared(
        "INSERT OR REPLACE INTO sent (captured, run, lineage, time_ms) SELECT id, ?2, ?3, ?4 FROM captured "
        "WHERE name = ?1");
    if (!insert.ok()) return insert.status();
    for (const std::string& name : tables) {
      BindText(*insert, 1, name);
      BindInt(*insert, 2, run);
      BindText(*insert, 3, target.lineage);
      BindInt(*insert, 4, NowMs());
      if (sqlite3_step(insert->get()) != SQLITE_DONE) return Failed("writing it");
      insert->Reset();
    }
    return absl::OkStatus();
  });
  if (!saved.ok()) return saved;
  run_ = run;
  target_ = target;
  return target;
}

absl::StatusOr<bool> CaptureState::Sent(const std::string& name, const Position& position) {
  const absl::StatusOr<Statement> select = Prepared(
      "SELECT 1 FROM sent JOIN captured ON id = captured WHERE name = ?1 AND sent.run = ?2 AND lineage = ?3");
  if (!select.ok()) return select.status();
  BindText(*select, 1, name);
  BindInt(*select, 2, position.lsn.value);
  BindText(*select, 3, position.lineage);
  const int code = sqlite3_step(select->get());
  if (code != SQLITE_ROW && code != SQLITE_DONE) return Failed("reading it");
  return code == SQLITE_ROW;
}

absl::StatusOr<bool> CaptureState::Adopt(const std::string& name, const Position& position) {
  absl::StatusOr<std::optional<Table>> table = Find(name);
  if (!table.ok()) return table.status();
  const std::int64_t lsn = position.lsn.value;
  if (!*table || (*table)->key_parts == 0 || (*table)->looked_ms == 0) return false;
  if (lsn < 0 || lsn > kSensibleRun) return false;
  const std::int64_t run = std::max(run_, lsn);
  const std::string rows = RowsName((*table)->id);
  (*table)->changed = 0;
  (*table)->floor = lsn;
  const absl::Status adopted = InTransaction([&]() -> absl::Status {
    // Numbers of a memory that was lost began anew: what this look left out counts as left out behind the
    // mirror.
    absl::Status renumbered =
        Run(absl::StrCat("UPDATE ", rows, " SET run = ", lsn + 1, " WHERE digest = ", CaptureState::kLeftOut,
                         " AND run = ", begun_, " AND run <= ", lsn));
    if (!renumbered.ok()) return renumbered;
    // What is looked at from now on has a higher number than the mirror.
    absl::Status status = Run(absl::StrCat(
        "UPDATE capture SET run = ", run, "; DELETE FROM ", rows, " WHERE digest IS NULL; UPDATE ", rows,
        " SET run = 0, born = 0 WHERE run > 0 AND NOT (digest = ", CaptureState::kLeftOut, " AND run > ", lsn,
        ")"));
    if (!status.ok()) return status;
    const absl::StatusOr<Statement> insert =
        Prepared("INSERT OR REPLACE INTO sent (captured, run, lineage, time_ms) VALUES (?1, ?2, ?3, ?4)");
    if (!insert.ok()) return insert.status();
    BindInt(*insert, 1, (*table)->id);
    BindInt(*insert, 2, lsn);
    BindText(*insert, 3, position.lineage);
    BindInt(*insert, 4, NowMs());
    if (sqlite3_step(insert->get()) != SQLITE_DONE) return Failed("writing it");
    const absl::StatusOr<Statement> last = Prepared(absl::StrCat("SELECT coalesce(max(run), 0) FROM ", rows));
    if (!last.ok()) return last.status();
    if (sqlite3_step(last->get()) != SQLITE_ROW) return Failed("reading it");
    (*table)->changed = sqlite3_column_int64(last->get(), 0);
    return Save(**table);
  });
  if (!adopted.ok()) return adopted;
  run_ = run;
  return true;
}

absl::StatusOr<Standing> CaptureState::Judge(const std::string& name, const Position& position) {
  const absl::StatusOr<std::optional<Table>> table = Find(name);
  if (!table.ok()) return table.status();
  if (!*table) return Standing::kGone;
  const absl::StatusOr<bool> sent = Sent(name, position);
  if (!sent.ok()) return sent.status();
  if (*sent) return position.lsn.value < (*table)->floor ? Standing::kGone : Standing::kKnown;
  if (position.lsn.value > run_) return Standing::kAhead;
  return position.lsn.value < (*table)->floor ? Standing::kGone : Standing::kMiss;
}

absl::Status CaptureState::Forget(const std::string& name, const Position& durable, std::int64_t before_ms) {
  absl::StatusOr<std::optional<Table>> table = Find(name);
  if (!table.ok() || !*table) return table.status();
  // The oldest position from which a mirror can still be brought on.
  const absl::StatusOr<Statement> select =
      Prepared("SELECT coalesce(min(run), ?2) FROM sent WHERE captured = ?1 AND run < ?2 AND time_ms >= ?3");
  if (!select.ok()) return select.status();
  BindInt(*select, 1, (*table)->id);
  BindInt(*select, 2, durable.lsn.value);
  BindInt(*select, 3, before_ms);
  if (sqlite3_step(select->get()) != SQLITE_ROW) return Failed("reading it");
  const std::int64_t floor = sqlite3_column_int64(select->get(), 0);
  select->Reset();
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
