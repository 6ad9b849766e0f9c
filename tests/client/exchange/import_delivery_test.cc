#include "client/exchange/import_delivery.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "client/exchange/inbox.h"
#include "client/exchange/ledger_rows.h"
#include "tests/client/exchange/exchange_source.h"

// Each rule of the exchange's model by its name, as far as a source keeps it.

namespace mirror::import_delivery_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::int64_t kMinute = 60'000;

class ImportDelivery : public ExchangeSource {
 protected:
  void StartCustomers(const std::string& more = "", std::vector<std::string> tables = {"customer"}) {
    Start(absl::StrCat(kCustomer, "; INSERT INTO customer VALUES (1, 'NO 1', 'Ada', 'Rome'); ", more),
          tables);
  }
  static v1::Delivery Rename(const std::string& id, std::int64_t key, const char* name,
                             const char* new_name) {
    v1::Delivery delivery = Of(id, v1::OPERATION_UPDATE, "customer");
    SetLiteral(key, delivery.add_key());
    Add(&delivery, "name", new_name);
    delivery.add_row_columns("name");
    RowDigest digest;
    digest.AddText(name);
    delivery.set_row_digest(digest.Finish());
    return delivery;
  }
  std::vector<std::string> Ledger() {
    return Rows(
        "SELECT number, delivery_id, operation, table_name, key, state, wrote FROM _mirror_ledger "
        "ORDER BY number");
  }
};

TEST_F(ImportDelivery, WritesNamedColumnsAlone) {
  StartCustomers();
  EXPECT_EQ(Import(Update("d1", 1, "Rome", "Oslo")), "APPLIED");
  EXPECT_THAT(Rows("SELECT * FROM customer"), ElementsAre("1|NO 1|Ada|Oslo"));
  EXPECT_THAT(Ledger(), ElementsAre(R"(1|d1|UPDATE|customer|[1]|APPLIED|{"city":[7,"Oslo","Oslo"]})"));
  EXPECT_THAT(Log("_mirror_ledger"), ElementsAre("d1"));
  EXPECT_EQ(Import(Update("d1", 1, "Rome", "Oslo")), "ALREADY");
  EXPECT_EQ(Import(Delete("d2", 1, "Oslo")), "APPLIED");
  EXPECT_THAT(Rows("SELECT * FROM customer"), IsEmpty());
}

TEST_F(ImportDelivery, DigestLock) {
  StartCustomers();
  const v1::Delivery fetched = Update("d1", 1, "Rome", "Oslo");
  application_->Run("UPDATE customer SET city = 'Bern'");
  EXPECT_THAT(Import(fetched), StartsWith("CONFLICT"));
  EXPECT_THAT(Import(Delete("d2", 1, "Rome")), StartsWith("CONFLICT"));
  EXPECT_THAT(Rows("SELECT city FROM customer"), ElementsAre("Bern"));
  EXPECT_THAT(Ledger(), IsEmpty());
}

TEST_F(ImportDelivery, ARowInConflictIsSentAsAnUpdateWhereItStands) {
  StartCustomers();
  EXPECT_THAT(Import(Update("d1", 1, "Oslo", "Bern")), StartsWith("CONFLICT"));
  EXPECT_THAT(Import(Update("d2", 2, "Oslo", "Bern")), StartsWith("CONFLICT"));
  // All columns of the one; of the other that it is gone.
  EXPECT_THAT(Rows("SELECT k0, m0 FROM _mirror_log_1 ORDER BY seq DESC LIMIT 2"),
              ElementsAre("2|NULL", absl::StrCat("1|", (std::int64_t{1} << 62) - 1)));
}

TEST_F(ImportDelivery, DigestTellsTypesApart) {
  Start(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 5), (2, '5'), (3, 5.0), "
      "(4, x'35'), (5, NULL)",
      {"t"});
  for (const std::int64_t key : {1, 2, 3, 4, 5}) {
    v1::Delivery delivery = Of(absl::StrCat("d", key), v1::OPERATION_DELETE, "t");
    SetLiteral(key, delivery.add_key());
    delivery.add_row_columns("v");
    RowDigest digest;
    digest.AddInteger(5);
    delivery.set_row_digest(digest.Finish());
    EXPECT_THAT(Import(delivery), StartsWith(key == 1 ? "APPLIED" : "CONFLICT")) << key;
  }
}

