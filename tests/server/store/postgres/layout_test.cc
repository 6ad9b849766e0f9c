#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/postgres/place/control.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/postgres/place/schema_layout.h"
#include "server/store/postgres/postgres_store.h"
#include "server/store/postgres/rows/own_schema.h"
#include "server/store/postgres/rows/state_rows.h"
#include "tests/support/hostile/hostile_role.h"
#include "tests/support/places.h"
#include "tests/support/postgres_database.h"
#include "tests/support/status_matchers.h"

// Schemas that former versions made.

namespace mirror::layout_test {
namespace {

using testing::SizeIs;

class PostgresLayout : public PostgresDatabaseTest {
 protected:
  void Do(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }
  std::string Ask(const std::string& sql) { return connection_->Query(sql)->Text(0, 0); }
  void MakeRow(int layout, int layout_min) {
    Do(
        absl::StrCat("CREATE TABLE public.kept (layout bigint, layout_min bigint, program text, a text); "
                     "INSERT INTO public.kept VALUES (",
                     layout, ", ", layout_min, ", '0.0.1', 'as it was')"));
  }
  std::string Row() {
    return Ask("SELECT format('%s %s %s %s', layout, layout_min, program, a) FROM public.kept");
  }
  static SchemaLayout Invented() {
    return {.table = "public.kept",
            .present = 4,
            .steps = {{2, "ALTER TABLE public.kept ADD COLUMN b text DEFAULT 'two'"},
                      {3, "ALTER TABLE public.kept ADD COLUMN c text DEFAULT 'three'; SELECT 1",
                       /*older_go_on=*/false},
                      {4, "UPDATE public.kept SET c = c || b"}}};
  }
};

TEST_F(PostgresLayout, AnEarlierOneIsRaisedByTheStepsThatItLacks) {
  MakeRow(1, 1);
  ASSERT_THAT(RaiseLayout(*connection_, Invented()), IsOk());
  EXPECT_EQ(Row(), absl::StrCat("4 3 ", MIRROR_VERSION, " as it was"));
  EXPECT_EQ(Ask("SELECT b || c FROM public.kept"), "twothreetwo");
  ASSERT_THAT(RaiseLayout(*connection_, Invented()), IsOk());
  EXPECT_EQ(Ask("SELECT b || c FROM public.kept"), "twothreetwo") << "none is taken twice";
  Do("DROP TABLE public.kept");
  MakeRow(3, 1);
  Do("ALTER TABLE public.kept ADD COLUMN b text DEFAULT 'x', ADD COLUMN c text DEFAULT 'y'");
  ASSERT_THAT(RaiseLayout(*connection_, Invented()), IsOk());
  EXPECT_EQ(Row(), absl::StrCat("4 1 ", MIRROR_VERSION, " as it was"));
  EXPECT_EQ(Ask("SELECT c FROM public.kept"), "yx");
}

TEST_F(PostgresLayout, AStepThatFailsLeavesTheOneThatWas) {
  MakeRow(1, 1);
  SchemaLayout known = Invented();
  known.steps.back().sql = "SELECT none FROM public.kept";
  EXPECT_FALSE(RaiseLayout(*connection_, known).ok());
  EXPECT_EQ(Row(), "1 1 0.0.1 as it was");
  EXPECT_EQ(
      Ask("SELECT count(*)::text FROM pg_attribute WHERE attrelid = 'public.kept'::regclass AND attnum > 0"),
      "4");
}

TEST_F(PostgresLayout, ALaterOneAndOneWithoutARowAreLeftAlone) {
  MakeRow(5, 4);
  ASSERT_THAT(RaiseLayout(*connection_, Invented()), IsOk());
  EXPECT_EQ(Row(), "5 4 0.0.1 as it was");
  Do("DELETE FROM public.kept");
  EXPECT_THAT(RaiseLayout(*connection_, Invented()), IsOk());
}

TEST_F(PostgresLayout, OfServersThatRaiseItAtOnceOneDoes) {
  MakeRow(1, 1);
  std::vector<std::thread> servers;
  for (int i = 0; i < 4; ++i) {
    servers.emplace_back([this] { EXPECT_THAT(RaiseLayout(*Connect(conninfo_), Invented()), IsOk()); });
  }
  for (std::thread& server : servers) server.join();
  EXPECT_EQ(Ask("SELECT b || c FROM public.kept"), "twothreetwo");
}

/// What is a server's own in the database, column by column.
constexpr char kOwnColumns[] = R"(
SELECT string_agg(concat_ws(' ', c.relkind, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
  a.attnotnull, pg_get_expr(d.adbin, d.adrelid)), E'\n' ORDER BY c.relname, a.attname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE n.nspname = 'mirror_control' OR (n.nspname = 'Mirror_Old' AND c.relkind IN ('r', 'v') AND
  (starts_with(c.relname, '_mirror_') OR c.relname = 'Old_mirroring')))";

class FormerVersion : public PostgresLayout {
 protected:
  static std::string Statements(const std::string& version) {
    std::ifstream file(absl::StrCat(SourceDir(), "/tests/data/old/", version, "/postgres.sql"));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// With the present program; `create`: it may make it.
  static std::unique_ptr<Store> OpenIn(const std::string& conninfo, bool create,
                                       std::unique_ptr<PostgresPlace>* place) {
    EXPECT_THAT(PostgresControl::Open({.conninfo = conninfo}).status(), IsOk());
    auto opened = PostgresPlace::Open({.name = "p1", .conninfo = conninfo, .connections = 2});
    EXPECT_THAT(opened.status(), IsOk());
    *place = *std::move(opened);
    auto store = OpenPostgresStore(**place, "Old", create, {.epoch = 1});
    EXPECT_THAT(store.status(), IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }
};

TEST_F(FormerVersion, ItsSchemasAreRaisedToWhatIsMadeNow) {
  const std::string statements = Statements("0.2.0");
  ASSERT_FALSE(statements.empty());
  Do(statements);
  std::unique_ptr<PostgresPlace> place;
  const std::unique_ptr<Store> store = OpenIn(conninfo_, /*create=*/false, &place);
  ASSERT_NE(store, nullptr);

  const auto records = store->records().ReadTables();
  ASSERT_THAT(records, IsOk());
  ASSERT_THAT(*records, SizeIs(2));
  EXPECT_EQ(records->at(0).row_count + records->at(1).row_count, 5);
  EXPECT_EQ(records->at(0).position.lsn, Lsn{1});
  EXPECT_THAT(store->upkeep().CheckOwnTables(), IsOk());
  EXPECT_EQ(Ask("SELECT layout::text FROM \"Mirror_Old\"._mirror_tenant"), absl::StrCat(kPostgresLayout));

  const std::string fresh = server_->NewDatabase();
  std::unique_ptr<PostgresPlace> other;
  ASSERT_NE(OpenIn(fresh, /*create=*/true, &other), nullptr);
  EXPECT_EQ(Ask(kOwnColumns), Connect(fresh)->Query(kOwnColumns)->Text(0, 0))
      << "what a server keeps for itself has another form: raise kPostgresLayout or kControlLayout, and say "
         "in a "
         "step what makes the form before it the new one";
}

/// A mirror of layout 1, in which analyst may make relations.
class FirstLayout : public FormerVersion {
 protected:
  void Fill() override {
    hostile_.emplace(*server_, conninfo_);
    auto opened =
        PostgresPlace::Open({.name = "p1", .conninfo = hostile_->KeeperConninfo(), .connections = 2});
    ASSERT_THAT(opened.status(), IsOk());
    place_ = *std::move(opened);
    ASSERT_THAT(Open(/*create=*/true).status(), IsOk());
    whole_ = Ask(kOwnColumns);
    Do("UPDATE \"Mirror_Old\"._mirror_tenant SET layout = 1");
  }
  absl::StatusOr<std::unique_ptr<Store>> Open(bool create = false) {
    return OpenPostgresStore(*place_, "Old", create, {});
  }
  void DropLaterTables() {
    Do("DROP TABLE \"Mirror_Old\"._mirror_documents, \"Mirror_Old\"._mirror_floor, "
       "\"Mirror_Old\"._mirror_history; DROP TABLE \"Mirror_Old\"._mirror_journal CASCADE");
  }

  std::optional<HostileRole> hostile_;
  std::unique_ptr<PostgresPlace> place_;
  std::string whole_;
};

TEST_F(FirstLayout, GetsTheTablesThatItLacksAndReadersSeeNoneOfThem) {
  DropLaterTables();
  Do("ALTER DEFAULT PRIVILEGES FOR ROLE keeper IN SCHEMA \"Mirror_Old\" GRANT SELECT ON TABLES TO analyst");
  ASSERT_THAT(Open().status(), IsOk());
  EXPECT_EQ(Ask(kOwnColumns), whole_);
  EXPECT_EQ(Ask("SELECT concat(layout, ' ', layout_min) FROM \"Mirror_Old\"._mirror_tenant"), "2 1");
  EXPECT_EQ(Ask("SELECT count(*)::text FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = "
                "'\"Mirror_Old\"'::regnamespace AND a.grantee <> c.relowner"),
            "0");
}

TEST_F(FirstLayout, IsStoppedByANameThatAnotherRoleTookUntilThatIsDropped) {
  for (const char* const name :
       {"_mirror_documents", "_mirror_floor", "_mirror_history", "_mirror_journal", "_mirror_commits"}) {
    for (const char* const how : {"view", "table", "composite"}) {
      SCOPED_TRACE(absl::StrCat(name, " ", how));
      DropLaterTables();
      hostile_->Take("Mirror_Old", name, how);
      EXPECT_THAT(
          Open().status(),
          StatusIs(absl::StatusCode::kFailedPrecondition,
                   testing::AllOf(testing::HasSubstr(absl::StrCat("\"Mirror_Old\".\"", name, "\" is ")),
                                  testing::HasSubstr("DROP "))));
      EXPECT_FALSE(hostile_->Caught());
      EXPECT_EQ(Ask("SELECT layout::text FROM \"Mirror_Old\"._mirror_tenant"), "1");
      const std::string kind = how == std::string("composite") ? "TYPE" : how;
      Do(absl::StrCat("DROP ", kind, " \"Mirror_Old\".", name));
      ASSERT_THAT(Open().status(), IsOk());
      EXPECT_EQ(Ask(kOwnColumns), whole_);
      Do("UPDATE \"Mirror_Old\"._mirror_tenant SET layout = 1");
    }
  }
}

TEST_F(FirstLayout, KeepsAJournalThatItHas) {
  Do("DROP TABLE \"Mirror_Old\"._mirror_documents, \"Mirror_Old\"._mirror_history; "
     "INSERT INTO \"Mirror_Old\"._mirror_floor VALUES (7, 8)");
  ASSERT_THAT(Open().status(), IsOk());
  EXPECT_EQ(Ask(kOwnColumns), whole_);
  EXPECT_EQ(Ask("SELECT number::text FROM \"Mirror_Old\"._mirror_floor"), "7");
}

TEST_F(FirstLayout, IsDamagedWhereSomebodyDroppedWhatItKept) {
  Do(absl::StrCat("INSERT INTO \"Mirror_Old\"._mirror_state (kind, table_key, number) VALUES (",
                  static_cast<int>(StateKind::kJournal), ", '', 0)"));
  DropLaterTables();
  EXPECT_THAT(Open().status(), StatusIs(absl::StatusCode::kDataLoss,
                                        testing::HasSubstr("dropped or renamed _mirror_journal")));
  EXPECT_EQ(Ask("SELECT layout::text FROM \"Mirror_Old\"._mirror_tenant"), "1");
}

TEST_F(FirstLayout, OfALaterOneWhatSomebodyDroppedIsDamage) {
  const auto store = OpenPostgresStore(*place_, "New", /*create=*/true, {});
  ASSERT_THAT(store.status(), IsOk());
  for (const char* const table :
       {"_mirror_documents", "_mirror_journal", "_mirror_floor", "_mirror_history"}) {
    EXPECT_THAT((*store)->upkeep().CheckOwnTables(), IsOk());
    Do(absl::StrCat("ALTER TABLE \"Mirror_New\".", table, " RENAME TO saved"));
    EXPECT_THAT((*store)->upkeep().CheckOwnTables(),
                StatusIs(absl::StatusCode::kDataLoss, testing::HasSubstr(table)));
    Do(absl::StrCat("ALTER TABLE \"Mirror_New\".saved RENAME TO ", table));
  }
}

}  // namespace
}  // namespace mirror::layout_test
