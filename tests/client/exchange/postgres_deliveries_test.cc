#include "client/exchange/postgres_deliveries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/exchange/postgres_box_triggers.h"
#include "client/exchange/postgres_exchange_tables.h"
#include "client/exchange/postgres_members.h"
#include "client/exchange/postgres_own_check.h"
#include "client/source/postgres/postgres_marks.h"
#include "proto/wire/exchange/match_key.h"
#include "proto/wire/row_digest.h"
#include "tests/client/source/postgres_source.h"

namespace mirror::postgres_deliveries_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;

void SetValue(const sqlite::Value& value, v1::Literal* literal) {
  switch (value.type) {
    case sqlite::Type::kInteger:
      return literal->set_int_value(value.integer);
    case sqlite::Type::kReal:
      return literal->set_double_value(value.real);
    case sqlite::Type::kText:
      return literal->set_text_value(value.bytes);
    case sqlite::Type::kBlob:
      return literal->set_bytes_value(value.bytes);
    case sqlite::Type::kNull:
      return literal->set_null_value(true);
  }
}

v1::Delivery Of(const std::string& id, v1::Operation operation, const std::string& table) {
  v1::Delivery delivery;
  delivery.set_delivery_id(id);
  delivery.set_operation(operation);
  delivery.set_table(table);
  return delivery;
}

void Add(v1::Delivery* delivery, const std::string& column, const std::string& value) {
  v1::DeliveredValue* const delivered = delivery->add_columns();
  delivered->set_column(column);
  delivered->set_version_ms(7);
  delivered->mutable_value()->set_text_value(value);
}

/// One row of customer(id, vat, name, city).
v1::Delivery Update(const std::string& id, std::int64_t key, const std::string& city,
                    const std::string& new_city) {
  v1::Delivery delivery = Of(id, v1::OPERATION_UPDATE, "customer");
  delivery.add_key()->set_int_value(key);
  Add(&delivery, "city", new_city);
  delivery.add_row_columns("city");
  RowDigest digest;
  digest.AddText(city);
  delivery.set_row_digest(digest.Finish());
  return delivery;
}
v1::Delivery Insert(const std::string& id, const std::string& vat, const std::string& city) {
  v1::Delivery delivery = Of(id, v1::OPERATION_INSERT, "customer");
  Add(&delivery, "vat", vat);
  Add(&delivery, "city", city);
  v1::MatchKey* const absent = delivery.add_absent();
  absent->set_table("customer");
  absent->add_columns("vat");
  absent->add_normalise(v1::NORMALISE_ALNUM);
  absent->add_values(NormaliseValue(Normalise::kAlnum, vat));
  return delivery;
}
v1::Delivery Delete(const std::string& id, std::int64_t key, const std::string& city) {
  v1::Delivery delivery = Update(id, key, city, "");
  delivery.set_operation(v1::OPERATION_DELETE);
  delivery.clear_columns();
  return delivery;
}

constexpr char kCustomer[] =
    "CREATE TABLE customer (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, vat text, name text, city text "
    "NOT NULL CHECK (city <> 'Hell'))";

/// A database that takes deliveries, and a clock that stands.
class PostgresDeliveriesTest : public PostgresSourceTest {
 protected:
  void Start(const std::string& sql) {
    Sql(sql);
    ASSERT_THAT(MakePostgresExchange(*connection_, "public"), IsOk());
    Open(conninfo_);
  }
  void Open(const std::string& conninfo) {
    PostgresDeliveriesOptions options;
    options.access.dsn = conninfo;
    options.access.lock_within = std::chrono::milliseconds(100);
    options.rules = {.inserts = true, .updates = true, .deletes = true};
    options.members.schema = "public";
    options.members.choice.exchange = true;
    options.members.records = [this] { return options_.records; };
    options.clock = [this] { return now_; };
    target_ = std::make_unique<PostgresDeliveries>(std::move(options));
  }
  /// What becomes of it: "APPLIED", or "REFUSED: reason".
  std::string Import(const v1::Delivery& delivery) {
    const absl::StatusOr<ImportResult> result = target_->Import(delivery);
    if (!result.ok()) return result.status().ToString();
    const std::string name = v1::DeliveryOutcome_Name(result->outcome).substr(sizeof("DELIVERY_OUTCOME"));
    return absl::StrCat(name, result->reason.empty() ? "" : ": ", result->reason);
  }
  /// All rows of a query of one text column.
  std::vector<std::string> Texts(const std::string& sql) {
    const auto rows = connection_->Query(sql);
    EXPECT_THAT(rows, IsOk()) << sql;
    std::vector<std::string> texts;
    for (int i = 0; rows.ok() && i < rows->rows(); ++i) texts.push_back(rows->Text(i, 0));
    return texts;
  }
  std::vector<std::string> Customers() {
    return Texts("SELECT concat_ws('|', id, vat, name, city) FROM customer ORDER BY id");
  }
  std::vector<std::string> Ledger() {
    return Texts(
        "SELECT concat_ws(' ', delivery_id, number, operation, table_name, key, state, wrote) FROM "
        "_mirror_ledger ORDER BY number");
  }

