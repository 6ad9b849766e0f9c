#include "base/db/postgres/value.h"

#include <gtest/gtest.h>

#include <string>

#include "base/db/postgres/connection.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"

namespace mirror::postgres::numeric_test {
namespace {

const char* const kDecimals[] = {
    "0",        "1",       "-1",         "0.00",       "1.10",      "-12.50",
    "9999",     "10000",   "99990000",   "0.0001",     "0.00001",   "-0.000000010",
    "12345678", "1.00000", "100000.001", "10000.0000", "0.1234567", "20000000000"};

std::string Binary(const std::string& decimal) {
  std::string binary;
  AppendNumeric(decimal, binary);
  return binary;
}

TEST(PostgresNumeric, WhatIsWrittenIsRead) {
  for (const std::string decimal : kDecimals) EXPECT_EQ(ReadNumeric(Binary(decimal)), decimal);
  const std::string longest = "-" + std::string(503, '7') + "." + std::string(497, '3');
  EXPECT_EQ(ReadNumeric(Binary(longest)), longest);
}

TEST(PostgresNumeric, WhatIsNoDecimalIsNotRead) {
  EXPECT_FALSE(ReadNumeric(""));
  EXPECT_FALSE(ReadNumeric(Binary("1.5").substr(0, 9)));
  std::string nan = Binary("0");
  nan[4] = '\xc0';
  EXPECT_FALSE(ReadNumeric(nan));
}

TEST(PostgresNumeric, ItIsPostgresqlsOwn) {
  SKIP_WITHOUT_POSTGRES();
  PostgresServer* const server = PostgresServer::Shared();
  ASSERT_NE(server, nullptr);
  const auto connection = Connection::Open({.conninfo = server->NewDatabase()});
  ASSERT_THAT(connection, IsOk());
  for (const std::string decimal : kDecimals) {
    const std::string binary = Binary(decimal);
    const auto text = (*connection)
                          ->Query("SELECT $1::numeric::text, $2::text::numeric",
                                  {{Value::Raw(Type::kNumeric, binary), decimal}});
    ASSERT_THAT(text, IsOk());
    EXPECT_EQ(text->Text(0, 0), decimal);
    EXPECT_EQ(text->View(0, 1), binary) << decimal;
  }
}

}  // namespace
}  // namespace mirror::postgres::numeric_test
