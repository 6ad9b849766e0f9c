#include "server/source/source_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/sqlite/sqlite_words.h"
#include "server/rpc/rpc_status.h"
#include "server/source/encode_outcome.h"
#include "server/store/catalog/sqlite_catalog.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::source_words_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(SourceWordsTest, NamesNoPath) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"opening '/var/lib/mirror/Mirror_Cust.db': no", "opening '(path)': no"},
      {"the file '/srv/my data/Mirror_Cust.db' is gone", "the file '(path)' is gone"},
      {"writing 'dev/data/Mirror_Cust.db-wal' failed", "writing '(path)' failed"},
      {"writing dev/data/Mirror_Cust.db.building failed", "writing (path) failed"},
      {"cannot read /etc/mirror/server.toml.", "cannot read (path)."},
      {"path=/data/x, then ../y/z; then ./a", "path=(path), then (path); then (path)"},
      {"~/mirror/x and \"/a/b\"", "(path) and \"(path)\""},
      {"/at/the/start", "(path)"},
      // What is none stays.
      {"3 and/or 4 rows, 10 / 2, text/plain, a/b", "3 and/or 4 rows, 10 / 2, text/plain, a/b"},
      {"'http://schemes.example.org/identity/ctx' must be a text",
       "'http://schemes.example.org/identity/ctx' must be a text"},
      {"the table 'dbo.people' has no key", "the table 'dbo.people' has no key"},
      {"table 'it''s' and 'x", "table 'it''s' and 'x"},
      {"", ""},
      {"'", "'"},
      {"/", "/"},
      {"end /", "end /"},
  };
  for (const auto& [message, want] : cases) EXPECT_EQ(SourceWords(message), want);
}

TEST(SourceWordsTest, SaysNothingOfWhatSqliteSaid) {
  const std::string said = SqliteWords("near \"DROP\": syntax error in \"SELECT /etc/x\"");
  EXPECT_EQ(SourceWords(absl::StrCat("table 'a': ", said, " (SQLite 1).")),
            "table 'a': the mirror's database refused it (SQLite 1).");
  EXPECT_EQ(SourceWords(absl::StrCat(said, said)),
            "the mirror's database refused itthe mirror's database refused it");
  EXPECT_EQ(SourceWords("SQLite says \"cut off"), "the mirror's database refused it");
}

TEST(SourceWordsTest, SaysNothingOfWherePostgresIsNorOfWhatItSaid) {
  const auto refusal = postgres::ReadRefusal(
      "connection to server at \"db1.inner\" (10.1.2.3), port 6432 failed: FATAL:  57P03: the \"crm\" "
      "starts\n");
  const absl::Status refused =
      postgres::ToStatus(refusal, "PostgreSQL at \"db1.inner, port 6432, database crm\" cannot be used");
  EXPECT_EQ(SourceWords(std::string(refused.message())),
            "the mirror's database cannot be used: it cannot be reached (SQLSTATE 57P03)");
  EXPECT_EQ(SourceWords("writing: PostgreSQL says \"index 'i' at 10.1.2.3\" (SQLSTATE 54000)."),
            "writing: the mirror's database refused it (SQLSTATE 54000).");
}

