// Deliveries that wait for one another, in databases at a server: rows that swap a UNIQUE value or pass it
// on.

#include "client/exchange/server_swap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/connection.h"
#include "base/db/postgres/connection.h"
#include "client/exchange/mariadb_deliveries.h"
#include "client/exchange/mariadb_exchange_tables.h"
#include "client/exchange/postgres_deliveries.h"
#include "client/exchange/postgres_exchange_tables.h"
#include "proto/wire/row_digest.h"
#include "tests/support/mariadb/mariadb_server.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"

namespace mirror::server_swap_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const ExchangeRules kRules = {.inserts = true, .updates = true, .deletes = true};

/// A database of PostgreSQL that takes deliveries.
class InPostgres {
 public:
  static std::string WhyNot() { return PostgresServer::WhyNot(); }
  static constexpr char kTaken[] = "unique constraint";
  static constexpr char kNoteTrigger[] =
      "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.trail (name) "
      "VALUES (NEW.name); RETURN NEW; END $$; "
      "CREATE TRIGGER note AFTER UPDATE ON part FOR EACH ROW EXECUTE FUNCTION note()";

  InPostgres() : conninfo_(PostgresServer::Shared()->NewDatabase()) {
    connection_ = *postgres::Connection::Open({.conninfo = conninfo_, .application_name = "mirror-test"});
    Sql("SET search_path TO public, pg_catalog; SET default_transaction_read_only TO off");
  }
  void Sql(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }
  std::vector<std::string> Texts(const std::string& sql) {
    const auto rows = connection_->Query(sql);
    EXPECT_THAT(rows, IsOk()) << sql;
    std::vector<std::string> texts;
    for (int i = 0; rows.ok() && i < rows->rows(); ++i) texts.push_back(rows->Text(i, 0));
    return texts;
  }
  std::unique_ptr<DeliveryTarget> Target(const std::int64_t* now) {
    EXPECT_THAT(MakePostgresExchange(*connection_, "public"), IsOk());
    PostgresDeliveriesOptions options;
    options.access.dsn = conninfo_;
    options.rules = kRules;
    options.members.schema = "public";
    options.members.choice.exchange = true;
    options.clock = [now] { return *now; };
    return std::make_unique<PostgresDeliveries>(std::move(options));
  }

 private:
  const std::string conninfo_;
  std::unique_ptr<postgres::Connection> connection_;
};

/// The same of MariaDB.
class InMariadb {
 public:
  static std::string WhyNot() { return MariadbServer::WhyNot(); }
  static constexpr char kTaken[] = "another row has the same value of a unique key";
  static constexpr char kNoteTrigger[] =
      "CREATE TRIGGER note AFTER UPDATE ON part FOR EACH ROW INSERT INTO trail (name) VALUES (NEW.name)";

  InMariadb() : dsn_(MariadbServer::Shared()->Dsn(MariadbServer::Shared()->NewDatabase())) {
    connection_ = *mariadb::Connection::Open({.dsn = dsn_});
  }
  void Sql(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }
  std::vector<std::string> Texts(const std::string& sql) {
    const auto rows = connection_->Query(sql);
    EXPECT_THAT(rows, IsOk()) << sql;
    std::vector<std::string> texts;
    for (std::size_t i = 0; rows.ok() && i < rows->rows(); ++i) texts.push_back(rows->Text(i, 0));
    return texts;
  }
  std::unique_ptr<DeliveryTarget> Target(const std::int64_t* now) {
    EXPECT_THAT(MakeMariadbExchange(*connection_, kRules, {}), IsOk());
    MariadbDeliveriesOptions options;
    options.access.dsn = dsn_;
    options.rules = kRules;
    options.members.choice.exchange = true;
    options.clock = [now] { return *now; };
    return std::make_unique<MariadbDeliveries>(std::move(options));
  }

 private:
  const std::string dsn_;
  std::unique_ptr<mariadb::Connection> connection_;
};

