#ifndef MIRROR_TESTS_CLIENT_SOURCE_POSTGRES_REPLICATION_SOURCE_H_
#define MIRROR_TESTS_CLIENT_SOURCE_POSTGRES_REPLICATION_SOURCE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/pipeline.h"
#include "client/source/postgres/log_place.h"
#include "client/source/postgres/log_stream.h"
#include "client/source/postgres/log_words.h"
#include "client/source/postgres/pgoutput.h"
#include "client/source/postgres/postgres_catalog.h"
#include "client/source/postgres/postgres_sessions.h"
#include "client/source/postgres/replication_slot.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// Messages of a log as texts: "insert t (1, 'a')".
class ShownLog {
 public:
  std::string Show(const pgoutput::Message& message) {
    return std::visit([this](const auto& one) { return this->Show(one); }, message);
  }

 private:
  static std::string Show(const pgoutput::Begin&) { return "begin"; }
  static std::string Show(const pgoutput::Commit&) { return "commit"; }
  static std::string Show(const pgoutput::Ignored&) { return "ignored"; }
  static std::string Show(const pgoutput::Emitted& emitted) {
    return absl::StrCat(emitted.transactional ? "message " : "message at once ", std::string(emitted.prefix),
                        " ", std::string(emitted.content));
  }
  std::string Show(const pgoutput::Relation& relation) {
    std::string shown;
    for (const pgoutput::RelationColumn& column : relation.columns)
      absl::StrAppend(&shown, shown.empty() ? "" : ", ", column.name, column.is_key ? "!" : "");
    names_[relation.oid] = relation.name;
    return absl::StrCat("relation ", relation.schema, ".", relation.name, " ",
                        std::string(1, relation.identity), " (", shown, ")");
  }
  std::string Show(const pgoutput::Insert& insert) {
    return absl::StrCat("insert ", names_[insert.oid], " ", Show(insert.row));
  }
  std::string Show(const pgoutput::Update& update) {
    return absl::StrCat(
        "update ", names_[update.oid], " ",
        update.old ? absl::StrCat(update.old_is_key ? "key " : "row ", Show(*update.old), " ") : "",
        Show(update.row));
  }
  std::string Show(const pgoutput::Delete& deleted) {
    return absl::StrCat("delete ", names_[deleted.oid], " ", deleted.old_is_key ? "key " : "row ",
                        Show(deleted.old));
  }
  std::string Show(const pgoutput::Truncate& truncate) {
    std::string shown = "truncate";
    for (const std::uint32_t oid : truncate.oids) absl::StrAppend(&shown, " ", names_[oid]);
    return absl::StrCat(shown, truncate.cascade ? " cascade" : "",
                        truncate.restart_identity ? " restart" : "");
  }
  static std::string Show(const pgoutput::Tuple& tuple) {
    std::string shown;
    for (const pgoutput::Field& field : tuple) {
      absl::StrAppend(&shown, shown.empty() ? "" : ", ");
      if (field.kind == pgoutput::Field::Kind::kNull) absl::StrAppend(&shown, "null");
      if (field.kind == pgoutput::Field::Kind::kUnchanged) absl::StrAppend(&shown, "unchanged");
      if (field.kind == pgoutput::Field::Kind::kText)
        absl::StrAppend(
            &shown, "'",
            field.text.size() > 40 ? absl::StrCat(field.text.size(), " bytes") : std::string(field.text),
            "'");
    }
    return absl::StrCat("(", shown, ")");
  }

  std::map<std::uint32_t, std::string> names_;
};

/// A database of an application at a server of its own whose log tells what changes.
class ReplicationTest : public testing::Test {
 protected:
  static constexpr char kSlot[] = "_mirror_test";
  static constexpr char kPublication[] = "_mirror test";

  void SetUp() override {
    SKIP_WITHOUT_POSTGRES();
    std::vector<std::string> settings = {"wal_level=logical", "max_wal_senders=3", "max_replication_slots=3",
                                         "max_prepared_transactions=2"};
    settings.insert(settings.end(), settings_.begin(), settings_.end());
    auto server = PostgresServer::Start(settings);
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    conninfo_ = server_->NewDatabase();
    access_.dsn = conninfo_;
    connection_ = Connect(conninfo_);
    Sql("SET search_path TO public, pg_catalog");
  }

