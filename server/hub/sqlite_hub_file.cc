#include "server/hub/sqlite_hub_file.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/db/sqlite/connection.h"
#include "base/db/sqlite/file_layout.h"
#include "base/folded_name.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/hub/hub_records.h"
#include "server/hub/sqlite_hub_book.h"
#include "server/own_records/sqlite_record.h"

namespace mirror {
namespace {

constexpr char kSqliteIndexes[] = R"(
CREATE INDEX IF NOT EXISTS _hub_rows_golden ON _hub_rows(golden_id) WHERE golden_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS _hub_rows_new ON _hub_rows(row_id) WHERE golden_id IS NULL;
CREATE INDEX IF NOT EXISTS _hub_rows_doomed ON _hub_rows(row_id) WHERE doomed = 1;
CREATE INDEX IF NOT EXISTS _hub_records_empty ON _hub_records(empty_since) WHERE empty_since IS NOT NULL;
CREATE INDEX IF NOT EXISTS _hub_records_frozen ON _hub_records(golden_id) WHERE frozen <> '[]';
CREATE INDEX IF NOT EXISTS _hub_records_work ON _hub_records(golden_id) WHERE work IS NOT NULL;
CREATE INDEX IF NOT EXISTS _hub_alias_into ON golden_alias(into_id);
CREATE INDEX IF NOT EXISTS _hub_apart_other ON _hub_apart(other_id);
CREATE INDEX IF NOT EXISTS _hub_issued_at ON _hub_issued(at);
CREATE INDEX IF NOT EXISTS _hub_issued_golden ON _hub_issued(golden_id);
CREATE INDEX IF NOT EXISTS _hub_deliveries_golden ON _hub_deliveries(golden_id);
CREATE INDEX IF NOT EXISTS _hub_deliveries_turn ON _hub_deliveries(
  data_source, state, coalesce(refused_until, 0), operation, rank, number);
CREATE INDEX IF NOT EXISTS _hub_deliveries_fresh ON _hub_deliveries(data_source) WHERE fresh = 1;
)";

/// Layout 2 had no `refusals`.
absl::Status AddRefusals(const sqlite::Connection& connection) {
  const absl::StatusOr<std::int64_t> there = connection.Number(
      "SELECT count(*) FROM temp.pragma_table_info('_hub_deliveries') WHERE name = 'refusals'");
  if (!there.ok() || *there > 0) return there.status();
  return connection.Execute(absl::StrCat("ALTER TABLE _hub_deliveries ADD COLUMN ",
                                         HubDeliveries().ColumnSql(Dialect::kSqlite, "refusals")));
}

absl::Status LayOutEntity(const sqlite::Connection& connection, const HubEntity& entity) {
  const std::string table = QuoteName(absl::StrCat("golden_", entity.name));
  RETURN_IF_ERROR(
      connection.Execute(absl::StrCat("CREATE TABLE IF NOT EXISTS ", table, "(golden_id TEXT PRIMARY KEY)")));
  std::set<std::string> there;
  sqlite::Statement columns = connection.Prepare("SELECT name FROM temp.pragma_table_info(?)");
  ASSIGN_OR_RETURN(std::vector<std::string> names, columns.With("golden_" + entity.name).Texts());
  for (const std::string& name : names) there.insert(FoldName(name));
  for (const std::string& attribute : AttributesOf(entity)) {
    if (!there.insert(FoldName(attribute)).second) continue;
    RETURN_IF_ERROR(
        connection.Execute(absl::StrCat("ALTER TABLE ", table, " ADD COLUMN ", QuoteName(attribute))));
  }
  sqlite::Statement literal = connection.Prepare("SELECT quote(?)");
  RETURN_IF_ERROR(literal.With(entity.name).StepToRow());
  return connection.Execute(
      absl::StrCat("CREATE VIEW IF NOT EXISTS ", QuoteName(absl::StrCat("golden_", entity.name, "_member")),
                   " AS SELECT golden_id, data_source, table_name, key, joined_by, touched, doomed, unsure "
                   "FROM _hub_rows WHERE entity = ",
                   literal.Text(0)));
}

}  // namespace

