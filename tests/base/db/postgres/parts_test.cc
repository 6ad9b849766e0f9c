#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/db/postgres/connection.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/target.h"
#include "base/db/postgres/value.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

// What needs no server.

namespace mirror::postgres::parts_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(PostgresName, IsQuotedWithItsCaseAndNeverCutOff) {
  EXPECT_THAT(QuotedName("Kunde"), IsOkAndHolds("\"Kunde\""));
  EXPECT_THAT(QuotedName("a\"b"), IsOkAndHolds("\"a\"\"b\""));
  EXPECT_THAT(QuotedName("Mirror_C1", "x"), IsOkAndHolds("\"Mirror_C1\".\"x\""));
  EXPECT_THAT(QuotedName(std::string(63, 'a')), IsOk());
  EXPECT_THAT(
      QuotedName(std::string(64, 'a')),
      StatusIs(StatusCode::kInvalidArgument, HasSubstr("64 bytes, and PostgreSQL's limit for a name is 63")));
  EXPECT_THAT(QuotedName(std::string(31, 'a') + std::string(32, '\xc3')),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(QuotedName(""), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(QuotedName(std::string("a\0b", 3)), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(QuotedText("it's"), IsOkAndHolds("'it''s'"));
  EXPECT_THAT(QuotedText("a\\'b"), IsOkAndHolds("E'a\\\\''b'"));
  EXPECT_THAT(DollarQuoted("it's"), IsOkAndHolds("$mirror$it's$mirror$"));
  EXPECT_THAT(DollarQuoted("$mirror$ $_mirror$"), IsOkAndHolds("$__mirror$$mirror$ $_mirror$$__mirror$"));
  EXPECT_THAT(DollarQuoted("a $mirror"), IsOkAndHolds("$_mirror$a $mirror$_mirror$"));
  EXPECT_THAT(DollarQuoted(std::string("a\0b", 3)), StatusIs(StatusCode::kInvalidArgument));
}

TEST(PostgresTarget, AWrongKeywordIsNamed) {
  for (const std::string text :
       {"postgresql://mirror@db7/crm?sslmod=verify-full", "host=db7 sslmod=verify-full"}) {
    EXPECT_THAT(ReadConninfo(text),
                StatusIs(StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("cannot be read: libpq has no keyword 'sslmod'. Write it in"),
                               Not(HasSubstr("db7")))))
        << text;
  }
}

TEST(PostgresTarget, APasswordIsRefusedAndNeverRepeated) {
  for (const std::string text :
       {"host=db1 password=geheim", "postgresql://me:geheim@db1/crm",
        "postgresql://me@db1/crm?password=geheim", "host=db1 password='geheim", "host=db1 geheim",
        "postgresql://me:geheim@db1:port/crm", "host=db1 sslpassword=geheim", "passwort=geheim",
        "postgresql://me:x?geheim=y@db1/crm", "passwort=a geheim=b", "host=db1 GEHEIM=geheim"}) {
    EXPECT_THAT(ReadConninfo(text), StatusIs(StatusCode::kInvalidArgument,
                                             AllOf(HasSubstr("connection string"), Not(HasSubstr("geheim")))))
        << text;
  }
  EXPECT_THAT(ReadConninfo("host=db1,db2 dbname=crm user=mirror sslmode=verify-full"), IsOk());
  EXPECT_THAT(ReadConninfo("postgresql://mirror@db1/crm?sslmode=verify-full"), IsOk());
}

TEST(PostgresTarget, APassfileIsItsOwnersAlone) {
  const TempFolder folder;
  const std::string path = folder.path() + "/pgpass";
  EXPECT_THAT(ReadTarget({.conninfo = "host=db1", .passfile = path}), StatusIs(StatusCode::kNotFound));
  WriteFileText(path, "db1:5432:crm:mirror:geheim\n");
  chmod(path.c_str(), 0640);
  EXPECT_THAT(ReadTarget({.conninfo = "host=db1", .passfile = path}),
              StatusIs(StatusCode::kPermissionDenied, HasSubstr(path)));
  EXPECT_THAT(ReadTarget({.conninfo = "host=db1 passfile=" + path}), StatusIs(StatusCode::kPermissionDenied));
  chmod(path.c_str(), 0600);
  EXPECT_THAT(ReadTarget({.conninfo = "host=db1", .passfile = path}), IsOk());
}

std::vector<std::string> Of(const Target& target, const std::string& keyword) {
  std::vector<std::string> values;
  for (const Parameters& attempt : target.attempts) {
    for (const auto& [name, value] : attempt) {
      if (name == keyword) values.push_back(value);
    }
  }
  return values;
}

TEST(PostgresTarget, HostsAreTriedOneByOne) {
  const auto target = ReadTarget({.conninfo = "host=db1,db2 port=5432,6432 dbname=crm keepalives_idle=60"});
  ASSERT_THAT(target, IsOk());
  EXPECT_THAT(Of(*target, "host"), ElementsAre("db1", "db2"));
  EXPECT_THAT(Of(*target, "port"), ElementsAre("5432", "6432"));
  EXPECT_THAT(Of(*target, "keepalives_idle"), ElementsAre("60", "60"));
  EXPECT_THAT(Of(*target, "tcp_user_timeout"), ElementsAre("10000", "10000"));
  EXPECT_EQ(target->name, "PostgreSQL at \"db1,db2, port 5432,6432, database crm\"");
  const auto standby = ReadTarget({.conninfo = "host=a,b target_session_attrs=prefer-standby"});
  EXPECT_THAT(Of(*standby, "host"), ElementsAre("a", "b", "a", "b"));
  EXPECT_THAT(Of(*standby, "target_session_attrs"), ElementsAre("standby", "standby", "any", "any"));
}

TEST(PostgresFailure, IsFoundInItsStatus) {
  const absl::Status status = ToStatus({.trouble = Trouble::kConstraint,
                                        .sqlstate = "23505",
                                        .words = "PostgreSQL says \"twice\"",
                                        .schema = "s",
                                        .table = "t",
                                        .constraint = "c",
                                        .copy_row = 7},
                                       "writing");
  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition,
                               "writing: PostgreSQL says \"twice\" (SQLSTATE 23505)"));
  const Failure failure = FailureOf(status);
  EXPECT_EQ(failure.trouble, Trouble::kConstraint);
  EXPECT_EQ(failure.sqlstate, "23505");
  EXPECT_EQ(failure.schema, "s");
  EXPECT_EQ(failure.table, "t");
  EXPECT_EQ(failure.column, "");
  EXPECT_EQ(failure.constraint, "c");
  EXPECT_EQ(failure.copy_row, 7);
  EXPECT_EQ(TroubleOf(absl::OkStatus()), Trouble::kNone);
  EXPECT_EQ(TroubleOf(absl::InternalError("x")), Trouble::kNone);
}

