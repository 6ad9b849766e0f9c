#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/transaction.h"
#include "base/folded_name.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/session.h"
#include "server/store/postgres/rows/own_schema.h"
#include "server/store/postgres/rows/tenant_row.h"
#include "server/store/postgres/rows/write_set.h"
#include "server/store/postgres/tables/definitions.h"
#include "server/store/postgres/tables/garbage.h"
#include "server/store/postgres/tables/indexes.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "server/store/postgres/tables/merge.h"
#include "tests/support/postgres_database.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

// Populations in a real PostgreSQL: whoever reads sees the rows of before, and then the new ones, whole.

namespace mirror::population_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

using Lines = std::vector<std::string>;

TableSchema Ignored(TableSchema table) {
  table.deletes = Deletes::kIgnore;
  return table;
}

/// A mirror "crm" with tables, and what a store knows of them.
class PostgresPopulation : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    connection_ = Open("mirror-server");
    ASSERT_THAT(MakeOwnSchema(*connection_, "crm", names_, 1), IsOk());
    work_ = std::unique_ptr<TableWork>(new TableWork{*connection_, names_, writes_});
    Do("SET search_path TO \"Mirror_crm\"");
  }
  std::unique_ptr<postgres::Connection> Open(const std::string& name) const {
    auto opened = postgres::Connection::Open(
        {.conninfo = conninfo_, .application_name = name, .settings = SessionSettings(PlaceUse::kWrite)});
    EXPECT_THAT(opened.status(), IsOk());
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  /// Somebody who works beside the mirror, inside a transaction that sees what was there when it began.
  std::unique_ptr<postgres::Connection> Reader(const std::string& name = "reader") const {
    auto reader = Open(name);
    EXPECT_THAT(reader->Execute("SET search_path TO \"Mirror_crm\"; BEGIN ISOLATION LEVEL REPEATABLE READ; "
                                "SELECT count(*) FROM _mirror_tenant"),
                IsOk());
    return reader;
  }

  void Do(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }
  Lines See(const std::string& sql, postgres::Connection* by = nullptr) {
    const auto rows = (by == nullptr ? *connection_ : *by).Query(sql);
    EXPECT_THAT(rows, IsOk()) << sql;
    Lines lines;
    for (int row = 0; rows.ok() && row < rows->rows(); ++row) lines.push_back(rows->Text(row, 0));
    return lines;
  }
  /// Rows of `people`.
  Lines People_(postgres::Connection* by = nullptr) {
    return See("SELECT concat_ws(' ', id, name, age) FROM people ORDER BY id", by);
  }
  std::string OidOf(const std::string& relation) {
    return See("SELECT to_regclass('" + relation + "')::oid::text")[0];
  }

  /// In a transaction, which lasts if it went well.
  template <typename Function>
  absl::Status InTransaction(Function function) {
    postgres::Transaction transaction(*connection_);
    EXPECT_THAT(transaction.Begin(), IsOk());
    absl::Status done = function();
    if (done.ok()) done = writes_.Send(*connection_);
    writes_.Clear();
    return done.ok() ? transaction.Commit() : done;
  }

  PostgresAgreed Create(const TableSchema& table) {
    return RunCreateTable(*work_, {.schema = table}).value();
  }
  PostgresShadow Begin(const PostgresAgreed& agreed, std::int64_t cycle = 1) {
    PostgresShadow shadow;
    EXPECT_THAT(InTransaction([&] {
                  auto begun = RunBeginShadow(*work_, agreed, {agreed.schema, cycle});
                  if (!begun.ok()) return begun.status();
                  shadow = *std::move(begun);
                  return absl::OkStatus();
                }),
                IsOk());
    return shadow;
  }
  /// A batch of the shadow's, in a transaction of its own.
  void Write(const PostgresAgreed& agreed, const Rows& rows, PostgresShadow* shadow,
             Operation operation = Operation::kInsert) {
    const TableSchema kept = ShadowForm(KeptForm(agreed.schema));
    const TestBatch made = MakeBatch(kept, {.operation = operation, .rows = rows});
    ASSERT_THAT(made.batch, IsOk());
    RowsWritten written;
    ASSERT_THAT(InTransaction([&] {
                  const PostgresTarget target = ShadowTarget(*work_, *shadow, kept, *made.batch);
                  absl::Status done = WriteRows(
                      *connection_, target, {.schema = &kept, .batch = &*made.batch, .cycle = 1}, &written);
                  shadow->rows += written.added;
                  NoteKeys(kept, *made.batch, shadow);
                  WriteShadow(*work_, *shadow);
                  return done;
                }),
                IsOk());
  }
  PostgresShadow Filled(const PostgresAgreed& agreed, const Rows& rows) {
    PostgresShadow shadow = Begin(agreed);
    Write(agreed, rows, &shadow);
    return shadow;
  }
  /// What is left out stands in left_out_.
  absl::Status Swap(const PostgresShadow& shadow, PostgresAgreed* agreed) {
    left_out_.clear();
    return InTransaction([&] {
      return HasOwned(agreed->schema) ? MergeIgnoring(*work_, shadow, rows_max_, agreed)
                                      : RunSwap(*work_, shadow, rows_max_, agreed, &left_out_);
    });
  }
  void Populate(const Rows& rows, PostgresAgreed* agreed) {
    ASSERT_THAT(Swap(Filled(*agreed, rows), agreed), IsOk());
  }
  /// What is noted of columns, as behind a commit.
  void Empty() {
    const std::vector<StateRow> notes = ReadState(*connection_, names_, StateKind::kEmptied).value();
    EXPECT_EQ(notes.size(), 1U);
    for (const StateRow& note : notes)
      EXPECT_THAT(InTransaction([&] { return EmptyColumns(*work_, note).status(); }), IsOk());
  }
  std::size_t Garbage() { return DropGarbage(*connection_, own_, names_).value(); }
  /// Relations with such a name.
  Lines Tables(const std::string& like) {
    return See("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname LIKE '" + like + "'");
  }
  /// Of the table's live rows, those that the population has not.
  std::int64_t Absent(const PostgresAgreed& agreed, const PostgresShadow& shadow, Lines* keys = nullptr) {
    std::int64_t count = -1;
    EXPECT_THAT(InTransaction([&] {
                  const auto counted = CountAbsent(*work_, KeptForm(agreed.schema), shadow);
                  if (!counted.ok()) return counted.status();
                  count = *counted;
                  const auto read = ReadAbsentKeys(*work_, KeptForm(agreed.schema), shadow);
                  if (keys != nullptr && read.ok()) *keys = *read;
                  return read.status();
                }),
                IsOk());
    return count;
  }

  const PostgresOwnTables names_{"crm", SchemaOf("crm")};
  const MirrorGuard own_{OwnOf("crm", names_), PlaceKind::kPlain};
  OwnWrites writes_;
  std::unique_ptr<TableWork> work_;
  std::int64_t rows_max_ = 1'000'000;
  Lines left_out_;
};

