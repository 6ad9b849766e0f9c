#ifndef MIRROR_TESTS_CONTRACT_PARTNER_CONTRACT_H_
#define MIRROR_TESTS_CONTRACT_PARTNER_CONTRACT_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/contract/store_contract.h"

// Tables that keep what is the partner's: preserve_target, and deletes other than APPLY (plan.h,
// table.proto).

namespace mirror {

inline TableSchema Keeping(TableSchema table, Deletes deletes = Deletes::kApply, bool preserve = true) {
  table.preserve_target = preserve;
  table.deletes = deletes;
  return table;
}
inline TableSchema Ignoring(TableSchema table) {
  return Keeping(std::move(table), Deletes::kIgnore, /*preserve=*/false);
}

/// A store beside which a partner writes.
class PartnerContract : public StoreContract {
 protected:
  explicit PartnerContract(std::optional<Capability> needs = Capability::kPartnerSql)
      : StoreContract(needs) {}

  /// Keeps rows of the partner's: as it says where the store preserves, else by IGNORE alone.
  TableSchema Kept(TableSchema table, Deletes deletes = Deletes::kApply) const {
    return Lacks(Capability::kPreserves) ? Ignoring(std::move(table)) : Keeping(std::move(table), deletes);
  }

  /// A whole population in one step; `may_lose`: see SwapShadow.
  StepResult Populate(const TableSchema& table, Rows rows, std::optional<std::int64_t> may_lose = {}) {
    const TestBatch made = MakeBatch(table, {.rows = std::move(rows)});
    EXPECT_THAT(made.batch, IsOk());
    return Run(StepAt(table.name, Record(table.name).value_or(TableRecord{}).seq + 1,
                      {BeginShadow{table, kCycle}, ApplyRows{made.schema.get(), &*made.batch, true, kCycle},
                       SwapShadow{may_lose}}));
  }
  StepResult Refit(const TableSchema& from, const TableSchema& to, AlterTable alter = {},
                   std::vector<RetypeColumn> retyped = {}, std::vector<std::string> emptied = {}) {
    return Run(StepAt(
        from.name, Record(from.name).value().seq + 1,
        {RefitTable{from, to, std::move(alter), std::move(retyped), std::move(emptied)}, AgreeSchema{to}}));
  }
  RangeDigest DigestOf(const TableSchema& table) {
    auto snapshot = store_->OpenSnapshot().value();
    return snapshot->Digest(table, PlainColumns(table), {}, [] { return true; }).value().front();
  }
  Rows ReadLive(const TableSchema& table) {
    Rows rows;
    auto snapshot = store_->OpenSnapshot().value();
    const absl::Status status = snapshot->ReadRows(
        table, {0}, {}, 1'000'000, [] { return true; },
        [&](RowBlock* block) {
          for (std::uint32_t i = 0; i < block->rows(); ++i) rows.push_back({block->columns[0].ints()[i]});
          return absl::OkStatus();
        });
    EXPECT_THAT(status, IsOk());
    return rows;
  }

  /// One row that the source owns with a note of the partner's, and one that is the partner's.
  void Prepare(const TableSchema& table) {
    Create(table);
    ASSERT_THAT(Populate(table, {{1, "Ada", 36}, {2, "Grace", 45}}).status, IsOk());
    Do("ALTER TABLE people ADD COLUMN note TEXT");
    Do("UPDATE people SET note = 'mine' WHERE id = 1");
    Do("INSERT INTO people (id, name, note) VALUES (100, 'own', 'kept')");
  }

  /// Populates `people` twice, with a column, rows and an index of the partner's beside; `shown`: more
  /// columns than id, name, note and `_mirror_owned` of what is wanted behind it.
  void ExpectMerged(const TableSchema& people, const std::string& shown, const Rows& want) {
    const std::string name = QuoteName(people.name);
    Create(people);
    ASSERT_THAT(Populate(people, {{1, "Ada", 36}, {2, "Grace", 45}, {3, "Joan", 1}}).status, IsOk());
    Do("ALTER TABLE " + name + " ADD COLUMN note TEXT");
    Do("UPDATE " + name + " SET note = 'n' || id");
    Do("INSERT INTO " + name + " (id, name) VALUES (100, 'own'), (4, 'own')");
    Do("CREATE INDEX " + QuoteName("i" + people.name) + " ON " + name + " (note)");
    const bool fires = !Lacks(Capability::kSqlite);
    if (fires) {
      Do("CREATE TABLE IF NOT EXISTS fired (x)");
      Do("CREATE TRIGGER " + QuoteName("t" + people.name) + " AFTER UPDATE ON " + name +
         " BEGIN INSERT INTO fired VALUES (1); END");
    }

    ASSERT_THAT(Populate(people, {{1, "Ada L", 37}, {4, "taken", 4}, {5, "new", 5}}).status, IsOk());

    EXPECT_EQ(RowCount(people.name), 3);
    EXPECT_EQ(DigestOf(people).rows, 3U);
    EXPECT_EQ(See("SELECT id, name, note, _mirror_owned" + shown + " FROM " + name + " ORDER BY id"), want);
    if (fires) {
      EXPECT_THAT(See("SELECT * FROM fired"), testing::IsEmpty());
    }
    EXPECT_THAT(backend_->Leftovers(), testing::ElementsAre(0, 0, 0));
  }
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CONTRACT_PARTNER_CONTRACT_H_
