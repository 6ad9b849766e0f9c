#ifndef MIRROR_TESTS_SERVER_HUB_HUB_PLACE_H_
#define MIRROR_TESTS_SERVER_HUB_HUB_PLACE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/connection.h"
#include "server/hub/postgres_hub_file.h"
#include "server/hub/sqlite_hub_file.h"
#include "server/store/postgres/home/postgres_home.h"
#include "server/store/sqlite/sqlite_home.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/support/postgres_database.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// Where hub "Acme" and its members' mirrors stand, of a test's own.
class HubPlace {
 public:
  virtual ~HubPlace() = default;
  virtual absl::StatusOr<std::unique_ptr<Store>> OpenStore(const std::string& context_id, bool create) = 0;
  /// Of one server.
  virtual absl::StatusOr<std::unique_ptr<HubFile>> OpenHub(const HubRules& rules) = 0;
  virtual absl::Status RemoveHub(const HubRules& rules) = 0;
  /// It outlives them.
  HubFiles files() {
    return {.open = [this](const HubRules& rules) { return OpenHub(rules); },
            .remove = [this](const HubRules& rules) { return RemoveHub(rules); }};
  }
  /// The only value of the only row, of the hub's tables.
  virtual std::int64_t Ask(const std::string& sql) = 0;
  virtual std::string AskText(const std::string& sql) = 0;
  virtual void Change(const std::string& sql) = 0;
  /// What somebody does by hand in a member's mirror.
  virtual void ChangeMirror(const std::string& context_id, const std::string& sql) = 0;
  /// What somebody does who deletes it. None may be open.
  virtual void LoseHub() = 0;
  /// Leaves one that cannot be opened. None may be open.
  virtual void SpoilHub() = 0;
  /// As another version arranged it. None may be open.
  virtual void SetLayout(int layout) = 0;
  /// Whether these bytes are in any of its files.
  virtual bool HoldsOnDisk(const std::string& text) = 0;
  /// A program that reads it, until that is gone.
  virtual std::shared_ptr<void> ReadOn() = 0;
};