// --- What readers see

TEST_F(PostgresPopulation, WhoBeganBeforeSeesTheFormerRowsWholeAndThenTheNewOnes) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}, {2, "Grace", 45}}, &people);
  const auto before = Reader();
  PostgresShadow shadow = Filled(people, {{1, "Ada", 37}});
  const auto between = Reader();
  EXPECT_EQ(People_(between.get()), (Lines{"1 Ada 36", "2 Grace 45"}));
  Write(people, {{3, "Joan", 1}}, &shadow);
  const std::int64_t generation = people.generation;

  ASSERT_THAT(Swap(shadow, &people), IsOk());

  EXPECT_EQ(People_(), (Lines{"1 Ada 37", "3 Joan 1"}));
  EXPECT_EQ(People_(before.get()), (Lines{"1 Ada 36", "2 Grace 45"})) << "one that looks for the first time";
  EXPECT_EQ(People_(between.get()), (Lines{"1 Ada 36", "2 Grace 45"}));
  EXPECT_EQ(people.generation, generation) << "it is the same table";
  EXPECT_THAT(ReadState(*connection_, names_, StateKind::kShadow), IsOkAndHolds(IsEmpty()));
  for (const auto& reader : {before.get(), between.get()}) EXPECT_THAT(reader->Execute("COMMIT"), IsOk());
  EXPECT_EQ(People_(before.get()), People_());
  EXPECT_EQ(Garbage(), 0U);
  EXPECT_THAT(Tables("\\_mirror\\_shadow%"), IsEmpty());
}

TEST_F(PostgresPopulation, ATableThatACrashWouldEmptyIsReplacedByOneThatLasts) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}}, &people);
  Do("ALTER TABLE people SET UNLOGGED");
  Populate({{1, "Ada", 36}, {2, "Grace", 45}}, &people);
  EXPECT_EQ(People_(), (Lines{"1 Ada 36", "2 Grace 45"}));
  EXPECT_EQ(See("SELECT relpersistence::text FROM pg_class WHERE oid = 'people'::regclass"), Lines{"p"});
}

TEST_F(PostgresPopulation, AStatementOverAWholeTableTakesItsTime) {
  connection_->SetAnswerWithin(std::chrono::milliseconds(100));
  EXPECT_THAT(RunOnTable(*work_, "SELECT pg_sleep(0.5)", "changing a table"), IsOk());
  EXPECT_EQ(connection_->answer_within(), std::chrono::milliseconds(100)) << "the others have what they had";
}

TEST_F(PostgresPopulation, WhatIsTheSameIsNotTouched) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}, {2, nullptr, 45}, {3, "Joan", nullptr}}, &people);
  const Lines before = See("SELECT ctid::text FROM people ORDER BY id");
  Populate({{1, "Ada", 37}, {2, nullptr, 45}, {3, "Joan", nullptr}}, &people);
  const Lines after = See("SELECT ctid::text FROM people ORDER BY id");
  EXPECT_NE(after[0], before[0]);
  EXPECT_EQ(Lines(after.begin() + 1, after.end()), Lines(before.begin() + 1, before.end()));
}

TEST_F(PostgresPopulation, WithoutTheRightToMakeTemporaryTablesItIsTheSame) {
  Do("CREATE ROLE plain; GRANT ALL ON SCHEMA \"Mirror_crm\" TO plain; GRANT ALL ON ALL TABLES IN SCHEMA "
     "\"Mirror_crm\" TO plain; GRANT ALL ON ALL SEQUENCES IN SCHEMA \"Mirror_crm\" TO plain; SET ROLE "
     "plain");
  Rows before, after;
  for (int id = 0; id < 200; ++id) {
    before.push_back({id, id % 3 == 0 ? Cell(nullptr) : Cell("name"), id});
    if (id % 7 == 0) continue;
    after.push_back({id, id % 3 == 0 ? Cell(nullptr) : Cell("name"), id % 5 == 0 ? Cell(nullptr) : Cell(id)});
  }
  for (int id = 200; id < 220; ++id) after.push_back({id, "new", id});
  std::vector<Lines> rows, where;
  for (const bool may : {true, false}) {
    SCOPED_TRACE(may);
    Do(absl::StrCat("RESET ROLE; DO $$ BEGIN EXECUTE '", may ? "GRANT" : "REVOKE",
                    " TEMPORARY ON DATABASE ' || quote_ident(current_database()) || '", may ? " TO" : " FROM",
                    " PUBLIC'; END $$; SET ROLE plain"));
    PostgresAgreed people = Create(NamedTable(may ? "quick" : "slow", People().columns));
    Populate(before, &people);
    const PostgresShadow shadow = Filled(people, after);
    ASSERT_THAT(InTransaction([&] {
                  EXPECT_THAT(CountAbsent(*work_, people.schema, shadow), IsOkAndHolds(29));
                  EXPECT_EQ(See("SELECT count(*)::text FROM pg_class WHERE relpersistence = 't'")[0],
                            may ? "1" : "0");
                  return RunSwap(*work_, shadow, rows_max_, &people, &left_out_);
                }),
                IsOk());
    rows.push_back(
        See(absl::StrCat("SELECT concat_ws(' ', id, name, age) FROM ", people.schema.name, " ORDER BY id")));
    where.push_back(
        See(absl::StrCat("SELECT id::text FROM ", people.schema.name, " WHERE xmin = (SELECT xmin FROM ",
                         people.schema.name, " WHERE id = 219) ORDER BY id")));
  }
  EXPECT_EQ(rows[0].size(), after.size());
  EXPECT_EQ(rows[0], rows[1]);
  EXPECT_EQ(where[0], where[1]) << "the same rows were written";
  EXPECT_EQ(where[0].size(), 20U + 34U);
  EXPECT_EQ(See("SELECT count(*)::text FROM pg_class WHERE relpersistence = 't'")[0], "0");
}

TEST_F(PostgresPopulation, RowsOfATableThatInheritsAreItsOwners) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}}, &people);
  Do("CREATE TABLE public.mine (note text) INHERITS (people); INSERT INTO public.mine VALUES (7, 'Mine', 1)");

  ASSERT_THAT(Swap(Filled(people, {{2, "Grace", 45}}), &people), IsOk());

  EXPECT_EQ(See("SELECT name FROM ONLY people"), Lines{"Grace"});
  EXPECT_EQ(See("SELECT name FROM public.mine"), Lines{"Mine"});
}

TEST_F(PostgresPopulation, ATriggerThatKeepsRowsOutStopsItAndTheTableIsAsItWas) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}}, &people);
  Do("CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
     "CREATE TRIGGER keep_out BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION keep_out(); "
     "ALTER TABLE people ENABLE ALWAYS TRIGGER keep_out");

  EXPECT_THAT(Swap(Filled(people, {{1, "Ada", 36}, {2, "Grace", 45}}), &people),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("trigger")));
  EXPECT_EQ(People_(), Lines{"1 Ada 36"});
}