  /// What was noted beside a delivery's own row.
  std::vector<std::string> Others(const std::string& delivery) {
    return Texts(
        absl::StrCat("SELECT concat_ws(' ', operation, table_name, key, wrote) FROM _mirror_ledger WHERE "
                     "delivery_id LIKE '",
                     delivery, "/%' ORDER BY number"));
  }

  std::int64_t now_ = 1'700'000'000'000;
  std::unique_ptr<PostgresDeliveries> target_;
};

TEST_F(PostgresDeliveriesTest, AppliesAndNotesInTheLedger) {
  Start(kCustomer);
  EXPECT_EQ(Import(Insert("a", "NO 1", "Rome")), "APPLIED");
  EXPECT_EQ(Import(Update("b", 1, "Rome", "Oslo")), "APPLIED");
  EXPECT_THAT(Customers(), ElementsAre("1|NO 1|Oslo"));
  EXPECT_EQ(Import(Delete("c", 1, "Oslo")), "APPLIED");
  EXPECT_THAT(Customers(), IsEmpty());
  EXPECT_THAT(
      Ledger(),
      ElementsAre(
          R"(a 1 INSERT customer [1] APPLIED {"city":[7,"Rome","Rome"],"id":[1],"vat":[7,"NO 1","NO 1"]})",
          R"(b 2 UPDATE customer [1] APPLIED {"city":[7,"Oslo","Oslo"]})",
          "c 3 DELETE customer [1] APPLIED"));
  EXPECT_EQ(Import(Insert("a", "NO 1", "Rome")), "ALREADY");
  EXPECT_THAT(Customers(), IsEmpty());
}

TEST_F(PostgresDeliveriesTest, WhatIsNotAsTheHubKnewItIsAConflict) {
  Start(absl::StrCat(kCustomer, "; INSERT INTO customer (vat, city) VALUES ('no-1', 'Rome')"));
  const std::string before = Text("SELECT xmin::text FROM customer");
  EXPECT_EQ(Import(Update("a", 1, "Bern", "Oslo")), "CONFLICT: the row differs from what the hub knew");
  const std::string noted = Text("SELECT xmin::text FROM customer");
  EXPECT_NE(noted, before) << "the log has no entry of it";
  EXPECT_EQ(Import(Delete("b", 2, "Rome")), "CONFLICT: the row no longer exists");
  EXPECT_EQ(Import(Insert("c", "NO 1", "Oslo")), "CONFLICT: a matching row exists already");
  EXPECT_NE(Text("SELECT xmin::text FROM customer"), noted) << "the log has no entry of it";
  EXPECT_THAT(Customers(), ElementsAre("1|no-1|Rome"));
  EXPECT_THAT(Ledger(), IsEmpty());
}

TEST_F(PostgresDeliveriesTest, WhatIsImportedBehindTheEndLooksForMatchesAnew) {
  Start(kCustomer);
  EXPECT_EQ(Import(Insert("a", "NO 1", "Rome")), "APPLIED");
  target_->EndImport();
  Sql("INSERT INTO customer (vat, city) VALUES ('no 2', 'Ulm')");
  EXPECT_EQ(Import(Insert("b", "NO 2", "Oslo")), "CONFLICT: a matching row exists already");
}

TEST_F(PostgresDeliveriesTest, ARowThatSomebodyMadeMeanwhileMatches) {
  Start(kCustomer);
  EXPECT_EQ(Import(Insert("a", "NO 1", "Rome")), "APPLIED");
  Sql("INSERT INTO customer (vat, city) VALUES ('no 2', 'Ulm'), ('NO 3', 'Ulm')");
  EXPECT_EQ(Import(Insert("b", "NO 2", "Oslo")), "CONFLICT: a matching row exists already");
  Sql("DELETE FROM customer WHERE vat = 'NO 3'; UPDATE customer SET vat = 'NO 9' WHERE vat = 'NO 1'");
  EXPECT_EQ(Import(Insert("c", "NO 3", "Oslo")), "APPLIED");
  EXPECT_EQ(Import(Insert("d", "NO 9", "Oslo")), "CONFLICT: a matching row exists already");
}

