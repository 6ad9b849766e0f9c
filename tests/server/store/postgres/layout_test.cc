#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/postgres/control/control.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/postgres/place/schema_layout.h"
#include "server/store/postgres/postgres_store.h"
#include "server/store/postgres/records/own_schema.h"
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

}  // namespace
}  // namespace mirror::layout_test
