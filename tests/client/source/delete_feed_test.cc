// A table whose deletes a feed names, while its source goes on.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <ctime>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/run/open_source.h"
#include "client/run/source_rules.h"
#include "client/source/capture/capture_reader.h"
#include "client/source/capture/capture_state.h"
#include "client/source/sqlite/sqlite_reader.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::delete_feed_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// Another reader, after whose looks somebody does something.
class Disturbed : public SourceReader {
 public:
  Disturbed(std::unique_ptr<SourceReader> inner, std::function<void()>& then)
      : inner_(std::move(inner)), then_(then) {}
  SourceMark Mark() const override { return inner_->Mark(); }
  absl::StatusOr<std::vector<std::string>> TableNames() override { return inner_->TableNames(); }
  absl::StatusOr<SourceSchema> Schema() override {
    auto schema = inner_->Schema();
    if (then_) std::exchange(then_, nullptr)();
    return schema;
  }
  absl::StatusOr<std::uint64_t> CountRows(const std::string& table) override {
    return inner_->CountRows(table);
  }
  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override {
    return inner_->Read(table, columns);
  }
  RepeatedKeys RepeatedKeysOf(const std::string& table) override { return inner_->RepeatedKeysOf(table); }
  absl::StatusOr<std::unique_ptr<DigestReader>> Digests(const std::string& table,
                                                        const std::vector<std::uint32_t>& columns) override {
    return inner_->Digests(table, columns);
  }
  absl::StatusOr<std::unique_ptr<DigestReader>> ScanFrom(const std::string& table,
                                                         const std::vector<std::uint32_t>& columns,
                                                         const RowBound& bound) override {
    return inner_->ScanFrom(table, columns, bound);
  }
  absl::StatusOr<ColumnFacts> LookAtColumn(const std::string& table, std::uint32_t column) override {
    return inner_->LookAtColumn(table, column);
  }
  absl::StatusOr<std::unique_ptr<ChangeReader>> RowsOf(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       std::vector<Key> keys) override {
    return inner_->RowsOf(table, columns, std::move(keys));
  }
  void LeaveCopies() override { inner_->LeaveCopies(); }

 private:
  const std::unique_ptr<SourceReader> inner_;
  std::function<void()>& then_;
};

/// A mirror of the table "orders", kept by its net changes.
class FedMirror {
 public:
  explicit FedMirror(const TempFolder& folder) : folder_(folder) {}

  /// One run of the agent.
  void BringOn(const std::function<std::unique_ptr<SourceReader>(CaptureState&)>& open) {
    auto state = CaptureState::Open(folder_.path(), "Cust");
    ASSERT_THAT(state, IsOk());
    const std::unique_ptr<SourceReader> reader = open(**state);
    const auto schema = reader->Schema();
    ASSERT_THAT(schema, IsOk());
    notes_ = schema->notes;
    const SourceTable* orders = nullptr;
    for (const SourceTable& table : schema->tables) {
      if (table.schema.name == "orders") orders = &table;
    }
    ASSERT_NE(orders, nullptr);
    ASSERT_EQ(orders->problem, "");
    const auto target = (*state)->Begin({"orders"}, lsn_);
    ASSERT_THAT(target, IsOk());
    const std::uint32_t key = orders->schema.Key().front();
    if (lsn_ == 0) {
      const auto rows = reader->Read("orders", {key});
      ASSERT_THAT(rows, IsOk());
      RowBlock block = RowBlock::For(orders->schema, {key});
      ASSERT_THAT((*rows)->Next(BlockSize(), &block, &pieces_), IsOkAndHolds(false));
      Apply({Operation::kInsert, std::move(block)});
    } else {
      const auto changes = reader->Changes("orders", Lsn{lsn_}, {key}, true, true, {});
      ASSERT_THAT(changes, IsOk());
      for (bool last = false; !last;) {
        const auto piece = (*changes)->Next(BlockSize(), &pieces_);
        ASSERT_THAT(piece, IsOk());
        for (const ChangeBlock& one : piece->blocks) Apply(one);
        last = piece->last;
      }
    }
    lsn_ = target->lsn.value;
  }

