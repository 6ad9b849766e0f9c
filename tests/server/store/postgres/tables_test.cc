#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/plan/schema_plan.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/tables/indexes.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "server/store/postgres/tables/present_table.h"
#include "server/store/postgres/tables/retired.h"
#include "tests/server/store/postgres/tables_bench.h"

// Definitions of mirrored tables in a real PostgreSQL.

namespace mirror::tables_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr auto kRefused = StatusCode::kFailedPrecondition;

TableSchema Ignoring(TableSchema table) {
  table.deletes = Deletes::kIgnore;
  return table;
}

TableSchema With(TableSchema table, Column column) {
  table.columns.push_back(std::move(column));
  return table;
}

Column Filled(Column column, Literal value) {
  column.backfill = Backfill::kDefault;
  column.default_value = std::move(value);
  return column;
}

class PostgresTables : public PostgresTablesBench {
 protected:
  std::vector<TouchedTable> Touched() {
    const auto found = FindTouched(*connection_, names_, *SelectAgreed(*connection_, names_));
    EXPECT_THAT(found.status(), IsOk());
    return found.ok() ? *found : std::vector<TouchedTable>();
  }
  std::string Print() { return *PrintOfDefinitions(*connection_, names_); }
  absl::Status Refit(const RefitTable& refit) {
    return InTransaction([&] {
      PostgresAgreed agreed = Agreed(refit.from.name);
      std::optional<StateRow> lost;
      absl::Status done = RunRefitTable(*work_, {}, refit, &agreed, &lost);
      return done.ok() ? RunAgreeSchema(*work_, {refit.to}, &agreed) : done;
    });
  }
  absl::Status Index(const std::string& name, const TableSchema& table, std::vector<IndexColumn> columns) {
    return InTransaction([&] {
      return ChangeIndex(*work_, {{name, table.name}, std::move(columns)}, &table);
    });
  }
};

TEST_F(PostgresTables, ATableIsMadeWithItsKeyAndNothingElse) {
  TableSchema table =
      NamedTable("It's \"one\"", {KeyColumn("b", Type::kText, 2), KeyColumn("a", Type::kDecimal),
                                  PlainColumn("n", Type::kDecimal), AnyColumn("any", Affinity::kBlob)});
  ASSERT_THAT(Create(table), IsOk());
  EXPECT_EQ(Columns(table.name), "b text, a text, n numeric, any text, _mirror_kinds bytea");
  EXPECT_THAT(See("SELECT pg_get_constraintdef(oid) AS c FROM pg_constraint WHERE conname LIKE "
                  "'\\_mirror\\_key\\_%'"),
              ElementsAre("PRIMARY KEY (a, b)"));
  EXPECT_THAT(Touched(), IsEmpty());
  ASSERT_THAT(Create(Keyless()), IsOk());
  EXPECT_EQ(Columns("keyless"), "name text, age bigint");
  EXPECT_THAT(See("SELECT relreplident AS r FROM pg_class WHERE relname = 'keyless'"), ElementsAre("f"));
  EXPECT_EQ(Agreed("KEYLESS").schema, Keyless());
  EXPECT_NE(Agreed("keyless").generation, Agreed(table.name).generation);
}

TEST_F(PostgresTables, WhatStandsUnderTheNameIsNotTaken) {
  Do(absl::StrCat("CREATE VIEW ", Name("people"), " AS SELECT 1 AS id"));
  EXPECT_THAT(Create(People()),
              StatusIs(kRefused, AllOf(HasSubstr("a view 'people'"), HasSubstr("Rename or drop"))));
  ASSERT_THAT(InTransaction([&] { return RunDropTable(*work_, "people", ""); }), IsOk());
  ASSERT_THAT(Create(People()), IsOk());
  EXPECT_THAT(Create(People()), StatusIs(kRefused, HasSubstr("Rename or drop")));
}

TEST_F(PostgresTables, AnOwnTableWhoseDefinitionSomebodyRemovedIsTakenWhereItIsAsAnnounced) {
  ASSERT_THAT(Create(People()), IsOk());
  Do(absl::StrCat("INSERT INTO ", Name("people"), " VALUES (1, 'Ada', 36)"));
  const std::int64_t generation = Agreed("people").generation;
  for (const char* const edited : {"DELETE FROM ", "UPDATE "}) {
    Do(absl::StrCat(edited, names_.definitions, *edited == 'U' ? " SET table_key = 'another'" : ""));
    EXPECT_THAT(SelectAgreed(*connection_, names_), IsOkAndHolds(IsEmpty()));
    ASSERT_THAT(Create(People(), /*lost_definition=*/true), IsOk());
    EXPECT_EQ(Agreed("people").schema, People());
    EXPECT_GT(Agreed("people").generation, generation);
    EXPECT_THAT(See("SELECT * FROM " + Name("people")), ElementsAre("1|Ada|36"));
  }
  Do(absl::StrCat("DELETE FROM ", names_.definitions));
  const auto is_refused =
      StatusIs(kRefused, AllOf(HasSubstr("_mirror_schema"), HasSubstr("'mirrorctl reset'")));
  EXPECT_THAT(Create(With(People(), PlainColumn("city", Type::kText)), /*lost_definition=*/true), is_refused);
  EXPECT_THAT(Create(Ignoring(People()), /*lost_definition=*/true), is_refused);
  Do(absl::StrCat("ALTER TABLE ", Name("people"), " ADD COLUMN theirs bigint"));
  EXPECT_THAT(Create(People(), /*lost_definition=*/true), is_refused) << "what is the partner's stays";
  const TableSchema any = NamedTable("any", {KeyColumn("id", Type::kInt64), AnyColumn("a", Affinity::kBlob)});
  ASSERT_THAT(Create(any), IsOk());
  Do(absl::StrCat("DELETE FROM ", names_.definitions));
  EXPECT_THAT(Create(any, /*lost_definition=*/true), is_refused)
      << "nobody knows of which kinds its values are";
}