absl::Status LayOutHub(const sqlite::Connection& connection, const HubRules& rules) {
  constexpr char kDoing[] = "making the hub's tables";
  for (const OwnTable* const table : HubTables()) {
    RETURN_IF_ERROR(connection.Execute(table->CreateMissingSql(kInSqlite), kDoing));
  }
  RETURN_IF_ERROR(connection.Execute(kSqliteIndexes, kDoing));
  RETURN_IF_ERROR(AddRefusals(connection));
  for (const HubEntity& entity : rules.entities) {
    RETURN_IF_ERROR(LayOutEntity(connection, entity));
  }
  return absl::OkStatus();
}

namespace {

constexpr int kBusyMs = 5'000;

/// The oldest layout that LayOutHub() upgrades to this program's.
constexpr std::int64_t kOldestTaken = 2;

const KnownLayout& Layout() {
  static const KnownLayout layout{.what = "the hub's file", .present = 3};
  return layout;
}

sqlite::Explain ExplainOf(const std::string& path) {
  return [path](const sqlite::Failure& failure, std::string_view doing) {
    const std::string words = absl::StrCat("the hub's file ", path, doing.empty() ? "" : ", ",
                                           std::string(doing), ": ", failure.words);
    if (sqlite::IsDamage(failure)) {
      return absl::DataLossError(absl::StrCat(words,
                                              ". Restore a backup of it, or remove it: 'mirrorctl hub "
                                              "rebuild' makes it anew"));
    }
    return absl::UnavailableError(absl::StrCat(words, ". Nothing of this was kept; it is tried again"));
  };
}

/// Refuses a file of a layout that cannot be upgraded, and does not change it: only a rebuild makes it anew.
absl::Status CheckIsTaken(const sqlite::Connection& file, const HubRules& rules, const std::string& path) {
  ASSIGN_OR_RETURN(const std::optional<FileLayout> found, ReadLayout(file.handle()));
  const bool taken = !found || (found->number >= kOldestTaken && found->number <= Layout().present);
  if (taken) return absl::OkStatus();
  return OtherLayoutError(rules.storage, path, found->number, found->program, Layout().present);
}

std::string PathOf(const std::string& folder, const HubRules& rules) {
  return absl::StrCat(folder, "/Mirror_", rules.storage, ".hub.db");
}

/// Records with several rows of one data source; then pairs of records whose rows share a key.
constexpr char kSqliteDuplicates[] =
    "SELECT entity, golden_id, '', data_source, count(*) FROM @_hub_rows WHERE golden_id IS NOT NULL "
    "GROUP BY golden_id, data_source HAVING count(*) > 1 UNION ALL "
    "SELECT DISTINCT a.entity, min(a.golden_id, b.golden_id), max(a.golden_id, b.golden_id), '', 0 "
    "FROM @_hub_keys AS k "
    "JOIN @_hub_keys AS l ON l.hash = k.hash AND l.entity = k.entity AND l.row_id > k.row_id AND k.row_id > "
    "0 "
    "JOIN @_hub_rows AS a ON a.row_id = k.row_id JOIN @_hub_rows AS b ON b.row_id = l.row_id "
    "WHERE a.golden_id <> b.golden_id AND NOT EXISTS (SELECT 1 FROM @_hub_apart AS p WHERE p.golden_id = "
    "min(a.golden_id, b.golden_id) AND p.other_id = max(a.golden_id, b.golden_id)) LIMIT $1";

class SqliteHubFile final : public HubFile {
 public:
  SqliteHubFile(std::unique_ptr<sqlite::Connection> connection, const HubRules& rules)
      : HubFile({.frozen_join = "CROSS JOIN", .duplicates = kSqliteDuplicates}),
        rules_(rules),
        connection_(std::move(connection)) {}

