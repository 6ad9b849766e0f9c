#ifndef MIRROR_TESTS_CLIENT_POSTGRES_LOG_POSTGRES_LOG_SOURCE_H_
#define MIRROR_TESTS_CLIENT_POSTGRES_LOG_POSTGRES_LOG_SOURCE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/source/postgres/log/postgres_log.h"
#include "client/source/postgres/log/postgres_staging.h"
#include "client/source/postgres/log/publication.h"
#include "client/source/postgres/postgres_reader.h"
#include "tests/client/source/source_database.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// A table of a mirror, as cycles brought it there.
struct MirroredTable {
  std::map<std::string, std::vector<std::string>> rows;  ///< By key; each by the source's columns.
  std::vector<std::uint64_t> columns;                    ///< Their ids.
  Position position;
  std::optional<Position> confirmed;
  std::string action;  ///< Of the last cycle: populate, changes, compare, nothing; or why it failed.
  std::string words;
};

/// A database whose log is read, and a mirror that takes what is found there by the rules of the wire: an
/// update finds its row.
class PostgresLogTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_POSTGRES();
    auto server =
        PostgresServer::Start({"wal_level=logical", "max_replication_slots=20", "max_wal_senders=20",
                               "max_prepared_transactions=5", "wal_sender_timeout=60000"});
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    conninfo_ = server_->NewDatabase();
    Connect();
    access_.dsn = conninfo_;
  }
  void TearDown() override { Close(); }

  void Connect() {
    connection_ = Session();
    ASSERT_NE(connection_, nullptr);
  }
  std::unique_ptr<postgres::Connection> Session() {
    auto opened = postgres::Connection::Open({.conninfo = conninfo_, .application_name = "mirror-test"});
    EXPECT_THAT(opened, IsOk());
    if (!opened.ok()) return nullptr;
    EXPECT_THAT((*opened)->Execute("SET search_path TO public, pg_catalog; SET row_security TO on"), IsOk());
    return *std::move(opened);
  }
  void Sql(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }

  /// As 'mirror-agent install' does it, for all tables that there are.
  void Install() {
    postgres::Pipeline pipeline(*connection_);
    const PostgresTableQueries queries("public");
    queries.Queue(pipeline);
    const auto rows = pipeline.Run();
    ASSERT_THAT(rows, IsOk());
    const auto tables = queries.Take(*rows);
    ASSERT_THAT(tables, IsOk());
    ASSERT_THAT(InstallPublication(*connection_, {kName, kName, kSourceId, *tables}), IsOk());
  }

  /// What a process of the agent does before its first cycle.
  absl::Status Open() {
    if (staging_ == nullptr) {
      PostgresStagingOptions options = options_;
      options.access = access_;
      options.slot = options.publication = kName;
      options.stage.path = folder_ / "Cust.stage.db";
      absl::StatusOr<std::shared_ptr<PostgresStaging>> staging = PostgresStaging::Open(options);
      if (!staging.ok()) return staging.status();
      staging_ = *std::move(staging);
    }
    PostgresLogOptions log;
    log.snapshot_wait_ms = snapshot_wait_ms_;
    absl::StatusOr<std::unique_ptr<PostgresLog>> opened = PostgresLog::Open(staging_, log);
    if (!opened.ok()) return opened.status();
    if (*opened == nullptr) return absl::NotFoundError("not installed");
    log_ = *std::move(opened);
    PostgresReaderOptions reader;
    reader.access = access_;
    reader.records = records_;
    reader.log = log_.get();
    reader.steps = steps_;
    reader_ = OpenPostgresReader(std::move(reader));
    return absl::OkStatus();
  }
  /// The process ends.
  void Close() {
    reader_.reset();
    log_.reset();
    staging_.reset();
  }

  /// A run of the agent's. What it did with each table is in `mirror_`.
  absl::Status TryCycle() {
    notes_.clear();
    if (absl::Status opened = Open(); !opened.ok()) return opened;
    for (int repeat = 0;; ++repeat) {
      if (absl::Status looked = Look(); !looked.ok()) return looked;
      if (absl::Status held = Hold(); !held.ok()) return held;
      bool again = false;
      for (const SourceTable& table : schema_.tables) {
        const absl::Status sent = Send(table);
        MirroredTable& mirrored = mirror_[table.schema.name];
        if (absl::IsAborted(sent) && repeat < 3) {
          again = true;
          continue;
        }
        if (!sent.ok()) mirrored.action = std::string(sent.message());
      }
      reader_->LeaveMoment();
      if (!again) break;
    }
    std::map<std::string, Position> durable;
    for (auto& [name, table] : mirror_) {
      if (table.position.lsn.value < 0) continue;
      durable[name] = table.position;
      table.confirmed = table.position;
    }
    return log_->Forget(durable);
  }
  void Cycle() { ASSERT_THAT(TryCycle(), IsOk()); }
  void ExpectEqual() {
    // Who looks later than the cycle, by a reader that follows nothing.
    PostgresReaderOptions options;
    options.access = access_;
    options.records = records_;
    options.steps = steps_;
    const auto reader = OpenPostgresReader(options);
    const auto schema = reader->Schema();
    ASSERT_THAT(schema, IsOk());
    for (const SourceTable& table : schema->tables) {
      const ReadTable read = ReadAll(*reader, table.schema);
      ASSERT_THAT(read.status, IsOk());
      std::map<std::string, std::vector<std::string>> rows;
      for (const auto& row : read.rows) rows[KeyOf(table.schema, row)] = row;
      const MirroredTable& mirrored = mirror_[table.schema.name];
      EXPECT_EQ(mirrored.rows.size(), rows.size()) << table.schema.name;
      for (const auto& [key, row] : rows) {
        const auto found = mirrored.rows.find(key);
        if (found == mirrored.rows.end()) {
          ADD_FAILURE() << table.schema.name << " lacks " << key;
        } else {
          // Short, for rows may be long.
          EXPECT_TRUE(found->second == row)
              << table.schema.name << " " << key << ": " << absl::StrJoin(found->second, ", ").substr(0, 200)
              << " and not " << absl::StrJoin(row, ", ").substr(0, 200);
        }
      }
      for (const auto& [key, row] : mirrored.rows)
        EXPECT_TRUE(rows.contains(key)) << table.schema.name << " has " << key;
    }
  }
  void CycleAndExpect(const std::string& table, const std::string& action) {
    Cycle();
    EXPECT_EQ(mirror_[table].action, action) << mirror_[table].words;
    ExpectEqual();
  }

  /// A copy of the server's files, while nothing runs.
  void KeepCopy() {
    Close();
    server_->Stop();
    CopyFiles(server_->data(), server_->folder() + "/copy");
    StartAgain();
  }
  /// `amid`: done with the copy before it is started.
  void PutCopyBack(const std::function<void()>& amid = nullptr) {
    Close();
    server_->Stop();
    std::filesystem::remove_all(server_->data());
    CopyFiles(server_->folder() + "/copy", server_->data());
    if (amid) amid();
    StartAgain();
  }
  void StartAgain() {
    ASSERT_THAT(server_->StartAgain(), IsOk());
    Connect();
  }
  /// With their owner, who runs the server.
  static void CopyFiles(const std::string& from, const std::string& to) {
    ASSERT_EQ(std::system(absl::StrCat("cp -a ", from, " ", to).c_str()), 0);
  }

  static constexpr char kName[] = "_mirror_cust";
  static constexpr char kSourceId[] = "0123456789abcdef0123456789abcdef";
  TempFolder folder_;
  std::unique_ptr<PostgresServer> server_;
  std::string conninfo_;
  std::unique_ptr<postgres::Connection> connection_;
  PostgresAccess access_;
  PostgresStagingOptions options_;
  std::int64_t snapshot_wait_ms_ = 10'000;
  std::shared_ptr<PostgresStaging> staging_;
  std::unique_ptr<PostgresLog> log_;
  std::unique_ptr<SourceReader> reader_;
  std::map<std::string, std::string> records_;
  std::vector<TableSteps> steps_;
  SourceSchema schema_;
  std::map<std::string, MirroredTable> mirror_;
  std::vector<std::string> notes_;
  /// Called between the first rows of a population and the others.
  std::function<void()> amid_;
  bool holds_moment_ = false;            ///< All tables of a cycle are read as of one.
  std::function<void()> behind_moment_;  ///< Called behind it, before anything is read.

 private:
  static std::string KeyOf(const TableSchema& schema, const std::vector<std::string>& row) {
    std::string key;
    for (const std::uint32_t column : schema.Key()) absl::StrAppend(&key, row[column], "|");
    return key;
  }

  absl::Status Look() {
    for (int repeat = 0; repeat < 5; ++repeat) {
      if (absl::Status fresh = log_->Refresh(); !fresh.ok()) return fresh;
      const auto names = reader_->TableNames();
      if (!names.ok()) return names.status();
      const auto news = log_->Renew(*names);
      if (!news.ok()) return news.status();
      notes_.insert(notes_.end(), news->begin(), news->end());
      absl::StatusOr<SourceSchema> schema = reader_->Schema();
      if (!schema.ok()) return schema.status();
      schema_ = *std::move(schema);
      for (const SourceTable& table : schema_.tables) records_[table.schema.name] = table.record;
      if (std::all_of(schema_.tables.begin(), schema_.tables.end(),
                      [this](SourceTable& table) { return log_->Complete(table.schema); }))
        return log_->Bind(reader_->Mark()).status();
    }
    return absl::UnavailableError("it moves all the time");
  }

  absl::Status Hold() {
    if (!holds_moment_) return absl::OkStatus();
    const absl::StatusOr<bool> held = reader_->HoldMoment(/*with_changes=*/true);
    if (!held.ok()) return held.status();
    EXPECT_TRUE(*held);
    if (!behind_moment_) return absl::OkStatus();
    std::exchange(behind_moment_, nullptr)();
    // The stage tells of it by now.
    return staging_->StageToMarker(nullptr).status();
  }

  absl::Status Send(const SourceTable& table) {
    const TableSchema& schema = table.schema;
    MirroredTable& mirrored = mirror_[schema.name];
    mirrored.words.clear();
    Realign(schema, mirrored);
    if (!table.problem.empty()) return absl::FailedPreconditionError(table.problem);
    bool compared = false;
    if (mirrored.position.lsn.value >= 0) {
      absl::StatusOr<Standing> standing = log_->Judge(schema.name, mirrored.position);
      if (!standing.ok()) return standing.status();
      const bool own = mirrored.confirmed == mirrored.position;
      if (*standing == Standing::kGone || (*standing == Standing::kMiss && own)) {
        const absl::StatusOr<bool> adopted = log_->Adopt(schema.name, mirrored.position);
        if (!adopted.ok()) return adopted.status();
        compared = *adopted;
        if (compared) standing = log_->Judge(schema.name, mirrored.position);
        if (!standing.ok()) return standing.status();
      }
      mirrored.words = absl::StrCat("standing ", static_cast<int>(*standing));
      standing_[schema.name] = *standing;
      if (*standing == Standing::kKnown) {
        const auto changed = log_->ChangedSince(schema.name, mirrored.position.lsn);
        if (!changed.ok()) return changed.status();
        mirrored.action = "nothing";
        if (!changed->value_or(true)) return absl::OkStatus();
        if (absl::Status sent = SendChanges(schema, mirrored, mirrored.position.lsn, false); !sent.ok())
          return sent;
        mirrored.action = compared ? "compare" : "changes";
        return compared ? Compare(schema, mirrored) : absl::OkStatus();
      }
    }
    return Populate(schema, mirrored);
  }

  /// What a mirror makes of another definition: a column that is new has no values where the source says so,
  /// else its table is populated.
  static void Realign(const TableSchema& schema, MirroredTable& mirrored) {
    std::vector<std::uint64_t> ids;
    for (const Column& column : schema.columns) ids.push_back(column.column_id);
    const std::vector<std::uint64_t> before = std::exchange(mirrored.columns, ids);
    if (before == ids || before.empty()) return;
    std::vector<std::size_t> places;
    for (const Column& column : schema.columns) {
      const auto was = std::find(before.begin(), before.end(), column.column_id);
      places.push_back(static_cast<std::size_t>(was - before.begin()));
      const bool is_known = column.backfill == Backfill::kNone ||
                            (column.backfill == Backfill::kDefault && column.default_value.has_value());
      if (was == before.end() && !is_known) mirrored.position = {};
    }
    for (auto& [key, row] : mirrored.rows) {
      std::vector<std::string> realigned;
      for (const std::size_t place : places) realigned.push_back(place < row.size() ? row[place] : "null");
      row = std::move(realigned);
    }
  }

  absl::Status Populate(const TableSchema& schema, MirroredTable& mirrored) {
    const auto targets = log_->Begin({schema.name}, 0);
    if (!targets.ok()) return targets.status();
    MirroredTable shadow;
    const auto rows = reader_->Read(schema.name, AllColumns(schema));
    if (!rows.ok()) return rows.status();
    for (bool more = true; more;) {
      RowBlock block = RowBlock::ForAll(schema);
      Pieces pieces;
      const absl::StatusOr<bool> next = (*rows)->Next({4'000, 1'000}, &block, &pieces);
      if (!next.ok()) return next.status();
      more = *next;
      if (absl::Status applied = Apply(schema, {Operation::kInsert, std::move(block)}, pieces, &shadow);
          !applied.ok())
        return applied;
      if (amid_) std::exchange(amid_, nullptr)();
    }
    if (absl::Status sent = SendChanges(schema, shadow, targets->at(schema.name).lsn, true); !sent.ok())
      return sent;
    mirrored.rows = std::move(shadow.rows);
    mirrored.position = shadow.position;
    mirrored.action = "populate";
    return absl::OkStatus();
  }

  absl::Status SendChanges(const TableSchema& schema, MirroredTable& mirrored, Lsn from, bool whole) {
    const auto changes = reader_->Changes(schema.name, from, AllColumns(schema), whole, false, {});
    if (!changes.ok()) return changes.status();
    for (bool last = false; !last;) {
      Pieces pieces;
      absl::StatusOr<ChangePiece> piece = (*changes)->Next({4'000, 100}, &pieces);
      if (!piece.ok()) return piece.status();
      last = piece->last;
      for (ChangeBlock& block : piece->blocks) {
        if (absl::Status applied = Apply(schema, std::move(block), pieces, &mirrored); !applied.ok())
          return applied;
      }
      if (last) mirrored.position = piece->target;
    }
    return absl::OkStatus();
  }

  static absl::Status Apply(const TableSchema& schema, ChangeBlock block, const Pieces& /*pieces*/,
                            MirroredTable* mirrored) {
    std::vector<std::vector<std::string>> rows;
    AppendRows(block.rows, &rows);
    for (const std::vector<std::string>& row : rows) {
      std::vector<std::string> whole(schema.columns.size());
      for (std::size_t i = 0; i < row.size(); ++i) whole[block.rows.columns[i].column()] = row[i];
      const std::string key = KeyOf(schema, whole);
      if (block.operation == Operation::kDelete) {
        mirrored->rows.erase(key);
      } else if (block.operation == Operation::kInsert) {
        mirrored->rows[key] = whole;
      } else {
        const auto found = mirrored->rows.find(key);
        if (found == mirrored->rows.end())
          return absl::InternalError(absl::StrCat("an update of ", key, ", which the mirror does not have"));
        for (std::size_t i = 0; i < row.size(); ++i) found->second[block.rows.columns[i].column()] = row[i];
      }
    }
    return absl::OkStatus();
  }

  /// What a comparison finds is sent; here all rows are.
  absl::Status Compare(const TableSchema& schema, MirroredTable& mirrored) {
    const ReadTable read = ReadAll(*reader_, schema);
    if (!read.status.ok()) return read.status;
    mirrored.rows.clear();
    for (const auto& row : read.rows) mirrored.rows[KeyOf(schema, row)] = row;
    return absl::OkStatus();
  }

 protected:
  std::map<std::string, Standing> standing_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_POSTGRES_LOG_POSTGRES_LOG_SOURCE_H_