TEST_F(PostgresTables, ColumnsChangeInPlaceAndRowsKeepWhatTheyHave) {
  ASSERT_THAT(Create(People()), IsOk());
  Do(absl::StrCat("INSERT INTO ", Name("people"), " VALUES (1, 'Ada', 36)"));
  Do(absl::StrCat("CREATE VIEW partner.names AS SELECT id, name FROM ", Name("people")));
  const std::string any = "it's 5";
  TableSchema after = NamedTable(
      "people", {KeyColumn("id", Type::kInt64), PlainColumn("NAME", Type::kText),
                 Filled(PlainColumn("on", Type::kDate), std::int64_t{0}),
                 Filled(AnyColumn("any", Affinity::kBlob), any),
                 Filled(AnyColumn("whole", Affinity::kInteger), 2.0), PlainColumn("empty", Type::kUuid)});
  ASSERT_THAT(
      Alter(after, {{DropColumn{"age"}, RenameColumn{"name", "NAME"}, AddColumn{after.columns[2]},
                     AddColumn{after.columns[3]}, AddColumn{after.columns[4]}, AddColumn{after.columns[5]}}}),
      IsOk());
  EXPECT_THAT(See(absl::StrCat("SELECT * FROM ", Name("people"))),
              ElementsAre("1|Ada|0001-01-01|\\x|it's 5|2|-"));
  EXPECT_THAT(See("SELECT * FROM partner.names"), ElementsAre("1|Ada"));
  const PostgresKinds kinds = KindsOf(after, Agreed("people").kinds);
  EXPECT_THAT(kinds.of_column, ElementsAre(PostgresKinds::kNone, PostgresKinds::kNone, PostgresKinds::kNone,
                                           0, 1, PostgresKinds::kNone));
  EXPECT_EQ(kinds.defaults, (std::string{static_cast<char>(Kind::kText), static_cast<char>(Kind::kInteger)}));
  EXPECT_THAT(See("SELECT count(*) AS n FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND "
                  "a.attnum = d.adnum WHERE attname IN ('on', 'any', 'whole')"),
              ElementsAre("0"));
  EXPECT_THAT(Touched(), IsEmpty());
}

TEST_F(PostgresTables, NobodyGetsTheKindsOfAColumnThatIsGone) {
  TableSchema table = With(With(People(), AnyColumn("a", Affinity::kBlob)), AnyColumn("b", Affinity::kBlob));
  ASSERT_THAT(Create(table), IsOk());
  TableSchema next = table;
  next.columns.erase(next.columns.begin() + 3);
  next = With(next, AnyColumn("A", Affinity::kBlob));
  next.columns.back().backfill = Backfill::kNone;
  ASSERT_THAT(Alter(next, {{DropColumn{"a"}, AddColumn{next.columns[4]}}}), IsOk());
  const PostgresKinds kinds = KindsOf(next, Agreed("people").kinds);
  EXPECT_EQ(kinds.of_column[3], 1U);
  EXPECT_EQ(kinds.of_column[4], 2U);
  ASSERT_THAT(Alter(People(), {{DropColumn{"b"}, DropColumn{"A"}}}), IsOk());
  EXPECT_EQ(Columns("people"), "id bigint, name text, age bigint");
  EXPECT_EQ(Agreed("people").kinds, "");
}

TEST_F(PostgresTables, AColumnThatAViewUsesIsNotDropped) {
  ASSERT_THAT(Create(People()), IsOk());
  Do(absl::StrCat("CREATE VIEW partner.ages AS SELECT age FROM ", Name("people")));
  const TableSchema after =
      NamedTable("people", {KeyColumn("id", Type::kInt64), PlainColumn("name", Type::kText)});
  EXPECT_THAT(Alter(after, {{DropColumn{"age"}}}),
              StatusIs(kRefused, AllOf(HasSubstr("'age'"), HasSubstr("view partner.ages"))));
  TableSchema narrower = after;
  narrower.columns.pop_back();
  narrower = With(narrower, PlainColumn("age", Type::kInt32));
  EXPECT_THAT(Alter(narrower, {{DropColumn{"name"}}}), IsOk());
}

TEST_F(PostgresTables, DroppedColumnsAreRememberedWhereTheTableStood) {
  ASSERT_THAT(Create(People()), IsOk());
  const TableSchema after = NamedTable("people", {KeyColumn("id", Type::kInt64)});
  const Position here{Lsn{7}, "line"};
  TableSchema between = People();
  between.columns.pop_back();
  ASSERT_THAT(Alter(between, {{DropColumn{"age"}}}, here), IsOk());
  ASSERT_THAT(Alter(after, {{DropColumn{"name"}}}, here), IsOk());
  EXPECT_THAT(LostColumns(Lost("PEOPLE"), here), ElementsAre("age", "name"));
  EXPECT_THAT(LostColumns(Lost("people"), {Lsn{8}, "line"}), IsEmpty());
  EXPECT_THAT(LostColumns(Lost("people"), {Lsn{7}, "other"}), IsEmpty());
  EXPECT_THAT(LostColumns(std::nullopt, here), IsEmpty());
}

TEST_F(PostgresTables, WhoeverReadsATableIsNamedAndTheTransactionGoesOn) {
  ASSERT_THAT(Create(People()), IsOk());
  auto reader = postgres::Connection::Open({.conninfo = conninfo_, .application_name = "pg_dump"});
  ASSERT_THAT(reader, IsOk());
  ASSERT_THAT((*reader)->Execute("BEGIN; SELECT * FROM " + Name("people")), IsOk());
  const absl::Status held = InTransaction([&]() -> absl::Status {
    const absl::Status locked = LockTable(*work_, "people");
    EXPECT_THAT(connection_->Execute("SELECT 1"), IsOk());
    return locked;
  });
  EXPECT_THAT(held,
              StatusIs(StatusCode::kAborted, AllOf(HasSubstr("'people'"), HasSubstr("'pg_dump' (process "))));
}