v1::Delivery Of(const std::string& id, v1::Operation operation, std::int64_t key, const std::string& name) {
  v1::Delivery delivery;
  delivery.set_delivery_id(id);
  delivery.set_operation(operation);
  delivery.set_table("part");
  delivery.add_key()->set_int_value(key);
  delivery.add_row_columns("name");
  RowDigest digest;
  digest.AddText(name);
  delivery.set_row_digest(digest.Finish());
  return delivery;
}
v1::Delivery Rename(const std::string& id, std::int64_t key, const std::string& from, const std::string& to) {
  v1::Delivery delivery = Of(id, v1::OPERATION_UPDATE, key, from);
  v1::DeliveredValue* const delivered = delivery.add_columns();
  delivered->set_column("name");
  delivered->set_version_ms(7);
  delivered->mutable_value()->set_text_value(to);
  return delivery;
}
v1::Delivery Delete(const std::string& id, std::int64_t key, const std::string& name) {
  return Of(id, v1::OPERATION_DELETE, key, name);
}

template <typename Database>
class ServerSwapTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = Database::WhyNot(); !why.empty()) GTEST_SKIP() << why;
    database_ = std::make_unique<Database>();
  }
  /// Rows 1, 2 and 3 of part with the names A, B and C. `column`: of the name. `more`: further statements.
  void Start(const std::string& column, const std::vector<std::string>& more = {}) {
    Sql(absl::StrCat("CREATE TABLE part (id int PRIMARY KEY, name ", column, ", size int)"));
    Sql("INSERT INTO part VALUES (1, 'A', 1), (2, 'B', 2), (3, 'C', 3)");
    for (const std::string& sql : more) Sql(sql);
    target_ = database_->Target(&now_);
  }
  void Sql(const std::string& sql) { database_->Sql(sql); }
  void Fill(const std::vector<v1::Delivery>& deliveries) {
    ASSERT_THAT(target_->FillInbox({deliveries, true}, now_), IsOk());
  }
  /// What becomes of it: "APPLIED", or "REFUSED: reason".
  std::string Import(const v1::Delivery& delivery) {
    const absl::StatusOr<ImportResult> result = target_->Import(delivery);
    if (!result.ok()) return result.status().ToString();
    const std::string name = v1::DeliveryOutcome_Name(result->outcome).substr(sizeof("DELIVERY_OUTCOME"));
    return absl::StrCat(name, result->reason.empty() ? "" : ": ", result->reason);
  }
  std::vector<std::string> Rows() {
    return database_->Texts("SELECT concat(id, '|', coalesce(name, '-')) FROM part ORDER BY id");
  }
  std::vector<std::string> Ledger() {
    return database_->Texts(
        "SELECT concat(delivery_id, ' ', state, ' ', coalesce(wrote, '')) FROM _mirror_ledger ORDER BY "
        "delivery_id");
  }
  std::vector<std::string> Inbox() {
    return database_->Texts("SELECT delivery_id FROM _mirror_inbox ORDER BY delivery_id");
  }
  /// The two deliveries of a swap are both refused, and nothing of them is done.
  void ExpectRefused() {
    const v1::Delivery first = Rename("d1", 1, "A", "B"), second = Rename("d2", 2, "B", "A");
    Fill({first, second});
    EXPECT_THAT(Import(first), testing::AllOf(StartsWith("REFUSED"), HasSubstr(Database::kTaken)));
    EXPECT_THAT(Inbox(), ElementsAre("d2"));
    EXPECT_THAT(Import(second), testing::AllOf(StartsWith("REFUSED"), HasSubstr(Database::kTaken)));
    EXPECT_THAT(Rows(), ElementsAre("1|A", "2|B", "3|C"));
  }

  std::unique_ptr<Database> database_;
  std::int64_t now_ = 1'700'000'000'000;
  std::unique_ptr<DeliveryTarget> target_;
};

using Databases = testing::Types<InPostgres, InMariadb>;
class DatabaseNames {
 public:
  template <typename Database>
  static std::string GetName(int) {
    return std::is_same_v<Database, InPostgres> ? "Postgres" : "Mariadb";
  }
};
TYPED_TEST_SUITE(ServerSwapTest, Databases, DatabaseNames);

constexpr char kUnique[] = "varchar(20) UNIQUE";

