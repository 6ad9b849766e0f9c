#ifndef MIRROR_TESTS_CLIENT_SOURCE_POSTGRES_POSTGRES_LOG_SOURCE_H_
#define MIRROR_TESTS_CLIENT_SOURCE_POSTGRES_POSTGRES_LOG_SOURCE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/source/postgres/postgres_log.h"
#include "client/source/postgres/postgres_reader.h"
#include "client/source/postgres/postgres_staging.h"
#include "client/source/postgres/publication.h"
#include "tests/client/source/server_log_source.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// A database whose log is read, and a mirror that takes what is found there.
class PostgresLogTest : public ServerLogTest {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_POSTGRES();
    auto server =
        PostgresServer::Start({"wal_level=logical", "max_replication_slots=20", "max_wal_senders=20",
                               "max_prepared_transactions=5", "wal_sender_timeout=60000"});
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    conninfo_ = server_->NewDatabase();
    Connect();
    access_.dsn = conninfo_;
  }
  void TearDown() override { Close(); }

  void Connect() {
    connection_ = Session();
    ASSERT_NE(connection_, nullptr);
  }
  std::unique_ptr<postgres::Connection> Session() {
    auto opened = postgres::Connection::Open({.conninfo = conninfo_, .application_name = "mirror-test"});
    EXPECT_THAT(opened, IsOk());
    if (!opened.ok()) return nullptr;
    EXPECT_THAT((*opened)->Execute("SET search_path TO public, pg_catalog; SET row_security TO on"), IsOk());
    return *std::move(opened);
  }
  void Sql(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }

  /// As 'mirror-agent install' does it, for all tables that there are.
  void Install() {
    postgres::Pipeline pipeline(*connection_);
    const PostgresTableQueries queries("public");
    queries.Queue(pipeline);
    const auto rows = pipeline.Run();
    ASSERT_THAT(rows, IsOk());
    const auto tables = queries.Take(*rows);
    ASSERT_THAT(tables, IsOk());
    ASSERT_THAT(InstallPublication(*connection_, {kName, kName, kSourceId, *tables}), IsOk());
  }

  absl::Status Open() override {
    if (staging_ == nullptr) {
      PostgresStagingOptions options = options_;
      options.access = access_;
      options.slot = options.publication = kName;
      options.stage.path = folder_ / "Cust.stage.db";
      absl::StatusOr<std::shared_ptr<PostgresStaging>> staging = PostgresStaging::Open(options);
      if (!staging.ok()) return staging.status();
      staging_ = *std::move(staging);
    }
    PostgresLogOptions log;
    log.snapshot_wait_ms = snapshot_wait_ms_;
    absl::StatusOr<std::unique_ptr<PostgresLog>> opened = PostgresLog::Open(staging_, log);
    if (!opened.ok()) return opened.status();
    if (*opened == nullptr) return absl::NotFoundError("not installed");
    log_ = *std::move(opened);
    PostgresReaderOptions reader = ReaderOptions();
    reader.log = log_.get();
    reader_ = OpenPostgresReader(std::move(reader));
    return absl::OkStatus();
  }
  /// The process ends.
  void Close() {
    reader_.reset();
    log_.reset();
    staging_.reset();
  }

  SourceLog& log() override { return *log_; }
  PostgresReaderOptions ReaderOptions() const {
    PostgresReaderOptions options;
    options.access = access_;
    options.records = records_;
    options.steps = steps_;
    return options;
  }
  std::unique_ptr<SourceReader> OtherReader() override { return OpenPostgresReader(ReaderOptions()); }
  absl::Status Hold() override {
    if (!holds_moment_) return absl::OkStatus();
    const absl::StatusOr<bool> held = reader_->HoldMoment(/*with_changes=*/true);
    if (!held.ok()) return held.status();
    EXPECT_TRUE(*held);
    if (!behind_moment_) return absl::OkStatus();
    std::exchange(behind_moment_, nullptr)();
    // The stage tells of it by now.
    return staging_->StageToMarker(nullptr).status();
  }

  /// A column that is new has no values where the source says so, else its table is populated.
  void Realign(const TableSchema& schema, MirroredTable& mirrored) override {
    std::vector<std::uint64_t> ids;
    for (const Column& column : schema.columns) ids.push_back(column.column_id);
    const std::vector<std::uint64_t> before = std::exchange(mirrored.columns, ids);
    if (before == ids || before.empty()) return;
    std::vector<std::size_t> places;
    for (const Column& column : schema.columns) {
      const auto was = std::find(before.begin(), before.end(), column.column_id);
      places.push_back(static_cast<std::size_t>(was - before.begin()));
      const bool is_known = column.backfill == Backfill::kNone ||
                            (column.backfill == Backfill::kDefault && column.default_value.has_value());
      if (was == before.end() && !is_known) mirrored.position = {};
    }
    for (auto& [key, row] : mirrored.rows) {
      std::vector<std::string> realigned;
      for (const std::size_t place : places) realigned.push_back(place < row.size() ? row[place] : "null");
      row = std::move(realigned);
    }
  }

  /// A copy of the server's files, while nothing runs.
  void KeepCopy() {
    Close();
    server_->Stop();
    CopyFiles(server_->data(), server_->folder() + "/copy");
    StartAgain();
  }
  /// `amid`: done with the copy before it is started.
  void PutCopyBack(const std::function<void()>& amid = nullptr) {
    Close();
    server_->Stop();
    std::filesystem::remove_all(server_->data());
    CopyFiles(server_->folder() + "/copy", server_->data());
    if (amid) amid();
    StartAgain();
  }
  void StartAgain() {
    ASSERT_THAT(server_->StartAgain(), IsOk());
    Connect();
  }
  /// With their owner, who runs the server.
  static void CopyFiles(const std::string& from, const std::string& to) {
    ASSERT_EQ(std::system(absl::StrCat("cp -a ", from, " ", to).c_str()), 0);
  }

  static constexpr char kName[] = "_mirror_cust";
  static constexpr char kSourceId[] = "0123456789abcdef0123456789abcdef";
  std::unique_ptr<PostgresServer> server_;
  std::string conninfo_;
  std::unique_ptr<postgres::Connection> connection_;
  PostgresAccess access_;
  PostgresStagingOptions options_;
  std::int64_t snapshot_wait_ms_ = 10'000;
  std::shared_ptr<PostgresStaging> staging_;
  std::unique_ptr<PostgresLog> log_;
  std::vector<TableSteps> steps_;
  bool holds_moment_ = false;  ///< All tables of a cycle are read as of one.
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_POSTGRES_POSTGRES_LOG_SOURCE_H_