TEST_F(PostgresTables, TablesThatAreInUseAreWaitedForOnlySoLongAllInAll) {
  constexpr int kTables = 40;  // 100 ms each would be 4 s.
  const auto reader = Connect();
  ASSERT_THAT(reader->Execute("BEGIN"), IsOk());
  for (int i = 0; i < kTables; ++i) {
    ASSERT_THAT(Create(People(absl::StrCat("busy", i))), IsOk());
    ASSERT_THAT(reader->Execute("SELECT * FROM " + Name(absl::StrCat("busy", i))), IsOk());
  }
  ASSERT_THAT(Create(People("free")), IsOk());
  std::chrono::steady_clock::duration may_wait = kWaitsMax;
  work_->may_wait = &may_wait;
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(InTransaction([&] {
                for (int i = 0; i < kTables; ++i) {
                  EXPECT_THAT(LockTable(*work_, absl::StrCat("busy", i)), StatusIs(StatusCode::kAborted));
                }
                EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(3));
                EXPECT_THAT(LockTable(*work_, "busy0", "SHARE"), IsOk()) << "that keeps no reader waiting";
                return LockTable(*work_, "free");
              }),
              IsOk());
}

// --- Agreements -------------------------------------------------------------------------------------------

TEST_F(PostgresTables, APopulationFindsTheColumnsThatItNeeds) {
  ASSERT_THAT(Create(People()), IsOk());
  Do(absl::StrCat("CREATE VIEW partner.all_people AS SELECT * FROM ", Name("people")));
  TableSchema next =
      With(With(People(), PlainColumn("city", Type::kText)), AnyColumn("any", Affinity::kBlob));
  next.columns[1].name = "Name";
  ASSERT_THAT(Agree(next), IsOk());
  EXPECT_EQ(Columns("people"), "id bigint, Name text, age bigint, city text, any text, _mirror_kinds bytea");
  EXPECT_EQ(KindsOf(next, Agreed("people").kinds).of_column[4], 0U);
  next.name = "PEOPLE";
  ASSERT_THAT(Agree(next), IsOk());
  EXPECT_THAT(See("SELECT count(*) AS n FROM " + Name("PEOPLE")), ElementsAre("0"));
  EXPECT_THAT(SelectAgreed(*connection_, names_)->size(), 1U);
}

TEST_F(PostgresTables, AnotherKeyOrTypeIsRefusedWhereSomethingDependsOnTheTable) {
  ASSERT_THAT(Create(People()), IsOk());
  TableSchema other_key = People(), other_type = People();
  other_key.columns[0].key_position = 0;
  other_key.columns[1].key_position = 1;
  other_key.columns[1].nullable = false;
  other_type.columns[2] = PlainColumn("age", Type::kText);
  ASSERT_THAT(Agree(other_key), IsOk());
  ASSERT_THAT(Agree(People()), IsOk());
  Do(absl::StrCat("CREATE VIEW partner.names AS SELECT name FROM ", Name("people")));
  for (const TableSchema& table : {other_key, other_type}) {
    EXPECT_THAT(Agree(table),
                StatusIs(kRefused, AllOf(HasSubstr("view partner.names"), HasSubstr("Drop or change"))));
    EXPECT_EQ(Agreed("people").schema, People());
  }
  TableSchema hashed = People();
  hashed.columns[0].rule = Rule::kHashed;
  hashed.columns[2].rule = Rule::kHashed;
  EXPECT_THAT(Agree(hashed), StatusIs(kRefused, HasSubstr("view partner.names")));
  ASSERT_THAT(InTransaction([&] { return NoteEmptied(*work_, "people", FindKeptOut(People(), hashed)); }),
              IsOk());
  EXPECT_THAT(State(StateKind::kEmptied, "people"), SizeIs(1)) << "the rule holds all the same";
}

TEST_F(PostgresTables, ColumnNumbersThatAreUsedUpAreARefusalToo) {
  ASSERT_THAT(Create(People()), IsOk());
  Do(absl::StrCat("CREATE VIEW partner.names AS SELECT name FROM ", Name("people")));
  Do(absl::StrCat("DO $$BEGIN FOR i IN 1..1597 LOOP ALTER TABLE ", Name("people"),
                  " ADD COLUMN c int; ALTER TABLE ", Name("people"), " DROP COLUMN c; END LOOP; END$$"));
  EXPECT_THAT(Agree(With(People(), PlainColumn("city", Type::kText))),
              StatusIs(kRefused, AllOf(HasSubstr("1600"), HasSubstr("partner.names"))));
  Column city = PlainColumn("city", Type::kText);
  city.backfill = Backfill::kNone;
  EXPECT_THAT(Alter(With(People(), city), {{AddColumn{city}}}), StatusIs(kRefused));
}

TEST_F(PostgresTables, ADeferrableConstraintIsRefusedByName) {
  ASSERT_THAT(Create(People()), IsOk());
  Do(absl::StrCat("ALTER TABLE ", Name("people"), " ADD CONSTRAINT one_name UNIQUE (name) DEFERRABLE"));
  EXPECT_THAT(Agree(People()), StatusIs(kRefused, HasSubstr("'one_name' that is DEFERRABLE")));
  const std::vector<TouchedTable> touched = Touched();
  ASSERT_THAT(touched, SizeIs(1));
  EXPECT_THAT(touched[0].lacks, HasSubstr("'one_name'"));
}