TYPED_TEST(ServerSwapTest, TwoRowsSwapAValue) {
  this->Start(kUnique);
  const v1::Delivery first = Rename("d1", 1, "A", "B"), second = Rename("d2", 2, "B", "A");
  // Alone it is refused.
  EXPECT_THAT(this->Import(second), StartsWith("REFUSED"));
  this->Fill({first, second});
  EXPECT_EQ(this->Import(first), "APPLIED");
  EXPECT_THAT(this->Rows(), ElementsAre("1|B", "2|A", "3|C"));
  // Of the moment without a value nothing is told.
  EXPECT_THAT(this->Ledger(),
              ElementsAre(R"(d1 APPLIED {"name":[7,"B","B"]})", R"(d2 APPLIED {"name":[7,"A","A"]})"));
  EXPECT_THAT(this->Inbox(), IsEmpty());
  EXPECT_EQ(this->Import(second), "ALREADY");
}

TYPED_TEST(ServerSwapTest, ThreeRowsPassAValueOnInACircle) {
  this->Start(kUnique);
  const v1::Delivery first = Rename("d1", 1, "A", "B"), second = Rename("d2", 2, "B", "C"),
                     third = Rename("d3", 3, "C", "A");
  this->Fill({second, first, third});
  EXPECT_EQ(this->Import(second), "APPLIED");
  EXPECT_THAT(this->Rows(), ElementsAre("1|B", "2|C", "3|A"));
  EXPECT_THAT(this->Inbox(), IsEmpty());
}

TYPED_TEST(ServerSwapTest, ACircleOfMoreRowsThanAreChangedTogetherIsRefused) {
  this->Start(kUnique);
  this->Sql("DELETE FROM part");
  // Row 1 has the name A1, row 2 A2. Each row takes the name of the next one.
  std::vector<std::string> before;
  const auto circle = [this, &before](const std::string& id, std::size_t rows) {
    std::vector<v1::Delivery> deliveries;
    for (std::size_t i = before.size() + 1; i <= rows; ++i) {
      this->Sql(absl::StrCat("INSERT INTO part VALUES (", i, ", 'A", i, "', 0)"));
      before.push_back(absl::StrCat(i, "|A", i));
    }
    for (std::size_t i = 1; i <= rows; ++i) {
      deliveries.push_back(Rename(absl::StrCat(id, i), static_cast<std::int64_t>(i), absl::StrCat("A", i),
                                  absl::StrCat("A", i % rows + 1)));
    }
    this->Fill(deliveries);
    return this->Import(deliveries.front());
  };
  EXPECT_THAT(circle("long", ServerSwap::kRowsMax + 1), StartsWith("REFUSED"));
  EXPECT_EQ(this->Rows(), before) << "nothing is left of it";
  this->Sql(absl::StrCat("DELETE FROM part WHERE id > ", ServerSwap::kRowsMax));
  EXPECT_EQ(circle("short", ServerSwap::kRowsMax), "APPLIED");
  EXPECT_THAT(this->Rows(), testing::AllOf(testing::Contains("1|A2"), testing::Contains("8|A1"),
                                           testing::SizeIs(ServerSwap::kRowsMax)));
}

/// Nobody waits for it in turn, so that no row has to be without a value for a moment.
TYPED_TEST(ServerSwapTest, AValueIsPassedOnAlsoWhereItMayNotBeNull) {
  this->Start("varchar(20) NOT NULL UNIQUE");
  const v1::Delivery first = Rename("d1", 1, "A", "B"), second = Rename("d2", 2, "B", "C"),
                     third = Rename("d3", 3, "C", "D");
  this->Fill({first, second, third});
  EXPECT_EQ(this->Import(first), "APPLIED");
  EXPECT_THAT(this->Rows(), ElementsAre("1|B", "2|C", "3|D"));
}

TYPED_TEST(ServerSwapTest, AValueOfARowThatGoesIsPassedOn) {
  this->Start("varchar(20) NOT NULL UNIQUE");
  const v1::Delivery first = Rename("d1", 1, "A", "B"), second = Delete("d2", 2, "B");
  this->Fill({first, second});
  EXPECT_EQ(this->Import(first), "APPLIED");
  EXPECT_THAT(this->Rows(), ElementsAre("1|B", "3|C"));
}

TYPED_TEST(ServerSwapTest, OfSeveralColumnsThoseOfTheRowCount) {
  this->Start("varchar(20)", {"UPDATE part SET size = 1", "CREATE UNIQUE INDEX one ON part (size, name)"});
  const v1::Delivery first = Rename("d1", 1, "A", "B"), second = Rename("d2", 2, "B", "A");
  this->Fill({first, second});
  EXPECT_EQ(this->Import(first), "APPLIED");
  EXPECT_THAT(this->Rows(), ElementsAre("1|B", "2|A", "3|C"));
}

