#ifndef MIRROR_TESTS_SUPPORT_KEPT_CATALOG_H_
#define MIRROR_TESTS_SUPPORT_KEPT_CATALOG_H_

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/connection.h"
#include "server/store/catalog/sqlite_catalog.h"
#include "server/store/postgres/place/postgres_catalog.h"
#include "tests/support/postgres_server.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// A catalog that is opened and closed as servers start and stop, and as other programs see it.
class KeptCatalog {
 public:
  virtual ~KeptCatalog() = default;
  virtual absl::Status Open(std::uint64_t looks_max = kLooksMax) = 0;
  void Close() {
    catalog.reset();
    audit.reset();
    cursor.reset();
    looks.reset();
  }

  virtual std::int64_t Ask(const std::string& sql) = 0;
  virtual void Do(const std::string& sql) = 0;
  /// So many events of `tenant`, as a server wrote them that is no longer there.
  virtual void AddOld(const std::string& tenant, std::int64_t count) = 0;
  /// Of events.
  virtual void SkipIds(std::int64_t count) = 0;
  /// While it is closed: all that there is.
  virtual void Remove() = 0;

  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<AuditLog> audit;
  std::unique_ptr<HookCursor> cursor;
  std::unique_ptr<LookLog> looks;

 protected:
  template <typename Kept>
  absl::Status Fill(const absl::StatusOr<Kept>& opened, std::uint64_t looks_max) {
    if (!opened.ok()) return opened.status();
    catalog = MakeCatalog(*opened);
    audit = MakeAuditLog(*opened);
    cursor = MakeHookCursor(*opened);
    looks = MakeLookLog(*opened, looks_max);
    return absl::OkStatus();
  }
};

/// In catalog.db of a folder.
class CatalogInSqlite final : public KeptCatalog {
 public:
  absl::Status Open(std::uint64_t looks_max) override {
    Close();
    return Fill(CatalogFile::Open(folder_.path()), looks_max);
  }
  std::int64_t Ask(const std::string& sql) override { return Database().execAndGet(sql).getInt64(); }
  void Do(const std::string& sql) override { Database().exec(sql); }
  void AddOld(const std::string& tenant, std::int64_t count) override {
    Do(absl::StrCat("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ", count,
                    ") INSERT INTO event (time_ms, context_id, severity, kind, message) SELECT i, '", tenant,
                    "', 1, 'old', '' FROM n"));
  }
  void SkipIds(std::int64_t count) override {
    Do(absl::StrCat("UPDATE sqlite_sequence SET seq = seq + ", count, " WHERE name = 'event'"));
  }
  void Remove() override { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  SQLite::Database Database() const { return {path_, SQLite::OPEN_READWRITE, 5'000}; }

  const TempFolder folder_;
  const std::string path_ = folder_.path() + "/catalog.db";
};

/// In a control database.
class CatalogInPostgres final : public KeptCatalog {
 public:
  explicit CatalogInPostgres(PostgresServer& server) : conninfo_(server.NewDatabase()) {}

  absl::Status Open(std::uint64_t looks_max) override {
    Close();
    return Fill(PostgresControl::Open({.conninfo = conninfo_}), looks_max);
  }
  std::int64_t Ask(const std::string& sql) override {
    const auto number = Connection().Number(sql);
    EXPECT_THAT(number, IsOk());
    return number.ok() ? *number : -1;
  }
  void Do(const std::string& sql) override { EXPECT_THAT(Connection().Execute(sql), IsOk()); }
  void AddOld(const std::string& tenant, std::int64_t count) override {
    Do(absl::StrCat("WITH head AS (UPDATE event_head SET id = id + ", count,
                    " RETURNING id) INSERT INTO event SELECT head.id - ", count, " + i, i, '", tenant,
                    "', 1, 'old', '' FROM head, generate_series(1, ", count, ") AS n(i)"));
  }
  void SkipIds(std::int64_t count) override { Do(absl::StrCat("UPDATE event_head SET id = id + ", count)); }
  void Remove() override { Do("DROP SCHEMA mirror_control CASCADE"); }

 private:
  postgres::Connection& Connection() {
    if (!connection_) {
      auto opened = postgres::Connection::Open(
          {.conninfo = conninfo_, .settings = {{"search_path", "mirror_control, pg_catalog"}}});
      EXPECT_THAT(opened, IsOk());
      connection_ = *std::move(opened);
    }
    return *connection_;
  }

  const std::string conninfo_;
  std::unique_ptr<postgres::Connection> connection_;
};

/// A test of both; left out where PostgreSQL is not installed.
class CatalogOfEachKind : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::string(GetParam()) == "Sqlite") {
      kept_ = std::make_unique<CatalogInSqlite>();
    } else {
      SKIP_WITHOUT_POSTGRES();
      PostgresServer* const server = PostgresServer::Shared();
      ASSERT_NE(server, nullptr);
      kept_ = std::make_unique<CatalogInPostgres>(*server);
    }
  }

  std::unique_ptr<KeptCatalog> kept_;
};

}  // namespace mirror

#define INSTANTIATE_FOR_EACH_CATALOG(suite)               \
  INSTANTIATE_TEST_SUITE_P(                               \
      Each, suite, testing::Values("Sqlite", "Postgres"), \
      [](const testing::TestParamInfo<const char*>& each) { return std::string(each.param); })

#endif  // MIRROR_TESTS_SUPPORT_KEPT_CATALOG_H_