TEST_F(PostgresTables, WhatARuleKeepsOutIsEmptiedBehindTheAgreement) {
  const TableSchema people = With(People(), PlainColumn("note", Type::kText));
  ASSERT_THAT(Create(people), IsOk());
  Do(absl::StrCat("INSERT INTO ", Name("people"), " VALUES (1, 'Ada', 36, 'x'), (2, NULL, 45, NULL)"));
  Do(absl::StrCat("CREATE VIEW partner.names AS SELECT name, note FROM ", Name("people")));
  TableSchema masked = people;
  masked.columns[1].rule = Rule::kMasked;
  masked.columns[3].rule = Rule::kLeftOut;
  ASSERT_THAT(Agree(masked), IsOk());
  masked.columns[2].rule = Rule::kLeftOut;
  ASSERT_THAT(Agree(masked), IsOk());
  const std::vector<StateRow> notes = State(StateKind::kEmptied, "people");
  ASSERT_THAT(notes, SizeIs(2));
  EXPECT_THAT(See("SELECT name FROM " + Name("people")), ElementsAre("Ada", "-"));
  std::vector<std::string> emptied;
  for (const StateRow& note : notes) {
    ASSERT_THAT(InTransaction([&] {
                  const auto done = EmptyColumns(*work_, note);
                  if (done.ok()) emptied.insert(emptied.end(), done->begin(), done->end());
                  return done.status();
                }),
                IsOk());
  }
  EXPECT_THAT(emptied, ElementsAre("name", "note", "age"));
  EXPECT_THAT(See("SELECT * FROM " + Name("people") + " ORDER BY id"), ElementsAre("1|-|-|-", "2|-|-|-"));
  EXPECT_THAT(State(StateKind::kEmptied), IsEmpty());
  ASSERT_THAT(Agree(people), IsOk());
  EXPECT_THAT(State(StateKind::kEmptied), IsEmpty()) << "a rule that went keeps nothing out";
}

TEST_F(PostgresTables, OnlyTheAgreedTableIsEmptied) {
  ASSERT_THAT(Create(People("People")), IsOk());
  Do(absl::StrCat("INSERT INTO ", Name("People"), " VALUES (1, 'Ada', 36); CREATE TABLE ", Name("people"),
                  " AS SELECT * FROM ", Name("People")));
  TableSchema masked = People("People");
  masked.columns[1].name = "Name";
  masked.columns[1].rule = Rule::kMasked;
  ASSERT_THAT(Agree(masked), IsOk());
  const std::vector<StateRow> notes = State(StateKind::kEmptied, "people");
  ASSERT_THAT(notes, SizeIs(1));
  ASSERT_THAT(InTransaction([&] { return EmptyColumns(*work_, notes[0]).status(); }), IsOk());
  EXPECT_THAT(See("SELECT * FROM " + Name("People")), ElementsAre("1|-|36"));
  EXPECT_THAT(See("SELECT * FROM " + Name("people")), ElementsAre("1|Ada|36"));

  Do("DROP TABLE " + Name("People"));
  ASSERT_THAT(InTransaction([&] { return EmptyColumns(*work_, notes[0]).status(); }), IsOk());
  EXPECT_THAT(See("SELECT * FROM " + Name("people")), ElementsAre("1|Ada|36"));
}

TEST_F(PostgresTables, ANoteWhoseKeySomebodyChangedEmptiesNoTableThatIsMirrored) {
  TableSchema pals = People("pals");
  pals.columns[2].rule = Rule::kMasked;
  for (const TableSchema& table : {People(), pals}) {
    ASSERT_THAT(Create(table), IsOk());
    Do(absl::StrCat("INSERT INTO ", Name(table.name), " VALUES (1, 'Ada', 36)"));
    ASSERT_THAT(InTransaction([&] { return NoteEmptied(*work_, "people", {"name", "age"}); }), IsOk());
    Do(absl::StrCat("UPDATE ", names_.state, " SET table_key = '", table.name, "'"));
    ASSERT_THAT(InTransaction([&] {
                  WriteRecord(writes_, names_, {.table = table.name, .position = {Lsn{5}, "five"}});
                  return absl::OkStatus();
                }),
                IsOk());
    const std::vector<StateRow> notes = State(StateKind::kEmptied, table.name);
    ASSERT_THAT(notes, SizeIs(1));
    ASSERT_THAT(InTransaction([&] { return EmptyColumns(*work_, notes[0]).status(); }), IsOk());
    EXPECT_THAT(State(StateKind::kEmptied), IsEmpty());
  }
  EXPECT_THAT(See("SELECT * FROM " + Name("people")), ElementsAre("1|Ada|36"));
  EXPECT_THAT(See("SELECT * FROM " + Name("pals")), ElementsAre("1|Ada|-"));
}

TEST_F(PostgresTables, ATableThatSomebodyDroppedIsAgreedAllTheSame) {
  ASSERT_THAT(Create(People()), IsOk());
  Do("DROP TABLE " + Name("people"));
  EXPECT_THAT(Agree(With(People(), PlainColumn("city", Type::kText))), IsOk());
  EXPECT_FALSE(Agreed("people").is_there);
}

// --- What others did --------------------------------------------------------------------------------------

TEST_F(PostgresTables, ThePrintIsOfThisSchemaAlone) {
  ASSERT_THAT(Create(People()), IsOk());
  const std::string before = Print();
  Do("CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.people (id bigint PRIMARY KEY)");
  EXPECT_EQ(Print(), before);
  Do("ALTER TABLE " + Name("people") + " RENAME TO former");
  EXPECT_NE(Print(), before);
}

TEST_F(PostgresTables, ATableThatInheritsFromTheMirrorsIsTold) {
  ASSERT_THAT(Create(People()), IsOk());
  EXPECT_THAT(CheckNoHeirs(*connection_, names_), IsOk());
  const std::string before = Print();
  Do("CREATE TABLE " + Name("Heir") + " () INHERITS (" + Name("people") + ")");
  EXPECT_NE(Print(), before);
  EXPECT_THAT(CheckNoHeirs(*connection_, names_),
              StatusIs(kRefused, AllOf(HasSubstr("inherits from"), HasSubstr("\"Heir\" NO INHERIT"))));
  Do("ALTER TABLE " + Name("Heir") + " NO INHERIT " + Name("people"));
  EXPECT_THAT(CheckNoHeirs(*connection_, names_), IsOk());
}