TEST_F(PostgresDeliveriesTest, MatchesByWhatTheHubMakesOfTexts) {
  Start(kCustomer);
  const std::vector<std::string> texts = {"\u00c5ngstr\u00f6m",
                                          "\u00e5NGSTR\u00d6M",
                                          "\u0130-zmir",
                                          "izmir",
                                          "\u212aelvin",
                                          "kelvin",
                                          "\u4e2d 1",
                                          "Stra\u00dfe",
                                          " "};
  for (const std::string& text : texts) {
    ASSERT_THAT(connection_->Run("TRUNCATE customer"), IsOk());
    ASSERT_THAT(connection_->Run("INSERT INTO customer (vat, city) VALUES ($1, 'Rome')", {text}), IsOk());
    Open(conninfo_);
    const std::string normalised = NormaliseValue(Normalise::kAlnum, text);
    for (const std::string& other : texts) {
      if (NormaliseValue(Normalise::kAlnum, other).empty()) continue;
      const bool same = NormaliseValue(Normalise::kAlnum, other) == normalised;
      const std::string done = Import(Insert(absl::StrCat(text, other), other, "Hell"));
      EXPECT_THAT(done, StartsWith(same ? "CONFLICT" : "REFUSED")) << text << " and " << other;
    }
  }
}

TEST_F(PostgresDeliveriesTest, RefusalsTellNoValues) {
  Start(absl::StrCat(kCustomer,
                     "; CREATE UNIQUE INDEX by_vat ON customer (vat); "
                     "INSERT INTO customer (vat, city) VALUES ('NO 1', 'Rome'); "
                     "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.city "
                     "= 'Secret' THEN RAISE EXCEPTION 'not %', NEW.city; END IF; RETURN NEW; END $$; "
                     "CREATE TRIGGER no BEFORE UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION no()"));
  EXPECT_THAT(Import(Update("a", 1, "Rome", "Hell")), HasSubstr("check constraint 'customer_city_check'"));
  const std::string raised = Import(Update("b", 1, "Rome", "Secret"));
  EXPECT_THAT(raised, HasSubstr("REFUSED: "));
  EXPECT_THAT(raised, Not(HasSubstr("Secret")));
  v1::Delivery twice = Insert("c", "NO 1", "Rome");
  twice.clear_absent();
  const std::string unique = Import(twice);
  EXPECT_THAT(unique, HasSubstr("unique constraint 'by_vat'"));
  EXPECT_THAT(unique, Not(HasSubstr("NO 1")));
  EXPECT_EQ(Import(Update("a", 1, "Rome", "Hell")),
            "LATER: the delivery was refused before, and its next attempt is not due yet");
  now_ += 2 * kRefusedRestMs + 1;
  EXPECT_EQ(Import(Update("a", 1, "Rome", "Bern")), "APPLIED");
  EXPECT_THAT(Customers(), ElementsAre("1|NO 1|Bern"));
  EXPECT_THAT(Texts("SELECT state FROM _mirror_ledger ORDER BY delivery_id"),
              ElementsAre("APPLIED", "REFUSED", "REFUSED"));
}

TEST_F(PostgresDeliveriesTest, WhatWaitsForTheCommitIsRefusedBeforeIt) {
  Start(absl::StrCat(
      kCustomer,
      "; CREATE TABLE town (name text PRIMARY KEY); INSERT INTO town VALUES ('Rome'); INSERT INTO "
      "customer (city) VALUES ('Rome'); ALTER TABLE customer ADD CONSTRAINT lives FOREIGN KEY "
      "(city) REFERENCES town DEFERRABLE INITIALLY DEFERRED"));
  EXPECT_THAT(Import(Update("a", 1, "Rome", "Bern")), HasSubstr("foreign key constraint 'lives'"));
  EXPECT_THAT(Texts("SELECT state FROM _mirror_ledger"), ElementsAre("REFUSED"));
}