TEST_F(ImportDelivery, AbsenceLock) {
  StartCustomers();
  EXPECT_EQ(Import(Insert("d1", "NO2", "Oslo")), "APPLIED");
  // It is one with what was inserted before, in whatever form, and with what a user inserts meanwhile.
  EXPECT_THAT(Import(Insert("d2", "no-1", "Oslo")), StartsWith("CONFLICT: a matching row"));
  EXPECT_THAT(Import(Insert("d3", "NO 2", "Oslo")), StartsWith("CONFLICT"));
  application_->Run("INSERT INTO customer (vat) VALUES ('no.3')");
  EXPECT_THAT(Import(Insert("d4", "NO 3", "Oslo")), StartsWith("CONFLICT"));
  EXPECT_THAT(Rows("SELECT id, vat FROM customer"), ElementsAre("1|NO 1", "2|NO2", "3|no.3"));
  // A row that went stands in nobody's way, and one that came back does again.
  application_->Run("DELETE FROM customer WHERE id = 3");
  EXPECT_EQ(Import(Insert("d5", "NO 3", "Oslo")), "APPLIED");
  application_->Run("UPDATE customer SET vat = 'x' WHERE id = 1");
  EXPECT_EQ(Import(Insert("d6", "NO 1", "Oslo")), "APPLIED");
  EXPECT_THAT(Import(Insert("d7", "NO 1", "Oslo")), StartsWith("CONFLICT"));
}

TEST_F(ImportDelivery, ConflictNoted) {
  StartCustomers();
  EXPECT_THAT(Import(Update("d1", 1, "Bern", "Oslo")), StartsWith("CONFLICT"));
  EXPECT_THAT(Import(Insert("d2", "NO 1", "Oslo")), StartsWith("CONFLICT"));
  EXPECT_THAT(Import(Update("d3", 9, "Bern", "Oslo")), "CONFLICT: the row no longer exists");
  EXPECT_THAT(Log("customer"), ElementsAre("1", "1", "9"));
}

TEST_F(ImportDelivery, InsertTellsWhatTheDatabaseMade) {
  StartCustomers(
      "CREATE TRIGGER shout AFTER INSERT ON customer BEGIN UPDATE customer SET city = "
      "upper(new.city), name = 'n/a' WHERE id = new.id; END");
  EXPECT_EQ(Import(Insert("d1", "NO 2", "Oslo")), "APPLIED");
  EXPECT_THAT(Ledger(), ElementsAre(R"(1|d1|INSERT|customer|[2]|APPLIED|{"city":[7,"Oslo","OSLO"],"id":[2],)"
                                    R"("name":["n/a"],"vat":[7,"NO 2","NO 2"]})"));
}

TEST_F(ImportDelivery, ANumberOf17DigitsIsWholeInAColumnOfTexts) {
  StartCustomers();
  v1::Delivery delivery = Update("d1", 1, "Rome", "");
  delivery.mutable_columns(0)->mutable_value()->set_double_value(123456789.12345679);
  EXPECT_EQ(Import(delivery), "APPLIED");
  delivery = Update("d2", 1, "123456789.12345679", "");
  delivery.mutable_columns(0)->mutable_value()->set_double_value(12.5);
  EXPECT_EQ(Import(delivery), "APPLIED");
  EXPECT_THAT(Rows("SELECT city FROM customer"), ElementsAre("12.5"));
}

