// What is kept of rows beside their table, through a tenant: erased, proven, and exported with all versions.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "server/http/row_source.h"
#include "server/tenant/dry_run.h"
#include "server/tenant/proven_states.h"
#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/processes.h"

namespace mirror::kept_rows_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

Position At(std::int64_t lsn) { return {Lsn{lsn}, "line"}; }

TenantOptions WithHistory() {
  TenantOptions options;
  options.journal.rules.push_back({.journal = true, .history = true});
  return options;
}

class KeptRowsTest : public TenantBench {
 protected:
  explicit KeptRowsTest(const TenantOptions& options = WithHistory()) : TenantBench(options) {}

  /// A cycle of one batch.
  void Push(Operation operation, const Rows& rows, std::int64_t lsn) {
    source_->Begin();
    ASSERT_THAT(source_->Announce({People()}), IsOk());
    BatchSpec spec;
    spec.operation = operation;
    spec.rows = rows;
    spec.base_lsn = lsn - 1;
    spec.target = At(lsn);
    spec.commit = At(lsn);
    ASSERT_THAT(source_->Send(People(), spec).status, IsOk());
    ASSERT_THAT(source_->Complete(), IsOk());
  }
  /// Row 1 was "Ada", then "Adele", then deleted; row 2 stands since the population.
  void Prepare() {
    source_->Mirror(People(), {{1, "Ada", 36}, {2, "Bob", 7}}, At(1));
    Push(Operation::kInsert, {{1, "Adele", 37}}, 2);
    Push(Operation::kDelete, {{1}}, 3);
  }
  std::string Bytes() const {
    std::string bytes;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (entry.is_regular_file()) bytes += ReadFileText(entry.path().string());
    }
    return bytes;
  }
  std::int64_t now() { return source_->now; }
};