TEST_F(PostgresDeliveriesTest, RowsThatForeignKeysChangeAreNoted) {
  Start(absl::StrCat(
      kCustomer,
      "; ALTER TABLE customer ADD UNIQUE (city); INSERT INTO customer (vat, city) VALUES ('1', 'Rome'); "
      "CREATE TABLE orders (no int4 PRIMARY KEY, customer int8 REFERENCES customer ON DELETE CASCADE, town "
      "text REFERENCES customer (city) ON UPDATE CASCADE); CREATE TABLE line (id int4 PRIMARY KEY, no int4 "
      "REFERENCES orders ON DELETE CASCADE); CREATE TABLE note (id int4 PRIMARY KEY, no int4 REFERENCES "
      "orders ON DELETE SET NULL); INSERT INTO orders VALUES (5, 1, 'Rome'), (6, 1, NULL); INSERT INTO line "
      "VALUES (50, 5); INSERT INTO note VALUES (500, 5)"));
  EXPECT_EQ(Import(Update("a", 1, "Rome", "Oslo")), "APPLIED");
  EXPECT_THAT(
      Texts("SELECT concat_ws(' ', delivery_id, operation, table_name, key, wrote) FROM _mirror_ledger "
            "ORDER BY number OFFSET 1"),
      ElementsAre(R"(a/1 UPDATE orders [5] {"town":["Oslo"]})"));
  Sql("UPDATE orders SET town = NULL");
  EXPECT_EQ(Import(Delete("c", 1, "Oslo")), "APPLIED");
  EXPECT_THAT(Texts("SELECT concat_ws(' ', operation, table_name, key, wrote) FROM _mirror_ledger WHERE "
                    "delivery_id LIKE 'c/%'"),
              UnorderedElementsAre("DELETE line [50]", R"(UPDATE note [500] {"no":[null]})",
                                   "DELETE orders [5]", "DELETE orders [6]"));
}

/// Tables that a trigger of customer writes into: one row is changed, one made, one removed, each in its way.
constexpr char kTriggered[] =
    "CREATE TABLE region (name text PRIMARY KEY, customers int8, note text);"
    "CREATE TABLE visit (id int8, year int8, city text, PRIMARY KEY (id, year)) PARTITION BY RANGE (year);"
    "CREATE TABLE visit_1 PARTITION OF visit DEFAULT;"
    "CREATE TABLE todo (id int8 PRIMARY KEY, city text);"
    "CREATE TABLE trail (city text);"
    "INSERT INTO region VALUES ('north', 1, 'said'), ('south', 5, 'said');"
    "INSERT INTO todo VALUES (3, 'Rome'), (4, 'Ulm');"
    "CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "UPDATE public.region SET customers = customers + 1 WHERE name = 'north'; "
    "BEGIN INSERT INTO public.visit VALUES (NEW.id, 2026, NEW.city); "
    "EXCEPTION WHEN unique_violation THEN NULL; END; "
    "DELETE FROM public.todo WHERE city = 'Rome'; INSERT INTO public.trail VALUES (NEW.city); "
    "UPDATE public.region SET note = note WHERE name = 'south'; RETURN NEW; END $$;"
    "CREATE TRIGGER follow AFTER INSERT OR UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION follow()";

TEST_F(PostgresDeliveriesTest, RowsThatTriggersChangeAreNoted) {
  Start(absl::StrCat(kCustomer, "; INSERT INTO customer (vat, city) VALUES ('NO 1', 'Rome'); ", kTriggered));
  EXPECT_EQ(Import(Update("a", 1, "Rome", "Oslo")), "APPLIED");
  // What else stands in the row somebody may have said.
  EXPECT_THAT(Others("a"),
              UnorderedElementsAre(R"(UPDATE region ["north"] {"customers":[2]})",
                                   R"(INSERT visit [1,2026] {"city":["Oslo"],"id":[1],"year":[2026]})",
                                   "DELETE todo [3]"));
  // The session goes on counting: what the first did is none of the second's. Its visit is there already.
  EXPECT_EQ(Import(Update("b", 1, "Oslo", "Bern")), "APPLIED");
  EXPECT_THAT(Others("b"), ElementsAre(R"(UPDATE region ["north"] {"customers":[3]})"));
  Sql("DROP TRIGGER follow ON customer");
  EXPECT_EQ(Import(Update("c", 1, "Bern", "Ulm")), "APPLIED");
  EXPECT_THAT(Others("c"), IsEmpty());
}

TEST_F(PostgresDeliveriesTest, SoAreThoseBesideARowThatIsMade) {
  Start(absl::StrCat(kCustomer, "; ", kTriggered));
  EXPECT_EQ(Import(Insert("a", "NO 1", "Rome")), "APPLIED");
  EXPECT_THAT(Others("a"),
              UnorderedElementsAre(R"(UPDATE region ["north"] {"customers":[2]})",
                                   R"(INSERT visit [1,2026] {"city":["Rome"],"id":[1],"year":[2026]})",
                                   "DELETE todo [3]"));
}