TEST_F(PostgresPopulation, WhatKeepsRowsFromBeingRemovedStopsItToo) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}, {2, "Grace", 45}}, &people);
  Do("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'");
  for (const auto& [make, drop] :
       {std::pair(
            "CREATE TRIGGER keep BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION keep(); ALTER TABLE "
            "people ENABLE ALWAYS TRIGGER keep",
            "DROP TRIGGER keep ON people"),
        std::pair(
            "CREATE RULE keep AS ON DELETE TO people DO INSTEAD NOTHING; ALTER TABLE people ENABLE ALWAYS "
            "RULE keep",
            "DROP RULE keep ON people")}) {
    SCOPED_TRACE(make);
    Do(make);
    for (const Rows& rows : {Rows{{1, "Ada", 37}, {2, "Grace", 45}}, Rows{{1, "Ada", 36}, {3, "Joan", 1}}}) {
      EXPECT_THAT(
          Swap(Filled(people, rows), &people),
          StatusIs(StatusCode::kFailedPrecondition, HasSubstr("a trigger or rule that somebody added")));
    }
    EXPECT_EQ(People_(), (Lines{"1 Ada 36", "2 Grace 45"}));
    Do(drop);
  }
  Populate({{1, "Ada", 37}, {3, "Joan", 1}}, &people);
  EXPECT_EQ(People_(), (Lines{"1 Ada 37", "3 Joan 1"}));
}

TEST_F(PostgresPopulation, TextsAreComparedByTheirBytesWhateverTheirCollation) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}, {2, "Grace", 45}}, &people);
  Do("CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false); ALTER "
     "TABLE "
     "people ALTER COLUMN name TYPE text COLLATE any_case");
  Populate({{1, "ADA", 36}, {2, "Grace", 45}}, &people);
  EXPECT_EQ(People_(), (Lines{"1 ADA 36", "2 Grace 45"}));
}

TEST_F(PostgresPopulation, AUniqueConstraintThatOthersNeedIsNamedWhereTheRowsBreakIt) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}, {2, "Grace", 45}}, &people);
  Do("ALTER TABLE people ADD CONSTRAINT one_name UNIQUE (name); CREATE TABLE public.theirs (name text "
     "REFERENCES "
     "people (name))");
  EXPECT_THAT(
      Swap(Filled(people, {{1, "Ada", 36}, {2, "Ada", 45}}), &people),
      StatusIs(StatusCode::kFailedPrecondition, AllOf(HasSubstr("'one_name'"), HasSubstr("foreign key"))));
  EXPECT_EQ(People_(), (Lines{"1 Ada 36", "2 Grace 45"}));
}

TEST_F(PostgresPopulation, AnEmptyTableIsReplacedAndItsRightsIndexesAndTriggersAreTheSame) {
  PostgresAgreed people = Create(People());
  Do("CREATE ROLE sales; CREATE ROLE \"Their boss\"; GRANT SELECT ON people TO sales; GRANT SELECT, INSERT "
     "ON people "
     "TO \"Their boss\" WITH GRANT OPTION; GRANT UPDATE (name, age) ON people TO PUBLIC; CREATE ROLE nobody; "
     "ALTER "
     "DEFAULT PRIVILEGES IN SCHEMA \"Mirror_crm\" GRANT SELECT ON TABLES TO nobody");
  Do("CREATE INDEX by_name ON people (lower(name)) WHERE age > 1; CREATE UNIQUE INDEX only_name ON people "
     "(name); "
     "ALTER TABLE people ADD CONSTRAINT only_age UNIQUE (age); CREATE INDEX _mirror_index_1 ON people (age)");
  Do("CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER "
     "note "
     "BEFORE UPDATE OF name ON people FOR EACH ROW EXECUTE FUNCTION noted()");
  const auto rights = [&] {
    return See(
        "SELECT unnest(relacl)::text FROM pg_class WHERE oid = 'people'::regclass UNION ALL SELECT attname "
        "|| "
        "attacl::text FROM pg_attribute WHERE attrelid = 'people'::regclass AND attacl IS NOT NULL ORDER BY "
        "1");
  };
  const Lines before = rights();
  EXPECT_EQ(before.size(), 5U);
  const std::string oid = OidOf("people");
  const std::int64_t generation = people.generation;

  Populate({{1, "Ada", 36}, {2, "Ada", 45}}, &people);

  EXPECT_NE(OidOf("people"), oid);
  EXPECT_GT(people.generation, generation);
  EXPECT_EQ(SelectAgreed(*connection_, names_).value()[0].generation, people.generation);
  EXPECT_EQ(rights(), before);
  EXPECT_THAT(left_out_, ElementsAre("only_name"));
  EXPECT_THAT(See("SELECT indexname::text FROM pg_indexes WHERE tablename = 'people' AND indexname NOT LIKE "
                  "'\\_mirror\\_key%' ORDER BY 1"),
              ElementsAre("_mirror_index_1", "by_name", "only_age"));
  EXPECT_THAT(See("SELECT tgname::text FROM pg_trigger WHERE tgrelid = 'people'::regclass"),
              ElementsAre("note"));
  EXPECT_THAT(See("SELECT coalesce(reloptions::text, '') FROM pg_class WHERE oid = 'people'::regclass"),
              ElementsAre(""));
  EXPECT_EQ(People_(), (Lines{"1 Ada 36", "2 Ada 45"}));
  EXPECT_EQ(Garbage(), 0U);
  EXPECT_THAT(Tables("\\_mirror\\_dropped%"), IsEmpty());
}

TEST_F(PostgresPopulation, ATableInAnothersPlaceHasItsCommentsAndParametersAndItsTriggersFireAsTheyDid) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}}, &people);
  Do("CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'");
  for (const char* const name : {"always", "\"On replicas\"", "never", "usual"}) {
    Do(absl::StrCat("CREATE TRIGGER ", name,
                    " BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION noted()"));
  }
  Do("ALTER TABLE people ENABLE ALWAYS TRIGGER always; ALTER TABLE people ENABLE REPLICA TRIGGER \"On "
     "replicas\"; ALTER TABLE people DISABLE TRIGGER never");
  Do("COMMENT ON TABLE people IS 'who it''s about'; COMMENT ON COLUMN people.name IS 'as \\ they spell it'; "
     "COMMENT ON COLUMN people.age IS 'in years'; ALTER TABLE people SET (fillfactor = 70, "
     "autovacuum_enabled = off, toast.autovacuum_vacuum_threshold = 500)");
  const auto notes = [&] {
    return See(
        "SELECT format('%s %s', tgname, tgenabled) FROM pg_trigger WHERE tgrelid = 'people'::regclass UNION "
        "ALL "
        "SELECT concat_ws(' ', 'comment', attname, description) FROM pg_description LEFT JOIN pg_attribute "
        "ON "
        "attrelid = objoid AND attnum = objsubid WHERE objoid = 'people'::regclass UNION ALL SELECT "
        "unnest(c.reloptions || t.reloptions) FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid "
        "WHERE "
        "c.oid = 'people'::regclass ORDER BY 1");
  };
  Lines before = notes();
  EXPECT_EQ(before.size(), 10U);
  const std::string oid = OidOf("people");
  people.schema.columns.pop_back();
  people.schema.columns[1].type = Type::kBytes;
  ASSERT_THAT(Swap(Filled(people, {{9, Blob("x")}}), &people), IsOk());
  EXPECT_NE(OidOf("people"), oid);
  std::erase(before, "comment age in years");
  EXPECT_EQ(notes(), before);
}