TEST_F(ImportDelivery, AnInfinityThatADatabaseMakesIsRefusedAndTakenBack) {
  Start(
      "CREATE TABLE price (id INTEGER PRIMARY KEY, amount REAL, doubled REAL); CREATE TABLE total (id "
      "INTEGER "
      "PRIMARY KEY, sum REAL); INSERT INTO price VALUES (1, 1.5, 0.0); INSERT INTO total VALUES (1, 1.0); "
      "CREATE TRIGGER twice AFTER UPDATE OF amount ON price BEGIN UPDATE price SET doubled = new.amount * 2 "
      "WHERE id = new.id; UPDATE total SET sum = new.amount * 4; END",
      {"price", "total"});
  const auto update = [](const std::string& id, const char* amount) {
    v1::Delivery delivery = Of(id, v1::OPERATION_UPDATE, "price");
    SetLiteral(std::int64_t{1}, delivery.add_key());
    Add(&delivery, "amount", amount);
    delivery.add_row_columns("amount");
    RowDigest digest;
    digest.AddReal(1.5);
    delivery.set_row_digest(digest.Finish());
    return delivery;
  };
  EXPECT_EQ(Import(update("d1", "1e400")),
            "REFUSED: column 'amount' of table 'price' would hold an infinity, which no mirror can hold");
  EXPECT_EQ(Import(update("d2", "-1e308")),
            "REFUSED: column 'doubled' of table 'price' would hold an infinity, which no mirror can hold");
  EXPECT_EQ(Import(update("d3", "0.5e308")),
            "REFUSED: column 'sum' of table 'total' would hold an infinity, which no mirror can hold");
  EXPECT_THAT(Rows("SELECT amount, doubled, sum FROM price, total"), ElementsAre("1.5|0.0|1.0"));
  EXPECT_THAT(Rows("SELECT delivery_id, state FROM _mirror_ledger ORDER BY number"),
              ElementsAre("d1|REFUSED", "d2|REFUSED", "d3|REFUSED"));
  EXPECT_EQ(Import(update("d4", "2.5")), "APPLIED");
  v1::Delivery insert = Of("d5", v1::OPERATION_INSERT, "price");
  Add(&insert, "amount", "-9e999");
  EXPECT_THAT(Import(insert), StartsWith("REFUSED: column 'amount'"));
  EXPECT_THAT(Rows("SELECT id, amount FROM price"), ElementsAre("1|2.5"));
}

TEST_F(ImportDelivery, SideEffects) {
  StartCustomers(
      "CREATE TRIGGER stamp AFTER UPDATE OF city ON customer BEGIN UPDATE customer SET name = "
      "'moved' WHERE id = new.id; END");
  v1::Delivery delivery = Update("d1", 1, "Rome", "Oslo");
  delivery.add_row_columns("name");
  RowDigest digest;
  digest.AddText("Rome");
  digest.AddText("Ada");
  delivery.set_row_digest(digest.Finish());
  EXPECT_EQ(Import(delivery), "APPLIED");
  EXPECT_THAT(Ledger(), ElementsAre(HasSubstr(R"({"city":[7,"Oslo","Oslo"],"name":["moved"]})")));
}

TEST_F(ImportDelivery, SideEffectsAreTheColumnsThatTheStatementChanged) {
  StartCustomers(
      "INSERT INTO customer VALUES (2, 'NO 2', 'Bob', 'Bern'); CREATE TRIGGER siblings AFTER UPDATE OF city "
      "ON "
      "customer BEGIN UPDATE customer SET name = new.city WHERE id <> new.id; END");
  application_->Run("UPDATE customer SET city = 'Ulm' WHERE id = 2");  // Nobody's business here.
  ASSERT_EQ(Rows("SELECT name FROM customer WHERE id = 1"), std::vector<std::string>{"Ulm"});
  EXPECT_EQ(Import(Update("d1", 1, "Rome", "Oslo")), "APPLIED");
  EXPECT_THAT(Rows("SELECT operation, key, wrote FROM _mirror_ledger WHERE delivery_id = 'd1/1'"),
              ElementsAre(R"(UPDATE|[2]|{"name":["Oslo"]})"));
}

TEST_F(ImportDelivery, CascadeNoted) {
  StartCustomers(
      "CREATE TABLE sales_order (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer ON DELETE "
      "CASCADE, text TEXT); INSERT INTO sales_order VALUES (10, 1, 'a'), (11, 1, 'b'); "
      "CREATE TABLE total (city TEXT PRIMARY KEY, customers INTEGER); INSERT INTO total VALUES ('Rome', 1); "
      "CREATE TRIGGER count AFTER DELETE ON customer BEGIN UPDATE total SET customers = customers - 1; END",
      {"customer", "sales_order", "total"});
  EXPECT_EQ(Import(Delete("d1", 1, "Rome")), "APPLIED");
  std::vector<std::string> ledger = Ledger();
  std::sort(ledger.begin() + 1, ledger.end(),
            [](const std::string& a, const std::string& b) { return a.substr(6) < b.substr(6); });
  EXPECT_EQ(ledger.at(0), "1|d1|DELETE|customer|[1]|APPLIED|NULL");
  EXPECT_THAT(Rows("SELECT operation, table_name, key, wrote FROM _mirror_ledger WHERE delivery_id GLOB "
                   "'d1/*' ORDER BY table_name, key"),
              ElementsAre("DELETE|sales_order|[10]|NULL", "DELETE|sales_order|[11]|NULL",
                          R"(UPDATE|total|["Rome"]|{"customers":[0]})"));
  EXPECT_THAT(Rows("SELECT ledger_number FROM _mirror_exchange"), ElementsAre("4"));
}

