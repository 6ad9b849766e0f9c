#ifndef MIRROR_TESTS_SERVER_STORE_POSTGRES_PLACED_HOMES_H_
#define MIRROR_TESTS_SERVER_STORE_POSTGRES_PLACED_HOMES_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/postgres/home/postgres_home.h"
#include "server/store/sqlite/sqlite_home.h"
#include "tests/support/postgres_database.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// Homes of several servers over one control database and two places.
class PlacedHomesTest : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    second_conninfo_ = server_->NewDatabase();
    second_ = Connect(second_conninfo_);
    home_ = OpenHome();
  }

  /// Of one more server.
  std::unique_ptr<StoreHome> OpenHome(bool with_second = true) {
    auto opened = TryOpen(with_second);
    EXPECT_THAT(opened.status(), IsOk());
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  absl::StatusOr<std::unique_ptr<StoreHome>> TryOpen(bool with_second) {
    auto control = PostgresControl::Open({.conninfo = conninfo_});
    if (!control.ok()) return control.status();
    control_ = *control;
    std::vector<std::shared_ptr<PostgresPlace>> places;
    const std::string& first = first_place_.empty() ? conninfo_ : first_place_;
    for (const auto& [name, conninfo] : {std::pair("p1", first), std::pair("p2", second_conninfo_)}) {
      if (name == std::string("p2") && !with_second) continue;
      auto place = PostgresPlace::Open(
          {.name = name, .conninfo = conninfo, .connections = connections_, .relations_max = relations_max_});
      if (!place.ok()) return place.status();
      places.push_back(*std::move(place));
    }
    folders_.push_back(std::make_unique<ScratchFolder>());
    auto files = OpenSqliteHome(folders_.back()->path(), SqliteOptions{});
    if (!files.ok()) return files.status();
    PostgresHomeOptions options{.files = *std::move(files)};
    options.store.replicated = replicated_;
    return OpenPostgresHome(*std::move(control), places, std::move(options));
  }

  std::unique_ptr<Store> Make(const std::string& context_id) {
    auto opened = home_->Open(context_id, true, {});
    EXPECT_THAT(opened.status(), IsOk());
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  void Do(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()); }
  /// Of the first database, where the control database is, too.
  std::int64_t Ask(const std::string& sql) { return connection_->Number(sql).value_or(-1); }
  /// In both.
  std::int64_t Schemas(const std::string& like) {
    std::int64_t schemas = 0;
    for (const auto* const connection : {&connection_, &second_}) {
      schemas +=
          (*connection)
              ->Number(absl::StrCat("SELECT count(*) FROM pg_namespace WHERE nspname LIKE '", like, "'"))
              .value_or(-100);
    }
    return schemas;
  }
  /// As many relations in the second place as in the first, where the control database is, too.
  void EvenOut() {
    const std::int64_t missing =
        Ask("SELECT count(*) FROM pg_class") - second_->Number("SELECT count(*) FROM pg_class").value_or(0);
    ASSERT_THAT(second_->Execute(absl::StrCat("CREATE SCHEMA even; DO $$ BEGIN FOR i IN 1..", missing,
                                              " LOOP EXECUTE format('CREATE TABLE even.t%s (a bigint)', i); "
                                              "END LOOP; END $$")),
                IsOk());
  }
  /// Among relations a new mirror does not go where many are.
  void FillSecondPlace() {
    ASSERT_THAT(second_->Execute("CREATE SCHEMA full_of; DO $$ BEGIN FOR i IN 1..300 LOOP EXECUTE format("
                                 "'CREATE TABLE full_of.t%s (a bigint)', i); END LOOP; END $$"),
                IsOk());
  }

  /// Of the copies of each home.
  std::vector<std::unique_ptr<ScratchFolder>> folders_;
  std::string first_place_;  ///< Another way to the first place.
  std::int64_t relations_max_ = 100'000;
  std::size_t connections_ = 4;
  /// Of homes that are opened from now on. None of the two places has a standby.
  bool replicated_ = false;
  std::string second_conninfo_;
  std::unique_ptr<postgres::Connection> second_;
  std::shared_ptr<PostgresControl> control_;
  std::unique_ptr<StoreHome> home_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SERVER_STORE_POSTGRES_PLACED_HOMES_H_