TEST_F(PostgresPopulation, IndexesOfATableInAnothersPlaceAreMadeBeforeReadersWait) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}}, &people);
  // One that counts how often it is asked, and says whether readers are locked out by then.
  Do("CREATE SEQUENCE asked; CREATE SEQUENCE behind_the_lock; CREATE FUNCTION slow(age bigint) RETURNS "
     "bigint "
     "IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('asked'); IF EXISTS (SELECT FROM pg_locks WHERE "
     "relation = to_regclass('people') AND mode = 'AccessExclusiveLock' AND granted) THEN PERFORM "
     "nextval('behind_the_lock'); END IF; RETURN age; END $$");
  Do("CREATE INDEX by_age ON people (slow(age)) INCLUDE (name) WITH (fillfactor = 70) WHERE age > 1; CREATE "
     "UNIQUE INDEX one_name ON people (name); ALTER TABLE people ADD CONSTRAINT one_age UNIQUE (age) WITH "
     "(fillfactor = 60); CREATE INDEX whole ON people ((people IS NULL)); CREATE INDEX _mirror_index_1 ON "
     "people (name)");
  Do("COMMENT ON INDEX by_age IS 'it''s theirs'; COMMENT ON CONSTRAINT one_age ON people IS 'one of an age'; "
     "ALTER TABLE people CLUSTER ON one_age; ALTER INDEX by_age ALTER COLUMN 1 SET STATISTICS 7");
  const auto indexes = [&] {
    return See(
        "SELECT concat_ws('; ', pg_get_indexdef(c.oid), c.reloptions::text, obj_description(c.oid, "
        "'pg_class'), "
        "i.indisclustered, pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint'), (SELECT "
        "string_agg(attstattarget::text, ',') FROM pg_attribute WHERE attrelid = c.oid)) FROM pg_index AS i "
        "JOIN pg_class AS c ON c.oid = i.indexrelid LEFT JOIN pg_constraint AS k ON k.conindid = c.oid WHERE "
        "i.indrelid = 'people'::regclass AND NOT i.indisprimary ORDER BY c.relname");
  };
  const Lines before = indexes();
  ASSERT_EQ(before.size(), 5U);
  Do("ALTER SEQUENCE asked RESTART; ALTER SEQUENCE behind_the_lock RESTART; DELETE FROM people");

  Populate({{1, "Ada", 36}, {2, "Grace", 45}}, &people);

  EXPECT_THAT(left_out_, IsEmpty());
  EXPECT_EQ(indexes(), before);
  EXPECT_THAT(See("SELECT last_value::text FROM asked"), ElementsAre("2"));
  EXPECT_THAT(See("SELECT is_called::text FROM behind_the_lock"), ElementsAre("false"));
  EXPECT_THAT(See("SELECT relname::text FROM pg_class WHERE relname LIKE '\\_mirror\\_shadow%'"), IsEmpty());

  Do("DELETE FROM people");
  const auto reader = Reader();
  ASSERT_THAT(reader->Execute("SELECT * FROM people"), IsOk());
  Populate({{1, "Joan", 1}}, &people);
  EXPECT_EQ(indexes(), before) << "the reader keeps the table, and the rows are merged";
  ASSERT_THAT(reader->Execute("COMMIT"), IsOk());
  EXPECT_EQ(Garbage(), 0U);
  EXPECT_THAT(See("SELECT relname::text FROM pg_class WHERE relname LIKE '\\_mirror\\_shadow%'"), IsEmpty());
}

TEST_F(PostgresPopulation, HalfAPopulationIsForNobody) {
  PostgresAgreed people = Create(People());
  Do("CREATE ROLE early; CREATE ROLE late; ALTER DEFAULT PRIVILEGES IN SCHEMA \"Mirror_crm\" GRANT SELECT ON "
     "TABLES TO early, PUBLIC; ALTER DEFAULT PRIVILEGES GRANT UPDATE ON TABLES TO late; GRANT SELECT ON "
     "people "
     "TO late");
  const PostgresShadow shadow = Filled(people, {{1, "Ada", 36}});
  EXPECT_THAT(
      See(absl::StrCat("SELECT x.grantee::regrole::text FROM pg_class, aclexplode(relacl) x WHERE oid = '",
                       shadow.name, "'::regclass AND x.grantee <> relowner")),
      IsEmpty());
  ASSERT_THAT(Swap(shadow, &people), IsOk());
  EXPECT_THAT(
      See("SELECT x.grantee::regrole || ' ' || privilege_type FROM pg_class, aclexplode(relacl) x WHERE "
          "oid = 'people'::regclass AND x.grantee <> relowner"),
      ElementsAre("late SELECT"));
  Do("DROP OWNED BY early, late; DROP ROLE early, late");
}

TEST_F(PostgresPopulation, WhatIsBuiltOnATableStays) {
  PostgresAgreed people = Create(People());
  // Empty, too: nothing could be made again as it was.
  Do("CREATE VIEW named AS SELECT name FROM people; CREATE TABLE child (of bigint REFERENCES people ON "
     "DELETE "
     "CASCADE); CREATE PUBLICATION theirs FOR TABLE people");
  const std::string oid = OidOf("people");
  Populate({{1, "Ada", 36}, {2, "Grace", 45}}, &people);
  Do("CREATE UNIQUE INDEX only_name ON people (name); CREATE ROLE readers; GRANT SELECT ON people TO "
     "readers; INSERT "
     "INTO child VALUES (1)");

  Populate({{1, "Grace", 36}, {3, "Ada", 1}}, &people);

  EXPECT_EQ(OidOf("people"), oid);
  EXPECT_THAT(left_out_, IsEmpty()) << "names changed places";
  EXPECT_THAT(See("SELECT name FROM named"), UnorderedElementsAre("Grace", "Ada"));
  EXPECT_THAT(See("SELECT of::text FROM child"), ElementsAre("1"));
  EXPECT_THAT(See("SELECT indexname::text FROM pg_indexes WHERE indexname = 'only_name'"),
              ElementsAre("only_name"));
  EXPECT_THAT(See("SELECT has_table_privilege('readers', 'people', 'SELECT')::text"), ElementsAre("true"));
  EXPECT_THAT(See("SELECT tablename::text FROM pg_publication_tables"), ElementsAre("people"));
}

