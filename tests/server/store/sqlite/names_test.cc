// Names that mean something to SQLite, as names of tables and of columns.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/sqlite_names.h"

namespace mirror::names_test {
namespace {

Position At(std::int64_t lsn) { return {Lsn{lsn}, "at " + std::to_string(lsn)}; }

class Names : public TenantBench {
 protected:
  /// Whose key and whose other column mean something, too.
  static TableSchema TableOf(const std::string& name, const std::string& column) {
    return NamedTable(name, {KeyColumn(name, Type::kText), PlainColumn(column + "_", Type::kBytes),
                             PlainColumn("plain", Type::kInt32)});
  }
  void ServeIn(std::size_t first, std::size_t stride);
  void SendAll(const std::vector<TableSchema>& tables,
               const std::function<BatchSpec(const TableSchema&)>& of) {
    std::vector<TestBatch> batches;
    for (const TableSchema& table : tables) batches.push_back(MakeBatch(table, of(table)));
    const auto outcomes = source_->Apply(batches);
    ASSERT_THAT(outcomes, IsOk());
    for (const BatchOutcome& outcome : *outcomes) EXPECT_THAT(outcome.status, IsOk()) << outcome.table;
  }
  void Cycle(const std::vector<TableSchema>& tables, const std::function<BatchSpec(const TableSchema&)>& of) {
    source_->Begin();
    const auto answers = source_->Announce(tables);
    ASSERT_THAT(answers, IsOk());
    for (const TableAnswer& answer : *answers) EXPECT_TRUE(answer.wanted) << answer.table << answer.reason;
    SendAll(tables, of);
    const auto verdicts = source_->Complete();
    EXPECT_THAT(verdicts, IsOk());
  }
};

/// Every `stride`-th name.
void Names::ServeIn(std::size_t first, std::size_t stride) {
  std::vector<TableSchema> tables;
  const std::vector<std::string> names = SqliteNames();
  for (std::size_t i = first; i < names.size(); i += stride) {
    TableSchema table = TableOf(names[i], names[(i + 1) % names.size()]);
    // Each kind takes other ways to the file.
    table.preserve_target = tables.size() % 3 == 1;
    if (tables.size() % 3 == 2) table.deletes = Deletes::kMark;
    tables.push_back(std::move(table));
  }
  const auto populate = [](std::int64_t lsn) {
    return [lsn](const TableSchema&) {
      return BatchSpec{.rows = {{"a", Blob("1"), 1}, {"b", Blob("2"), 2}},
                       .populate = PopulateReason::kRequested,
                       .target = At(lsn),
                       .commit = At(lsn)};
    };
  };
  Cycle(tables, populate(1));
  for (const TableSchema& table : tables) {
    const std::string name = "\"" + table.name + "\"";
    ByHand("CREATE UNIQUE INDEX \"of " + table.name + "\" ON " + name + " (" + name + ") WHERE plain > 0");
  }
  // Over what is there, and what it then holds by every operation.
  Cycle(tables, populate(2));
  const auto change = [](Operation operation, std::int64_t lsn, Rows rows) {
    return [=](const TableSchema&) {
      return BatchSpec{
          .operation = operation, .rows = rows, .base_lsn = lsn - 1, .target = At(lsn), .commit = At(lsn)};
    };
  };
  Cycle(tables, change(Operation::kInsert, 3, {{"b", Blob("3"), 3}, {"c", Blob("3"), 3}}));
  Cycle(tables, change(Operation::kUpdate, 4, {{"b", Blob("4"), 4}}));
  Cycle(tables, change(Operation::kDelete, 5, {{"a"}}));
  for (const TableSchema& table : tables) {
    const std::string live = table.deletes == Deletes::kMark ? " WHERE _mirror_deleted_at IS NULL" : "";
    EXPECT_EQ(Partner(path()).Ask("SELECT plain FROM \"" + table.name + "\"" + live + " ORDER BY 1"),
              (Rows{{3}, {4}}))
        << table.name;
  }
  // A column comes and goes.
  std::vector<TableSchema> wider = tables;
  for (TableSchema& table : wider) table.columns.push_back(PlainColumn("more", Type::kInt32));
  source_->Begin();
  ASSERT_THAT(source_->Announce(wider), IsOk());
  ASSERT_THAT(source_->Complete(), IsOk());
  source_->Begin();
  ASSERT_THAT(source_->Announce(tables), IsOk());
  ASSERT_THAT(source_->Complete(), IsOk());
  ASSERT_THAT(tenant_->CheckIntegrity(), IsOk());
  // And the operator's way out.
  Restart();
  EXPECT_THAT(tenant_->Reset({}, source_->now), IsOk());
}

/// In several mirrors: the time for one with all of them grows with the square.
TEST_F(Names, OfEverythingInSqliteServeAsTablesAndColumns) {
  constexpr std::size_t kMirrors = 32;
  for (std::size_t mirror = 0; mirror < kMirrors; ++mirror) {
    ASSERT_THAT(RemoveSqliteStore(folder_.path(), "ctx"), IsOk());
    Restart();
    ServeIn(mirror, kMirrors);
  }
}

/// What the checks ask is hidden by no table.
TEST_F(Names, OfWhatTheBreakerAsksHideNothing) {
  constexpr int kRows = 2'500;
  for (const std::string name : {"n", "ends", "s", "t", "random", "pragma_table_xinfo"}) {
    SCOPED_TRACE(name);
    const TableSchema table =
        NamedTable(name, {KeyColumn("low", Type::kInt64), PlainColumn("high", Type::kText)});
    Rows rows, others;
    for (int i = 0; i < kRows; ++i) {
      rows.push_back({i, "v"});
      others.push_back({i + kRows, "v"});
    }
    source_->Mirror(table, rows, At(1));
    source_->Begin();
    ASSERT_THAT(source_->Announce({table}), IsOk());
    const BatchOutcome outcome = source_->Send(
        table, {.rows = others, .populate = PopulateReason::kRequested, .target = At(2), .commit = At(2)});
    EXPECT_TRUE(outcome.held) << outcome.status;
    ASSERT_THAT(source_->Complete(), IsOk());
  }
}

}  // namespace
}  // namespace mirror::names_test
