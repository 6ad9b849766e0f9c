#include "base/db/mariadb/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/db/mariadb/name.h"
#include "tests/support/mariadb/mariadb_server.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::mariadb::mariadb_connection_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class MariadbConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_MARIADB();
    server_ = MariadbServer::Shared();
    ASSERT_NE(server_, nullptr);
    dsn_ = server_->Dsn(server_->NewDatabase());
    connection_ = Connect(dsn_);
    ASSERT_NE(connection_, nullptr);
  }
  static std::unique_ptr<Connection> Connect(const std::string& dsn) {
    auto opened = Connection::Open({.dsn = dsn});
    EXPECT_THAT(opened, IsOk());
    return opened.ok() ? *std::move(opened) : nullptr;
  }

  MariadbServer* server_ = nullptr;
  std::string dsn_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(MariadbConnectionTest, RowsComeAsTheyAreWithTheirNulls) {
  const std::string odd("a\0'\\\"\n\xc3\xbc", 8);
  const auto rows =
      connection_->Query(absl::StrCat("SELECT NULL, '', ", QuotedText(odd), ", ", QuotedBytes("\xff"),
                                      ", 7, 'x7' UNION ALL SELECT 1, 2, 3, 4, -9223372036854775808, 6"));
  ASSERT_THAT(rows, IsOk());
  ASSERT_EQ(rows->rows(), 2U);
  EXPECT_EQ(rows->columns(), 6U);
  EXPECT_TRUE(rows->IsNull(0, 0));
  EXPECT_FALSE(rows->IsNull(0, 1));
  EXPECT_EQ(rows->View(0, 1), "");
  EXPECT_EQ(rows->Text(0, 2), odd);
  EXPECT_EQ(rows->Text(0, 3), "\xff");
  EXPECT_EQ(rows->Int(0, 4), 7);
  EXPECT_EQ(rows->Int(0, 5), 0) << "it is no whole number";
  EXPECT_EQ(rows->Int(1, 4), INT64_MIN);
  EXPECT_THAT(connection_->Query("SELECT 1 FROM DUAL WHERE FALSE")->rows(), 0U);
  EXPECT_EQ(connection_->Query("SET @a = 1")->rows(), 0U);
  EXPECT_THAT(connection_->Number("SELECT 1 FROM DUAL WHERE FALSE"), Not(IsOk()));
  EXPECT_THAT(connection_->Number("SELECT 41 + 1"), IsOkAndHolds(42));
}

TEST_F(MariadbConnectionTest, SessionsAreAsOurStatementsNeedThemWhateverTheServerSays) {
  ASSERT_THAT(
      connection_->Execute("SET GLOBAL time_zone = '+05:00', sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,ORACLE', "
                           "sql_select_limit = 1"),
      IsOk());
  const auto other = Connect(dsn_);
  ASSERT_THAT(
      connection_->Execute("SET GLOBAL time_zone = DEFAULT, sql_mode = DEFAULT, sql_select_limit = DEFAULT"),
      IsOk());
  ASSERT_NE(other, nullptr);
  const auto rows =
      other->Query("SELECT @@time_zone, @@sql_mode, @@character_set_results UNION ALL SELECT 1, 2, 3");
  ASSERT_THAT(rows, IsOk());
  ASSERT_EQ(rows->rows(), 2U);
  EXPECT_EQ(rows->Text(0, 0), "+00:00");
  EXPECT_EQ(rows->Text(0, 1), "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION");
  EXPECT_EQ(rows->Text(0, 2), "utf8mb4");
}

TEST_F(MariadbConnectionTest, AStreamThatIsLeftEndsTheConnectionAndOneThatWasReadDoesNot) {
  {
    auto stream = connection_->Stream("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_3");
    ASSERT_THAT(stream, IsOk());
    int rows = 0;
    for (absl::StatusOr<bool> more = stream->Step(); more.ok() && *more; more = stream->Step()) ++rows;
    EXPECT_EQ(rows, 3);
    EXPECT_THAT(stream->Step(), IsOkAndHolds(false));
  }
  EXPECT_TRUE(connection_->IsAlive());
  EXPECT_THAT(connection_->Number("SELECT 1"), IsOkAndHolds(1));
  {
    auto stream = connection_->Stream("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_100000");
    ASSERT_THAT(stream, IsOk());
    EXPECT_THAT(stream->Step(), IsOkAndHolds(true));
  }
  EXPECT_FALSE(connection_->IsOpen());
  EXPECT_EQ(TroubleOf(connection_->Execute("SELECT 1")), Trouble::kLost);
}