TEST_F(PostgresPopulation, BesideABackupRowsAreMergedAndADefinitionWaitsForTheNextCycle) {
  PostgresAgreed people = Create(People());
  const std::string oid = OidOf("people");
  const PostgresShadow first = Filled(people, {{1, "Ada", 36}});
  const auto dump = Reader("pg_dump");
  ASSERT_THAT(dump->Execute("LOCK TABLE people, " + first.name + " IN ACCESS SHARE MODE"), IsOk());
  ASSERT_THAT(Swap(first, &people), IsOk());
  EXPECT_EQ(OidOf("people"), oid) << "it could not be replaced";
  EXPECT_EQ(People_(), (Lines{"1 Ada 36"}));
  EXPECT_THAT(People_(dump.get()), IsEmpty());
  EXPECT_EQ(Garbage(), 1U) << "the shadow is in use";

  people.schema.columns[1].type = Type::kBytes;
  const PostgresShadow other = Filled(people, {{7, Blob("x"), 1}});
  const auto began = std::chrono::steady_clock::now();
  const absl::Status refused = Swap(other, &people);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
  EXPECT_THAT(refused, StatusIs(StatusCode::kAborted, AllOf(HasSubstr("'people'"), HasSubstr("'pg_dump'"))));
  EXPECT_EQ(People_(), (Lines{"1 Ada 36"}));

  ASSERT_THAT(dump->Execute("COMMIT"), IsOk());
  ASSERT_THAT(Swap(other, &people), IsOk());
  EXPECT_THAT(See("SELECT encode(name, 'escape') FROM people"), ElementsAre("x"));
  EXPECT_EQ(Garbage(), 0U);
}

TEST_F(PostgresPopulation, ATableThatCannotHoldTheRowsIsReplacedUnlessSomethingDependsOnIt) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}}, &people);
  people.schema.columns[0].key_position = 0;
  people.schema.columns[1].key_position = 1;
  people.schema.columns[1].nullable = false;
  const PostgresShadow shadow = Filled(people, {{9, "Hedy", 1}});
  Do("CREATE VIEW old_ones AS SELECT name FROM people");
  EXPECT_THAT(Swap(shadow, &people),
              StatusIs(StatusCode::kFailedPrecondition, AllOf(HasSubstr("old_ones"), HasSubstr("key"))));
  EXPECT_EQ(People_(), (Lines{"1 Ada 36"}));
  Do("DROP VIEW old_ones");
  ASSERT_THAT(Swap(shadow, &people), IsOk());
  EXPECT_EQ(People_(), (Lines{"9 Hedy 1"}));
}

TEST_F(PostgresPopulation, ATableWhoseRowsAreGuardedOrPublishedIsNotReplaced) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}}, &people);
  people.schema.columns[1].type = Type::kBytes;
  const PostgresShadow shadow = Filled(people, {{9, Blob("x"), 1}});
  const std::string oid = OidOf("people");
  Do("CREATE ROLE buyers; GRANT SELECT ON people TO buyers; ALTER TABLE people ENABLE ROW LEVEL SECURITY");
  EXPECT_THAT(Swap(shadow, &people),
              StatusIs(StatusCode::kFailedPrecondition, AllOf(HasSubstr("row security"), HasSubstr("Drop"))));
  Do("CREATE POLICY grown ON people USING (age > 17); CREATE PUBLICATION theirs FOR TABLE people; CREATE "
     "STATISTICS name_age ON name, age FROM people; ALTER TABLE people DISABLE ROW LEVEL SECURITY");
  EXPECT_THAT(Swap(shadow, &people), StatusIs(StatusCode::kFailedPrecondition,
                                              AllOf(HasSubstr("policy grown"),
                                                    HasSubstr("publication theirs"), HasSubstr("name_age"))));
  EXPECT_EQ(OidOf("people"), oid);
  Do("DROP POLICY grown ON people; DROP PUBLICATION theirs; DROP STATISTICS name_age");
  ASSERT_THAT(Swap(shadow, &people), IsOk());
  // Without rows it is not replaced for haste.
  Do("DELETE FROM people; ALTER TABLE people FORCE ROW LEVEL SECURITY");
  const std::string now = OidOf("people");
  Populate({{9, Blob("y"), 1}}, &people);
  EXPECT_EQ(OidOf("people"), now);
  Do("DROP OWNED BY buyers; DROP ROLE buyers");
}

TEST_F(PostgresPopulation, ATriggerThatTheNewDefinitionCannotHaveStopsItAndIsNamed) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}}, &people);
  Do("CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER "
     "of_age "
     "BEFORE UPDATE OF age ON people FOR EACH ROW EXECUTE FUNCTION noted()");
  people.schema.columns.pop_back();
  people.schema.columns[1].type = Type::kBytes;
  EXPECT_THAT(Swap(Filled(people, {{1, Blob("x")}}), &people),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("'of_age'")));
  EXPECT_EQ(People_(), (Lines{"1 Ada 36"}));
}

// --- What a merge does

TEST_F(PostgresPopulation, DecimalsAreComparedAsTheyAreWritten) {
  PostgresAgreed prices =
      Create(NamedTable("prices", {KeyColumn("id", Type::kInt64), PlainColumn("price", Type::kDecimal)}));
  Populate({{1, "1.0"}, {2, "1.0"}, {3, "2.5"}}, &prices);
  Populate({{1, "1.10"}, {2, "1.00"}, {3, "2.5"}}, &prices);
  EXPECT_THAT(See("SELECT price::text FROM prices ORDER BY id"), ElementsAre("1.10", "1.00", "2.5"));
}

TEST_F(PostgresPopulation, RowsWithoutAKeyAllGoAndAllCome) {
  PostgresAgreed keyless = Create(Keyless());
  Populate({{"Ada", 1}, {"Ada", 1}, {"Bob", nullptr}}, &keyless);
  const PostgresShadow shadow = Filled(keyless, {{"Ada", 1}, {nullptr, nullptr}});
  EXPECT_EQ(Absent(keyless, shadow), 0) << "nobody can tell";
  ASSERT_THAT(Swap(shadow, &keyless), IsOk());
  EXPECT_THAT(See("SELECT concat_ws(' ', name, age) FROM keyless"), UnorderedElementsAre("Ada 1", ""));
}