  const std::set<std::string>& keys() const { return keys_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  void Apply(const ChangeBlock& block) {
    std::vector<std::vector<std::string>> rows;
    AppendRows(block.rows, &rows);
    for (const auto& row : rows) {
      if (block.operation == Operation::kDelete)
        keys_.erase(row.front());
      else
        keys_.insert(row.front());
    }
  }

  const TempFolder& folder_;
  Pieces pieces_;
  std::int64_t lsn_ = 0;
  std::set<std::string> keys_;
  std::vector<std::string> notes_;
};

struct FedSource {
  const char* name;
  const char* journal;
  bool view;
  const char* table;  ///< What the rows are read from.
};

class DeleteFeedTest : public testing::TestWithParam<FedSource> {
 protected:
  void SetUp() override {
    application_->Run(absl::StrCat("PRAGMA journal_mode = ", GetParam().journal, ";",
                                   "CREATE TABLE gone(n INTEGER PRIMARY KEY, id INTEGER);", GetParam().table,
                                   "INSERT INTO base VALUES(1, 10), (2, 20), (3, 30), (4, 40)"));
    config_.context_id = "Cust";
    config_.path = path_;
    config_.strategy = Strategy::kWatermark;
    TableConfig orders;
    orders.name = "orders";
    orders.strategy = Strategy::kWatermark;
    orders.watermark = "at";
    orders.deletes_from = {"gone", "", {"id"}, "n"};
    config_.tables.push_back(orders);
  }

  void BringOn() {
    mirror_.BringOn([this](CaptureState& state) {
      SqliteReaderOptions rows;
      rows.path = path_;
      rows.include = {"orders"};
      if (GetParam().view) rows.keys["orders"] = {"id"};
      SqliteReaderOptions feed;
      feed.path = path_;
      feed.include = {"gone"};
      return OpenCaptureReader({std::make_unique<Disturbed>(OpenSqliteReader(rows), then_), nullptr,
                                std::make_unique<Disturbed>(OpenSqliteReader(feed), then_)},
                               state, *RulesOf(config_));
    });
  }