TEST_F(ImportDelivery, Accepts) {
  rules_ = {.updates = true, .tables = {"cust*"}, .columns = {"customer.city"}};
  StartCustomers(
      "CREATE TABLE other (id INTEGER PRIMARY KEY, city TEXT); INSERT INTO other VALUES (1, 'Rome')",
      {"customer", "other"});
  EXPECT_THAT(Import(Insert("d1", "NO 2", "Oslo")), HasSubstr("REFUSED: 'accept'"));
  EXPECT_THAT(Import(Delete("d2", 1, "Rome")), HasSubstr("REFUSED: 'accept'"));
  v1::Delivery other = Update("d3", 1, "Rome", "Oslo");
  other.set_table("other");
  EXPECT_THAT(Import(other), HasSubstr("REFUSED: 'accept_tables'"));
  v1::Delivery name = Update("d4", 1, "Rome", "Oslo");
  Add(&name, "name", "Eve");
  EXPECT_THAT(Import(name), HasSubstr("REFUSED: 'accept_columns' does not include 'customer.name'"));
  EXPECT_EQ(Import(Update("d5", 1, "Rome", "Oslo")), "APPLIED");
  EXPECT_THAT(Rows("SELECT * FROM customer"), ElementsAre("1|NO 1|Ada|Oslo"));
}

TEST_F(ImportDelivery, Backoff) {
  StartCustomers();
  const v1::Delivery delivery = Update("d1", 1, "Rome", "Hell");
  EXPECT_THAT(Import(delivery), HasSubstr("REFUSED: the database refused it: CHECK constraint failed"));
  for (const std::int64_t minutes : {4, 8, 16}) {
    now_ += minutes * kMinute - 1;
    EXPECT_THAT(Import(delivery), StartsWith("LATER"));
    ++now_;
    EXPECT_THAT(Import(delivery), StartsWith("REFUSED"));
  }
  EXPECT_EQ(TriedAgainAt(60, now_), now_ + 24 * 60 * kMinute);
  // The application learns to take it.
  application_->Run("UPDATE customer SET city = 'Rome'; PRAGMA ignore_check_constraints = ON");
  now_ += 24 * 60 * kMinute;
  EXPECT_EQ(Import(Update("d1", 1, "Rome", "Oslo")), "APPLIED");
  EXPECT_THAT(Ledger(), ElementsAre(HasSubstr("5|d1|UPDATE|customer|[1]|APPLIED")));
  EXPECT_THAT(Rows("SELECT attempts, next_at, reason FROM _mirror_ledger"), ElementsAre("0|0|NULL"));
}