TEST_F(PostgresPopulation, KindsOfAnyColumnsComeWithTheirValues) {
  PostgresAgreed things =
      Create(NamedTable("things", {KeyColumn("id", Type::kInt64), AnyColumn("a", Affinity::kBlob),
                                   AnyColumn("z", Affinity::kBlob)}));
  Populate({{1, "7", nullptr}, {2, 7, "z"}, {3, 0.5, 1}}, &things);
  // The text is the same, the value is not; and a column that was there has its place for good.
  DropKind("a", &things.kinds);
  things.schema.columns[1] = AnyColumn("b", Affinity::kBlob);
  Do("ALTER TABLE things RENAME COLUMN a TO b");
  Populate({{1, 7, nullptr}, {2, Blob("7"), "z"}, {3, 0.5, 1}, {4, nullptr, 1}}, &things);
  EXPECT_THAT(See("SELECT coalesce(b, '') || ' ' || get_byte(_mirror_kinds, 2) FROM things ORDER BY id"),
              ElementsAre(absl::StrCat("7 ", static_cast<int>(Kind::kInteger)),
                          absl::StrCat("37 ", static_cast<int>(Kind::kBlob)),
                          absl::StrCat("0.5 ", static_cast<int>(Kind::kReal)),
                          absl::StrCat(" ", static_cast<int>(Kind::kNull))));
  EXPECT_THAT(KindsOf(things.schema, things.kinds).of_column, ElementsAre(PostgresKinds::kNone, 2U, 1U));
}

TEST_F(PostgresPopulation, ColumnsThatCameAndWentAreAsTheNewDefinitionHasThem) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}, {2, "Grace", 45}}, &people);
  Do("ALTER TABLE people ADD COLUMN theirs text DEFAULT 'mine'");
  people.schema.columns[2] = PlainColumn("city", Type::kText);
  Populate({{1, "Ada", "Rome"}, {2, "Grace", nullptr}}, &people);
  EXPECT_THAT(See("SELECT to_jsonb(people)::text FROM people ORDER BY id"),
              ElementsAre(R"({"id": 1, "city": "Rome", "name": "Ada"})",
                          R"({"id": 2, "city": null, "name": "Grace"})"));
  Do("CREATE VIEW of_city AS SELECT city FROM people");
  people.schema.columns.pop_back();
  const auto to_jsonb = [&] { return See("SELECT to_jsonb(people)::text FROM people ORDER BY id"); };
  Populate({{1, "Ada"}}, &people);
  EXPECT_THAT(to_jsonb(), ElementsAre(R"({"id": 1, "city": "Rome", "name": "Ada"})"));
  Empty();
  EXPECT_THAT(to_jsonb(), ElementsAre(R"({"id": 1, "city": null, "name": "Ada"})"));
  Do("DROP VIEW of_city");
  Populate({{1, "Al"}}, &people);
  EXPECT_THAT(to_jsonb(), ElementsAre(R"({"id": 1, "name": "Al"})"));
}

TEST_F(PostgresPopulation, AMergeDoesNotFailForAColumnThatCannotBeDroppedYet) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}, {2, "Grace", 45}}, &people);
  Do("ALTER TABLE people ADD COLUMN must text NOT NULL DEFAULT 'mine'");
  people.schema.columns.pop_back();
  const PostgresShadow shadow = Filled(people, {{1, "Ada"}, {3, "Joan"}});
  const auto dump = Reader("pg_dump");
  ASSERT_THAT(dump->Execute("LOCK TABLE people IN ACCESS SHARE MODE"), IsOk());
  ASSERT_THAT(Swap(shadow, &people), IsOk());
  EXPECT_THAT(See("SELECT name FROM people ORDER BY id"), ElementsAre("Ada", "Joan"));
  Empty();
  EXPECT_THAT(See("SELECT concat_ws(' ', id, age, must) FROM people ORDER BY id"),
              ElementsAre("1 mine", "3 mine"));
  ASSERT_THAT(dump->Execute("COMMIT"), IsOk());
  Populate({{1, "Ada"}}, &people);
  EXPECT_THAT(See("SELECT to_jsonb(people)::text FROM people"), ElementsAre(R"({"id": 1, "name": "Ada"})"));
}

TEST_F(PostgresPopulation, ColumnsAreAddedBeforeARowIsSent) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}}, &people);
  people.schema.columns.push_back(PlainColumn("city", Type::kText));
  const auto dump = Reader("pg_dump");
  ASSERT_THAT(dump->Execute("LOCK TABLE people IN ACCESS SHARE MODE"), IsOk());
  EXPECT_THAT(InTransaction([&] {
                return RunBeginShadow(*work_, people, {people.schema, 1}).status();
              }),
              StatusIs(StatusCode::kAborted, HasSubstr("'pg_dump'")));
  ASSERT_THAT(dump->Execute("COMMIT"), IsOk());
  const PostgresShadow shadow = Filled(people, {{1, "Ada", 36, "Rome"}});
  EXPECT_THAT(See("SELECT to_jsonb(people)::text FROM people"),
              ElementsAre(R"({"id": 1, "age": 36, "city": null, "name": "Ada"})"));
  Do("ALTER TABLE people DROP COLUMN city");
  ASSERT_THAT(Swap(shadow, &people), IsOk()) << "who drops it meanwhile gets it back";
  EXPECT_THAT(See("SELECT to_jsonb(people)::text FROM people"),
              ElementsAre(R"({"id": 1, "age": 36, "city": "Rome", "name": "Ada"})"));
}

TEST_F(PostgresPopulation, AUniqueIndexThatTheRowsBreakIsLeftOutAndOtherConstraintsStopThem) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}}, &people);
  Do("CREATE UNIQUE INDEX one_name ON people (name); ALTER TABLE people ADD CONSTRAINT one_age UNIQUE (age); "
     "CREATE "
     "INDEX by_age ON people (age)");
  Populate({{7, "Hedy", 50}, {8, "Hedy", 50}}, &people);
  EXPECT_THAT(left_out_, UnorderedElementsAre("one_name", "one_age"));
  EXPECT_EQ(People_(), (Lines{"7 Hedy 50", "8 Hedy 50"}));
  EXPECT_THAT(See("SELECT indexname::text FROM pg_indexes WHERE indexname = 'by_age'"),
              ElementsAre("by_age"));

  Do("ALTER TABLE people ADD CONSTRAINT grown CHECK (age > 17)");
  const absl::Status refused = Swap(Filled(people, {{7, "Hedy", 50}, {9, "Secret", 3}}), &people);
  EXPECT_THAT(refused,
              StatusIs(StatusCode::kFailedPrecondition, AllOf(HasSubstr("'grown'"), HasSubstr("'people'"))));
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("Secret")));
  EXPECT_EQ(People_(), (Lines{"7 Hedy 50", "8 Hedy 50"}));
}

