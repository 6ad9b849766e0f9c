#include "base/db/odbc/connection.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/db/odbc/failure.h"
#include "base/file.h"
#include "tests/client/source/source_database.h"
#include "tests/support/odbc/odbc_driver.h"
#include "tests/support/status_matchers.h"

namespace mirror::odbc::odbc_connection_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

ConnectionString To(const std::string& text) { return *ConnectionString::Parse(text); }

TEST(OdbcConnectionTest, ADriverThatIsNotThereIsNamed) {
  ConnectAs as{To("DRIVER=/nowhere/none.so;SERVER=db1")};
  as.password = "geheim";
  const auto opened = Connection::Open(as);
  EXPECT_EQ(TroubleOf(opened.status()), Trouble::kNoDriver);
  EXPECT_THAT(opened.status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                        AllOf(HasSubstr("'/nowhere/none.so' cannot be loaded"),
                                              HasSubstr("odbc-postgresql"), Not(HasSubstr("geheim")))));
}

TEST(OdbcConnectionTest, AServerThatIsNotReachedIsUnavailable) {
  SKIP_WITHOUT_ODBC(PostgresOdbcDriver());
  ConnectAs as{To(absl::StrCat("DRIVER=", PostgresOdbcDriver(), ";SERVER=/nowhere;DATABASE=x;UID=y"))};
  as.password = "geheim";
  const auto opened = Connection::Open(as);
  EXPECT_EQ(TroubleOf(opened.status()), Trouble::kNotReached);
  EXPECT_THAT(opened.status(), StatusIs(absl::StatusCode::kUnavailable,
                                        AllOf(HasSubstr("/nowhere"), Not(HasSubstr("geheim")))));
}

class OdbcSessionTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_ODBC(SqliteOdbcDriver());
    auto opened =
        Connection::Open({To(absl::StrCat("DRIVER=", SqliteOdbcDriver(), ";DATABASE=", folder_ / "x.db"))});
    ASSERT_THAT(opened, IsOk());
    connection_ = *std::move(opened);
  }
  /// All rows of one column.
  std::vector<std::string> All(const std::string& sql, const std::vector<Parameter>& parameters = {},
                               std::size_t rows_max = 0) {
    auto rows = connection_->Query(sql, parameters, {}, "reading", rows_max);
    EXPECT_THAT(rows, IsOk());
    std::vector<std::string> all;
    while (rows.ok()) {
      const auto more = (*rows)->Step();
      EXPECT_THAT(more, IsOk());
      if (!more.ok() || !*more) break;
      all.push_back((*rows)->IsNull(0) ? "(null)" : (*rows)->Text(0));
    }
    return all;
  }

  TempFolder folder_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(OdbcSessionTest, ParametersAreWhatTheyAre) {
  for (const auto& [parameter, text] : std::vector<std::pair<Parameter, std::string>>{
           {Parameter(), "null:(null)"},
           {std::int64_t{INT64_MIN}, "integer:-9223372036854775808"},
           {0.25, "real:0.25"},
           {std::string("\u00fc '\";?"), "text:\u00fc '\";?"},
           {std::string(), "text:"},
           {Blob{"AB"}, "blob:AB"}}) {
    EXPECT_THAT(All("SELECT typeof(?) || ':' || coalesce(CAST(? AS TEXT), '(null)')", {parameter, parameter}),
                testing::ElementsAre(text));
  }
}

TEST_F(OdbcSessionTest, ValuesOfAnyLengthAreWhole) {
  for (const int length : {0, 1, 510, 511, 512, 513, 2'047, 2'048, 262'143, 262'144, 3'000'000}) {
    const auto all = All(absl::StrCat("SELECT replace(hex(zeroblob(", (length + 1) / 2, ")), '0', 'x')"));
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0], std::string(static_cast<std::size_t>((length + 1) / 2 * 2), 'x'));
  }
  // Of each row anew, after a long one.
  EXPECT_THAT(
      All("SELECT 'a' UNION ALL SELECT NULL UNION ALL SELECT replace(hex(zeroblob(500)), '0', 'x') UNION ALL "
          "SELECT 'b' UNION ALL SELECT ''"),
      testing::ElementsAre("a", "(null)", std::string(1'000, 'x'), "b", ""));
}

TEST_F(OdbcSessionTest, ABraceMeansNothingToTheDriver) {
  EXPECT_THAT(All("SELECT '{fn now()} {d ''2024''} ?'"), testing::ElementsAre("{fn now()} {d '2024'} ?"));
}

TEST_F(OdbcSessionTest, AnErrorSaysWhatWasDoneAndWhatItMeans) {
  const absl::Status none = connection_->Execute("SELECT * FROM nowhere", "looking");
  EXPECT_EQ(TroubleOf(none), Trouble::kUndefined);
  EXPECT_THAT(none, StatusIs(absl::StatusCode::kNotFound,
                             AllOf(HasSubstr("looking: the ODBC driver says"), HasSubstr("no such table"))));
  EXPECT_EQ(TroubleOf(absl::InternalError("of another")), Trouble::kNone);
  EXPECT_EQ(TroubleOf(absl::OkStatus()), Trouble::kNone);
  EXPECT_FALSE(connection_->IsDead());
}

TEST_F(OdbcSessionTest, CatalogsAreAskedByFunctionsOfOdbc) {
  ASSERT_THAT(connection_->Execute("CREATE TABLE t (a INTEGER, b TEXT, PRIMARY KEY (b, a))", "making"),
              IsOk());
  auto rows = connection_->Ask(Connection::Catalog::kColumns, "", "", "t");
  ASSERT_THAT(rows, IsOk());
  ASSERT_THAT((*rows)->Step(), IsOkAndHolds(true));
  EXPECT_EQ((*rows)->Text(3), "a");
  rows = connection_->Ask(Connection::Catalog::kPrimaryKey, "", "", "t");
  ASSERT_THAT(rows, IsOk());
  std::set<std::string> key;
  for (int part = 0; part < 2; ++part) {
    ASSERT_THAT((*rows)->Step(), IsOkAndHolds(true));
    key.insert((*rows)->Text(3));
  }
  EXPECT_THAT(key, testing::ElementsAre("a", "b"));
  EXPECT_THAT((*rows)->Step(), IsOkAndHolds(false));
}

TEST(OdbcPasswordTest, AFileHoldsOneLineForItsOwnerAlone) {
  const TempFolder folder;
  const std::string path = folder / "odbc.pw";
  EXPECT_FALSE(ReadPasswordFile(path).ok());
  std::ofstream(path) << "ge;he}im\n";
  chmod(path.c_str(), 0644);
  EXPECT_THAT(ReadPasswordFile(path).status(), StatusIs(absl::StatusCode::kPermissionDenied));
  chmod(path.c_str(), 0600);
  EXPECT_THAT(ReadPasswordFile(path), IsOkAndHolds("ge;he}im"));
  for (const auto& [wrong, words] :
       {std::pair{"", "is empty"}, {"\n", "is empty"}, {"a\nb\n", "has more than one line"}}) {
    std::ofstream(path) << wrong;
    EXPECT_THAT(ReadPasswordFile(path).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr(words)));
  }
}

}  // namespace
}  // namespace mirror::odbc::odbc_connection_test