TEST_F(ImportDelivery, RefusedLeavesNothing) {
  StartCustomers(
      "CREATE UNIQUE INDEX one_name ON customer (name); CREATE TABLE city (name TEXT PRIMARY KEY); "
      "CREATE TABLE visit (id INTEGER PRIMARY KEY, city TEXT REFERENCES city DEFERRABLE INITIALLY DEFERRED); "
      "CREATE TRIGGER no AFTER UPDATE OF city ON customer WHEN new.city = 'Bern' BEGIN SELECT "
      "RAISE(ROLLBACK, 'no Bern'); END; "
      "CREATE TRIGGER still BEFORE UPDATE OF city ON customer WHEN new.city = 'Nice' BEGIN SELECT "
      "RAISE(IGNORE); END; ",
      {"customer", "visit"});
  v1::Delivery name = Insert("d1", "NO 2", "Oslo");
  Add(&name, "name", "Ada");
  EXPECT_EQ(Import(name), "REFUSED: the database refused it: UNIQUE constraint failed: customer.name");
  EXPECT_EQ(Import(Update("d2", 1, "Rome", "Bern")), "REFUSED: the database refused it: no Bern");
  EXPECT_THAT(Import(Update("d3", 1, "Rome", "Nice")),
              HasSubstr("REFUSED: a trigger of the source prevented"));
  v1::Delivery visit = Of("d4", v1::OPERATION_INSERT, "visit");
  Add(&visit, "city", "Atlantis");
  EXPECT_THAT(Import(visit), HasSubstr("REFUSED: the database refused it: FOREIGN KEY"));
  v1::Delivery taken = Insert("d5", "NO 5", "Oslo");
  SetLiteral(std::int64_t{1}, taken.add_key());
  EXPECT_THAT(Import(taken), HasSubstr("REFUSED: a row with this key exists"));
  EXPECT_THAT(Rows("SELECT * FROM customer"), ElementsAre("1|NO 1|Ada|Rome"));
  EXPECT_THAT(Rows("SELECT * FROM visit"), IsEmpty());
  EXPECT_THAT(Rows("SELECT delivery_id, state, attempts FROM _mirror_ledger ORDER BY number"),
              ElementsAre("d1|REFUSED|1", "d2|REFUSED|1", "d3|REFUSED|1", "d4|REFUSED|1", "d5|REFUSED|1"));
  EXPECT_THAT(Log("customer"), IsEmpty());
}

TEST_F(ImportDelivery, AForeignKeyThatRestrictsIsNoTrigger) {
  StartCustomers(
      "CREATE TABLE visit (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer ON DELETE "
      "RESTRICT); ",
      {"customer", "visit"});
  application_->Run("INSERT INTO visit VALUES (1, 1)");
  EXPECT_EQ(Import(Delete("d1", 1, "Rome")),
            "REFUSED: the database refused it: FOREIGN KEY constraint failed");
  EXPECT_THAT(Rows("SELECT * FROM customer"), ElementsAre("1|NO 1|Ada|Rome"));
}

constexpr char kThreeNames[] =
    "UPDATE customer SET name = 'A'; INSERT INTO customer VALUES (2, 'NO 2', 'B', 'Rome'), (3, 'NO 3', 'C', "
    "'Rome')";

TEST_F(ImportDelivery, RowsThatPassOnAUniqueValueAreWrittenTogether) {
  StartCustomers("CREATE UNIQUE INDEX one_name ON customer (name); ", {"customer"});
  application_->Run(kThreeNames);
  const v1::Delivery first = Rename("d1", 1, "A", "B"), second = Rename("d2", 2, "B", "C"),
                     third = Rename("d3", 3, "C", "A");
  ASSERT_THAT(FillInbox(importer_->file(), {{first, second, third}, true}, now_), IsOk());
  EXPECT_EQ(Import(first), "APPLIED");
  EXPECT_THAT(Rows("SELECT id, name FROM customer ORDER BY id"), ElementsAre("1|B", "2|C", "3|A"));
  EXPECT_THAT(Rows("SELECT delivery_id, state FROM _mirror_ledger ORDER BY delivery_id"),
              ElementsAre("d1|APPLIED", "d2|APPLIED", "d3|APPLIED"));
  EXPECT_THAT(Rows("SELECT * FROM _mirror_inbox"), IsEmpty());
  EXPECT_EQ(Import(second), "ALREADY");
}

TEST_F(ImportDelivery, RowsThatSwapAUniqueValueWaitForNoTimeOfTheirOwn) {
  StartCustomers("CREATE UNIQUE INDEX one_name ON customer (name); ", {"customer"});
  application_->Run(kThreeNames);
  const v1::Delivery first = Rename("d1", 1, "A", "B"), second = Rename("d2", 2, "B", "A");
  // Alone it is refused.
  EXPECT_THAT(Import(second), HasSubstr("REFUSED: the database refused it: UNIQUE"));
  ASSERT_THAT(FillInbox(importer_->file(), {{first, second}, true}, now_), IsOk());
  Open();  // Each run has an importer of its own.
  EXPECT_EQ(Import(first), "APPLIED");
  EXPECT_THAT(Rows("SELECT id, name FROM customer ORDER BY id"), ElementsAre("1|B", "2|A", "3|C"));
}