TEST_F(PostgresTables, WhatSomebodyChangedIsFound) {
  for (const char* const name : {"a", "b", "c", "d", "e", "f", "g", "h"})
    ASSERT_THAT(Create(People(name)), IsOk());
  ASSERT_THAT(Create(Ignoring(People("kept"))), IsOk());
  const std::string before = Print();
  EXPECT_EQ(Print(), before);
  Do(absl::StrCat("ALTER TABLE ", Name("a"), " ADD COLUMN extra int, ADD COLUMN more text DEFAULT 'x'"));
  EXPECT_NE(Print(), before);
  Do(absl::StrCat("ALTER TABLE ", Name("b"), " DROP COLUMN age"));
  Do(absl::StrCat("ALTER TABLE ", Name("c"), " ALTER COLUMN age TYPE integer"));
  Do(absl::StrCat("ALTER TABLE ", Name("d"), " ADD COLUMN must int NOT NULL"));
  Do(absl::StrCat(
      "ALTER TABLE ", Name("e"), " DROP CONSTRAINT ",
      See("SELECT conname FROM pg_constraint WHERE conrelid = '" + Name("e") + "'::regclass").at(0)));
  Do(absl::StrCat("DROP TABLE ", Name("f")));
  Do(absl::StrCat("ALTER TABLE ", Name("kept"), " ADD COLUMN note text"));
  Do("CREATE ROLE dba_of_tables; ALTER TABLE " + Name("g") + " DROP COLUMN name; GRANT CREATE ON SCHEMA " +
     names_.schema + " TO dba_of_tables; ALTER TABLE " + Name("g") + " OWNER TO dba_of_tables");
  const auto touched = [](const char* table, std::vector<std::string> columns, std::string lacks,
                          bool ours = true) {
    return TouchedTable{table, std::move(columns), std::move(lacks), ours};
  };
  EXPECT_THAT(Touched(),
              ElementsAre(touched("a", {"extra", "more"}, ""), touched("b", {}, "it has no column 'age'"),
                          touched("c", {}, "its column 'age' is int4 and not bigint"),
                          touched("d", {"must"}, "its column 'must' is NOT NULL and has no default"),
                          touched("e", {}, "its primary key is not the source's"),
                          touched("g", {}, "another role made it: rename or drop it", false)));
  Do("DROP TABLE " + Name("g") + "; DROP OWNED BY dba_of_tables; DROP ROLE dba_of_tables");
}

TEST_F(PostgresTables, WhatDependsOnATableIsNamed) {
  ASSERT_THAT(Create(People()), IsOk());
  const auto of = [&](const std::string& column = "") {
    const auto found = FindDependants(*connection_, names_, "people", column);
    EXPECT_THAT(found.status(), IsOk());
    return found.ok() ? *found : std::vector<std::string>();
  };
  Do(absl::StrCat("CREATE INDEX mine ON ", Name("people"), " (lower(name)); ALTER TABLE ", Name("people"),
                  " ADD CONSTRAINT self FOREIGN KEY (age) REFERENCES ", Name("people"), " (id)"));
  EXPECT_THAT(of(), IsEmpty());
  Do(absl::StrCat("CREATE TABLE partner.orders (person bigint CONSTRAINT whose REFERENCES ", Name("people"),
                  "); CREATE VIEW partner.names AS SELECT name FROM ", Name("people"),
                  "; CREATE MATERIALIZED VIEW partner.ages AS SELECT age FROM ", Name("people"),
                  "; CREATE FUNCTION partner.f(p ", Name("people"),
                  ") RETURNS int LANGUAGE sql AS 'SELECT 1'"));
  EXPECT_THAT(of(), UnorderedElementsAre("constraint whose on table partner.orders", "view partner.names",
                                         "materialized view partner.ages", HasSubstr("function partner.f(")));
  EXPECT_THAT(of("name"), ElementsAre("view partner.names"));
}

TEST_F(PostgresTables, WhatGuardsATableOrTellsOfItIsNamedToo) {
  ASSERT_THAT(Create(People()), IsOk());
  Do(absl::StrCat("ALTER TABLE ", Name("people"), " ENABLE ROW LEVEL SECURITY; CREATE POLICY grown ON ",
                  Name("people"), " USING (age > 17); CREATE PUBLICATION theirs FOR TABLE ", Name("people")));
  EXPECT_THAT(FindDependants(*connection_, names_, "people"),
              IsOkAndHolds(UnorderedElementsAre("its row security", HasSubstr("policy grown"),
                                                HasSubstr("publication theirs"))));
  TableSchema other = People();
  other.columns[1].type = Type::kBytes;
  EXPECT_THAT(Agree(other), StatusIs(kRefused, HasSubstr("row security")));
}

TEST_F(PostgresTables, AViewInTheTablesPlaceThatSomebodyReadsIsNotWaitedFor) {
  Do(absl::StrCat("CREATE VIEW ", Name("people"), " AS SELECT 1 AS id"));
  const auto reader = Connect();
  ASSERT_THAT(
      reader->Execute(absl::StrCat("SET application_name = pg_dump; BEGIN; SELECT * FROM ", Name("people"))),
      IsOk());
  const auto drop = [&] { return InTransaction([&] { return RunDropTable(*work_, "people", ""); }); };
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(drop(), StatusIs(StatusCode::kAborted, AllOf(HasSubstr("'people'"), HasSubstr("'pg_dump'"))));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(3));
  ASSERT_THAT(reader->Execute("COMMIT"), IsOk());
  EXPECT_THAT(drop(), IsOk());
  EXPECT_THAT(Create(People()), IsOk());
}

// --- Tables that IGNORE deletes ---------------------------------------------------------------------------

