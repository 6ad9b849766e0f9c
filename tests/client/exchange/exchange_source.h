#ifndef MIRROR_TESTS_CLIENT_EXCHANGE_EXCHANGE_SOURCE_H_
#define MIRROR_TESTS_CLIENT_EXCHANGE_EXCHANGE_SOURCE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/exchange/exchange_tables.h"
#include "client/exchange/import_delivery.h"
#include "client/exchange/inbox.h"
#include "client/source/sqlite/log/change_log.h"
#include "proto/wire/exchange/ledger.h"
#include "proto/wire/row_digest.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror {

inline void SetLiteral(std::nullptr_t, v1::Literal* literal) { literal->set_null_value(true); }
inline void SetLiteral(std::int64_t value, v1::Literal* literal) { literal->set_int_value(value); }
inline void SetLiteral(const char* value, v1::Literal* literal) { literal->set_text_value(value); }

/// All rows of a query, "a|b" each, in its order.
inline std::vector<std::string> Rows(Application& application, const std::string& sql) {
  std::vector<std::string> rows;
  sqlite3_stmt* query = nullptr;
  EXPECT_EQ(sqlite3_prepare_v2(application.handle(), sql.c_str(), -1, &query, nullptr), SQLITE_OK)
      << sqlite3_errmsg(application.handle());
  while (sqlite3_step(query) == SQLITE_ROW) {
    std::string row;
    for (int i = 0; i < sqlite3_column_count(query); ++i) {
      const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(query, i));
      absl::StrAppend(&row, i == 0 ? "" : "|", text == nullptr ? "NULL" : text);
    }
    rows.push_back(std::move(row));
  }
  sqlite3_finalize(query);
  return rows;
}

/// A source with a change log and the exchange's tables, the application that owns it, and a clock that
/// stands.
class ExchangeSource : public testing::Test {
 protected:
  void SetUp() override {
    application_ = std::make_unique<Application>(path_);
    application_->Run("PRAGMA journal_mode = WAL");
  }

  /// Runs the application's definitions, and installs.
  void Start(const std::string& sql, const std::vector<std::string>& tables) {
    application_->Run(sql);
    Install(tables);
    Open();
  }
  void Install(std::vector<std::string> tables) {
    auto log = ChangeLog::Install(Options());
    ASSERT_THAT(log, IsOk());
    const auto file = SqliteFile::Open(path_, Use::kChange);
    ASSERT_THAT(file, IsOk());
    ASSERT_THAT(MakeExchangeTables(**file), IsOk());
    tables.emplace_back(kLedgerTable);
    ASSERT_THAT((*log)->Renew(tables), IsOk());
  }
  void Open() {
    auto importer = Importer::Open(path_, rules_, [this] { return now_; });
    ASSERT_THAT(importer, IsOk());
    importer_ = *std::move(importer);
  }
  ChangeLogOptions Options() { return {path_, "host"}; }

  /// One row of customer(id, vat, name, city), as the tests have it.
  v1::Delivery Update(const std::string& id, std::int64_t key, const char* city, const char* new_city) {
    v1::Delivery delivery = Of(id, v1::OPERATION_UPDATE, "customer");
    SetLiteral(key, delivery.add_key());
    Add(&delivery, "city", new_city);
    delivery.add_row_columns("city");
    RowDigest digest;
    digest.AddText(city);
    delivery.set_row_digest(digest.Finish());
    return delivery;
  }
  v1::Delivery Insert(const std::string& id, const char* vat, const char* city) {
    v1::Delivery delivery = Of(id, v1::OPERATION_INSERT, "customer");
    Add(&delivery, "vat", vat);
    Add(&delivery, "city", city);
    v1::MatchKey* const absent = delivery.add_absent();
    absent->set_table("customer");
    absent->add_columns("vat");
    absent->add_normalise(v1::NORMALISE_ALNUM);
    absent->add_values(NormaliseValue(Normalise::kAlnum, std::string(vat)));
    return delivery;
  }
  v1::Delivery Delete(const std::string& id, std::int64_t key, const char* city) {
    v1::Delivery delivery = Update(id, key, city, "");
    delivery.set_operation(v1::OPERATION_DELETE);
    delivery.clear_columns();
    return delivery;
  }
  static v1::Delivery Of(const std::string& id, v1::Operation operation, const std::string& table) {
    v1::Delivery delivery;
    delivery.set_delivery_id(id);
    delivery.set_operation(operation);
    delivery.set_table(table);
    return delivery;
  }
  template <typename Value>
  static void Add(v1::Delivery* delivery, const std::string& column, Value value) {
    v1::DeliveredValue* const delivered = delivery->add_columns();
    delivered->set_column(column);
    delivered->set_version_ms(7);
    SetLiteral(value, delivered->mutable_value());
  }

  /// What becomes of it: "APPLIED", or "REFUSED: reason".
  std::string Import(const v1::Delivery& delivery) {
    const absl::StatusOr<ImportResult> result = importer_->Import(delivery);
    if (!result.ok()) return result.status().ToString();
    const std::string name = v1::DeliveryOutcome_Name(result->outcome).substr(sizeof("DELIVERY_OUTCOME"));
    return absl::StrCat(name, result->reason.empty() ? "" : ": ", result->reason);
  }
  std::vector<std::string> Rows(const std::string& sql) { return mirror::Rows(*application_, sql); }
  /// Keys in the log of a table behind its first entry.
  std::vector<std::string> Log(const std::string& table) {
    const std::vector<std::string> log =
        Rows(absl::StrCat("SELECT log FROM _mirror_tables WHERE name = '", table, "'"));
    return Rows(absl::StrCat("SELECT k0 FROM _mirror_log_", log.at(0), " WHERE seq > 1 ORDER BY seq"));
  }

  static constexpr char kCustomer[] =
      "CREATE TABLE customer (id INTEGER PRIMARY KEY, vat TEXT, name TEXT, city TEXT CHECK (city <> 'Hell'))";

  TempFolder folder_;
  const std::string path_ = folder_ / "erp.db";
  std::int64_t now_ = 1'700'000'000'000;
  ExchangeRules rules_ = {.inserts = true, .updates = true, .deletes = true};
  std::unique_ptr<Application> application_;
  std::unique_ptr<Importer> importer_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_EXCHANGE_EXCHANGE_SOURCE_H_