TEST_F(ImportDelivery, DeliveriesThatWaitInTheInboxAreFoundByTheirRows) {
  StartCustomers("", {"customer"});
  v1::Delivery other = Of("d4", v1::OPERATION_UPDATE, "company");
  SetLiteral(1, other.add_key());
  ASSERT_THAT(FillInbox(importer_->file(),
                        {{Insert("d1", "NO 1", "Rome"), Rename("d2", 1, "A", "B"), Delete("d3", 2, "Rome"),
                          other, Rename("d5", 1, "B", "C")},
                         true},
                        now_),
              IsOk());
  application_->Run("INSERT INTO _mirror_inbox (delivery_id, position, body) VALUES ('theirs', 9, x'ffff')");
  const auto rows = InboxRows::Read(importer_->file());
  ASSERT_THAT(rows, IsOk());
  const auto find = [&](const std::string& table, const std::vector<std::int64_t>& keys) {
    std::vector<RowOf> asked;
    for (const std::int64_t key : keys) asked.push_back({{.type = sqlite::Type::kInteger, .integer = key}});
    std::vector<std::string> ids;
    const auto found = rows->Find(table, asked);
    EXPECT_THAT(found, IsOk());
    for (const v1::Delivery& delivery : *found) ids.push_back(delivery.delivery_id());
    return ids;
  };
  EXPECT_THAT(find("CUSTOMER", {2, 1, 2, 7}), ElementsAre("d3", "d2"));
  EXPECT_THAT(find("company", {1}), ElementsAre("d4"));
  ASSERT_THAT(RemoveFromInbox(importer_->file(), "d2"), IsOk());
  ASSERT_THAT(RemoveFromInbox(importer_->file(), "d3"), IsOk());
  EXPECT_THAT(find("customer", {2, 1}), ElementsAre("d5"));
}

TEST_F(ImportDelivery, ASwapThatCannotBeDoneLeavesNothing) {
  StartCustomers("CREATE UNIQUE INDEX one_name ON customer (name); ", {"customer"});
  application_->Run(kThreeNames);
  // The other row differs from what the hub knew.
  const v1::Delivery first = Rename("d1", 1, "A", "B"), second = Rename("d2", 2, "X", "A");
  ASSERT_THAT(FillInbox(importer_->file(), {{first, second}, true}, now_), IsOk());
  const auto logged = Log("customer");
  EXPECT_EQ(Import(first), "REFUSED: the database refused it: UNIQUE constraint failed: customer.name");
  EXPECT_THAT(Rows("SELECT id, name FROM customer ORDER BY id"), ElementsAre("1|A", "2|B", "3|C"));
  EXPECT_EQ(Log("customer"), logged);
  EXPECT_THAT(Rows("SELECT delivery_id FROM _mirror_inbox"), ElementsAre("d2"));
  EXPECT_THAT(Import(second), testing::StartsWith("CONFLICT"));
}

TEST_F(ImportDelivery, AValueThatOtherRowsReferToIsNotSwapped) {
  StartCustomers(
      "CREATE UNIQUE INDEX one_name ON customer (name); CREATE TABLE orders (id INTEGER PRIMARY KEY, "
      "customer "
      "TEXT REFERENCES customer (name) ON UPDATE CASCADE); ",
      {"customer"});
  application_->Run(kThreeNames);
  application_->Run("INSERT INTO orders VALUES (1, 'A'), (2, 'B')");
  const v1::Delivery first = Rename("d1", 1, "A", "B"), second = Rename("d2", 2, "B", "A");
  ASSERT_THAT(FillInbox(importer_->file(), {{first, second}, true}, now_), IsOk());
  EXPECT_THAT(Import(first), HasSubstr("REFUSED: the database refused it: UNIQUE"));
  EXPECT_THAT(Rows("SELECT id, name FROM customer ORDER BY id"), ElementsAre("1|A", "2|B", "3|C"));
  EXPECT_THAT(Rows("SELECT id, customer FROM orders ORDER BY id"), ElementsAre("1|A", "2|B"));
}