class FolderHubPlace final : public HubPlace {
 public:
  absl::StatusOr<std::unique_ptr<Store>> OpenStore(const std::string& context_id, bool create) override {
    return OpenSqliteStore(folder_.path(), context_id, create, {});
  }
  absl::StatusOr<std::unique_ptr<HubFile>> OpenHub(const HubRules& rules) override {
    return OpenSqliteHubFile(folder_.path(), rules);
  }
  absl::Status RemoveHub(const HubRules& rules) override {
    return RemoveSqliteHubFile(folder_.path(), rules);
  }
  std::int64_t Ask(const std::string& sql) override { return Partner(path(), true).One(sql).integer; }
  std::string AskText(const std::string& sql) override { return Partner(path(), true).One(sql).bytes; }
  void Change(const std::string& sql) override { Partner(path()).Run(sql); }
  void ChangeMirror(const std::string& context_id, const std::string& sql) override {
    Partner(SqlitePath(folder_.path(), context_id)).Run(sql);
  }
  void LoseHub() override {
    for (const char* const suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path() + suffix);
  }
  void SpoilHub() override {
    LoseHub();
    std::ofstream(path(), std::ios::binary) << std::string(8'192, 'x');
  }
  void SetLayout(int layout) override {
    Change(absl::StrCat("UPDATE _mirror_layout SET layout = ", layout, ", program = '9.0'"));
  }
  bool HoldsOnDisk(const std::string& text) override {
    bool holds = false;
    for (const char* const suffix : {"", "-wal"}) {
      std::ifstream file(path() + suffix, std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      holds = holds || bytes.find(text) != std::string::npos;
    }
    return holds;
  }
  std::shared_ptr<void> ReadOn() override {
    auto reader = std::make_shared<Partner>(path(), true);
    reader->Run("BEGIN");
    reader->One("SELECT count(*) FROM _hub_rows");
    return reader;
  }

 private:
  std::string path() const { return folder_.path() + "/Mirror_Acme.hub.db"; }
  ScratchFolder folder_;
};

/// A control database that is a place, too.
class PostgresHubPlace final : public HubPlace {
 public:
  explicit PostgresHubPlace(PostgresServer& server) : conninfo_(server.NewDatabase()) {
    auto place = PostgresPlace::Open({.name = "p1", .conninfo = conninfo_});
    auto files = OpenSqliteHome(folder_.path(), SqliteOptions{});
    EXPECT_THAT(place.status(), IsOk());
    EXPECT_THAT(files.status(), IsOk());
    std::shared_ptr<PostgresPlace> opened = *std::move(place);
    auto home = OpenPostgresHome(Control(), {opened}, {.files = *std::move(files)});
    EXPECT_THAT(home.status(), IsOk());
    home_ = *std::move(home);
    auto connection = postgres::Connection::Open({.conninfo = conninfo_});
    EXPECT_THAT(connection.status(), IsOk());
    partner_ = *std::move(connection);
    EXPECT_THAT(partner_->Execute("SET search_path = mirror_hub_acme"), IsOk());
  }

  const std::string& conninfo() const { return conninfo_; }
  std::shared_ptr<PostgresControl> Control() const {
    auto control = PostgresControl::Open({.conninfo = conninfo_});
    EXPECT_THAT(control.status(), IsOk());
    return *std::move(control);
  }
  postgres::Connection& partner() { return *partner_; }
  absl::StatusOr<std::unique_ptr<Store>> OpenStore(const std::string& context_id, bool create) override {
    return home_->Open(context_id, create, {});
  }
  absl::StatusOr<std::unique_ptr<HubFile>> OpenHub(const HubRules& rules) override {
    return OpenPostgresHubFile(Control(), rules);
  }
  absl::Status RemoveHub(const HubRules& rules) override { return RemovePostgresHubFile(*Control(), rules); }
  std::int64_t Ask(const std::string& sql) override {
    const auto number = partner_->Number(sql);
    EXPECT_THAT(number.status(), IsOk());
    return number.value_or(-1);
  }
  std::string AskText(const std::string& sql) override {
    const auto rows = partner_->Query(sql);
    EXPECT_THAT(rows.status(), IsOk());
    return rows.ok() ? rows->Text(0, 0) : "";
  }
  void Change(const std::string& sql) override { EXPECT_THAT(partner_->Execute(sql), IsOk()); }
  void ChangeMirror(const std::string& context_id, const std::string& sql) override {
    Change(absl::StrCat("SET search_path = \"Mirror_", context_id, "\"; ", sql,
                        "; SET search_path = mirror_hub_acme"));
  }
  void LoseHub() override {
    EXPECT_THAT(partner_->Execute("SET client_min_messages = warning; DROP SCHEMA mirror_hub_acme CASCADE"),
                IsOk());
  }
  void SpoilHub() override { SetLayout(9); }
  void SetLayout(int layout) override {
    Change(absl::StrCat("UPDATE _hub SET layout = ", layout, ", layout_min = ", layout, ", program = '9.0'"));
  }
  bool HoldsOnDisk(const std::string& text) override {
    EXPECT_THAT(partner_->Execute("CHECKPOINT"), IsOk());
    return Ask(absl::StrCat(
               "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'i', 't') AND (relnamespace = "
               "'mirror_hub_acme'::regnamespace OR oid IN (SELECT reltoastrelid FROM pg_class WHERE "
               "relnamespace = 'mirror_hub_acme'::regnamespace)) AND position(convert_to('",
               text, "', 'UTF8') IN pg_read_binary_file(pg_relation_filepath(oid))) > 0")) > 0;
  }
  std::shared_ptr<void> ReadOn() override {
    auto connection = postgres::Connection::Open({.conninfo = conninfo_});
    EXPECT_THAT(connection.status(), IsOk());
    std::shared_ptr<postgres::Connection> reader = *std::move(connection);
    EXPECT_THAT(
        reader->Execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM mirror_hub_acme._hub_rows"),
        IsOk());
    return reader;
  }

 private:
  const std::string conninfo_;
  ScratchFolder folder_;
  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<postgres::Connection> partner_;
};

/// A test of what holds in either store: the parameter is whether it is PostgreSQL.
class EitherHubPlace : public testing::TestWithParam<bool> {
 protected:
  void SetUp() final {
    if (!GetParam()) {
      place_ = std::make_unique<FolderHubPlace>();
    } else {
      SKIP_WITHOUT_POSTGRES();
      PostgresServer* const server = PostgresServer::Shared();
      ASSERT_NE(server, nullptr);
      place_ = std::make_unique<PostgresHubPlace>(*server);
    }
    Fill();
  }
  virtual void Fill() {}
  /// Of tests that are about PostgreSQL alone.
  PostgresHubPlace& postgres_place() { return dynamic_cast<PostgresHubPlace&>(*place_); }

  std::unique_ptr<HubPlace> place_;
};

inline std::string NameOfStore(const testing::TestParamInfo<bool>& param) {
  return param.param ? "Postgres" : "Sqlite";
}

}  // namespace mirror

#endif  // MIRROR_TESTS_SERVER_HUB_HUB_PLACE_H_