TEST(PostgresFailure, ARefusalKeepsItsSqlstate) {
  const Failure full = ReadRefusal(
      "connection to server at \"db1\", port 5432 failed: FATAL:  53300: sorry, too many clients already\n"
      "LOCATION:  InitProcess, proc.c:360\n");
  EXPECT_EQ(full.trouble, Trouble::kTooMany);
  EXPECT_EQ(full.sqlstate, "53300");
  EXPECT_EQ(
      full.words,
      "libpq says \"connection to server at 'db1', port 5432 failed: sorry, too many clients "
      "already\". All connections that it allows are in use: raise its max_connections or, if the message "
      "names a role or a database, the CONNECTION LIMIT of that one, or end connections of others");
  EXPECT_EQ(ReadRefusal("connection to server failed: Connection refused\n\tIs it running?\n").trouble,
            Trouble::kNotReady);
  EXPECT_EQ(
      ReadRefusal("connection to server at \"db1\", port 5432 failed: FATAL:  55000: database \"crm\" is "
                  "not currently accepting connections\n")
          .trouble,
      Trouble::kNotReady);
}

TEST(PostgresFailure, WhoIsNotLetInIsToldWhatToDo) {
  const std::string begin = "connection to server at \"db1\", port 5432 failed: ";
  const Login login{.passfile = "/etc/m/pgpass"};
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"FATAL:  28P01: password authentication failed for user \"m\"\n",
       "password in the passfile '/etc/m/pgpass' is wrong: correct the first line"},
      {"FATAL:  28000: no pg_hba.conf entry\n", "the role's name, and at pg_hba.conf"},
      {"FATAL:  42501: permission denied for database \"mirrors\"\n", "GRANT CONNECT ON DATABASE"},
      {"FATAL:  3D000: database \"mirors\" does not exist\n", "Make that database, or correct the name"},
  };
  for (const auto& [words, told] : cases) {
    const Failure failure = ReadRefusal(begin + words, login);
    EXPECT_EQ(failure.trouble, Trouble::kNotLetIn) << words;
    EXPECT_THAT(failure.words, HasSubstr(told));
  }
  const std::string none = begin + "fe_sendauth: no password supplied\n";
  const Failure failure = ReadRefusal(none, {.passfile = "/etc/m/pgpass", .lacks_password = true});
  EXPECT_EQ(failure.trouble, Trouble::kNotLetIn);
  EXPECT_THAT(failure.words, AllOf(HasSubstr("No line of the passfile '/etc/m/pgpass' is for that host"),
                                   HasSubstr("host:port:database:role:password")));
  EXPECT_THAT(ReadRefusal(none, {.lacks_password = true}).words, HasSubstr("~/.pgpass"));
}