  absl::Status Alone(const std::function<absl::Status()>& work) override { return work(); }
  absl::Status CheckAlone() override { return absl::OkStatus(); }
  absl::StatusOr<bool> TakeRules(const std::string& digest) override;
  absl::Status Transact(const std::function<absl::Status(HubBook& book)>& work) override;
  absl::Status Try(const std::function<absl::Status(HubBook& book)>& work) override;
  absl::Status Read(const std::function<absl::Status(HubBook& book)>& work) override;
  absl::Status Rewrite() override;
  absl::StatusOr<std::size_t> DecideHeld(bool commit) override;
  absl::StatusOr<std::size_t> OpenDropped() override;
  absl::Status NoteNews() override;
  absl::StatusOr<News> ReadNews() override;
  absl::Status NoteRead(std::int64_t noted) override;

 private:
  absl::Status Ask(const std::string& sql, std::optional<std::int64_t> value, TakeRow take) override;
  absl::Status EmptyLog();

  const HubRules& rules_;
  const std::unique_ptr<sqlite::Connection> connection_;
  Mutex mutex_;
  /// News since this server started. Older news count as one that was not read.
  News news_ MIRROR_GUARDED_BY(mutex_) = {.noted = 1, .read = 0};
};

}  // namespace

absl::Status RemoveSqliteHubFile(const std::string& folder, const HubRules& rules) {
  const std::string path = PathOf(folder, rules);
  // The log first: a file left without it is an older one, which no mirror trusts.
  for (const char* const suffix : {"-wal", "-shm", ""}) {
    std::error_code error;
    std::filesystem::remove(path + suffix, error);
    if (!error) continue;
    return absl::UnavailableError(absl::StrCat("the hub's file ", path, suffix, " cannot be removed: ",
                                               error.message(), ". Nothing was made anew."));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<HubFile>> OpenSqliteHubFile(const std::string& folder, const HubRules& rules) {
  const std::string path = PathOf(folder, rules);
  ASSIGN_OR_RETURN(std::unique_ptr<sqlite::Connection> connection,
                   sqlite::Connection::Open(path, {.mode = sqlite::OpenAs::Mode::kMake, .busy_ms = kBusyMs},
                                            ExplainOf(path)));
  const sqlite::Connection& file = *connection;
  RETURN_IF_ERROR(
      file.Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON; "
                   "PRAGMA cache_size = -16384; PRAGMA secure_delete = ON"));
  file.ReadQuotedAsNames();
  RETURN_IF_ERROR(file.Transact(sqlite::Connection::Begin::kImmediate, [&] {
    RETURN_IF_ERROR(CheckIsTaken(file, rules, path));
    RETURN_IF_ERROR(TakeOver(file.handle(), Layout(), Layout().present, path));
    return LayOutHub(file, rules);
  }));
  return std::make_unique<SqliteHubFile>(std::move(connection), rules);
}

absl::Status SqliteHubFile::Ask(const std::string& sql, std::optional<std::int64_t> value, TakeRow take) {
  sqlite::Statement read = connection_->Prepare(absl::StrReplaceAll(sql, {{"@", ""}, {"$", "?"}}));
  if (value) read.Bind(1, *value);
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, read.Step());
    if (!more) return absl::OkStatus();
    RETURN_IF_ERROR(take([&](int column, ColumnKind kind) { return SqliteFieldAt(read, column, kind); }));
  }
}

absl::Status SqliteHubFile::NoteNews() {
  const MutexLock lock(mutex_);
  ++news_.noted;
  return absl::OkStatus();
}

absl::StatusOr<HubFile::News> SqliteHubFile::ReadNews() {
  const MutexLock lock(mutex_);
  return news_;
}

absl::Status SqliteHubFile::NoteRead(std::int64_t noted) {
  const MutexLock lock(mutex_);
  news_.read = std::max(news_.read, noted);
  return absl::OkStatus();
}