  static std::unique_ptr<postgres::Connection> Connect(const std::string& conninfo) {
    auto opened = postgres::Connection::Open({.conninfo = conninfo, .application_name = "mirror-test"});
    EXPECT_THAT(opened, IsOk());
    return *std::move(opened);
  }
  void Sql(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }
  std::string Text(const std::string& sql) {
    const auto rows = connection_->Command(sql);
    EXPECT_THAT(rows, IsOk()) << sql;
    return rows.ok() && rows->rows() > 0 ? rows->Text(0, 0) : "";
  }
  /// Until the query gives that.
  void AwaitText(const std::string& sql, const std::string& text) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    std::string last = Text(sql);
    for (; last != text && std::chrono::steady_clock::now() < until; last = Text(sql))
      Text("SELECT pg_sleep(0.01)");
    EXPECT_EQ(last, text) << sql;
  }

  void Publish(const std::string& tables = "") {
    Sql(absl::StrCat("CREATE PUBLICATION \"", kPublication, "\" ", tables.empty() ? "" : "FOR TABLE ",
                     tables));
  }
  std::uint64_t MakeSlot() {
    const auto made = CreateSlot(*connection_, kSlot, std::chrono::seconds(20));
    EXPECT_THAT(made, IsOk());
    return made.ok() ? *made : 0;
  }
  std::unique_ptr<LogStream> OpenStream(std::uint64_t from = 0) {
    auto stream = LogStream::Open(access_, kSlot, kPublication, from);
    EXPECT_THAT(stream, IsOk());
    return stream.ok() ? *std::move(stream) : nullptr;
  }
  absl::Status WhyNoStream(std::uint64_t from = 0) {
    return LogStream::Open(access_, kSlot, kPublication, from, std::chrono::milliseconds(1)).status();
  }
  std::uint64_t ConfirmedLsn() {
    const auto look = LookAtSlot(*connection_, kSlot);
    EXPECT_THAT(look, IsOk());
    return look.ok() && look->slot ? look->slot->confirmed_flush_lsn : 0;
  }

  /// What comes up to the end of the transaction that has this marker.
  struct Come {
    std::vector<std::string> messages;
    pgoutput::Begin last;
    pgoutput::Commit end;
  };
  Come ReadTo(LogStream& stream, const std::string& token) {
    Come come;
    ShownLog shown;
    bool is_there = false;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < until) {
      const auto data = stream.Next(std::chrono::milliseconds(500));
      EXPECT_THAT(data, IsOk());
      if (!data.ok()) return come;
      if (!*data) continue;
      const auto message = pgoutput::Decode(**data);
      EXPECT_THAT(message, IsOk());
      if (!message.ok()) return come;
      const std::string text = shown.Show(*message);
      // The server tells a relation, and its types, again whenever something in its catalogs has moved.
      const bool is_told = std::holds_alternative<pgoutput::Relation>(*message) &&
                           std::find(come.messages.begin(), come.messages.end(), text) != come.messages.end();
      if (is_told || std::holds_alternative<pgoutput::Ignored>(*message)) continue;
      come.messages.push_back(text);
      if (const auto* const begin = std::get_if<pgoutput::Begin>(&*message)) come.last = *begin;
      is_there = is_there || come.messages.back() == absl::StrCat("message mirror ", token);
      if (const auto* const commit = std::get_if<pgoutput::Commit>(&*message);
          commit != nullptr && is_there) {
        come.end = *commit;
        return come;
      }
    }
    ADD_FAILURE() << "the marker " << token << " did not come";
    return come;
  }
  Come EmitAndReadTo(LogStream& stream, const std::string& token) {
    EXPECT_THAT(EmitMarker(*connection_, token), IsOk());
    return ReadTo(stream, token);
  }

  std::vector<PostgresTable> Tables(postgres::Connection& connection, const std::string& schema = "public") {
    const PostgresTableQueries queries(schema);
    postgres::Pipeline pipeline(connection);
    queries.Queue(pipeline);
    const auto rows = pipeline.Run();
    EXPECT_THAT(rows.status(), IsOk());
    auto tables = rows.ok() ? queries.Take(*rows) : rows.status();
    EXPECT_THAT(tables.status(), IsOk());
    return tables.ok() ? *std::move(tables) : std::vector<PostgresTable>();
  }

  std::vector<std::string> settings_;  ///< Of the server, over those of all.
  std::unique_ptr<PostgresServer> server_;
  std::string conninfo_;
  PostgresAccess access_;
  std::unique_ptr<postgres::Connection> connection_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_POSTGRES_REPLICATION_SOURCE_H_