TEST_F(KeptRowsTest, ARowThatStandsIsNotErased) {
  source_->Mirror(People(), {{1, "Ada", 36}}, At(1));
  EXPECT_THAT(tenant_->EraseRow({.table = "people", .key = "1"}, now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("Delete it at its source first")));
  EXPECT_THAT(tenant_->EraseRow({.table = "nowhere", .key = "1"}, now()),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(tenant_->EraseRow({.table = "people", .key = "one"}, now()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(catalog_.Kinds(), Not(Contains("row.erased")));
}

TEST_F(KeptRowsTest, ARowThatItsTableKeepsIsNotErased) {
  TableSchema marking = People();
  marking.deletes = Deletes::kMark;
  source_->Mirror(marking, {{1, "Ada", 36}, {2, "Bob", 7}}, At(1));
  source_->Begin();
  ASSERT_THAT(source_->Announce({marking}), IsOk());
  BatchSpec spec;
  spec.operation = Operation::kDelete;
  spec.rows = {{1}};
  spec.base_lsn = 1;
  spec.target = At(2);
  spec.commit = At(2);
  ASSERT_THAT(source_->Send(marking, spec).status, IsOk());
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(tenant_->EraseRow({.table = "people", .key = "1"}, now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("still has this row")));
  EXPECT_THAT(catalog_.Kinds(), Not(Contains("row.erased")));
}

TEST_F(KeptRowsTest, ErasedNowItIsInNoFile) {
  Prepare();
  ASSERT_THAT(Bytes(), HasSubstr("Adele"));
  const AskedErasure asked = {.table = "PEOPLE", .key = "1", .now = true};
  const auto counted = WouldErase(*tenant_, asked, now(), {});
  ASSERT_THAT(counted, IsOk());
  ASSERT_THAT(counted->tables, SizeIs(1));
  const auto erased = tenant_->EraseRow(asked, now(), {.expected = {counted->token}});
  ASSERT_THAT(erased, IsOk());
  EXPECT_EQ(erased->table, "people");
  EXPECT_EQ(erased->versions, 2);
  EXPECT_EQ(erased->versions, counted->tables[0].versions);
  EXPECT_EQ(erased->entries, counted->tables[0].entries);
  EXPECT_TRUE(erased->scrubbed);
  EXPECT_THAT(Bytes(), Not(HasSubstr("Adele")));
  EXPECT_THAT(Bytes(), Not(HasSubstr("Ada")));
  EXPECT_THAT(Visible(People()), ElementsAre(Row{2, "Bob", 7}));
  EXPECT_THAT(catalog_.Messages("row.erased"), HasSubstr("2 versions"));
}

TEST_F(KeptRowsTest, ErasedNowItIsInNoFileAlsoWhereAHubMayHoldIt) {
  absl::Status hub = absl::UnavailableError("hub 'Acme' is suspended.");
  options_.forget_in_hubs = [&](const std::string&) { return hub; };
  Restart();
  Prepare();
  ASSERT_THAT(Bytes(), HasSubstr("Adele"));
  const AskedErasure asked = {.table = "people", .key = "1", .now = true};
  EXPECT_THAT(tenant_->EraseRow(asked, now()).status(),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("in all its files"), HasSubstr("is suspended"))));
  EXPECT_THAT(Bytes(), Not(HasSubstr("Adele")));
  hub = absl::OkStatus();
  EXPECT_THAT(tenant_->EraseRow(asked, now()), IsOk());
}

TEST_F(KeptRowsTest, AStaleTokenErasesNothing) {
  Prepare();
  const AskedErasure asked = {.table = "people", .key = "1"};
  const auto counted = WouldErase(*tenant_, asked, now(), {});
  ASSERT_THAT(counted, IsOk());
  Push(Operation::kInsert, {{3, "Cid", 1}}, 4);
  EXPECT_TRUE(IsStaleToken(tenant_->EraseRow(asked, now(), {.expected = {counted->token}}).status()));
  EXPECT_THAT(tenant_->EraseRow({.table = "people", .key = "2"}, now(), {.expected = {counted->token}}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(WouldErase(*tenant_, asked, now(), {})->tables[0].versions, 2);
}

TEST_F(KeptRowsTest, WithoutNowTheNextCycleRewritesTheFile) {
  Prepare();
  const auto erased = tenant_->EraseRow({.table = "people", .key = "1"}, now());
  ASSERT_THAT(erased, IsOk());
  EXPECT_FALSE(erased->scrubbed);
  Push(Operation::kInsert, {{3, "Cid", 1}}, 4);
  EXPECT_THAT(Bytes(), Not(HasSubstr("Adele")));
}

/// Servers with other configurations, one after the other.
class SwitchedTest : public KeptRowsTest {
 protected:
  void RestartWith(bool journal, bool history) {
    options_.journal.rules = {{.journal = journal, .history = history}};
    Restart();
  }
  /// After the look that each opening of a mirror takes.
  std::vector<std::string> Operations() {
    EXPECT_THAT(tenant_->OpenSnapshot(), IsOk());
    std::vector<std::string> names;
    const Rows rows =
        Partner(path()).Ask("SELECT operation FROM _mirror_journal WHERE operation <> 4 ORDER BY number");
    for (const Row& row : rows) {
      names.emplace_back(ToString(static_cast<JournalOperation>(row[0].integer)));
    }
    return names;
  }
};

TEST_F(SwitchedTest, WhatWasWrittenWithoutAJournalIsToldWhenTheMirrorIsOpened) {
  Prepare();
  RestartWith(false, false);
  Push(Operation::kInsert, {{2, "Bert", 8}}, 4);
  Push(Operation::kInsert, {{2, "Bill", 9}}, 5);
  RestartWith(true, true);
  EXPECT_THAT(Operations(), ElementsAre("POPULATED", "INSERT", "DELETE", "COMPARE", "COMPARE"));
  Restart();
  EXPECT_THAT(Operations(), SizeIs(5)) << "once";
  Push(Operation::kInsert, {{2, "Bob", 10}}, 6);
  const auto as_of = OpenRows(*tenant_, {.table = "people", .as_of = "3"});
  EXPECT_THAT(as_of, Not(IsOk())) << "row 2 of then is in no version";
}

TEST_F(SwitchedTest, ATableThatAPartnerDroppedIsNotReadAsOfBefore) {
  Prepare();
  const std::int64_t before = Partner(path()).One("SELECT max(number) FROM _mirror_journal").integer;
  ByHand("DROP TABLE people");
  source_->Mirror(People(), {{4, "Dan", 1}}, At(4));
  EXPECT_GT(Partner(path()).One("SELECT known_from FROM _mirror_history").integer, before);
  EXPECT_THAT(OpenRows(*tenant_, {.table = "people", .as_of = "3"}), Not(IsOk()));
  EXPECT_EQ(Partner(path()).Ask("SELECT id, name FROM people_history"), (Rows{{4, "Dan"}}));
}

TEST_F(SwitchedTest, AColumnThatAPartnerRenamedIsNotReadAsOfBefore) {
  Prepare();
  const std::int64_t before = Partner(path()).One("SELECT max(number) FROM _mirror_journal").integer;
  ByHand("DROP VIEW people_history; ALTER TABLE people RENAME COLUMN name TO title");
  source_->Mirror(People(), {{4, "Dan", 1}}, At(4));
  EXPECT_GT(Partner(path()).One("SELECT known_from FROM _mirror_history").integer, before);
  EXPECT_EQ(Partner(path()).Ask("SELECT id, name FROM people_history"), (Rows{{4, "Dan"}}));
}

TenantOptions Bounded() {
  TenantOptions options;
  options.journal.bytes_max = 3'000;
  options.journal.rules.push_back({.journal = true, .history = true, .history_bytes_max = 4'000});
  return options;
}

class BoundedTest : public KeptRowsTest {
 protected:
  BoundedTest() : KeptRowsTest(Bounded()) {}

  std::int64_t Count(const std::string& sql) const { return Partner(path()).One("SELECT " + sql).integer; }
};

TEST_F(BoundedTest, TheOldestGoesWhereThereIsTooMuch) {
  source_->Mirror(People(), {{1, "Ada", 0}, {2, "Bob", 7}}, At(1));
  const std::string versions = Partner(path()).One("SELECT versions FROM _mirror_history").bytes;
  constexpr int kPushes = 200;
  for (int i = 1; i <= kPushes; ++i) Push(Operation::kInsert, {{1, "Ada", i}}, i + 1);
  ASSERT_EQ(Count("count(*) FROM " + versions), kPushes);
  tenant_->TrimJournal(now());
  EXPECT_GT(Count("number FROM _mirror_floor"), kPushes / 2);
  EXPECT_LT(Count("count(*) FROM _mirror_journal WHERE keys IS NOT NULL"), 60);
  const std::int64_t known_from = Count("known_from FROM _mirror_history");
  EXPECT_GT(known_from, kPushes / 2);
  EXPECT_EQ(Count("count(*) FROM " + versions + " WHERE _mirror_until <= " + std::to_string(known_from)), 0);
  EXPECT_GT(Count("count(*) FROM " + versions), 0);
  EXPECT_THAT(Visible(People()), ElementsAre(Row{1, "Ada", kPushes}, Row{2, "Bob", 7}));
}

// H11: what was proven can be computed again, and is told where it cannot.
TEST_F(KeptRowsTest, ProvenStatesAreReadAsTheyWereProven) {
  Prepare();
  const auto snapshot = tenant_->OpenSnapshot();
  ASSERT_THAT(snapshot, IsOk());
  std::vector<std::string> states;
  const auto verify = [&](Snapshot& look) {
    states.clear();
    return VerifyTable(
        look, "people", 100, [] { return true; },
        [&](const ProvenState& state) {
          states.push_back(std::to_string(state.commit.commit->position.lsn.value) +
                           (state.equal ? " equal" : " NOT EQUAL"));
          return absl::OkStatus();
        });
  };
  ASSERT_THAT(verify(**snapshot), IsOk());
  EXPECT_THAT(states, IsEmpty()) << "nobody compared";
  EXPECT_THAT(*TablesWithHistory(**snapshot), ElementsAre("people"));
  EXPECT_THAT(
      VerifyTable(
          **snapshot, "nowhere", 1, [] { return true; }, [](const ProvenState&) { return absl::OkStatus(); }),
      StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(KeptRowsTest, AllVersionsAreExported) {
  Prepare();
  const auto source = OpenRows(*tenant_, {.table = "people", .history = true});
  ASSERT_THAT(source, IsOk());
  const TableSchema& form = (*source)->form().table;
  ASSERT_THAT(form.columns, SizeIs(10));
  EXPECT_THAT(form.Key(), IsEmpty());
  EXPECT_EQ(form.columns[3].name, "from_moment");
  EXPECT_EQ(form.columns[9].name, "operation");
  std::vector<std::string> versions;
  const absl::Status read = (*source)->Read(
      1, [] { return true; },
      [&](RowBlock* block) {
        const ChangeBatch batch = ViewOf(form, block);
        for (std::uint32_t row = 0; row < batch.row_count; ++row) {
          const auto text = [&](std::uint32_t column) -> std::string {
            const Value value = batch.Find(column)->At(row);
            if (value.kind == Kind::kNull) return "-";
            return value.kind == Kind::kInteger ? std::to_string(value.integer) : std::string(value.bytes);
          };
          versions.push_back(text(1) + " " + text(5) + ".." + text(6) + " " + text(9));
        }
        return absl::OkStatus();
      });
  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(versions, UnorderedElementsAre("Ada -..2 -", "Adele 2..3 UPDATE", "Bob -..- -"));
}

}  // namespace
}  // namespace mirror::kept_rows_test