TEST_F(MariadbConnectionTest, AConnectionThatTheServerEndedSaysSo) {
  const auto other = Connect(dsn_);
  EXPECT_TRUE(other->IsAlive());
  ASSERT_THAT(connection_->KillOther(other->server_thread()), IsOk());
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (other->IsAlive() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_FALSE(other->IsAlive());
  EXPECT_TRUE(other->IsOpen()) << "as far as is known without a look";
  EXPECT_EQ(TroubleOf(other->Execute("SELECT 1")), Trouble::kLost);
  EXPECT_FALSE(other->IsOpen());
  EXPECT_THAT(connection_->KillOther(other->server_thread()), IsOk()) << "it is gone";
}

TEST_F(MariadbConnectionTest, ErrorsSayWhatTheyMeanAndNoValue) {
  ASSERT_THAT(connection_->Execute("CREATE TABLE t (k VARCHAR(20) PRIMARY KEY, n TINYINT)"), IsOk());
  ASSERT_THAT(connection_->Execute("INSERT INTO t VALUES ('sesame', 1)"), IsOk());
  struct ErrorCase {
    std::string sql;
    Trouble trouble;
  };
  for (const ErrorCase& error :
       {ErrorCase{"SELECT nothing FROM t", Trouble::kUndefined},
        ErrorCase{"SELECT 1 FROM nothing", Trouble::kUndefined},
        ErrorCase{"INSERT INTO t VALUES ('sesame', 2)", Trouble::kOther},
        ErrorCase{"INSERT INTO t VALUES ('a', 'sesame')", Trouble::kValue},
        ErrorCase{"INSERT INTO t VALUES ('a', 300)", Trouble::kValue},
        ErrorCase{"SELECT sesame sesame sesame", Trouble::kOther},
        ErrorCase{"SET STATEMENT max_statement_time = 0.01 FOR SELECT SLEEP(60) FROM t",
                  Trouble::kCancelled}}) {
    const absl::Status status = connection_->Execute(error.sql, "trying it");
    EXPECT_EQ(TroubleOf(status), error.trouble) << error.sql << ": " << status;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("trying it: "), Not(HasSubstr("sesame"))))
        << error.sql;
  }
  EXPECT_THAT(connection_->Number("SELECT 1"), IsOkAndHolds(1)) << "it is as good as before";
}

TEST_F(MariadbConnectionTest, ALogInThatIsRefusedSaysWhy) {
  const std::string nobody = absl::StrReplaceAll(dsn_, {{"user=root", "user=nobody"}});
  EXPECT_THAT(Connection::Open({.dsn = nobody}),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("has no password_file")));
  EXPECT_THAT(Connection::Open({.dsn = server_->Dsn("nothing")}),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("correct dbname")));
  EXPECT_THAT(Connection::Open({.dsn = "socket=/nowhere/socket dbname=a user=b"}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("/nowhere/socket")));
}

TEST_F(MariadbConnectionTest, AMethodThatShowsThePasswordIsRefused) {
  // PAM asks for it in clear. Where its plugin is not there, no user can have it. Its first version asks in
  // the server itself: the second needs a tool whose folder belongs to the server's user, and a server
  // of 10.11.19 ends itself where it may not start that.
  if (!connection_->Execute("INSTALL SONAME 'auth_pam_v1'").ok()) GTEST_SKIP() << "the server has no PAM";
  ASSERT_THAT(connection_->Execute("CREATE OR REPLACE USER pam@localhost IDENTIFIED VIA pam"), IsOk());
  EXPECT_THAT(Connection::Open({.dsn = absl::StrReplaceAll(dsn_, {{"user=root", "user=pam"}})}),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("would show the password")));
}

TEST_F(MariadbConnectionTest, AUserOfTheMachineNeedsNoPassword) {
  const auto started = MariadbServer::Start();
  ASSERT_THAT(started, IsOk());
  MariadbServer& server = **started;
  const std::string user = getpwuid(geteuid())->pw_name;
  ASSERT_THAT(
      Connect(server.Dsn())
          ->Execute(absl::StrCat("CREATE OR REPLACE USER ", user, "@localhost IDENTIFIED VIA unix_socket")),
      IsOk());
  EXPECT_THAT(Connection::Open({.dsn = server.Dsn("information_schema", user)}), IsOk());
}

/// One that nobody listened at a moment ago.
int FreePort() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool bound = bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(probe);
  return bound ? ntohs(address.sin_port) : 0;
}

