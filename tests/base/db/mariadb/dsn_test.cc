#include "base/db/mariadb/dsn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "base/db/mariadb/name.h"
#include "tests/support/status_matchers.h"

namespace mirror::mariadb::dsn_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

TEST(MariadbDsnTest, WordsAreReadInAnyOrder) {
  const auto dsn =
      ReadDsn("  user='m \\'x\\\\' dbname=crm   host=db1,db2 port=3307 tls=verify tls_ca='/a b/ca.pem' ");
  ASSERT_THAT(dsn, IsOk());
  EXPECT_THAT(dsn->hosts, ElementsAre(Pair("db1", 3307), Pair("db2", 3307)));
  EXPECT_EQ(dsn->user, "m 'x\\");
  EXPECT_EQ(dsn->database, "crm");
  EXPECT_EQ(dsn->tls, Tls::kVerify);
  EXPECT_EQ(dsn->tls_ca, "/a b/ca.pem");
  EXPECT_EQ(dsn->Address(), "host db1:3307,db2:3307");
  EXPECT_EQ(dsn->Name(), "MariaDB at \"host db1:3307,db2:3307, database crm\"");
  EXPECT_THAT(ReadDsn("host=a,b port=1,65535 dbname=d user=u")->hosts,
              ElementsAre(Pair("a", 1), Pair("b", 65535)));
  EXPECT_EQ(ReadDsn("socket=/run/x dbname=d user=u")->Address(), "socket /run/x");
}

TEST(MariadbDsnTest, WhereNobodyListensOnTheWayTlsIsOffUnlessGiven) {
  EXPECT_EQ(ReadDsn("socket=/run/x dbname=d user=u")->tls, Tls::kOff);
  EXPECT_EQ(ReadDsn("host=localhost,127.0.0.1,::1 dbname=d user=u")->tls, Tls::kOff);
  EXPECT_EQ(ReadDsn("host=localhost,db1 dbname=d user=u")->tls, Tls::kVerify);
  EXPECT_EQ(ReadDsn("host=db1 dbname=d user=u tls=off")->tls, Tls::kOff);
  EXPECT_EQ(ReadDsn("host=db1 dbname=d user=u tls=on")->tls, Tls::kOn);
}

TEST(MariadbDsnTest, WhatIsWrongIsNamedWithoutItsText) {
  const std::pair<std::string, std::string> wrong[] = {
      {"", "either host or socket"},
      {"host=sesame socket=/x dbname=d user=u", "either host or socket"},
      {"host=sesame user=u", "lacks dbname or user"},
      {"host=sesame dbname=d", "lacks dbname or user"},
      {"host=sesame dbname=d user=u port=0", "not a number from 1 to 65535"},
      {"host=sesame dbname=d user=u port=65536", "not a number from 1 to 65535"},
      {"host=sesame dbname=d user=u port=sesame", "not a number from 1 to 65535"},
      {"host=a,b,c dbname=d user=u port=1,2", "must have one port"},
      {"host=a,,c dbname=d user=u", "a host in it is empty"},
      {"host=1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7 dbname=d user=u", "more than 16 hosts"},
      {"socket=/sesame dbname=d user=u port=1", "port works only with host"},
      {"host=a dbname=d user=u tls=sesame", "must be off, on or verify"},
      {"host=a dbname=d user=u tls=on tls_ca=sesame", "only with tls=verify"},
      {"host=a dbname=d user=u user=sesame", "'user' twice"},
      {"host=a dbname=d user='sesame", "a quote in it is not closed"},
      {"sesame", "does not consist of keyword=value"},
      {"host=a dbname=d user=u sesame=1", "a keyword other than"},
      {"host=a dbname=d user=u password=sesame", "holds a password"},
      {std::string("host=a\0sesame", 13), "holds a NUL"}};
  for (const auto& [text, words] : wrong) {
    const absl::Status status = ReadDsn(text).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words))) << text;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("sesame"))) << text;
  }
}

TEST(MariadbNameTest, NamesAreQuotedAndWhatIsNoneIsRefused) {
  EXPECT_THAT(QuotedName("a`b"), IsOkAndHolds("`a``b`"));
  EXPECT_THAT(QuotedName("d", "t"), IsOkAndHolds("`d`.`t`"));
  std::string longest;
  for (std::size_t i = 0; i < kNameCharactersMax; ++i) longest += "\u00fc";
  EXPECT_THAT(QuotedName(longest), IsOk());
  for (const std::string& name : {std::string(), longest + "x", std::string("a\0b", 3), std::string("\xff")})
    EXPECT_THAT(QuotedName(name), Not(IsOk()));
  EXPECT_EQ(QuotedText("a'"), "_utf8mb4 X'6127'");
  EXPECT_EQ(QuotedBytes(""), "X''");
}

}  // namespace
}  // namespace mirror::mariadb::dsn_test