TEST(SourceWordsTest, SaysNothingOfWhatItsOperatorIsToDo) {
  const std::string begin = "connection to server at \"db1\", port 5432 failed: FATAL:  ";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"28P01: password authentication failed\n", "it does not let this endpoint in (SQLSTATE 28P01)"},
      {"28000: no pg_hba.conf entry\n", "it does not let this endpoint in (SQLSTATE 28000)"},
      {"42501: permission denied\n", "it does not let this endpoint in (SQLSTATE 42501)"},
      {"3D000: there is none\n", "it does not let this endpoint in (SQLSTATE 3D000)"},
      {"53300: too many clients already\n", "it takes no more connections now (SQLSTATE 53300)"},
  };
  const auto told = [](const postgres::Failure& failure) {
    return SourceWords(absl::StrCat(postgres::ToStatus(failure, "x").message(), ". Nothing was applied."));
  };
  for (const std::string& passfile : {std::string(), std::string("/etc/m/pgpass")}) {
    for (const auto& [words, want] : cases) {
      EXPECT_EQ(told(postgres::ReadRefusal(begin + words, {.passfile = passfile})),
                absl::StrCat("x: ", want, ". Nothing was applied."));
    }
    EXPECT_EQ(told(postgres::ReadRefusal("fe_sendauth: no password supplied\n",
                                         {.passfile = passfile, .lacks_password = true})),
              "x: it does not let this endpoint in. Nothing was applied.");
  }
  // As Mirror has it.
  EXPECT_EQ(
      SourceWords("the mirror of 'Cust' is lost: its schema is gone. It takes nothing more. 'mirrorctl "
                  "restore Cust FILE --confirm Cust' puts a backup in its place, 'mirrorctl reset Cust "
                  "--all --confirm Cust' sets it aside; after a repair by hand, type 'mirrorctl resume "
                  "Cust'."),
      "the mirror of 'Cust' is lost: its schema is gone. It takes nothing more until its operator mends "
      "it.");
}

/// Neither where this endpoint keeps files, nor SQL, wherever the status goes out.
void ExpectSafe(const absl::Status& status, const std::string& folder) {
  BatchOutcome outcome;
  outcome.status = status;
  v1::BatchResult result;
  EncodeOutcome(outcome, &result);
  const grpc::Status answer = SourceStatus(status);
  EXPECT_EQ(static_cast<int>(answer.error_code()), static_cast<int>(status.code()));
  for (const std::string& words : {std::string(answer.error_message()), result.message()}) {
    EXPECT_NE(words, "");
    EXPECT_THAT(words, AllOf(Not(HasSubstr(folder)), Not(HasSubstr("/")), Not(HasSubstr("SELECT")),
                             Not(HasSubstr("syntax error"))))
        << status;
  }
}

TEST(SourceWordsTest, EveryErrorOfSqliteIsSafe) {
  const std::string folder = "/srv/the data";
  for (int code = 1; code < 64; ++code) {
    if (code == SQLITE_ROW || code == SQLITE_DONE) continue;
    for (const std::string& what :
         {absl::StrCat("opening '", folder, "/Mirror_Cust.db'"), std::string("table 'people'")}) {
      ExpectSafe(SqliteStatus(code, code | 0x100, what, "near \"x\": syntax error: SELECT 1"), folder);
    }
  }
}

TEST(SourceWordsTest, EveryErrorOfOpeningAMirrorIsSafe) {
  ConfigureSqlite();
  const TempFolder temporary;
  const std::string& folder = temporary.path();
  const SqliteOptions options;
  const auto open = [&](const std::string& dir, const std::string& context_id, bool create,
                        bool build_beside = false) {
    SqliteOptions with = options;
    with.build_beside = build_beside;
    return OpenSqliteStore(dir, context_id, create, with).status();
  };
  std::vector<absl::Status> errors;
  errors.push_back(open(folder, "Nobody", false));
  for (const bool beside : {false, true}) errors.push_back(open(folder + "/none", "Cust", true, beside));
  std::filesystem::create_directory(SqlitePath(folder, "Folder"));
  errors.push_back(open(folder, "Folder", true));
  WriteFileText(SqlitePath(folder, "Noise"), std::string(8'192, 'x'));
  errors.push_back(open(folder, "Noise", true));
  ASSERT_THAT(open(folder, "One", true), IsOk());
  std::filesystem::copy_file(SqlitePath(folder, "One"), SqlitePath(folder, "Two"));
  errors.push_back(open(folder, "Two", true));
  errors.push_back(CatalogFile::Open(folder + "/none").status());
  errors.push_back(FindSqliteStores(folder + "/none").status());
  errors.push_back(CheckSqliteMirror(SqlitePath(folder, "Noise"), "Noise"));
  for (const absl::Status& error : errors) {
    ASSERT_FALSE(error.ok());
    ExpectSafe(error, folder);
  }
}

}  // namespace
}  // namespace mirror::source_words_test
