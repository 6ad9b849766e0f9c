#include "base/db/odbc/connection_string.h"

#include <gmock/gmock.h>

#include "tests/support/status_matchers.h"

namespace mirror::odbc::connection_string_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string ValueOf(const std::string& text, const std::string& key) {
  const auto parsed = ConnectionString::Parse(text);
  EXPECT_THAT(parsed, IsOk()) << text;
  if (!parsed.ok()) return "";
  const std::string* const value = parsed->Find(key);
  return value == nullptr ? "(none)" : *value;
}

TEST(ConnectionStringTest, ValuesAreThoseOfTheirKeys) {
  const std::string text = " DRIVER = {A ;B}}c} ;;Server=db1 ; UID=;X=a=b;server=second; ";
  EXPECT_EQ(ValueOf(text, "driver"), "A ;B}c");
  EXPECT_EQ(ValueOf(text, "SERVER"), "db1") << "the first one counts";
  EXPECT_EQ(ValueOf(text, "uid"), "");
  EXPECT_EQ(ValueOf(text, "x"), "a=b");
  EXPECT_EQ(ValueOf(text, "y"), "(none)");
}

TEST(ConnectionStringTest, WhatIsWrittenIsReadAsItWas) {
  for (const std::string value :
       {"plain", "a;b", "{x}", "}", "a}b;", " blank ", "/path with blanks/x.db", "", "a=b"}) {
    auto parsed = ConnectionString::Parse("DSN=x");
    ASSERT_THAT(parsed, IsOk());
    parsed->Set("KEY", value);
    parsed->SetUnlessGiven("key", "other");
    EXPECT_EQ(ValueOf(parsed->ToString(), "KEY"), value);
  }
  // Drivers that take braces for a part of a value see none.
  auto parsed = ConnectionString::Parse("DSN=x;DATABASE=/a b/c.db");
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->ToString(), "DSN=x;DATABASE=/a b/c.db");
}

TEST(ConnectionStringTest, WhatIsNoneIsRefusedWithoutItsText) {
  for (const char* const text : {"", "geheim", "DSN", "DRIVER={geheim", "DRIVER={a}geheim;X=1", "=geheim",
                                 "SERVER=geheim", "DSN=x;geheim;"}) {
    const auto parsed = ConnectionString::Parse(text);
    EXPECT_THAT(parsed.status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("DRIVER={name};SERVER=host"), Not(HasSubstr("geheim")))))
        << text;
  }
  EXPECT_FALSE(ConnectionString::Parse(std::string("DSN=a\0b", 7)).ok());
  EXPECT_FALSE(ConnectionString::Parse("DSN=" + std::string(20'000, 'x')).ok());
}

TEST(ConnectionStringTest, PasswordsAreSecrets) {
  const auto parsed = ConnectionString::Parse("DSN=x;Pwd=geheim;Password={auch;so};UID=me");
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->SecretKey(), "Pwd");
  EXPECT_THAT(parsed->Secrets(), testing::ElementsAre("geheim", "auch;so"));
  EXPECT_THAT(parsed->Place(), AllOf(Not(HasSubstr("geheim")), Not(HasSubstr("me"))));
  EXPECT_EQ(ConnectionString::Parse("DSN=x")->SecretKey(), "");
  for (const char* const text : {"SSLKeyPassword=a", "TrustStorePwd=a", "CLIENT_SECRET=a", "AccessToken=a",
                                 "pqopt={sslmode=prefer password=a}", "keyPassphrase=a", "passwd=a"}) {
    EXPECT_NE(ConnectionString::Parse(std::string("DSN=x;") + text)->SecretKey(), "") << text;
  }
  EXPECT_EQ(ConnectionString::Parse("DSN=x;SERVER=passwords.example.org;PQOPT={sslmode=prefer}")->SecretKey(),
            "");
}

}  // namespace
}  // namespace mirror::odbc::connection_string_test
