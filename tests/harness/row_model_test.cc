#include "tools/mirror_harness/synthetic/row_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "proto/wire/codec.h"
#include "tests/support/status_matchers.h"
#include "tools/mirror_harness/synthetic/change_maker.h"
#include "tools/mirror_harness/synthetic/schema_file.h"
#include "tools/mirror_harness/synthetic/sender.h"

namespace mirror::harness::row_model_test {
namespace {

using testing::HasSubstr;

std::vector<std::uint32_t> AllColumns(const RowModel& model) {
  std::vector<std::uint32_t> columns;
  for (const Recipe& recipe : model.recipes()) columns.push_back(recipe.column);
  return columns;
}

TableRecipe TableOf(const std::vector<std::string>& key_types, const std::vector<std::string>& types) {
  TableRecipe table;
  table.schema.name = "t";
  for (std::size_t i = 0; i < key_types.size() + types.size(); ++i) {
    Column column;
    const bool key = i < key_types.size();
    column.name = "c" + std::to_string(i);
    EXPECT_THAT(ReadSqlType(key ? key_types[i] : types[i - key_types.size()], &column), IsOk());
    column.nullable = !key;
    column.key_position = key ? static_cast<std::uint32_t>(i) + 1 : 0;
    table.schema.columns.push_back(column);
    table.columns.push_back(RecipeFor(column, static_cast<std::uint32_t>(i)));
  }
  return table;
}

TEST(BenchTableTest, EveryRowWeighs184BytesOfValues) {
  const absl::StatusOr<RowModel> model = RowModel::Make(BenchTable(1, 12), 7, 1'000);
  ASSERT_THAT(model, IsOk());
  std::string scratch;
  for (std::int64_t key = 1; key <= 1'000; ++key) {
    std::size_t bytes = 0;
    for (std::uint32_t column = 0; column < 12; ++column) {
      const Cell cell = model->At(key, column, &scratch);
      ASSERT_NE(cell.kind, Cell::Kind::kNull);
      bytes += cell.kind == Cell::Kind::kBytes ? cell.bytes.size() : 8;
    }
    ASSERT_EQ(bytes, 184U) << "row " << key;
  }
}

class KeyTypeTest : public testing::TestWithParam<std::string> {};

TEST_P(KeyTypeTest, EveryBatchPassesTheCodecInKeyOrderThroughChanges) {
  const absl::StatusOr<RowModel> made =
      RowModel::Make(TableOf({GetParam(), "smallint"},
                             {"int", "smallint", "bigint", "bit", "float", "real", "nvarchar(5)", "ntext",
                              "varbinary(7)", "decimal(18,4)", "decimal(5,5)", "decimal(38,0)", "datetime",
                              "datetime2(0)", "datetimeoffset(3)", "date", "time(2)", "uniqueidentifier"}),
                     99, 1'000);
  ASSERT_THAT(made, IsOk());
  RowModel model = *made;
  Random random(5);
  for (std::uint32_t version = 1; version < 4; ++version) {
    const TableChanges changes = ChangeRows(400, {30, 50, 20}, version, &random, &model);
    model.SortKeys();
    TableJob job;
    job.model = &model;
    job.schema_hash = "h";
    job.target = {{5}, "x"};
    for (const auto& plans :
         {PlanPopulation(model, AllColumns(model), {}), PlanChanges(model, changes, AllColumns(model), {})}) {
      job.plans = plans;
      for (std::size_t i = 0; i < job.plans.size(); ++i) {
        v1::ChangeBatch message;
        EncodePlan(job, i, &message);
        const absl::StatusOr<ChangeBatch> batch = DecodeBatch(message, model.schema(), {});
        ASSERT_THAT(batch, IsOk());
        EXPECT_TRUE(batch->key_order.empty()) << "batch " << i << " is not in key order";
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryType, KeyTypeTest,
                         testing::Values("int", "bigint", "smallint", "float", "real", "datetime", "date",
                                         "time(2)", "uniqueidentifier", "decimal(10,2)", "nvarchar(8)",
                                         "varbinary(3)", "varbinary(max)"),
                         [](const auto& test) {
                           std::string name;
                           for (const char letter : test.param) {
                             if (std::isalnum(static_cast<unsigned char>(letter)) != 0) name += letter;
                           }
                           return name;
                         });

TEST(RowModelTest, RefusesMoreRowsThanTheKeyCanShow) {
  EXPECT_THAT(RowModel::Make(TableOf({"smallint"}, {"int"}), 1, 40'000),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("32767 different rows")));
}

TEST(RowModelTest, ValuesDependOnSeedKeyColumnAndVersionOnly) {
  const TableRecipe table = TableOf({"int"}, {"bigint", "ntext"});
  absl::StatusOr<RowModel> a = RowModel::Make(table, 3, 10), b = RowModel::Make(table, 3, 1'000);
  ASSERT_THAT(a, IsOk());
  ASSERT_THAT(b, IsOk());
  b->Put(7, {1}, 4);
  a->Put(9, {2}, 2);
  a->Erase(3);
  a->Put(7, {1}, 4);
  std::string scratch_a, scratch_b;
  for (const std::uint32_t column : {0U, 1U, 2U}) {
    const Cell one = a->At(7, column, &scratch_a), other = b->At(7, column, &scratch_b);
    EXPECT_EQ(one.integer, other.integer);
    EXPECT_EQ(one.bytes, other.bytes);
  }
}

TEST(ChangeRowsTest, NamesEachKeyOnceAndAgreesWithTheModel) {
  absl::StatusOr<RowModel> model = RowModel::Make(TableOf({"int"}, {"int", "int", "int"}), 1, 300);
  ASSERT_THAT(model, IsOk());
  Random random(11);
  for (std::uint32_t version = 1; version < 30; ++version) {
    const RowModel before = *model;
    const TableChanges changes = ChangeRows(50, {30, 50, 20}, version, &random, &*model);
    std::map<std::int64_t, int> seen;
    for (const std::int64_t key : changes.deletes) {
      ++seen[key];
      EXPECT_TRUE(before.Has(key) && !model->Has(key));
    }
    for (const std::int64_t key : changes.inserts) {
      ++seen[key];
      EXPECT_TRUE(model->Has(key));
    }
    for (const TableChanges::Update& update : changes.updates) {
      for (const std::int64_t key : update.keys) {
        ++seen[key];
        EXPECT_TRUE(before.Has(key) && model->Has(key));
      }
    }
    for (const auto& [key, times] : seen) EXPECT_EQ(times, 1) << "key " << key;
  }
}

}  // namespace
}  // namespace mirror::harness::row_model_test