/// A server that listens at 127.0.0.1, with a certificate of an authority of its own.
class MariadbTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_MARIADB();
    for (const std::string& command :
         {std::string("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key "
                      "-out ca.pem"),
          std::string(
              "openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr"),
          std::string(
              "printf 'subjectAltName=DNS:localhost' > names && openssl x509 -req -in server.csr -CA ca.pem "
              "-CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem"),
          std::string("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout o.key -out "
                      "other.pem"),
          std::string("chmod 755 . && chmod 644 *")}) {
      const Finished made = RunProgram(
          "/bin/sh", {"-c", absl::StrCat("cd ", folder_.path(), " && ", command, " 2> /dev/null")});
      ASSERT_EQ(made.exit_code, 0) << command;
    }
    const auto started = Start();
    ASSERT_TRUE(started);
  }
  /// A port that was free a moment ago may be somebody's by now.
  bool Start() {
    for (int attempt = 0; attempt < 5; ++attempt) {
      port_ = FreePort();
      auto server = MariadbServer::Start({"--skip-networking=0", "--bind-address=127.0.0.1",
                                          absl::StrCat("--port=", port_),
                                          absl::StrCat("--ssl-ca=", folder_.path() + "/ca.pem"),
                                          absl::StrCat("--ssl-cert=", folder_.path() + "/server.pem"),
                                          absl::StrCat("--ssl-key=", folder_.path() + "/server.key")});
      if (!server.ok()) continue;
      server_ = *std::move(server);
      return true;
    }
    return false;
  }
  std::string Dsn(const std::string& host, const std::string& more) const {
    return absl::StrCat("host=", host, " port=", port_, " dbname=mysql user=mir ", more);
  }
  static Trouble TroubleWith(const std::string& dsn) {
    return TroubleOf(Connection::Open({.dsn = dsn}).status());
  }

  TempFolder folder_;
  int port_ = 0;
  std::unique_ptr<MariadbServer> server_;
};

TEST_F(MariadbTlsTest, WhoAnswersIsVerified) {
  {
    auto root = Connection::Open({.dsn = server_->Dsn()});
    ASSERT_THAT(root, IsOk());
    ASSERT_THAT((*root)->Execute("CREATE USER mir@'127.0.0.1'"), IsOk());
    ASSERT_THAT((*root)->Execute("GRANT SELECT ON *.* TO mir@'127.0.0.1'"), IsOk());
    EXPECT_EQ((*root)->cipher(), "");
  }
  const std::string ca = " tls_ca=" + (folder_.path() + "/ca.pem");
  auto verified = Connection::Open({.dsn = Dsn("localhost", "tls=verify" + ca)});
  ASSERT_THAT(verified, IsOk());
  EXPECT_NE((*verified)->cipher(), "");
  // Rows over it, and an end of it in their middle.
  EXPECT_THAT((*verified)->Number("SELECT COUNT(*) FROM mysql.help_topic"), IsOk());
  {
    auto stream = (*verified)->Stream("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_100000");
    ASSERT_THAT(stream, IsOk());
    EXPECT_THAT(stream->Step(), IsOkAndHolds(true));
  }
  auto encrypted = Connection::Open({.dsn = Dsn("127.0.0.1", "tls=on")});
  ASSERT_THAT(encrypted, IsOk());
  EXPECT_NE((*encrypted)->cipher(), "");
  auto plain = Connection::Open({.dsn = Dsn("127.0.0.1", "tls=off")});
  ASSERT_THAT(plain, IsOk());
  EXPECT_EQ((*plain)->cipher(), "");
  EXPECT_EQ(TroubleWith(Dsn("127.0.0.1", "tls=verify" + ca)), Trouble::kNotLetIn) << "it is for localhost";
  EXPECT_EQ(TroubleWith(Dsn("localhost", "tls=verify tls_ca=" + (folder_.path() + "/other.pem"))),
            Trouble::kNotLetIn);
  EXPECT_EQ(TroubleWith(Dsn("localhost", "tls=verify")), Trouble::kNotLetIn) << "the system does not know it";
  EXPECT_THAT(Connection::Open({.dsn = Dsn("localhost", "tls=verify tls_ca=/nowhere")}), Not(IsOk()));
}

TEST_F(MariadbTlsTest, AServerWithoutTlsIsNotSpokenWithInClear) {
  server_->Stop();
  ASSERT_THAT(server_->StartAgain({"--skip-ssl"}), IsOk());
  {
    auto root = Connection::Open({.dsn = server_->Dsn()});
    ASSERT_THAT(root, IsOk());
    ASSERT_THAT((*root)->Execute("CREATE USER mir@'127.0.0.1'"), IsOk());
  }
  for (const std::string& tls : {std::string("tls=on"), "tls=verify tls_ca=" + folder_.path() + "/ca.pem"}) {
    EXPECT_THAT(Connection::Open({.dsn = Dsn("127.0.0.1", tls)}).status(),
                StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("server has no TLS")));
  }
  // Of several hosts the first that answers counts.
  const std::string dsn =
      absl::StrCat("host=127.0.0.1,127.0.0.1 port=1,", port_, " dbname=mysql user=mir tls=off");
  EXPECT_THAT(Connection::Open({.dsn = dsn}).status(),
              Not(StatusIs(absl::StatusCode::kUnavailable, HasSubstr(""))));
}

}  // namespace
}  // namespace mirror::mariadb::mariadb_connection_test