absl::StatusOr<bool> SqliteHubFile::TakeRules(const std::string& digest) {
  bool changed = false;
  RETURN_IF_ERROR(connection_->Transact(sqlite::Connection::Begin::kImmediate, [&] {
    sqlite::Statement known = connection_->Prepare("SELECT digest FROM _hub_rules");
    ASSIGN_OR_RETURN(bool there, known.Step());
    changed = there && known.Text(0) != digest;
    if (there && !changed) return absl::OkStatus();
    known.Reset();
    absl::Status done =
        connection_->Prepare("INSERT OR REPLACE INTO _hub_rules VALUES (1, ?)").With(digest).Run();
    if (!done.ok() || !changed) return done;
    return connection_->Execute(
        "UPDATE _hub_feeds SET reread = 1 WHERE cycle > 0; UPDATE _hub_state SET hold = 1; UPDATE "
        "_hub_deliveries SET state = 2 WHERE state = 1");
  }));
  return changed;
}

absl::Status SqliteHubFile::Transact(const std::function<absl::Status(HubBook& book)>& work) {
  return connection_->Transact(sqlite::Connection::Begin::kImmediate, [&] {
    SqliteHubBook book(*connection_, rules_);
    return work(book);
  });
}

absl::Status SqliteHubFile::Try(const std::function<absl::Status(HubBook& book)>& work) {
  absl::Status done;
  absl::Status taken_back = connection_->Transact(sqlite::Connection::Begin::kImmediate, [&] {
    SqliteHubBook book(*connection_, rules_);
    done = work(book);
    return done.ok() ? absl::CancelledError() : done;  // An error rolls back the writes.
  });
  return absl::IsCancelled(taken_back) ? done : taken_back;
}

absl::Status SqliteHubFile::Read(const std::function<absl::Status(HubBook& book)>& work) {
  return connection_->Transact(sqlite::Connection::Begin::kDeferred, [&] {
    SqliteHubBook book(*connection_, rules_);
    return work(book);
  });
}

absl::Status SqliteHubFile::EmptyLog() {
  const absl::StatusOr<std::int64_t> busy = connection_->Number("PRAGMA wal_checkpoint(TRUNCATE)");
  if (!busy.ok() || *busy == 0) return busy.status();
  return absl::UnavailableError(absl::StrCat(
      "the log of the file of hub '", rules_.storage,
      "' could not be emptied, since a program reads the file. What was erased in its members may "
      "still be in the log, and it is tried again. End programs that read the file for long"));
}

absl::Status SqliteHubFile::Rewrite() {
  // A present reader would keep the log after the rewriting, too.
  RETURN_IF_ERROR(EmptyLog());
  // Samples of values, if a person ran ANALYZE. The table need not exist.
  connection_->Execute("DELETE FROM sqlite_stat4").IgnoreError();
  absl::Status rewritten = connection_->Execute("VACUUM", "rewriting it without what was erased");
  return rewritten.ok() ? EmptyLog() : rewritten;
}

absl::StatusOr<std::size_t> SqliteHubFile::DecideHeld(bool commit) {
  std::size_t decided = 0;
  RETURN_IF_ERROR(connection_->Transact(sqlite::Connection::Begin::kImmediate, [&]() -> absl::Status {
    RETURN_IF_ERROR(connection_->Prepare("UPDATE _hub_deliveries SET state = ? WHERE state = 2")
                        .With(commit ? 1 : 3)
                        .Run());
    decided = static_cast<std::size_t>(connection_->Changes());
    if (!commit) return absl::OkStatus();
    RETURN_IF_ERROR(connection_->Execute("UPDATE _hub_rows SET unsure = 0 WHERE unsure = 1"));
    // A hub made after a loss holds no more once all members were read again.
    return connection_->Execute(
        "UPDATE _hub_state SET hold = 0 WHERE NOT EXISTS (SELECT 1 FROM _hub_feeds WHERE suspended IS NOT "
        "NULL OR cycle = 0)");
  }));
  return decided;
}

absl::StatusOr<std::size_t> SqliteHubFile::OpenDropped() {
  std::size_t opened = 0;
  RETURN_IF_ERROR(connection_->Transact(sqlite::Connection::Begin::kImmediate, [&] {
    absl::Status done = connection_->Execute("UPDATE _hub_deliveries SET state = 1 WHERE state = 3");
    opened = static_cast<std::size_t>(connection_->Changes());
    return done;
  }));
  return opened;
}

}  // namespace mirror