TEST_F(PostgresPopulation, NoRowsAreRefusedForAnIndexOfTheMirrorsOwn) {
  for (const TableSchema& table : {People(), Ignored(People("ignoring"))}) {
    PostgresAgreed agreed = Create(table);
    for (const std::size_t bytes : {3'000, 20'000}) {
      Populate({{1, "Ada", 36}}, &agreed);
      const auto note = [&] { return NoteTooLong(*work_, {"_mirror_index_9", table.name}); };
      ASSERT_THAT(InTransaction(note), IsOk());
      Do(absl::StrCat("CREATE INDEX _mirror_index_1 ON ", table.name,
                      " (name); CREATE INDEX _mirror_index_2 ON ", table.name, " (age)"));
      const std::string name = Incompressible(bytes);
      Populate({{1, "Ada", 37}, {2, name, 45}}, &agreed);
      EXPECT_THAT(left_out_, IsEmpty());
      EXPECT_EQ(See("SELECT name FROM " + table.name + " WHERE id = 2"), Lines{name});
      EXPECT_THAT(See("SELECT indexname::text FROM pg_indexes WHERE indexname LIKE '\\_mirror\\_index%'"),
                  ElementsAre("_mirror_index_2"));
      EXPECT_THAT(ReadState(*connection_, names_, StateKind::kTooLong), IsOkAndHolds(IsEmpty()));
      Do("DROP INDEX _mirror_index_2; DELETE FROM " + table.name);
    }
    Populate({{1, "Ada", 36}}, &agreed);
    Do("CREATE INDEX theirs ON " + table.name + " (substr(name, 1, 10000))");
    EXPECT_THAT(Swap(Filled(agreed, {{3, Incompressible(3'001), 45}}), &agreed),
                StatusIs(StatusCode::kFailedPrecondition, HasSubstr("'theirs'")));
    Do("DROP INDEX theirs");
  }
}

TEST_F(PostgresPopulation, APopulationThatIsTooLargeToBeMergedIsRefused) {
  PostgresAgreed people = Create(People());
  rows_max_ = 1;
  Populate({{1, "Ada", 36}, {2, "Grace", 45}}, &people);
  EXPECT_THAT(
      Swap(Filled(people, {{1, "x", 1}, {2, "y", 2}}), &people),
      StatusIs(StatusCode::kFailedPrecondition, AllOf(HasSubstr("2 rows"), HasSubstr("merge_rows_max"))));
  EXPECT_EQ(People_(), (Lines{"1 Ada 36", "2 Grace 45"}));
}

TEST_F(PostgresPopulation, WhatIsGoneOrAnothersIsNotReplaced) {
  PostgresAgreed people = Create(People());
  const PostgresShadow shadow = Filled(people, {{1, "Ada", 36}});
  Do("ALTER TABLE people RENAME TO moved");
  EXPECT_THAT(Swap(shadow, &people),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("is missing in the mirror")));
  Do("CREATE ROLE other; CREATE TABLE people (id bigint PRIMARY KEY); ALTER TABLE people OWNER TO other");
  EXPECT_THAT(Swap(shadow, &people), StatusIs(StatusCode::kFailedPrecondition, HasSubstr("somebody else")));
}

// --- Tables that IGNORE deletes

TEST_F(PostgresPopulation, RowsThatTheSourceDeletedAreThePartnersAndItsColumnsStay) {
  PostgresAgreed people = Create(Ignored(People()));
  ASSERT_THAT(Swap(Filled(people, {{1, "Ada", 36}, {2, "Grace", 45}, {3, "Joan", 1}}), &people), IsOk());
  Do("ALTER TABLE people ADD COLUMN note text; UPDATE people SET note = 'n' || id; INSERT INTO people (id, "
     "name) "
     "VALUES (100, 'own'), (4, 'own')");
  const PostgresShadow shadow =
      Filled(people, {{1, "Ada L", 37}, {3, "Joan", 1}, {4, "taken", 4}, {5, "new", 5}});
  Lines keys;
  EXPECT_EQ(Absent(people, shadow, &keys), 1) << "of the mirror's own rows";
  EXPECT_THAT(keys, ElementsAre("2"));
  const Lines joan = See("SELECT ctid::text FROM people WHERE id = 3");

  ASSERT_THAT(Swap(shadow, &people), IsOk());

  EXPECT_THAT(See("SELECT concat_ws(' ', id, name, age, note, _mirror_owned) FROM people ORDER BY id"),
              ElementsAre("1 Ada L 37 n1 1", "2 Grace 45 n2 0", "3 Joan 1 n3 1", "4 taken 4 1", "5 new 5 1",
                          "100 own"));
  EXPECT_EQ(See("SELECT ctid::text FROM people WHERE id = 3"), joan);
  EXPECT_THAT(ReadState(*connection_, names_, StateKind::kShadow), IsOkAndHolds(IsEmpty()));

  Do("CREATE UNIQUE INDEX by_name ON people (name)");
  const absl::Status refused = Swap(Filled(people, {{1, "own", 1}}), &people);
  EXPECT_THAT(refused, StatusIs(StatusCode::kFailedPrecondition,
                                AllOf(HasSubstr("'by_name'"), HasSubstr("'people'"))));
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("own")));
  EXPECT_THAT(See("SELECT name FROM people WHERE id = 1"), ElementsAre("Ada L"));

  // What the partner has there is not taken away with the table.
  Do("ALTER TABLE people DROP COLUMN age");
  EXPECT_THAT(Swap(Filled(people, {{1, "Ada", 1}}), &people),
              StatusIs(StatusCode::kFailedPrecondition, AllOf(HasSubstr("'people'"), HasSubstr("'age'"))));
}

TEST_F(PostgresPopulation, WithoutAKeyAllOfTheMirrorsRowsAreGivenUpAndComeAgain) {
  PostgresAgreed keyless = Create(Ignored(Keyless()));
  ASSERT_THAT(Swap(Filled(keyless, {{"Ada", 1}, {"Ada", 1}}), &keyless), IsOk());
  ASSERT_THAT(Swap(Filled(keyless, {{"Ada", 1}}), &keyless), IsOk());
  EXPECT_THAT(See("SELECT concat_ws(' ', name, _mirror_owned) FROM keyless"),
              UnorderedElementsAre("Ada 0", "Ada 0", "Ada 1"));
}

// --- Shadows

TEST_F(PostgresPopulation, AShadowIsReadAsItWasWritten) {
  PostgresAgreed table = Create(NamedTable(
      "t", {KeyColumn("a", Type::kDouble), KeyColumn("b", Type::kUuid, 2), AnyColumn("c", Affinity::kBlob)}));
  PostgresShadow shadow = Begin(table, 7);
  Write(table, {{2.5, Blob("0123456789abcdef"), 1}, {-1.0, Blob(std::string(16, '\0')), "x"}}, &shadow);
  const std::vector<StateRow> rows = ReadState(*connection_, names_, StateKind::kShadow).value();
  ASSERT_EQ(rows.size(), 1U);
  const PostgresShadow read = ParseShadow(names_, rows[0]).value();
  EXPECT_EQ(read.table_key, "t");
  EXPECT_EQ(read.name, shadow.name);
  EXPECT_EQ(read.cycle, 7);
  EXPECT_EQ(read.rows, 2);
  EXPECT_EQ(read.kinds, table.kinds);
  EXPECT_EQ(read.greatest, (Key{{Kind::kReal, 0, 2.5, ""}, {Kind::kBlob, 0, 0, "0123456789abcdef"}}));
  EXPECT_THAT(ParseShadow(names_, {"t", 0, "\1\2xx"}), StatusIs(StatusCode::kDataLoss));
}

TEST_F(PostgresPopulation, RowsAreCopiedAsLongAsTheirKeysAscend) {
  PostgresAgreed pairs = Create(Pairs());
  PostgresShadow shadow = Begin(pairs);
  const auto has_new_keys = [&](const Rows& rows, Operation operation = Operation::kInsert) {
    const TestBatch made = MakeBatch(pairs.schema, {.operation = operation, .rows = rows});
    return ShadowTarget(*work_, shadow, pairs.schema, *made.batch).has_new_keys;
  };
  EXPECT_TRUE(has_new_keys({{5, "b", "v"}}));
  Write(pairs, {{5, "b", "v"}, {1, "z", "w"}}, &shadow);
  EXPECT_FALSE(has_new_keys({{5, "b", "v"}}));
  EXPECT_FALSE(has_new_keys({{9, "b", "v"}, {5, "a", "v"}})) << "one of them may be there";
  EXPECT_TRUE(has_new_keys({{9, "a", "v"}, {5, "c", "v"}}));
  EXPECT_FALSE(has_new_keys({{9, "a", "v"}}, Operation::kUpdate));
  Write(pairs, {{2, "a", "v"}, {5, "b", "w"}}, &shadow);
  EXPECT_EQ(shadow.rows, 3);
  EXPECT_FALSE(has_new_keys({{5, "b", "v"}}));
  Write(pairs, {{5, "b"}}, &shadow, Operation::kDelete);
  EXPECT_EQ(shadow.rows, 2);
  ASSERT_THAT(Swap(shadow, &pairs), IsOk());
  EXPECT_THAT(See("SELECT concat_ws(' ', a, b, v) FROM pairs ORDER BY a, b"), ElementsAre("1 z w", "2 a v"));
}

TEST_F(PostgresPopulation, WhatWouldBeLostIsCountedAndItsKeysAreShown) {
  Column day = KeyColumn("day", Type::kDate, 2);
  PostgresAgreed table = Create(NamedTable("t", {KeyColumn("name", Type::kText), day}));
  Populate({{"Ada", 0}, {"Bob", 0}, {"Bob", 864'000'000'000}}, &table);
  const PostgresShadow shadow = Filled(table, {{"Bob", 0}, {"Cy", 0}});
  Lines keys;
  EXPECT_EQ(Absent(table, shadow, &keys), 2);
  EXPECT_THAT(keys, UnorderedElementsAre("'Ada', '0001-01-01'", "'Bob', '0001-01-02'"));
  // Under another key nobody can tell.
  table.schema.columns[0].key_position = 0;
  table.schema.columns[1].key_position = 1;
  EXPECT_EQ(Absent(table, shadow), 0);
}

TEST_F(PostgresPopulation, WhoWritesBesideWaitsFromTheCountOn) {
  PostgresAgreed people = Create(People());
  Populate({{1, "Ada", 36}}, &people);
  const PostgresShadow shadow = Filled(people, {{2, "Grace", 45}});
  const auto dba = Open("psql");
  EXPECT_THAT(dba->Execute("SET search_path TO \"Mirror_crm\"; SET lock_timeout = '1ms'"), IsOk());
  ASSERT_THAT(InTransaction([&] {
                EXPECT_THAT(CountAbsent(*work_, People(), shadow), IsOkAndHolds(1));
                EXPECT_THAT(dba->Execute("INSERT INTO people VALUES (7, 'own', 1)"),
                            StatusIs(StatusCode::kUnavailable));
                EXPECT_EQ(People_(dba.get()), (Lines{"1 Ada 36"})) << "who reads goes on";
                return RunSwap(*work_, shadow, rows_max_, &people, &left_out_);
              }),
              IsOk());
  EXPECT_EQ(People_(), (Lines{"2 Grace 45"}));
}

TEST_F(PostgresPopulation, ShadowsOfOtherCyclesBecomeGarbageAndGoWhenNobodyUsesThem) {
  const PostgresAgreed people = Create(People()), pairs = Create(Pairs());
  const PostgresShadow old = Begin(people, 1), present = Begin(pairs, 2);
  Do("INSERT INTO _mirror_receipts VALUES (3, 'people', 1, 0, 1, 'x'), (3, 'people', 2, 0, 2, 'x'), (1, '', "
     "1, 0, 1, "
     "'x')");
  ASSERT_THAT(InTransaction([&] {
                DropOldShadows(*work_, {old, present}, 2);
                return absl::OkStatus();
              }),
              IsOk());
  EXPECT_THAT(See("SELECT concat_ws(' ', kind, number) FROM _mirror_receipts ORDER BY kind"),
              ElementsAre("1 1", "3 2"));
  const auto dump = Reader("pg_dump");
  ASSERT_THAT(dump->Execute("LOCK TABLE " + old.name + " IN ACCESS SHARE MODE"), IsOk());
  EXPECT_EQ(Garbage(), 1U);
  ASSERT_THAT(dump->Execute("COMMIT; CREATE VIEW v AS SELECT id FROM " + old.name), IsOk());
  EXPECT_EQ(Garbage(), 1U);
  Do("DROP VIEW v");
  EXPECT_EQ(Garbage(), 0U);
  EXPECT_THAT(Tables("\\_mirror\\_shadow%"), ElementsAre(present.name));
  EXPECT_THAT(ReadState(*connection_, names_, StateKind::kGarbage), IsOkAndHolds(IsEmpty()));
}

TEST_F(PostgresPopulation, WhatOneRelationKeepsWaitingHoldsUpNeitherTheOthersNorACommit) {
  const auto dump = Reader("pg_dump");
  Do("CREATE VIEW b_view AS SELECT 1 AS one");
  for (const char* const name : {"a1", "a2", "a3", "a4", "a5", "b_view", "z"}) {
    if (name != std::string("b_view")) Do(absl::StrCat("CREATE TABLE ", name, " (id int)"));
    if (name[0] == 'a') {
      ASSERT_THAT(dump->Execute(absl::StrCat("LOCK TABLE ", name, " IN ACCESS SHARE MODE")), IsOk());
    }
    MakeGarbage(*work_, name);
  }
  ASSERT_THAT(writes_.Send(*connection_), IsOk());
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(DropGarbage(*connection_, own_, names_, {{"z"}, std::chrono::milliseconds(150)}),
              IsOkAndHolds(6U));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(450));
  EXPECT_THAT(Tables("z"), IsEmpty());

  Do("CREATE TABLE c (id int)");
  MakeGarbage(*work_, "c");
  ASSERT_THAT(writes_.Send(*connection_), IsOk());
  EXPECT_THAT(DropGarbage(*connection_, own_, names_), IsOk());
  EXPECT_THAT(Tables("c"), IsEmpty()) << "it comes behind the one that is no table";
  EXPECT_THAT(See("SELECT relname::text FROM pg_class WHERE relname = 'b_view'"), ElementsAre("b_view"))
      << "what is no table of ours stays";
}

}  // namespace
}  // namespace mirror::population_test