TEST_F(ImportDelivery, TheLeastWholeNumberIsNoInfinity) {
  Start(
      "CREATE TABLE customer (id INTEGER PRIMARY KEY, vat TEXT, name TEXT, city TEXT, credit INTEGER); "
      "INSERT INTO customer VALUES (1, 'NO 1', 'A', 'Rome', -9223372036854775808)",
      {"customer"});
  EXPECT_EQ(Import(Rename("d1", 1, "A", "B")), "APPLIED");
  EXPECT_THAT(Rows("SELECT name, credit FROM customer"), ElementsAre("B|-9223372036854775808"));
}

TEST_F(ImportDelivery, AValueThatMayNotBeNullIsNotSwapped) {
  Start(
      "CREATE TABLE customer (id INTEGER PRIMARY KEY, vat TEXT, name TEXT NOT NULL UNIQUE, city TEXT); "
      "INSERT "
      "INTO customer VALUES (1, 'NO 1', 'A', 'Rome'), (2, 'NO 2', 'B', 'Rome')",
      {"customer"});
  const v1::Delivery first = Rename("d1", 1, "A", "B"), second = Rename("d2", 2, "B", "A");
  ASSERT_THAT(FillInbox(importer_->file(), {{first, second}, true}, now_), IsOk());
  EXPECT_THAT(Import(first), HasSubstr("REFUSED: the database refused it: UNIQUE"));
  EXPECT_THAT(Import(second), HasSubstr("REFUSED: the database refused it: UNIQUE"));
  EXPECT_THAT(Rows("SELECT id, name FROM customer ORDER BY id"), ElementsAre("1|A", "2|B"));
}

TEST_F(ImportDelivery, ReplacesNoRow) {
  Start(
      "CREATE TABLE customer (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, vat TEXT UNIQUE ON CONFLICT "
      "REPLACE, name TEXT, city TEXT); INSERT INTO customer VALUES (1, 'NO 1', 'Ada', 'Rome')",
      {"customer"});
  v1::Delivery same = Insert("d1", "NO 1", "Oslo");
  same.clear_absent();
  EXPECT_THAT(Import(same), HasSubstr("REFUSED: the database refused it: UNIQUE"));
  EXPECT_THAT(Rows("SELECT * FROM customer"), ElementsAre("1|NO 1|Ada|Rome"));
}

TEST_F(ImportDelivery, FollowsTheStepsOfATable) {
  rules_.steps = {{.table = "customer",
                   .as = "party",
                   .columns = {"id", "vat", "name", "city"},
                   .rename = {{"city", "town"}},
                   .hash = {"name"}},
                  {.table = "part", .where = "id > 5"}};
  StartCustomers("ALTER TABLE customer ADD COLUMN secret TEXT; CREATE TABLE part (id INTEGER PRIMARY KEY)",
                 {"customer", "part"});
  v1::Delivery update = Of("d1", v1::OPERATION_UPDATE, "party");
  SetLiteral(std::int64_t{1}, update.add_key());
  Add(&update, "town", "Oslo");
  update.add_row_columns("town");
  RowDigest digest;
  digest.AddText("Rome");
  update.set_row_digest(digest.Finish());
  EXPECT_EQ(Import(update), "APPLIED");
  EXPECT_THAT(Ledger(), ElementsAre(R"(1|d1|UPDATE|party|[1]|APPLIED|{"town":[7,"Oslo","Oslo"]})"));
  EXPECT_THAT(Import(Update("d2", 1, "Oslo", "Bern")), HasSubstr("REFUSED: the source has no table"));
  update.set_delivery_id("d3");
  Add(&update, "name", "Eve");
  EXPECT_THAT(Import(update), HasSubstr("REFUSED: column 'name' of table 'customer' is hashed"));
  update.mutable_columns(1)->set_column("secret");
  update.set_delivery_id("d4");
  EXPECT_THAT(Import(update), HasSubstr("is left out"));
  EXPECT_THAT(Import(Of("d5", v1::OPERATION_INSERT, "part")), HasSubstr("has a 'where'"));
}