  TempFolder folder_;
  const std::string path_ = folder_ / "source.db";
  std::unique_ptr<Application> application_ = std::make_unique<Application>(path_);
  SourceConfig config_;
  FedMirror mirror_{folder_};
  std::function<void()> then_;  ///< What the application does after the first look of a run.
};

INSTANTIATE_TEST_SUITE_P(Sources, DeleteFeedTest,
                         testing::Values(FedSource{"Wal", "WAL", true,
                                                   "CREATE TABLE base(id INTEGER PRIMARY KEY, at INTEGER);"
                                                   "CREATE VIEW orders AS SELECT id, at FROM base;"},
                                         FedSource{"RollbackJournal", "DELETE", false,
                                                   "CREATE TABLE orders(id INTEGER PRIMARY KEY, at INTEGER);"
                                                   "CREATE VIEW base AS SELECT id, at FROM orders;"
                                                   "CREATE TRIGGER filled INSTEAD OF INSERT ON base BEGIN "
                                                   "INSERT INTO orders VALUES(new.id, new.at); END;"
                                                   "CREATE TRIGGER emptied INSTEAD OF DELETE ON base BEGIN "
                                                   "DELETE FROM orders WHERE id = old.id; END;"},
                                         FedSource{"CopyOfAView", "DELETE", true,
                                                   "CREATE TABLE base(id INTEGER PRIMARY KEY, at INTEGER);"
                                                   "CREATE VIEW orders AS SELECT id, at FROM base;"}),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(DeleteFeedTest, ARowThatGoesBetweenTheLooksIsDeleted) {
  BringOn();
  ASSERT_THAT(mirror_.keys(), ElementsAre("i:1", "i:2", "i:3", "i:4"));
  // 4 has the greatest value, and is met by the look at the rows, too.
  then_ = [this] {
    application_->Run(
        "BEGIN; DELETE FROM base WHERE id IN (2, 4); INSERT INTO gone VALUES(1, 2), (2, 4); "
        "COMMIT");
  };
  BringOn();
  BringOn();
  BringOn();
  EXPECT_THAT(mirror_.keys(), ElementsAre("i:1", "i:3"));
}

TEST_P(DeleteFeedTest, WhatGoesDuringTheFirstLookIsNoRowOfBefore) {
  then_ = [this] {
    application_->Run("BEGIN; DELETE FROM base WHERE id = 2; INSERT INTO gone VALUES(1, 2); COMMIT");
  };
  BringOn();
  BringOn();
  EXPECT_THAT(mirror_.keys(), ElementsAre("i:1", "i:3", "i:4"));
}

class FileFeedTest : public testing::Test {
 protected:
  void SetUp() override {
    config_.context_id = "Cust";
    config_.kind = SourceKind::kCsv;
    config_.strategy = Strategy::kWatermark;
    config_.settle_ms = 0;
    config_.path = folder_ / "drop";
    config_.rejects = folder_ / "rejects";
    std::filesystem::create_directory(config_.path);
    TableConfig orders;
    orders.name = "orders";
    orders.file = "orders.csv";
    orders.key = {"id"};
    orders.types = {{"id", Type::kInt64}};
    orders.strategy = Strategy::kWatermark;
    orders.watermark = "at";
    orders.deletes_from = {"", "gone.csv", {"id"}, "n"};
    config_.tables.push_back(orders);
  }
  /// Written so many seconds after the others.
  void Drop(const std::string& name, const std::string& text, int second) {
    const std::string path = config_.path + "/" + name;
    std::ofstream(path) << text;
    const timespec then{1'700'000'000 + second, 0};
    const timespec times[2] = {then, then};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  void BringOn() {
    mirror_.BringOn([this](CaptureState& state) -> std::unique_ptr<SourceReader> {
      auto opened = OpenCaptured(config_, *RulesOf(config_), {}, state, nullptr);
      EXPECT_THAT(opened, IsOk());
      return std::move(opened->reader);
    });
  }

  TempFolder folder_;
  SourceConfig config_;
  FedMirror mirror_{folder_};
};

TEST_F(FileFeedTest, AFeedThatIsNewerThanItsRowsIsAskedAgain) {
  Drop("gone.csv", "n,id\n1,9\n", 0);
  Drop("orders.csv", "id,at\n1,10\n2,20\n3,30\n4,40\n", 1);
  BringOn();
  // 2 went after the rows were written, 3 before.
  Drop("orders.csv", "id,at\n1,10\n2,20\n4,40\n", 2);
  Drop("gone.csv", "n,id\n1,9\n2,3\n3,2\n", 3);
  BringOn();
  EXPECT_THAT(mirror_.keys(), ElementsAre("i:1", "i:2", "i:4"));
  EXPECT_THAT(mirror_.notes(),
              Contains(HasSubstr("1 row names a key of table 'orders', and the older file")));
  Drop("orders.csv", "id,at\n1,10\n4,40\n", 4);
  BringOn();
  EXPECT_THAT(mirror_.keys(), ElementsAre("i:1", "i:4"));
  EXPECT_THAT(mirror_.notes(), Not(Contains(HasSubstr("names a key"))));
  // Made again: a later file has it.
  Drop("gone.csv", "n,id\n3,2\n4,4\n", 5);
  Drop("orders.csv", "id,at\n1,10\n4,50\n", 6);
  BringOn();
  BringOn();
  EXPECT_THAT(mirror_.keys(), ElementsAre("i:1", "i:4"));
}

TEST_F(FileFeedTest, TheFirstLookWaitsForTheRowsThatANewerFeedNames) {
  Drop("orders.csv", "id,at\n1,10\n2,20\n", 1);
  Drop("gone.csv", "n,id\n1,7\n2,2\n", 2);
  BringOn();
  EXPECT_THAT(mirror_.keys(), ElementsAre("i:1", "i:2"));
  Drop("orders.csv", "id,at\n1,10\n", 3);
  BringOn();
  EXPECT_THAT(mirror_.keys(), ElementsAre("i:1"));
}

TEST_F(FileFeedTest, NamesInAnotherCaseAreTheSameNames) {
  TableConfig& orders = config_.tables.front();
  orders.key = {"ID"};
  orders.types = {{"Id", Type::kInt64}};
  orders.watermark = "AT";
  orders.deletes_from = {"", "gone.csv", {"Id"}, "N", {{"ID", Type::kInt64}}};
  Drop("gone.csv", "n,id\n1,9\n", 0);
  Drop("orders.csv", "id,at\n1,10\n2,20\n3,30\n", 1);
  BringOn();
  EXPECT_THAT(mirror_.keys(), ElementsAre("i:1", "i:2", "i:3"));
  // The next delivery has other headers, and the configuration was tidied up: what was seen stays seen.
  orders.watermark = "at";
  orders.deletes_from = {"", "gone.csv", {"iD"}, "n", {{"iD", Type::kInt64}}};
  Drop("gone.csv", "N,ID\n1,9\n2,3\n", 2);
  Drop("orders.csv", "ID,At\n1,10\n2,20\n4,40\n", 3);
  BringOn();
  EXPECT_THAT(mirror_.keys(), ElementsAre("i:1", "i:2", "i:4"));
}

}  // namespace
}  // namespace mirror::delete_feed_test