TEST_F(PostgresDeliveriesTest, WhatOthersChangeBesideItIsTheirWish) {
  Start(absl::StrCat(kCustomer, "; INSERT INTO customer (vat, city) VALUES ('NO 1', 'Rome'); ", kTriggered,
                     "; INSERT INTO region VALUES ('east', 1, 'x'), ('west', 1, 'x')"));
  // One is open all the time, and one commits amid the delivery's transaction.
  const auto open = Connect(conninfo_);
  ASSERT_THAT(open->Execute("BEGIN; UPDATE public.region SET customers = 9 WHERE name = 'west'; "
                            "DELETE FROM public.region WHERE name = 'south'; "
                            "INSERT INTO public.region VALUES ('new', 1, NULL)"),
              IsOk());
  const auto amid = [this](const std::string& sql) {
    return absl::StrCat("PERFORM public.dblink_exec('", conninfo_, "', '", sql, "'); ");
  };
  Sql(absl::StrCat(
      "CREATE EXTENSION dblink; CREATE OR REPLACE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql "
      "AS $$ BEGIN UPDATE public.region SET customers = customers + 1 WHERE name = 'north'; ",
      amid("UPDATE public.region SET customers = 7 WHERE name = ''east''"),
      amid("INSERT INTO public.region VALUES (''other'', 1)"), "RETURN NEW; END $$"));
  EXPECT_EQ(Import(Update("a", 1, "Rome", "Oslo")), "APPLIED");
  EXPECT_THAT(Others("a"), ElementsAre(R"(UPDATE region ["north"] {"customers":[2]})"));
  EXPECT_THAT(Texts("SELECT customers::text FROM region WHERE name = 'east'"), ElementsAre("7"));
}

TEST_F(PostgresDeliveriesTest, ATriggerThatChangesTheRowItselfMakesItNoOther) {
  Start(absl::StrCat(
      kCustomer,
      "; INSERT INTO customer (vat, city) VALUES ('NO 1', 'Rome'), ('NO 2', 'Ulm');"
      "CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "UPDATE public.customer SET name = 'seen' WHERE id = NEW.id AND name IS DISTINCT FROM 'seen'; "
      "DELETE FROM public.customer WHERE id = 2; RETURN NEW; END $$;"
      "CREATE TRIGGER again AFTER UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION again()"));
  EXPECT_EQ(Import(Update("a", 1, "Rome", "Oslo")), "APPLIED");
  EXPECT_THAT(Others("a"), ElementsAre("DELETE customer [2]"));
}