TEST(PostgresFailure, WhoMayNotReadTheLogIsToldWhatToDo) {
  const Login login{.replication = true};
  Failure failure = ReadRefusal(
      "FATAL:  42501: permission denied for database \"crm\"\nLOCATION:  CheckMyDatabase, postinit.c:382\n",
      login);
  EXPECT_EQ(failure.trouble, Trouble::kNotLetIn);
  EXPECT_THAT(failure.words, HasSubstr("GRANT CONNECT ON DATABASE"));
  failure = ReadRefusal(
      "FATAL:  42501: must be superuser or replication role to start walsender\nLOCATION:  InitPostgres, "
      "postinit.c:943\n",
      login);
  EXPECT_EQ(failure.trouble, Trouble::kNotLetIn);
  EXPECT_THAT(failure.words, AllOf(HasSubstr("needs REPLICATION"), testing::Not(HasSubstr("GRANT CONNECT"))));
  failure = ReadRefusal(
      "FATAL:  53300: number of requested standby connections exceeds max_wal_senders (currently 3)\n",
      login);
  EXPECT_EQ(failure.trouble, Trouble::kTooMany);
  EXPECT_THAT(failure.words,
              AllOf(HasSubstr("raise its max_wal_senders"), testing::Not(HasSubstr("max_connections"))));
}

TEST(PostgresValue, NumbersComeBackAsTheyWent) {
  for (const std::int64_t number :
       {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(),
        std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(ReadInt(Value(number).binary()), number);
  }
  EXPECT_EQ(ReadInt(Value::Int4(-7).binary()), -7);
  EXPECT_EQ(ReadInt(std::string_view("\xff\xfe", 2)), -2);
  EXPECT_EQ(ReadReal(Value(-0.1).binary()), -0.1);
  EXPECT_EQ(ReadInt(Value(true).binary()), 1);
  EXPECT_TRUE(Value(nullptr).is_null());
  EXPECT_FALSE(Value("").is_null());
}

TEST(PostgresPreparedStatements, ATextIsPreparedAtItsSecondUseAndTheOldestGoes) {
  PreparedStatements statements(2);
  EXPECT_EQ(statements.UseOf("a").name, "");
  const PreparedStatements::Use second = statements.UseOf("a");
  EXPECT_TRUE(second.has_to_be_prepared);
  EXPECT_FALSE(statements.UseOf("a").has_to_be_prepared);
  EXPECT_EQ(statements.UseOf("a").name, second.name);
  statements.UseOf("b");
  EXPECT_THAT(statements.TakeDropped(), ElementsAre());
  statements.UseOf("c");
  EXPECT_THAT(statements.TakeDropped(), ElementsAre(second.name));
  EXPECT_EQ(statements.UseOf("a").name, "");
  EXPECT_NE(PreparedStatements::KeyOf("x", std::vector<Value>{1}),
            PreparedStatements::KeyOf("x", std::vector<Value>{"1"}));
}

}  // namespace
}  // namespace mirror::postgres::parts_test
