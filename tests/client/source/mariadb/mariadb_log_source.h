#ifndef MIRROR_TESTS_CLIENT_SOURCE_MARIADB_MARIADB_LOG_SOURCE_H_
#define MIRROR_TESTS_CLIENT_SOURCE_MARIADB_MARIADB_LOG_SOURCE_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/source/mariadb/mariadb_log.h"
#include "client/source/mariadb/mariadb_reader.h"
#include "client/source/mariadb/mariadb_staging.h"
#include "tests/client/source/server_log_source.h"
#include "tests/support/mariadb/mariadb_server.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// A database whose binlog is read, and a mirror that takes what is found there.
class MariadbLogTest : public ServerLogTest {
 protected:
  /// Of the test's own server; null: that of all.
  virtual std::unique_ptr<MariadbServer> OwnServer() { return nullptr; }

  void SetUp() override {
    SKIP_WITHOUT_MARIADB();
    own_ = OwnServer();
    server_ = own_ != nullptr ? own_.get() : MariadbServer::SharedWithBinlog();
    ASSERT_NE(server_, nullptr);
    database_ = server_->NewDatabase();
    Connect();
    access_.dsn = server_->Dsn(database_);
    static std::uint32_t server_id = 1000;
    options_.server_id = ++server_id;
  }
  void TearDown() override { Close(); }

  void Connect() {
    connection_ = Session();
    ASSERT_NE(connection_, nullptr);
  }
  std::unique_ptr<mariadb::Connection> Session() {
    auto opened = mariadb::Connection::Open({.dsn = server_->Dsn(database_)});
    EXPECT_THAT(opened, IsOk());
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  void Sql(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql.substr(0, 300); }
  template <typename... More>
  void Sql(const std::string& sql, const More&... more) {
    Sql(sql);
    (Sql(more), ...);
  }

  absl::Status Open() override {
    if (staging_ == nullptr) {
      MariadbStagingOptions options = options_;
      options.access = access_;
      options.stage.path = folder_ / "Cust.stage.db";
      absl::StatusOr<std::shared_ptr<MariadbStaging>> staging = MariadbStaging::Open(options);
      if (!staging.ok()) return staging.status();
      staging_ = *std::move(staging);
    }
    absl::StatusOr<std::unique_ptr<MariadbLog>> opened = MariadbLog::Open(staging_, log_options_);
    if (!opened.ok()) return opened.status();
    reader_.reset();
    log_ = *std::move(opened);
    const absl::StatusOr<std::map<std::string, std::string>> unlogged = log_->Unlogged();
    if (!unlogged.ok()) return unlogged.status();
    unlogged_ = *unlogged;
    MariadbReaderOptions reader = ReaderOptions();
    reader.log = log_.get();
    reader_ = OpenMariadbReader(std::move(reader));
    return absl::OkStatus();
  }
  /// The process ends.
  void Close() {
    reader_.reset();
    log_.reset();
    staging_.reset();
  }

  SourceLog& log() override { return *log_; }
  MariadbReaderOptions ReaderOptions() const {
    MariadbReaderOptions options;
    options.access = access_;
    options.records = records_;
    // The others are compared, by other readers.
    for (const auto& [name, why] : unlogged_) options.choice.skip.push_back(name);
    return options;
  }
  std::unique_ptr<SourceReader> OtherReader() override { return OpenMariadbReader(ReaderOptions()); }
  absl::Status Hold() override {
    if (!behind_moment_) return absl::OkStatus();
    if (const auto held = reader_->HoldMoment(/*with_changes=*/true); !held.ok()) return held.status();
    std::exchange(behind_moment_, nullptr)();
    // The stage tells of it by now.
    return staging_->StageToMarker(nullptr).status();
  }

  std::unique_ptr<MariadbServer> own_;
  MariadbServer* server_ = nullptr;
  std::string database_;
  std::unique_ptr<mariadb::Connection> connection_;
  MariadbAccess access_;
  MariadbLogOptions log_options_;
  MariadbStagingOptions options_;
  std::shared_ptr<MariadbStaging> staging_;
  std::unique_ptr<MariadbLog> log_;
  std::map<std::string, std::string> unlogged_;
};

/// The same on a server of its own, which may be killed, and whose streams are this test's alone.
class MariadbOwnLogTest : public MariadbLogTest {
 protected:
  std::unique_ptr<MariadbServer> OwnServer() override {
    auto server = MariadbServer::Start(MariadbServer::BinlogOptions());
    EXPECT_THAT(server, IsOk());
    return server.ok() ? *std::move(server) : nullptr;
  }
  void Start() {
    Sql("CREATE TABLE t (id INT PRIMARY KEY, a TEXT)",
        "INSERT INTO t SELECT seq, CONCAT('a', seq) FROM seq_1_to_100");
    Cycle();
  }
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_MARIADB_MARIADB_LOG_SOURCE_H_