TEST_F(PostgresDeliveriesTest, ARowThatATriggerGivesAnotherKeyIsOneThatWentAndOneThatCame) {
  Start(absl::StrCat(kCustomer, "; INSERT INTO customer (vat, city) VALUES ('NO 1', 'Rome'); ", kTriggered,
                     "; CREATE OR REPLACE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                     "UPDATE public.todo SET id = 40 WHERE id = 4; RETURN NEW; END $$"));
  EXPECT_EQ(Import(Update("a", 1, "Rome", "Oslo")), "APPLIED");
  EXPECT_THAT(Others("a"),
              UnorderedElementsAre("DELETE todo [4]", R"(INSERT todo [40] {"city":["Ulm"],"id":[40]})"));
}

TEST_F(PostgresDeliveriesTest, ATransactionThatAnotherWasInTheWayOfIsBegunAgain) {
  Start(absl::StrCat(
      kCustomer,
      "; INSERT INTO customer (city) VALUES ('Rome'); CREATE SEQUENCE tries; CREATE FUNCTION "
      "busy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('public.tries') <> "
      "current_setting('test.free', true)::int THEN RAISE EXCEPTION 'in the way' USING ERRCODE = "
      "'40001'; END IF; RETURN NEW; END $$; CREATE TRIGGER busy BEFORE UPDATE ON customer FOR "
      "EACH ROW EXECUTE FUNCTION busy()"));
  const std::string database = Text("SELECT current_database()::text");
  Sql(absl::StrCat("ALTER DATABASE \"", database, "\" SET test.free = '3'"));
  EXPECT_EQ(Import(Update("a", 1, "Rome", "Oslo")), "APPLIED");
  EXPECT_EQ(Text("SELECT last_value::text FROM tries"), "3");
  const std::string given_up = Import(Update("b", 1, "Oslo", "Ulm"));
  EXPECT_THAT(given_up, HasSubstr("Nothing of this delivery was applied"));
  EXPECT_EQ(Text("SELECT last_value::text FROM tries"),
            absl::StrCat(3 + PostgresDeliveries::kImportAttempts));
  EXPECT_THAT(Customers(), ElementsAre("1|Oslo"));
  EXPECT_THAT(Texts("SELECT delivery_id FROM _mirror_ledger"), ElementsAre("a"));
}

TEST_F(PostgresDeliveriesTest, ALockThatIsNotToBeHadEndsTheRun) {
  Start(absl::StrCat(kCustomer, "; INSERT INTO customer (city) VALUES ('Rome')"));
  const auto other = Connect(conninfo_);
  ASSERT_THAT(other->Execute("BEGIN"), IsOk());
  ASSERT_THAT(other->Execute("SELECT FROM public.customer FOR UPDATE"), IsOk());
  const absl::StatusOr<ImportResult> held = target_->Import(Update("a", 1, "Rome", "Oslo"));
  EXPECT_THAT(held.status().ToString(), HasSubstr("Nothing of this delivery was applied"));
  ASSERT_THAT(other->Execute("ROLLBACK"), IsOk());
  EXPECT_THAT(Ledger(), IsEmpty());
  EXPECT_EQ(Import(Update("a", 1, "Rome", "Oslo")), "APPLIED");
}

TEST_F(PostgresDeliveriesTest, WhetherACommitWasLostTheLedgerSays) {
  Start(kCustomer);
  PostgresProxy proxy(*server_);
  const std::string database = Text("SELECT current_database()::text");
  int number = 0;
  for (const auto cut : {PostgresProxy::Cut::kBeforeItArrives, PostgresProxy::Cut::kBeforeTheAnswer}) {
    Open(proxy.Conninfo(database));
    ASSERT_THAT(target_->EmptyInbox(), IsOk());
    proxy.CutAt("COMMIT", cut);
    const std::string vat = absl::StrCat("NO ", ++number);
    EXPECT_EQ(Import(Insert(vat, vat, "Rome")), "APPLIED");
    EXPECT_EQ(Customers().size(), static_cast<std::size_t>(number));
  }
}

TEST_F(PostgresDeliveriesTest, TheInboxIsFilledReadAndEmptied) {
  Start(absl::StrCat(kCustomer, "; INSERT INTO customer (city) VALUES ('Rome')"));
  EXPECT_THAT(Import(Update("old", 1, "Rome", "Hell")), StartsWith("REFUSED"));
  EXPECT_THAT(Import(Update("kept", 1, "Rome", "Hell")), StartsWith("REFUSED"));
  const FetchedDeliveries fetched = {{Update("kept", 1, "Rome", "Hell"), Update("b", 1, "Rome", "Ulm")},
                                     true};
  ASSERT_THAT(target_->FillInbox(fetched, now_), IsOk());
  EXPECT_THAT(Texts("SELECT delivery_id FROM _mirror_ledger"), ElementsAre("kept"));
  const auto read = target_->ReadInbox();
  ASSERT_THAT(read, IsOk());
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ(Import((*read)[1]), "APPLIED");
  EXPECT_THAT(Texts("SELECT delivery_id FROM _mirror_inbox"), ElementsAre("kept"));
  ASSERT_THAT(target_->FillInbox({{}, false}, now_ + kLedgerKeptMs + 1), IsOk());
  EXPECT_THAT(Texts("SELECT delivery_id FROM _mirror_ledger"), ElementsAre("kept"));
  ASSERT_THAT(target_->FillInbox(fetched, now_), IsOk());
  ASSERT_THAT(target_->EmptyInbox(), IsOk());
  EXPECT_THAT(Texts("SELECT delivery_id FROM _mirror_inbox"), IsEmpty());
}

TEST_F(PostgresDeliveriesTest, TheLedgerForgetsTheValuesOfRowsThatAreGone) {
  Start(absl::StrCat(kCustomer, "; INSERT INTO customer (city) VALUES ('Rome'), ('Rome')"));
  EXPECT_EQ(Import(Update("one", 1, "Rome", "Ulm")), "APPLIED");
  EXPECT_EQ(Import(Update("two", 2, "Rome", "Ulm")), "APPLIED");
  const std::string with_values = "SELECT delivery_id FROM _mirror_ledger WHERE wrote IS NOT NULL ORDER BY 1";
  ASSERT_THAT(target_->FillInbox({{}, true}, now_), IsOk());
  EXPECT_THAT(Texts(with_values), ElementsAre("one", "two"));
  ASSERT_THAT(connection_->Execute("DELETE FROM customer WHERE id = 1"), IsOk());
  ASSERT_THAT(target_->FillInbox({{}, true}, now_), IsOk());
  EXPECT_THAT(Texts(with_values), ElementsAre("two"));
  EXPECT_THAT(Texts("SELECT delivery_id FROM _mirror_ledger ORDER BY 1"), ElementsAre("one", "two"));
  ASSERT_THAT(connection_->Execute("DROP TABLE customer"), IsOk());
  ASSERT_THAT(target_->FillInbox({{}, true}, now_), IsOk());
  ASSERT_THAT(target_->FillInbox({{}, true}, now_), IsOk());
  EXPECT_THAT(Texts(with_values), IsEmpty());
}

TEST_F(PostgresDeliveriesTest, ASchemaMayBeCalledAsTheFunctionsTextHasIt) {
  const std::string schema = "odd %s@changes$mirror$ $_mirror$@tables";
  const std::string in = QuoteName(schema);
  Sql(absl::StrCat("CREATE SCHEMA ", in, "; CREATE TABLE ", in, ".customer (id int PRIMARY KEY, city text)"));
  PostgresTable table;
  table.oid = static_cast<std::uint32_t>(
      std::stoul(Text("SELECT c.oid::text FROM pg_class c WHERE relname = 'customer'")));
  table.name = "customer";
  table.quoted = absl::StrCat(in, ".customer");
  table.columns.resize(1);
  table.columns[0].name = "id";
  table.columns[0].number = 1;
  table.columns[0].type = 23;
  table.key = {1};
  const auto statements = BoxTriggerStatements(*connection_, schema, {table}, {}, BoxesBy::kSession);
  ASSERT_THAT(statements, IsOk());
  for (const std::string& sql : *statements) Sql(sql);
  Sql(absl::StrCat("INSERT INTO ", in, ".customer VALUES (7, 'Rome')"));
  EXPECT_THAT(Texts(absl::StrCat("SELECT concat_ws('|', table_name, key, operation) FROM ", in,
                                 "._mirror_datajoin_change")),
              ElementsAre("customer|[\"7\"]|I"));
  const auto again = BoxTriggerStatements(*connection_, schema, {table}, {}, BoxesBy::kSession);
  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(*again, IsEmpty());
}

TEST_F(PostgresDeliveriesTest, WhatAnotherRoleMadeIsNotWritten) {
  // Roles are of the whole server.
  Sql("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'eve') THEN CREATE ROLE eve LOGIN; "
      "END IF; "
      "END $$; GRANT CREATE ON SCHEMA public TO eve; SET ROLE eve; CREATE TABLE _mirror_exchange (one int8, "
      "completing int8, completed int8, ledger_number int8); CREATE FUNCTION fired() RETURNS trigger "
      "LANGUAGE "
      "plpgsql AS $$ BEGIN RAISE EXCEPTION 'fired as %', current_user; END $$; CREATE TRIGGER t BEFORE "
      "INSERT "
      "ON _mirror_exchange FOR EACH ROW EXECUTE FUNCTION fired(); RESET ROLE");
  const PostgresOwnNames names = {"public", PostgresExchangeNames()};
  const auto check = OwnCheckSql(names, "agent");
  ASSERT_THAT(check, IsOk());
  const auto refused = [&](const std::string& why) {
    EXPECT_THAT(MakePostgresExchange(*connection_, "public"),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         HasSubstr("cannot use public._mirror_exchange of the source: " + why)));
    EXPECT_THAT(PsqlSays(*check), HasSubstr("is not the exchange's: " + why));
  };
  refused("it belongs to the role eve");
  Sql("ALTER TABLE _mirror_exchange OWNER TO CURRENT_USER");
  refused("it has a trigger");
  Sql("DROP TRIGGER t ON _mirror_exchange; CREATE RULE r AS ON INSERT TO _mirror_exchange DO NOTHING");
  refused("it has a rule");
  Sql("DROP TABLE _mirror_exchange; CREATE VIEW _mirror_exchange AS SELECT 1 AS one");
  refused("it is no table");
  Sql("DROP VIEW _mirror_exchange");
  EXPECT_THAT(connection_->Execute(*check), IsOk());
  EXPECT_THAT(MakePostgresExchange(*connection_, "public"), IsOkAndHolds(true));
  EXPECT_THAT(connection_->Execute(*check), IsOk());
}

TEST_F(PostgresDeliveriesTest, ItsTablesAreMadeOnceAndDropped) {
  EXPECT_THAT(CheckPostgresExchange(*connection_, "public").ToString(), HasSubstr("mirror-agent install"));
  EXPECT_THAT(MakePostgresExchange(*connection_, "public"), IsOkAndHolds(true));
  EXPECT_THAT(MakePostgresExchange(*connection_, "public"), IsOkAndHolds(false));
  EXPECT_THAT(CheckPostgresExchange(*connection_, "public"), IsOk());
  EXPECT_THAT(DropPostgresExchange(*connection_, "public"), IsOkAndHolds(true));
  EXPECT_THAT(DropPostgresExchange(*connection_, "public"), IsOkAndHolds(false));
}

TEST_F(PostgresDeliveriesTest, CyclesAreNotedInItsRow) {
  EXPECT_THAT(PostgresMarks::AreIn(*connection_, "public"), IsOkAndHolds(false));
  Start(kCustomer);
  EXPECT_THAT(PostgresMarks::AreIn(*connection_, "public"), IsOkAndHolds(true));
  PostgresMarks marks({.dsn = conninfo_}, "public");
  ASSERT_THAT(marks.NoteCompleting(7), IsOk());
  const auto broken = marks.Read();
  ASSERT_THAT(broken, IsOk());
  EXPECT_TRUE(broken->broken());
  EXPECT_EQ(broken->completing, 7);
  ASSERT_THAT(marks.NoteCompleted(7), IsOk());
  EXPECT_FALSE(marks.Read()->broken());
}

/// Digests are those of the rows as the reader sends them, and what is written is what was read.
TEST_F(PostgresDeliveriesTest, ValuesAreAsTheReaderSendsThem) {
  const std::vector<std::pair<std::string, std::string>> values = {
      {"bool", "true"},
      {"int2", "-32768"},
      {"int8", "9223372036854775807"},
      {"oid", "4294967295"},
      {"float4", "16777215.5"},
      {"float8", "5e-324"},

      {"float8", "Infinity"},
      {"numeric(12,2)", "-12.5"},
      {"numeric", "-12345678901234567890.1000"},
      {"numeric", "NaN"},
      {"text", "\u00fc\u20ac\U0001f600 ''\\"},
      {"text", ""},
      {"varchar(10)", "a "},
      {"char(5)", "ab"},
      {"\"char\"", "x"},
      {"mood", "Happy"},
      {"json", "{\"a\":  1}"},
      {"jsonb", "{\"a\":  1}"},
      {"uuid", "00010203-0405-0607-0809-0a0b0c0d0e0f"},
      {"bytea", "\\x00ff5c"},
      {"bytea", ""},
      {"date", "0001-01-02"},
      {"date", "infinity"},
      {"timestamp", "9999-12-31 23:59:59.999999"},
      {"timestamp(3)", "2001-02-03 04:05:06.1234"},
      {"timestamptz(0)", "2001-01-01 02:00:01+02"},
      {"timestamptz", "2000-01-01 00:00:00.5+00"},
      {"time", "24:00:00"},
      {"time(1)", "23:59:59.94"},
      {"interval", "1 year 2 days 03:04:05.6"},
      {"inet", "10.0.0.1"},
      {"int4[]", "{1,NULL,3}"}};
  std::vector<std::string> columns, literals;
  for (std::size_t i = 0; i < values.size(); ++i) {
    columns.push_back(absl::StrCat("c", i, " ", values[i].first));
    literals.push_back(absl::StrCat("'", values[i].second, "'"));
  }
  Start(absl::StrCat(
      "CREATE TYPE mood AS ENUM ('sad', 'Happy'); CREATE TABLE typed (id int8 PRIMARY KEY, n int4, ",
      absl::StrJoin(columns, ", "),
      "); INSERT INTO typed (id) VALUES (1); INSERT INTO typed VALUES "
      "(2, 0, ",
      absl::StrJoin(literals, ", "), ")"));
  // The first one finds what does not fit.
  Look();
  EXPECT_FALSE(ReadAll(*reader_, Table("typed").schema).status.ok());
  Look();
  RangeDigest whole;
  const std::map<Key, std::uint64_t> digests = DigestsOfRead("typed", &whole);
  ASSERT_EQ(digests.size(), 2U);
  const std::string before = Text("SELECT string_agg(t::text, ' ' ORDER BY id) FROM typed t");
  const ExchangeRules rules;
  PostgresMembers members({.schema = "public", .records = [this] { return options_.records; }}, rules);
  ASSERT_THAT(members.Look(*connection_), IsOk());
  const PostgresMember* const member = members.Find("typed");
  ASSERT_NE(member, nullptr);
  const TableSchema& schema = Table("typed").schema;
  for (const auto& [key, digest] : digests) {
    v1::Delivery delivery = Of(absl::StrCat("d", key[0].integer), v1::OPERATION_UPDATE, "typed");
    delivery.add_key()->set_int_value(key[0].integer);
    const auto row = ReadPostgresRow(*connection_, members, *member,
                                     {{.type = sqlite::Type::kInteger, .integer = key[0].integer}},
                                     AllColumns(schema), false);
    ASSERT_THAT(row, IsOk());
    ASSERT_TRUE(*row);
    for (std::size_t i = 0; i < schema.columns.size(); ++i) {
      delivery.add_row_columns(schema.columns[i].name);
      if (i == 0) continue;
      v1::DeliveredValue* const value = delivery.add_columns();
      value->set_column(schema.columns[i].name);
      SetValue((**row)[i], value->mutable_value());
    }
    delivery.set_row_digest(digest);
    EXPECT_EQ(Import(delivery), "APPLIED") << key[0].integer;
  }
  EXPECT_EQ(Text("SELECT string_agg(t::text, ' ' ORDER BY id) FROM typed t"), before);
}

}  // namespace
}  // namespace mirror::postgres_deliveries_test