TEST_F(PostgresTables, AnOrdinaryTableIsRefittedToOneThatIgnores) {
  ASSERT_THAT(Create(People()), IsOk());
  Do(absl::StrCat("INSERT INTO ", Name("people"), " VALUES (1, 'Ada', 36)"));
  Do(absl::StrCat("ALTER TABLE ", Name("people"), " ADD COLUMN note text DEFAULT 'mine'"));
  TableSchema next = Ignoring(With(People(), PlainColumn("city", Type::kText)));
  next.columns[1].name = "full name";
  next.columns[2].type = Type::kText;
  Column city = next.columns[3];
  city.backfill = Backfill::kNone;
  ASSERT_THAT(Refit({People(),
                     next,
                     {{RenameColumn{"name", "full name"}, AddColumn{city}}},
                     {{People().columns[2], next.columns[2]}},
                     {"name"}}),
              IsOk());
  Do(absl::StrCat("INSERT INTO ", Name("people"), " (id, age) VALUES (100, 'x')"));
  EXPECT_THAT(
      See("SELECT id, \"full name\", age, note, city, _mirror_owned FROM " + Name("people") + " ORDER BY id"),
      ElementsAre("1|-|36|mine|-|1", "100|-|x|mine|-|-"));
  EXPECT_THAT(Touched(), IsEmpty());
  TableSchema taken = With(next, PlainColumn("note", Type::kText));
  EXPECT_THAT(Refit({next, taken, {{AddColumn{taken.columns[4]}}}}),
              StatusIs(kRefused, AllOf(HasSubstr("'note'"), HasSubstr("Rename or drop"))));
  Do(absl::StrCat("ALTER TABLE ", Name("people"), " DROP COLUMN city"));
  EXPECT_THAT(Refit({next, next}), StatusIs(kRefused, HasSubstr("it has no column 'city'")));
}

TEST_F(PostgresTables, RowsBecomeTheMirrorsWithoutBeingWritten) {
  const TableSchema people = People();
  ASSERT_THAT(Create(people), IsOk());
  Do(absl::StrCat("INSERT INTO ", Name("people"), " SELECT n, 'Ada', n FROM generate_series(1, 100) AS n"));
  const auto written = [&] {
    return See("SELECT DISTINCT xmin, count(*) FROM " + Name("people") + " GROUP BY 1");
  };
  const std::vector<std::string> before = written();
  ASSERT_THAT(Refit({people, Ignoring(people)}), IsOk());
  EXPECT_EQ(written(), before);
  Do(absl::StrCat("INSERT INTO ", Name("people"), " VALUES (101, 'theirs', 1)"));
  EXPECT_THAT(See("SELECT _mirror_owned, count(*) FROM " + Name("people") + " GROUP BY 1 ORDER BY 1"),
              ElementsAre("1|100", "-|1"));
  ASSERT_THAT(Refit({people, Ignoring(people)}), IsOk()) << "the column is there already";
  EXPECT_THAT(See("SELECT _mirror_owned, count(*) FROM " + Name("people") + " GROUP BY 1"),
              ElementsAre("1|101"));
}

TEST_F(PostgresTables, ATypeWaitsForWhoWouldFindTheTableEmpty) {
  const TableSchema people = Ignoring(People());
  ASSERT_THAT(Create(people), IsOk());
  Do(absl::StrCat("INSERT INTO ", Name("people"), " VALUES (1, 'Ada', 36, 1)"));
  const auto reader = Connect();
  ASSERT_THAT(
      reader->Execute("SET application_name = pg_dump; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1"),
      IsOk());
  TableSchema next = people;
  next.columns[2].type = Type::kText;
  const RefitTable refit = {people, next, {}, {{people.columns[2], next.columns[2]}}};
  EXPECT_THAT(Refit(refit),
              StatusIs(StatusCode::kAborted, AllOf(HasSubstr("'people'"), HasSubstr("'pg_dump'"))));
  EXPECT_EQ(*reader->Number("SELECT count(*) FROM " + Name("people")), 1);
  ASSERT_THAT(reader->Execute("COMMIT"), IsOk());
  ASSERT_THAT(Refit(refit), IsOk());
  EXPECT_THAT(See("SELECT age FROM " + Name("people")), ElementsAre("36"));
}

TEST_F(PostgresTables, ARuleLeavesWhatThePartnerWrote) {
  const TableSchema people = Ignoring(People());
  ASSERT_THAT(Create(people), IsOk());
  Do(absl::StrCat("INSERT INTO ", Name("people"),
                  " VALUES (1, 'a', 1, 1), (2, 'b', 2, 0), (3, 'own', 3, NULL)"));
  TableSchema masked = people;
  masked.columns[1].rule = Rule::kMasked;
  ASSERT_THAT(Refit({people, masked, {}, {}, {"name"}}), IsOk());
  EXPECT_THAT(See("SELECT id, name FROM " + Name("people") + " ORDER BY id"),
              ElementsAre("1|-", "2|-", "3|own"));
  EXPECT_THAT(State(StateKind::kEmptied), IsEmpty());
}

TEST_F(PostgresTables, ATypeThatAnIndexOfTheMirrorsOwnCannotHaveIsNotRefusedForIt) {
  const TableSchema people = Ignoring(People());
  ASSERT_THAT(Create(people), IsOk());
  ASSERT_THAT(Index("_mirror_index_1_a", people, {{"name", false, Collation::kNocase}}), IsOk());
  TableSchema next = people;
  next.columns[1] = PlainColumn("name", Type::kInt64);
  ASSERT_THAT(Refit({people, next, {}, {{people.columns[1], next.columns[1]}}}), IsOk());
  EXPECT_THAT(FindOwnIndexes(*connection_, names_), IsOkAndHolds(IsEmpty()));
}

// --- Set aside --------------------------------------------------------------------------------------------

