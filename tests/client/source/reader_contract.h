#ifndef MIRROR_TESTS_CLIENT_SOURCE_READER_CONTRACT_H_
#define MIRROR_TESTS_CLIENT_SOURCE_READER_CONTRACT_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "client/run/open_source.h"
#include "client/run/source_rules.h"
#include "client/source/capture/capture_history.h"
#include "client/state/run_state.h"
#include "tests/client/source/contract_source.h"
#include "tests/support/mariadb/mariadb_server.h"
#include "tests/support/odbc/odbc_driver.h"
#include "tests/support/source_words.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// A source, its reader and its history, opened as a run of the agent opens them.
class ReaderContract : public testing::TestWithParam<ReaderKind> {
 protected:
  void SetUp() override {
    const ReaderKind& kind = GetParam();
    if (kind.kind == "postgres" || kind.database == "postgres") SKIP_WITHOUT_POSTGRES();
    if (kind.kind == "mariadb" || kind.database == "mariadb") SKIP_WITHOUT_MARIADB();
    if (kind.database == "sqlite") SKIP_WITHOUT_ODBC(SqliteOdbcDriver());
    if (kind.database == "postgres") SKIP_WITHOUT_ODBC(PostgresOdbcDriver());
    if (kind.database == "mariadb") SKIP_WITHOUT_ODBC(MariadbOdbcDriver());
    config_.context_id = "Cust";
    config_.kind = SourceKindNamed(kind.kind);
    const bool files = IsFolder(config_.kind);
    config_.strategy = StrategyNamed(kind.strategy);
    config_.settle_ms = 0;
    config_.path = folder_ / (files ? "drop" : "source.db");
    config_.rejects = folder_ / "rejects";
    if (kind.view) config_.include = {"orders", "pairs"};
    for (const Shape& shape : Shapes()) {
      TableConfig table;
      table.name = shape.name;
      table.file = shape.name + "." + kind.kind;
      table.column_hashes = kind.by_column;
      table.watermark = "at";
      if (files || kind.view) {
        for (const std::uint32_t column : shape.key) table.key.push_back(shape.columns[column]);
        if (files) table.types = {{shape.columns[shape.key.back()], Type::kInt64}};
      }
      config_.tables.push_back(table);
    }
    if (kind.kind == "sqlite") writer_ = std::make_unique<SqliteWriter>(config_.path, kind);
    if (kind.kind == "csv") writer_ = std::make_unique<CsvWriter>(config_.path);
    if (kind.kind == "xlsx") writer_ = std::make_unique<XlsxWriter>(config_.path);
    if (kind.kind == "postgres") {
      ASSERT_NE(PostgresServer::Shared(), nullptr);
      config_.server.dsn = PostgresServer::Shared()->NewDatabase();
      writer_ = std::make_unique<PostgresWriter>(config_.server.dsn);
    }
    if (kind.kind == "mariadb") {
      MariadbServer* const server = MariadbServer::Shared();
      ASSERT_NE(server, nullptr);
      config_.server.dsn = server->Dsn(server->NewDatabase());
      writer_ = std::make_unique<MariadbWriter>(config_.server.dsn);
    }
    if (kind.kind == "odbc") OpenOdbcDatabase();
    for (const Shape& shape : Shapes()) {
      state_[shape.name];
      for (int i = 0; i < 40; ++i) Put(shape, i * 3 - 20, i % 5 == 0 ? Cell(nullptr) : Cell("v" + Name(i)));
    }
    Write();
    if (kind.Logs()) {
      ASSERT_THAT(ChangeLog::Install(LogOptionsOf(config_)), IsOk());
    }
    Open();
  }

  /// What an ODBC source is, and its writer.
  void OpenOdbcDatabase() {
    const std::string& database = GetParam().database;
    config_.server.schema.clear();
    if (database == "sqlite") {
      config_.server.dsn = absl::StrCat("DRIVER=", SqliteOdbcDriver(), ";DATABASE=", config_.path);
      writer_ = std::make_unique<SqliteWriter>(config_.path, GetParam());
    } else if (database == "postgres") {
      ASSERT_NE(PostgresServer::Shared(), nullptr);
      const std::string conninfo = PostgresServer::Shared()->NewDatabase();
      config_.server.dsn =
          absl::StrCat("DRIVER=", PostgresOdbcDriver(), ";SERVER=", PostgresServer::Shared()->folder(),
                       ";PORT=5432;UID=mirror;DATABASE=", conninfo.substr(conninfo.rfind('=') + 1));
      writer_ = std::make_unique<PostgresWriter>(conninfo);
    } else {
      ASSERT_NE(MariadbServer::Shared(), nullptr);
      const std::string name = MariadbServer::Shared()->NewDatabase();
      config_.server.dsn =
          absl::StrCat("DRIVER=", MariadbOdbcDriver(), ";SOCKET=", MariadbServer::Shared()->socket(),
                       ";UID=root;DATABASE=", name);
      writer_ = std::make_unique<MariadbWriter>(MariadbServer::Shared()->Dsn(name));
    }
  }