TYPED_TEST(ServerSwapTest, OneThatCannotBeDoneLeavesNothing) {
  this->Start(kUnique);
  // The other row differs from what the hub knew.
  const v1::Delivery first = Rename("d1", 1, "A", "B"), second = Rename("d2", 2, "X", "A");
  this->Fill({first, second});
  EXPECT_THAT(this->Import(first), HasSubstr(TypeParam::kTaken));
  EXPECT_THAT(this->Rows(), ElementsAre("1|A", "2|B", "3|C"));
  EXPECT_THAT(this->Ledger(), ElementsAre("d1 REFUSED "));
  EXPECT_THAT(this->Inbox(), ElementsAre("d2"));
  EXPECT_THAT(this->Import(second), StartsWith("CONFLICT"));
}

TYPED_TEST(ServerSwapTest, ARowWithoutADeliveryStaysInTheWay) {
  this->Start(kUnique);
  const v1::Delivery first = Rename("d1", 1, "A", "C"), second = Rename("d2", 2, "B", "A");
  this->Fill({first, second});
  EXPECT_THAT(this->Import(first), HasSubstr(TypeParam::kTaken));
  EXPECT_THAT(this->Rows(), ElementsAre("1|A", "2|B", "3|C"));
}

TYPED_TEST(ServerSwapTest, AValueThatMayNotBeNullIsNotSwapped) {
  this->Start("varchar(20) NOT NULL UNIQUE");
  this->ExpectRefused();
}

TYPED_TEST(ServerSwapTest, AValueThatOtherRowsReferToIsNotSwapped) {
  this->Start(
      kUnique,
      {"CREATE TABLE use_of (id int PRIMARY KEY, part varchar(20), FOREIGN KEY (part) REFERENCES part "
       "(name) ON UPDATE CASCADE)",
       "INSERT INTO use_of VALUES (1, 'A'), (2, 'B')"});
  this->ExpectRefused();
  EXPECT_THAT(this->database_->Texts("SELECT part FROM use_of ORDER BY id"), ElementsAre("A", "B"));
}

/// What it makes of the moment without a value nobody wished for.
TYPED_TEST(ServerSwapTest, WhereATriggerWritesElsewhereNothingIsSwapped) {
  const std::string key =
      std::is_same_v<TypeParam, InPostgres> ? "int GENERATED ALWAYS AS IDENTITY" : "int AUTO_INCREMENT";
  this->Start(kUnique, {absl::StrCat("CREATE TABLE trail (id ", key, " PRIMARY KEY, name varchar(20))"),
                        TypeParam::kNoteTrigger});
  this->ExpectRefused();
  EXPECT_THAT(this->database_->Texts("SELECT name FROM trail"), IsEmpty());
}

using SwapInPostgresTest = ServerSwapTest<InPostgres>;

TEST_F(SwapInPostgresTest, AConstraintThatIsDeferrableWaitsForAllRows) {
  for (const char* const when : {"DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED"}) {
    SCOPED_TRACE(when);
    Start(absl::StrCat("varchar(20) NOT NULL UNIQUE ", when));
    const v1::Delivery first = Rename(absl::StrCat(when, 1), 1, "A", "B"),
                       second = Rename(absl::StrCat(when, 2), 2, "B", "A");
    Fill({first, second});
    EXPECT_EQ(Import(first), "APPLIED");
    EXPECT_THAT(Rows(), ElementsAre("1|B", "2|A", "3|C"));
    Sql("DROP TABLE part");
  }
}

using SwapInMariadbTest = ServerSwapTest<InMariadb>;

/// By its collation, "b" is "B".
TEST_F(SwapInMariadbTest, ValuesAreComparedAsTheirColumnDoes) {
  Start("varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci UNIQUE");
  const v1::Delivery first = Rename("d1", 1, "A", "b"), second = Rename("d2", 2, "B", "a");
  Fill({first, second});
  EXPECT_EQ(Import(first), "APPLIED");
  EXPECT_THAT(Rows(), ElementsAre("1|b", "2|a", "3|C"));
}

}  // namespace
}  // namespace mirror::server_swap_test