TEST_F(PostgresTables, ARetiredTableIsAsideUntilItsGraceIsOver) {
  ASSERT_THAT(Create(People()), IsOk());
  ASSERT_THAT(Index("_mirror_index_1_a", People(), {{"name"}}), IsOk());
  Do(absl::StrCat("CREATE VIEW partner.names AS SELECT name FROM ", Name("people")));
  ASSERT_THAT(InTransaction([&] { return RunRetireTable(*work_, "people", "_mirror_shadow_9", 5).status(); }),
              IsOk());
  EXPECT_THAT(SelectAgreed(*connection_, names_), IsOkAndHolds(SizeIs(0)));
  EXPECT_THAT(FindOwnIndexes(*connection_, names_), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(See("SELECT * FROM partner.names"), IsEmpty());
  ASSERT_THAT(Create(People()), IsOk());
  const std::vector<StateRow> dropped = State(StateKind::kDropped);
  ASSERT_THAT(dropped, SizeIs(1));
  EXPECT_EQ(dropped[0].number, 5);
  ASSERT_THAT(InTransaction([&] { return DropRetired(*work_, dropped, 5); }), IsOk());
  EXPECT_THAT(State(StateKind::kDropped), SizeIs(1)) << "the moment itself is within the grace";
  ASSERT_THAT(InTransaction([&] { return DropRetired(*work_, dropped, 6); }), IsOk());
  EXPECT_THAT(State(StateKind::kDropped), IsEmpty());
  EXPECT_THAT(State(StateKind::kGarbage),
              UnorderedElementsAre(StateRow{"_mirror_shadow_9", 0, std::nullopt},
                                   StateRow{dropped[0].table_key, 0, std::nullopt}));
  EXPECT_THAT(InTransaction([&] { return RunRetireTable(*work_, "unknown", "", 5).status(); }), IsOk());
}

TEST_F(PostgresTables, ANameThatSomebodyWroteInPlaceOfOneThatWasSetAsideIsLeftAlone) {
  ASSERT_THAT(Create(Ignoring(People())), IsOk());
  Do(absl::StrCat("INSERT INTO ", Name("people"), " VALUES (1, 'Ada', 36, 1), (2, 'own', 1, NULL)"));
  PutState(writes_, names_, StateKind::kDropped, {"people", 5, "people"});
  ASSERT_THAT(InTransaction([&] { return DropRetired(*work_, {{"people", 5, "people"}}, 6); }), IsOk());
  EXPECT_THAT(See("SELECT id FROM " + Name("people") + " ORDER BY 1"), ElementsAre("1", "2"));
  EXPECT_THAT(State(StateKind::kDropped), IsEmpty());
  EXPECT_THAT(State(StateKind::kGarbage), IsEmpty());
}

TEST_F(PostgresTables, OneWithRowsOfThePartnersStaysWithThoseAlone) {
  for (const char* const name : {"kept", "plain"}) {
    ASSERT_THAT(Create(Ignoring(People(name))), IsOk());
    Do(absl::StrCat("INSERT INTO ", Name(name), " VALUES (1, 'a', 1, 1)"));
  }
  Do(absl::StrCat("INSERT INTO ", Name("kept"), " VALUES (2, 'own', 1, NULL), (3, 'left', 1, 0)"));
  for (const char* const name : {"kept", "plain"})
    ASSERT_THAT(InTransaction([&] { return RunRetireTable(*work_, name, "", 5).status(); }), IsOk());
  const std::vector<StateRow> dropped = State(StateKind::kDropped);
  ASSERT_THAT(dropped, SizeIs(2));
  const std::string kept = dropped[0].table_key;
  EXPECT_THAT(SetAside(*connection_, names_, dropped, ""), IsOkAndHolds(ElementsAre(kept)));
  EXPECT_THAT(SetAside(*connection_, names_, dropped, "KEPT"), IsOkAndHolds(ElementsAre(kept)));
  EXPECT_THAT(SetAside(*connection_, names_, dropped, "plain"), IsOkAndHolds(IsEmpty()));
  ASSERT_THAT(InTransaction([&] { return DropRetired(*work_, dropped, 100); }), IsOk());
  EXPECT_THAT(See("SELECT id FROM " + Name(kept)), ElementsAre("2", "3"));
  const std::vector<StateRow> stays = State(StateKind::kDropped);
  EXPECT_THAT(SetAside(*connection_, names_, stays, ""), IsOkAndHolds(ElementsAre(kept)));
  ASSERT_THAT(InTransaction([&] { return DropRetired(*work_, stays, 1'000'000); }), IsOk());
  EXPECT_EQ(State(StateKind::kDropped), stays);
}

TEST_F(PostgresTables, WithATableGoesAllThatIsKnownOfIt) {
  ASSERT_THAT(Create(People()), IsOk());
  ASSERT_THAT(Alter(NamedTable("people", {KeyColumn("id", Type::kInt64), PlainColumn("name", Type::kText)}),
                    {{DropColumn{"age"}}}),
              IsOk());
  Do("INSERT INTO " + names_.receipts + " VALUES (3, 'people', 1, 0, 1, 'x'), (3, 'other', 1, 0, 1, 'x')");
  Do("INSERT INTO " + names_.state +
     " VALUES (4, 'people', 0, 'x'), (7, 'people', 0, 'x'), (7, 'other', 0, 'x')");
  ASSERT_THAT(InTransaction([&] { return RunDropTable(*work_, "people", "people"); }), IsOk());
  EXPECT_THAT(See("SELECT table_key FROM " + names_.receipts), ElementsAre("other"));
  EXPECT_THAT(See("SELECT kind, table_key FROM " + names_.state + " ORDER BY 1"),
              ElementsAre("7|other", HasSubstr("14|_mirror_dropped_")));
  EXPECT_THAT(Create(People()), IsOk());
}

// --- Indexes ----------------------------------------------------------------------------------------------

TEST_F(PostgresTables, OwnIndexesAreMadeAndDropped) {
  const TableSchema people = People();
  ASSERT_THAT(Create(people), IsOk());
  const std::string name = "_mirror_index_1_a", set = "_mirror_index_set_2_\"b\"";
  ASSERT_THAT(Index(name, people, {{"NAME", true, Collation::kNocase}, {"age", false, Collation::kNocase}}),
              IsOk());
  ASSERT_THAT(Index(set, people, {{"age"}, {"name"}}), IsOk());
  EXPECT_THAT(Index("mine", people, {{"age"}}), StatusIs(kRefused, HasSubstr("not the mirror's own")));
  Do(absl::StrCat("CREATE INDEX partners ON ", Name("people"), " (age)"));
  EXPECT_THAT(FindOwnIndexes(*connection_, names_),
              IsOkAndHolds(UnorderedElementsAre(OwnIndex{name, "people"}, OwnIndex{set, "people"})));
  EXPECT_THAT(See("SELECT indexdef FROM pg_indexes WHERE indexname = '" + name + "'"),
              ElementsAre(HasSubstr("btree (lower(name) DESC, age)")));
  ASSERT_THAT(Index(name, people, {}), IsOk());
  EXPECT_THAT(FindOwnIndexes(*connection_, names_), IsOkAndHolds(SizeIs(1)));
}

TEST_F(PostgresTables, AnIndexThatAValueIsTooLongForIsNotMadeAndThatIsKnown) {
  const TableSchema people = People();
  const OwnIndex named{"_mirror_index_1_a", "people", true}, lower{"_mirror_index_2_b", "people", true};
  const auto too_long = [&] { return ReadTooLong(State(StateKind::kTooLong)); };
  for (const std::size_t bytes : {3'000, 20'000}) {  // PostgreSQL names the index of the first alone.
    ASSERT_THAT(Create(people), IsOk());
    Do(absl::StrCat("INSERT INTO ", Name("people"), " VALUES (1, '", Incompressible(bytes), "', 36)"));
    for (int i = 0; i < 2; ++i) ASSERT_THAT(Index(named.name, people, {{"name"}}), IsOk());
    ASSERT_THAT(Index(lower.name, people, {{"name", false, Collation::kNocase}, {"age"}}), IsOk());
    ASSERT_THAT(Index("_mirror_index_3_c", people, {{"age"}}), IsOk());
    EXPECT_THAT(FindOwnIndexes(*connection_, names_),
                IsOkAndHolds(ElementsAre(OwnIndex{"_mirror_index_3_c", "people"})));
    EXPECT_THAT(too_long(), ElementsAre(named, lower));
    ASSERT_THAT(Index(named.name, people, {}), IsOk());
    EXPECT_THAT(too_long(), ElementsAre(lower));
    std::vector<StateRow> moved = State(StateKind::kTooLong);
    moved.at(0).table_key = "another";
    EXPECT_THAT(ReadTooLong(moved), IsEmpty()) << "somebody changed its key";
    ASSERT_THAT(InTransaction([&] { return RunDropTable(*work_, "people", ""); }), IsOk());
    EXPECT_THAT(too_long(), IsEmpty());
  }
}

TEST_F(PostgresTables, OfItsOwnIndexesThoseOfAnyLengthAreDroppedAndNoneOfThePartners) {
  const TableSchema people = With(People(), PlainColumn("city", Type::kBytes));
  ASSERT_THAT(Create(people), IsOk());
  ASSERT_THAT(Index("_mirror_index_1_a", people, {{"age"}}), IsOk());
  ASSERT_THAT(Index("_mirror_index_2_b", people, {{"age"}, {"name", false, Collation::kRtrim}}), IsOk());
  ASSERT_THAT(Index("_mirror_index_set_3_c", people, {{"city"}}), IsOk());
  Do(absl::StrCat("CREATE INDEX theirs ON ", Name("people"), " (name)"));
  const auto drop = [&] {
    return InTransaction([&] { return DropIndexesOfAnyLength(*work_, "people").status(); });
  };
  const auto reader = Connect();
  ASSERT_THAT(reader->Execute("BEGIN; SELECT * FROM " + Name("people")), IsOk());
  EXPECT_THAT(drop(), StatusIs(StatusCode::kAborted, HasSubstr("'people'")));
  ASSERT_THAT(reader->Execute("COMMIT"), IsOk());
  ASSERT_THAT(drop(), IsOk());
  EXPECT_THAT(See("SELECT indexname FROM pg_indexes WHERE tablename = 'people' AND indexname NOT LIKE "
                  "'%key%' ORDER BY 1"),
              ElementsAre("_mirror_index_1_a", "theirs"));
}

TEST_F(PostgresTables, ObjectsOfTheSourceAreKeptByTable) {
  SourceObjects objects;
  objects.indexes = {{"i", true, {{"name", true, Collation::kNocase}}}};
  const auto write = [&](const ObjectsChange& change) {
    return InTransaction([&] {
      WriteObjects(*work_, change);
      return absl::OkStatus();
    });
  };
  ASSERT_THAT(write({"people", SourceObjects{}}), IsOk());
  ASSERT_THAT(write({"PEOPLE", objects}), IsOk());
  ASSERT_THAT(write({"gone", objects}), IsOk());
  ASSERT_THAT(write({"Gone", std::nullopt}), IsOk());
  EXPECT_THAT(ReadObjects(State(StateKind::kObjects)), ElementsAre(KeptObjects{"PEOPLE", objects}));
  EXPECT_THAT(ReadObjects({{"people", 0, "damaged"}}), IsEmpty());
  std::vector<StateRow> moved = State(StateKind::kObjects);
  moved.at(0).table_key = "another";
  EXPECT_THAT(ReadObjects(moved), IsEmpty()) << "somebody changed its key";
}

}  // namespace
}  // namespace mirror::tables_test