  /// Signs that a file, a sheet and a statement carry as they are.
  static std::string Name(int number) {
    static const char* const kSigns[] = {"a", "B", "\u00e9", "x, y", "0"};
    return absl::StrCat(kSigns[number % 5], number);
  }
  /// The row that `number` stands for, its column `at` later than all others.
  void Put(const Shape& shape, int number, const Cell& v) {
    Row row =
        shape.key.size() == 1 ? Row{number, ++clock_, v} : Row{"k" + Letter(number), ++clock_, v, number};
    state_[shape.name][ShowKey(KeyOf(shape, row))] = std::move(row);
  }
  void Remove(const Shape& shape, int number) {
    Row row = shape.key.size() == 1 ? Row{number, 0, 0} : Row{"k" + Letter(number), 0, 0, number};
    state_[shape.name].erase(ShowKey(KeyOf(shape, row)));
  }
  static std::string Letter(int number) { return std::string(1, static_cast<char>('C' + (number + 99) % 5)); }
  void Write() { writer_->Write(state_); }
  Contents InSource(const Shape& shape) {
    Contents contents;
    for (const auto& [key, row] : state_[shape.name]) contents[key] = ShowRow(row);
    return contents;
  }

  /// Everything anew, as each run of the agent does.
  void Open() {
    reader_.reset();
    captured_.reset();
    capture_.reset();
    log_.reset();
    absl::StatusOr<RunState> run = RunState::Load(folder_.path(), "Cust");
    ASSERT_THAT(run, IsOk());
    run_.emplace(*std::move(run));
    if (UsesLog(config_)) {
      auto log = ChangeLog::Open(LogOptionsOf(config_));
      ASSERT_THAT(log, IsOk());
      log_ = *std::move(log);
    }
    History& base = log_ == nullptr ? static_cast<History&>(*run_) : *log_;
    history_ = &base;
    if (const std::optional<CaptureRules> rules = RulesOf(config_)) {
      auto capture = CaptureState::Open(folder_.path(), "Cust");
      ASSERT_THAT(capture, IsOk());
      capture_ = *std::move(capture);
      auto captured = OpenCaptured(config_, *rules, run_->tables().Records(), *capture_, log_.get());
      ASSERT_THAT(captured, IsOk());
      reader_ = std::move(captured->reader);
      captured_.emplace(*capture_, base, !rules->others, *rules);
      history_ = &*captured_;
    } else {
      reader_ = OpenReader(config_, run_->tables().Records(), log_.get());
    }
    ASSERT_THAT(history_->Bind(reader_->Mark()), IsOk());
    Look();
  }
  void Look() {
    const auto names = reader_->TableNames();
    ASSERT_THAT(names, IsOk());
    ASSERT_THAT(history_->Renew(*names), IsOk());
    auto schema = reader_->Schema();
    ASSERT_THAT(schema, IsOk());
    schema_ = *std::move(schema);
    for (SourceTable& table : schema_.tables) {
      EXPECT_EQ(table.problem, "") << table.schema.name;
      EXPECT_TRUE(history_->Complete(table.schema));
      run_->tables().SetRecord(table.schema.name, table.record);
    }
    ASSERT_THAT(run_->Save(), IsOk());
  }
  const TableSchema& SchemaOf(const Shape& shape) {
    for (const SourceTable& table : schema_.tables) {
      if (table.schema.name == shape.name) return table.schema;
    }
    ADD_FAILURE() << "no table " << shape.name;
    return schema_.tables.front().schema;
  }

