// Schemas with JSON, schemas that reach for more than their own rows, and schemas that SQLite cannot read.

#include "base/db/sqlite/schema_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/sqlite_reader.h"
#include "client/source/sqlite/sqlite_tables.h"
#include "tests/client/source/logged_source.h"

namespace mirror::schema_guard_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

/// JSON wherever a schema can have it; the CHECK is as Django makes it.
constexpr char kJson[] =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, doc TEXT CHECK ((JSON_VALID(\"doc\") OR \"doc\" IS NULL)), "
    "kept TEXT AS (json_extract(doc, '$.a')) STORED, seen AS (doc ->> '$.b') VIRTUAL, "
    "born TEXT DEFAULT (json_array(1)));"
    "CREATE INDEX by_a ON t(json_extract(doc, '$.a')); CREATE INDEX by_b ON t(doc ->> '$.b');"
    "CREATE INDEX some ON t(id) WHERE doc ->> '$.c' IS NOT NULL;"
    "CREATE VIEW v AS SELECT id, json_extract(doc, '$.a') AS a FROM t;"
    "CREATE TRIGGER app AFTER INSERT ON t BEGIN INSERT INTO s VALUES (json_object('id', new.id)); END;"
    "CREATE TABLE s(x);"
    "INSERT INTO t(id, doc) VALUES (1, '{\"a\": 1, \"b\": \"x\", \"c\": 0}'), (2, NULL)";

class JsonSchemaTest : public LoggedSource {};

TEST_F(JsonSchemaTest, ALoggedSourceIsFollowedAndUninstalled) {
  Start(kJson);
  EXPECT_EQ(After("UPDATE t SET doc = '{\"a\": 7, \"b\": \"y\"}' WHERE id = 1").action, "changes");
  EXPECT_EQ(After("INSERT INTO t(id, doc) VALUES (3, '{\"c\": 1}')").action, "changes");
  // A migration that brings JSON to a table that is followed.
  EXPECT_EQ(After("ALTER TABLE t ADD COLUMN more TEXT CHECK (json_valid(more) OR more IS NULL);"
                  "UPDATE t SET more = '[]' WHERE id = 2")
                .action,
            "changes");
  ExpectEqual();
  reader_.reset();
  log_.reset();
  EXPECT_THAT(ChangeLog::Uninstall({.path = path_}), IsOkAndHolds(true));
  EXPECT_THAT(Ask(app_->handle(), "SELECT name FROM sqlite_schema WHERE name GLOB '_mirror_*'"), IsEmpty());
}

TEST_F(JsonSchemaTest, EveryLookOfASourceWithoutALogIsTaken) {
  app_->Run(kJson);
  const auto reader = OpenSqliteReader({.path = path_, .keys = {{"v", {"id"}}}});
  const auto schema = reader->Schema();
  ASSERT_THAT(schema, IsOk());
  ASSERT_THAT(schema->tables, SizeIs(3));
  for (const SourceTable& table : schema->tables) {
    EXPECT_EQ(table.problem, "");
    const ReadTable read = ReadAll(*reader, table.schema);
    EXPECT_THAT(read.status, IsOk());
    EXPECT_THAT(read.rows, SizeIs(2));
    EXPECT_THAT(reader->Scan(table.schema.name, AllColumns(table.schema)), IsOk());
  }
}

TEST_F(JsonSchemaTest, AnObjectThatSqliteCannotReadIsNoDamage) {
  app_->Run(
      "CREATE TABLE t(id INTEGER PRIMARY KEY); PRAGMA writable_schema = ON; "
      "INSERT INTO sqlite_schema VALUES ('view', 'later', 'later', 0, "
      "'CREATE VIEW later AS SELECT string_agg(id, 1 ORDER BY id) FROM t')");
  app_ = std::make_unique<Application>(path_ + "-other");
  const auto schema = OpenSqliteReader({.path = path_})->Schema();
  EXPECT_THAT(schema,
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("later"), HasSubstr("do not restore"), Not(HasSubstr("seems")))));
}

class SchemaGuardTest : public testing::Test {
 protected:
  /// What reading the view says where its only column is `expression`.
  absl::StatusOr<std::int64_t> Read(const std::string& expression, const std::string& from = "") {
    const std::string view = absl::StrCat("v", ++views_);
    Sql(path_, absl::StrCat("CREATE VIEW ", view, " AS SELECT ", expression, from));
    const auto file = SqliteFile::Open(path_);
    if (!file.ok()) return file.status();
    if (absl::Status turns = RegisterTurns(**file, nullptr); !turns.ok()) return turns;
    return (*file)->Number("SELECT * FROM " + view);
  }

  TempFolder folder_;
  std::string path_ = folder_ / "source.db";
  int views_ = 0;
};

TEST_F(SchemaGuardTest, ASchemaReachesNothingButTheDatabase) {
  EXPECT_THAT(Read("json_extract('{\"a\": 7}', '$.a')"), IsOkAndHolds(7));
  EXPECT_THAT(Read("load_extension('x')").status().message(), HasSubstr("unsafe use of load_extension()"));
  EXPECT_THAT(Read("fts3_tokenizer('simple')").status().message(),
              HasSubstr("unsafe use of fts3_tokenizer()"));
  EXPECT_THAT(Read("_mirror_row(1)").status().message(), HasSubstr("unsafe use of _mirror_row()"));
  EXPECT_THAT(Read("count(*)", " FROM sqlite_stmt").status().message(), HasSubstr("no such"));
  EXPECT_THAT(Read("count(*)", " FROM dbstat").status().message(), HasSubstr("no such"));
}

TEST_F(SchemaGuardTest, EveryFunctionOfOursIsOutOfASchemasReach) {
  Sql(path_, "CREATE TABLE t(x)");
  const auto file = SqliteFile::Open(path_);
  ASSERT_THAT(file, IsOk());
  ASSERT_THAT(RegisterTurns(**file, nullptr), IsOk());
  const auto list = (*file)->Prepare("PRAGMA function_list");
  ASSERT_THAT(list, IsOk());
  int ours = 0;
  while (sqlite3_step(list->get()) == SQLITE_ROW) {
    const std::string name = reinterpret_cast<const char*>(sqlite3_column_text(list->get(), 0));
    if (!name.starts_with("_mirror") && !name.starts_with("mirror")) continue;
    ++ours;
    EXPECT_NE(sqlite3_column_int(list->get(), 5) & SQLITE_DIRECTONLY, 0) << name;
  }
  EXPECT_GE(ours, 3);
}

TEST(NotForSchemas, WhatNobodyVouchesForIsClosed) {
  const SqlFunction json{"json_set", -1, 0}, full_text{"snippet", -1, 0}, kept{"abs", 1, SQLITE_INNOCUOUS},
      direct{"edit", 1, SQLITE_DIRECTONLY}, file{"readfile", 1, 0};
  EXPECT_THAT(NotForSchemas({json, full_text, kept, direct, file}), ElementsAre(file));
}

TEST(UnreadableSchema, IsToldFromDamagedPages) {
  EXPECT_TRUE(IsUnreadableSchema("malformed database schema (v) - near \"ORDER\": syntax error"));
  EXPECT_FALSE(IsUnreadableSchema("malformed database schema (i) - orphan index"));
  EXPECT_FALSE(IsUnreadableSchema("malformed database schema (t) - invalid rootpage"));
  EXPECT_FALSE(IsUnreadableSchema("malformed database schema (t)"));
  EXPECT_FALSE(IsUnreadableSchema("database disk image is malformed"));
}

}  // namespace
}  // namespace mirror::schema_guard_test
