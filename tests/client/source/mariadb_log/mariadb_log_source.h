#ifndef MIRROR_TESTS_CLIENT_SOURCE_MARIADB_LOG_MARIADB_LOG_SOURCE_H_
#define MIRROR_TESTS_CLIENT_SOURCE_MARIADB_LOG_MARIADB_LOG_SOURCE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/source/mariadb/log/mariadb_log.h"
#include "client/source/mariadb/log/mariadb_staging.h"
#include "client/source/mariadb/mariadb_reader.h"
#include "tests/client/source/source_database.h"
#include "tests/support/mariadb/mariadb_server.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// A table of a mirror, as cycles brought it there.
struct MirroredMariadbTable {
  std::map<std::string, std::vector<std::string>> rows;  ///< By key; each by the source's columns.
  Position position;
  std::optional<Position> confirmed;
  std::string action;  ///< Of the last cycle: populate, changes, compare, nothing; or why it failed.
  std::string words;
};

/// A database whose binlog is read, and a mirror that takes what is found there by the rules of the wire: an
/// update finds its row.
class MariadbLogTest : public testing::Test {
 protected:
  /// Of the test's own server; null: that of all.
  virtual std::unique_ptr<MariadbServer> OwnServer() { return nullptr; }

  void SetUp() override {
    SKIP_WITHOUT_MARIADB();
    own_ = OwnServer();
    server_ = own_ != nullptr ? own_.get() : MariadbServer::SharedWithBinlog();
    ASSERT_NE(server_, nullptr);
    database_ = server_->NewDatabase();
    Connect();
    access_.dsn = server_->Dsn(database_);
    static std::uint32_t server_id = 1000;
    options_.server_id = ++server_id;
  }
  void TearDown() override { Close(); }

  void Connect() {
    connection_ = Session();
    ASSERT_NE(connection_, nullptr);
  }
  std::unique_ptr<mariadb::Connection> Session() {
    auto opened = mariadb::Connection::Open({.dsn = server_->Dsn(database_)});
    EXPECT_THAT(opened, IsOk());
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  void Sql(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql.substr(0, 300); }
  template <typename... More>
  void Sql(const std::string& sql, const More&... more) {
    Sql(sql);
    (Sql(more), ...);
  }

  /// What a process of the agent does before its first cycle.
  absl::Status Open() {
    if (staging_ == nullptr) {
      MariadbStagingOptions options = options_;
      options.access = access_;
      options.stage.path = folder_ / "Cust.stage.db";
      absl::StatusOr<std::shared_ptr<MariadbStaging>> staging = MariadbStaging::Open(options);
      if (!staging.ok()) return staging.status();
      staging_ = *std::move(staging);
    }
    absl::StatusOr<std::unique_ptr<MariadbLog>> opened = MariadbLog::Open(staging_, log_options_);
    if (!opened.ok()) return opened.status();
    reader_.reset();
    log_ = *std::move(opened);
    const absl::StatusOr<std::map<std::string, std::string>> unlogged = log_->Unlogged();
    if (!unlogged.ok()) return unlogged.status();
    unlogged_ = *unlogged;
    MariadbReaderOptions reader;
    reader.access = access_;
    reader.records = records_;
    reader.log = log_.get();
    // The others are compared, by other readers.
    for (const auto& [name, why] : unlogged_) reader.choice.skip.push_back(name);
    reader_ = OpenMariadbReader(std::move(reader));
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
      if (behind_moment_) {
        if (const auto held = reader_->HoldMoment(/*with_changes=*/true); !held.ok()) return held.status();
        std::exchange(behind_moment_, nullptr)();
        // The stage tells of it by now.
        if (const auto staged = staging_->StageToMarker(nullptr); !staged.ok()) return staged.status();
      }
      bool again = false;
      for (const SourceTable& table : schema_.tables) {
        const absl::Status sent = Send(table);
        MirroredMariadbTable& mirrored = mirror_[table.schema.name];
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
    MariadbReaderOptions options;
    options.access = access_;
    options.records = records_;
    for (const auto& [name, why] : unlogged_) options.choice.skip.push_back(name);
    const auto reader = OpenMariadbReader(options);
    const auto schema = reader->Schema();
    ASSERT_THAT(schema, IsOk());
    for (const SourceTable& table : schema->tables) {
      const ReadTable read = ReadAll(*reader, table.schema);
      ASSERT_THAT(read.status, IsOk());
      std::map<std::string, std::vector<std::string>> rows;
      for (const auto& row : read.rows) rows[KeyOf(table.schema, row)] = row;
      const MirroredMariadbTable& mirrored = mirror_[table.schema.name];
      EXPECT_EQ(mirrored.rows.size(), rows.size()) << table.schema.name;
      for (const auto& [key, row] : rows) {
        const auto found = mirrored.rows.find(key);
        if (found == mirrored.rows.end()) {
          ADD_FAILURE() << table.schema.name << " lacks " << key;
        } else {
          EXPECT_EQ(found->second, row) << table.schema.name << " " << key;
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

  TempFolder folder_;
  std::unique_ptr<MariadbServer> own_;
  MariadbServer* server_ = nullptr;
  std::string database_;
  std::unique_ptr<mariadb::Connection> connection_;
  MariadbAccess access_;
  MariadbLogOptions log_options_;
  MariadbStagingOptions options_;
  std::shared_ptr<MariadbStaging> staging_;
  std::unique_ptr<MariadbLog> log_;
  std::unique_ptr<SourceReader> reader_;
  std::map<std::string, std::string> records_, unlogged_;
  /// All changes of a cycle are read as of one moment; called behind it.
  std::function<void()> behind_moment_;
  SourceSchema schema_;
  std::map<std::string, MirroredMariadbTable> mirror_;
  std::vector<std::string> notes_;
  /// Called between the first rows of a population and the others.
  std::function<void()> amid_;

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

  absl::Status Send(const SourceTable& table) {
    const TableSchema& schema = table.schema;
    MirroredMariadbTable& mirrored = mirror_[schema.name];
    mirrored.words.clear();
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

  absl::Status Populate(const TableSchema& schema, MirroredMariadbTable& mirrored) {
    const auto targets = log_->Begin({schema.name}, 0);
    if (!targets.ok()) return targets.status();
    MirroredMariadbTable shadow;
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

  absl::Status SendChanges(const TableSchema& schema, MirroredMariadbTable& mirrored, Lsn from, bool whole) {
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
                            MirroredMariadbTable* mirrored) {
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
  absl::Status Compare(const TableSchema& schema, MirroredMariadbTable& mirrored) {
    const ReadTable read = ReadAll(*reader_, schema);
    if (!read.status.ok()) return read.status;
    mirrored.rows.clear();
    for (const auto& row : read.rows) mirrored.rows[KeyOf(schema, row)] = row;
    return absl::OkStatus();
  }

 protected:
  std::map<std::string, Standing> standing_;
};

/// The same on a server of its own, which may be killed, and whose streams are this test's alone.
class MariadbOwnLogTest : public MariadbLogTest {
 protected:
  std::unique_ptr<MariadbServer> OwnServer() override {
    auto server = MariadbServer::Start(MariadbServer::BinlogOptions());
    EXPECT_THAT(server, IsOk());
    return server.ok() ? *std::move(server) : nullptr;
  }
  void Start() {
    Sql("CREATE TABLE t (id INT PRIMARY KEY, a TEXT)",
        "INSERT INTO t SELECT seq, CONCAT('a', seq) FROM seq_1_to_100");
    Cycle();
  }
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_MARIADB_LOG_MARIADB_LOG_SOURCE_H_