  /// What a mirror has of one table.
  struct Mirror {
    Position position;
    Contents rows;
  };
  Position Begin(const Shape& shape, std::int64_t highest = 0) {
    const auto targets = history_->Begin({shape.name}, highest);
    EXPECT_THAT(targets, IsOk());
    return targets.ok() ? targets->at(shape.name) : Position{};
  }
  Mirror Populate(const Shape& shape) {
    Mirror mirror;
    const Position target = Begin(shape);
    const ReadTable read = ReadAll(*reader_, SchemaOf(shape));
    EXPECT_THAT(read.status, IsOk());
    for (const ShownRow& row : read.rows) mirror.rows[KeyIn(shape, row)] = row;
    mirror.position = target;
    if (history_->NamesRows(shape.name) && history_->FollowsReading(shape.name)) {
      BringOn(shape, target.lsn, /*whole_rows=*/true, &mirror);
    }
    return mirror;
  }
  /// Applies the net changes behind `from`. What was sent, by operation.
  std::map<Operation, int> BringOn(const Shape& shape, Lsn from, bool whole_rows, Mirror* mirror,
                                   const BlockSize& size = {}, std::vector<Key> also = {}) {
    std::map<Operation, int> sent;
    const auto changes = reader_->Changes(shape.name, from, AllColumns(SchemaOf(shape)), whole_rows,
                                          /*count_all=*/true, std::move(also));
    EXPECT_THAT(changes, IsOk());
    Pieces pieces;
    for (bool last = !changes.ok(); !last;) {
      const absl::StatusOr<ChangePiece> piece = (*changes)->Next(size, &pieces);
      EXPECT_THAT(piece, IsOk());
      if (!piece.ok()) break;
      for (const ChangeBlock& block : piece->blocks) sent[block.operation] += Apply(shape, block, mirror);
      if (piece->last && piece->row_count && GetParam().SeesDeletes()) {
        EXPECT_EQ(*piece->row_count, state_[shape.name].size());
      }
      last = piece->last;
      mirror->position = piece->target;
    }
    // A row that went unseen and came again: the endpoint tells that it lacks it, and it is sent whole.
    if (std::exchange(lost_, false) && !whole_rows) return BringOn(shape, from, true, mirror, size);
    return sent;
  }
  int Apply(const Shape& shape, const ChangeBlock& block, Mirror* mirror) {
    std::vector<ShownRow> rows;
    AppendRows(block.rows, &rows);
    for (const ShownRow& values : rows) {
      std::map<std::uint32_t, std::string> row;
      for (std::size_t c = 0; c < values.size(); ++c) row[block.rows.columns[c].column()] = values[c];
      ShownRow key, whole;
      for (const std::uint32_t column : shape.key) key.push_back(row.at(column));
      for (const auto& [column, value] : row) whole.push_back(value);
      if (block.operation == Operation::kDelete) {
        mirror->rows.erase(key);
      } else if (block.operation == Operation::kInsert) {
        EXPECT_GE(row.size(), shape.columns.size()) << "an insert is a whole row";
        mirror->rows[key] = whole;
      } else if (const auto found = mirror->rows.find(key); found != mirror->rows.end()) {
        for (const auto& [column, value] : row) found->second[column] = value;
      } else {
        lost_ = true;
        EXPECT_FALSE(GetParam().SeesDeletes()) << "the mirror lacks the row: " << absl::StrJoin(key, " ");
      }
    }
    return static_cast<int>(rows.size());
  }
  static ShownRow KeyIn(const Shape& shape, const ShownRow& row) {
    ShownRow key;
    for (const std::uint32_t column : shape.key) key.push_back(row[column]);
    return key;
  }
  /// The mirror has the source's rows; where deletes are not seen, also some that went.
  void ExpectMirrored(const Shape& shape, const Mirror& mirror) {
    const Contents present = InSource(shape);
    if (GetParam().SeesDeletes()) {
      EXPECT_EQ(mirror.rows, present);
      return;
    }
    for (const auto& [key, row] : present) {
      const auto found = mirror.rows.find(key);
      ASSERT_NE(found, mirror.rows.end()) << absl::StrJoin(key, " ");
      EXPECT_EQ(found->second, row);
    }
  }

  TempFolder folder_;
  SourceConfig config_;
  std::unique_ptr<Writer> writer_;
  Writer::State state_;
  std::int64_t clock_ = NowMs() / 1'000 - 10'000;
  std::optional<RunState> run_;
  std::unique_ptr<ChangeLog> log_;
  std::unique_ptr<CaptureState> capture_;
  std::optional<CaptureHistory> captured_;
  History* history_ = nullptr;
  std::unique_ptr<SourceReader> reader_;
  SourceSchema schema_;
  bool lost_ = false;  ///< An update named a row that the mirror has not.
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_READER_CONTRACT_H_