TEST_F(ImportDelivery, TakesNamesAndValuesForWhatTheyAre) {
  Start(
      "CREATE TABLE \"a'\"\"b\" (\"k\"\"'\" TEXT PRIMARY KEY, \"v;\" TEXT); INSERT INTO \"a'\"\"b\" VALUES "
      "('x', "
      "'old')",
      {"a'\"b"});
  v1::Delivery delivery = Of("d1", v1::OPERATION_UPDATE, "a'\"b");
  SetLiteral("x", delivery.add_key());
  Add(&delivery, "v;", "'; DROP TABLE sales_order; --");
  delivery.add_row_columns("v;");
  RowDigest digest;
  digest.AddText("old");
  delivery.set_row_digest(digest.Finish());
  EXPECT_EQ(Import(delivery), "APPLIED");
  EXPECT_THAT(Rows("SELECT * FROM \"a'\"\"b\""), ElementsAre("x|'; DROP TABLE sales_order; --"));
}

TEST_F(ImportDelivery, GoesOnWhenTheSchemaIsAnother) {
  StartCustomers();
  EXPECT_EQ(Import(Insert("d1", "NO 2", "Oslo")), "APPLIED");
  application_->Run("ALTER TABLE customer ADD COLUMN phone TEXT");
  v1::Delivery phone = Insert("d2", "NO 3", "Oslo");
  Add(&phone, "phone", "12");
  EXPECT_EQ(Import(phone), "APPLIED");
  EXPECT_THAT(Import(Insert("d3", "NO 3", "Oslo")), StartsWith("CONFLICT"));
  EXPECT_THAT(Rows("SELECT phone FROM customer WHERE vat = 'NO 3'"), ElementsAre("12"));
}

// --- Killed -------------------------------------------------------------------

constexpr char kSourceOfChild[] = "MIRROR_TEST_SOURCE";

/// Run by the next test in a process of its own.
TEST(ImportDeliveryChild, ImportsWhatIsInTheInbox) {
  const char* const path = std::getenv(kSourceOfChild);
  if (path == nullptr) GTEST_SKIP();
  const auto importer = Importer::Open(path, {.inserts = true}, [] { return std::int64_t{1}; });
  ASSERT_THAT(importer, IsOk());
  const auto deliveries = ReadInbox((*importer)->file());
  ASSERT_THAT(deliveries, IsOk());
  for (const v1::Delivery& delivery : *deliveries) EXPECT_THAT((*importer)->Import(delivery), IsOk());
}

class KilledImport : public ImportDelivery {
 protected:
  /// How the child ended: killed, or by itself.
  bool IsKilledAt(const std::string& point) {
    const pid_t child = fork();
    if (child == 0) {
      setenv(kSourceOfChild, path_.c_str(), 1);
      if (!point.empty()) setenv("MIRROR_CRASH_AT", point.c_str(), 1);
      execl("/proc/self/exe", "client_test", "--gtest_filter=ImportDeliveryChild.*", nullptr);
      _exit(99);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << point;
    return WIFSIGNALED(status);
  }
};

TEST_F(KilledImport, OneTransaction) {
  StartCustomers();
  ASSERT_THAT(FillInbox(importer_->file(), {{Insert("d1", "NO 2", "Oslo")}, true}, now_), IsOk());
  importer_.reset();
  for (const char* const point : {"agent.row_written", "agent.importing"}) {
    EXPECT_TRUE(IsKilledAt(point)) << point;
    EXPECT_THAT(Rows("SELECT vat FROM customer"), ElementsAre("NO 1")) << point;
    EXPECT_THAT(Ledger(), IsEmpty()) << point;
    EXPECT_THAT(Rows("SELECT delivery_id FROM _mirror_inbox"), ElementsAre("d1")) << point;
  }
  EXPECT_TRUE(IsKilledAt("agent.imported"));
  EXPECT_THAT(Rows("SELECT vat FROM customer"), ElementsAre("NO 1", "NO 2"));
  EXPECT_THAT(Ledger(), ElementsAre(HasSubstr("d1|INSERT|customer|[2]|APPLIED")));
  EXPECT_THAT(Rows("SELECT * FROM _mirror_inbox"), IsEmpty());
  EXPECT_FALSE(IsKilledAt(""));
  EXPECT_THAT(Rows("SELECT vat FROM customer"), ElementsAre("NO 1", "NO 2"));
}

}  // namespace
}  // namespace mirror::import_delivery_test
