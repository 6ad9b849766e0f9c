#include "server/own_records/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/db/postgres/connection.h"
#include "base/db/sqlite/connection.h"
#include "server/own_records/postgres_record.h"
#include "server/own_records/sqlite_record.h"
#include "tests/support/postgres_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::record_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

enum class Mood : std::uint8_t { kCalm = 1, kAngry = 2 };

struct Point {
  std::string mark = {};
  std::int64_t number = 0;
  friend bool operator==(const Point&, const Point&) = default;
};

struct Row {
  std::string name;
  std::uint64_t at = 0;
  bool open = false;
  Mood mood = Mood::kCalm;
  Point here = {};
  std::optional<Point> before = std::nullopt;
  std::optional<std::int64_t> gone = std::nullopt;
  std::string nickname = {};
  std::string bytes = {};
  std::set<std::string> words = {};
  friend bool operator==(const Row&, const Row&) = default;
};

std::string Joined(const std::set<std::string>& words) { return absl::StrJoin(words, " "); }
absl::Status Split(std::string_view text, std::set<std::string>* words) {
  if (text == "damaged") return absl::DataLossError("words");
  *words = absl::StrSplit(std::string(text), ' ', absl::SkipEmpty());
  return absl::OkStatus();
}

using Of = ColumnsOf<Row>;
constexpr std::array kColumns = {
    Of::Member<&Row::name>("name", {.key = true, .kind = ColumnKind::kKeyText}),
    Of::Member<&Row::at>("at", {.key = true}),
    Of::Member<&Row::open>("open", {.default_sql = "false"}),
    Of::Member<&Row::mood>("mood"),
    Of::Member<&Row::here, &Point::mark>("mark"),
    Of::Member<&Row::before, &Point::mark>("before_mark"),
    Of::Member<&Row::before, &Point::number>("before_number"),
    Of::Member<&Row::gone>("gone"),
    Of::Member<&Row::nickname>("nickname", {.empty_is_null = true}),
    Of::Member<&Row::bytes>("bytes", {.kind = ColumnKind::kBytes}),
    Of::AsText<&Row::words, Joined, Split>("words"),
    Of::Beside("rank", ColumnKind::kNumber),
};
static_assert(kColumns[6].may_be_null && kColumns[6].kind == ColumnKind::kNumber);

const Record<Row>& Rows() {
  static const Record<Row> record("seen", kColumns, {.sqlite_behind = "STRICT"});
  return record;
}

struct Flag {
  std::string key;
  bool operator==(const Flag&) const = default;
};
constexpr std::array kFlagColumns = {ColumnsOf<Flag>::Member<&Flag::key>("key", {.key = true})};
const Record<Flag>& Flags() {
  static const Record<Flag> record("flag", kFlagColumns);
  return record;
}

struct Head {
  std::int64_t last = 0;
};
constexpr std::array kHeadColumns = {ColumnsOf<Head>::One(), ColumnsOf<Head>::Member<&Head::last>("last")};
const Record<Head>& Heads() {
  static const Record<Head> record("head", kHeadColumns, {.postgres_behind = "WITH (fillfactor = 50)"});
  return record;
}

using OfPoint = ColumnsOf<Point>;
constexpr RecordColumn<Point> Mark(int place) {
  return OfPoint::Member<&Point::mark>("mark", {.packed = place});
}
constexpr RecordColumn<Point> Number(int place) {
  return OfPoint::Member<&Point::number>("number", {.packed = place});
}
static_assert(ArePacked(std::array{Mark(1), Number(0)}));
static_assert(!ArePacked(std::array{Mark(0), Number(1)}), "a number behind a text");
static_assert(!ArePacked(std::array{Mark(2), Number(0)}), "nothing at 1");
static_assert(!ArePacked(std::array{Mark(0), Number(0)}), "two at 0");
static_assert(!ArePacked(std::array{Mark(-1), Number(-1)}), "none");

constexpr std::array kPointColumns = {OfPoint::Member<&Point::mark>("mark", {.key = true}),
                                      OfPoint::Member<&Point::number>("number", {.default_sql = "0"})};
const Record<Point>& Points() {
  static const Record<Point> record("point", kPointColumns, {.has_one_row = true, .is_bare_in_sqlite = true});
  return record;
}

constexpr TableAt kSqlite = {Dialect::kSqlite};
constexpr TableAt kPostgres = {Dialect::kPostgres, "public."};

Row FullRow() {
  return {.name = "a \" name",
          .at = UINT64_MAX,
          .open = true,
          .mood = Mood::kAngry,
          .here = {"m"},
          .before = Point{"b", -7},
          .gone = 0,
          .nickname = "n",
          .bytes = std::string("\0\xFF", 2),
          .words = {"one", "two"}};
}

/// A row, with what stands in no member.
Fields Written(const Row& row) {
  Fields fields = Rows().Write(row);
  fields.Set("rank", 4);
  return fields;
}

TEST(RecordTest, SaysTheTableToSqliteWithNamesAsTheyAre) {
  EXPECT_EQ(
      Rows().CreateSql(kSqlite),
      "CREATE TABLE seen (name TEXT NOT NULL, at INTEGER NOT NULL, open INTEGER NOT NULL DEFAULT false, "
      "mood INTEGER NOT NULL, mark TEXT NOT NULL, before_mark TEXT, before_number INTEGER, gone INTEGER, "
      "nickname TEXT, bytes BLOB NOT NULL, words TEXT NOT NULL, rank INTEGER NOT NULL, PRIMARY KEY "
      "(name, at)) STRICT");
  EXPECT_EQ(
      Heads().CreateMissingSql(kSqlite),
      "CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL)");
}

TEST(RecordTest, SaysTheTableToPostgres) {
  EXPECT_EQ(Rows().CreateSql(kPostgres),
            "CREATE TABLE public.\"seen\" (\"name\" text COLLATE \"C\" NOT NULL, \"at\" bigint NOT NULL, "
            "\"open\" boolean NOT NULL DEFAULT false, \"mood\" bigint NOT NULL, \"mark\" text NOT NULL, "
            "\"before_mark\" text, \"before_number\" bigint, \"gone\" bigint, \"nickname\" text, \"bytes\" "
            "bytea NOT NULL, \"words\" text NOT NULL, \"rank\" bigint NOT NULL, PRIMARY KEY (\"name\", "
            "\"at\"))");
  EXPECT_EQ(
      Heads().CreateSql(kPostgres),
      "CREATE TABLE public.\"head\" (\"one\" boolean PRIMARY KEY CHECK (one), \"last\" bigint NOT NULL) "
      "WITH (fillfactor = 50)");
  EXPECT_EQ(Rows().ColumnSql(Dialect::kPostgres, "gone"), "\"gone\" bigint");
}

TEST(RecordTest, NumbersParametersByColumns) {
  EXPECT_EQ(Heads().InsertSql(kPostgres), "INSERT INTO public.\"head\" (\"one\", \"last\") VALUES ($1, $2)");
  EXPECT_EQ(Heads().UpsertSql(kSqlite),
            "INSERT INTO \"head\" (\"one\", \"last\") VALUES (?1, ?2) ON CONFLICT (\"one\") DO UPDATE SET "
            "\"last\" = excluded.\"last\"");
  EXPECT_EQ(Flags().UpsertSql(kPostgres),
            "INSERT INTO public.\"flag\" (\"key\") VALUES ($1) ON CONFLICT (\"key\") DO NOTHING");
  EXPECT_EQ(Heads().UpdateSql(kPostgres), "UPDATE public.\"head\" SET \"last\" = $2 WHERE \"one\" = $1");
  EXPECT_EQ(Heads().SelectSql(kPostgres), "SELECT \"one\", \"last\" FROM public.\"head\" ");
}

TEST(RecordTest, SaysNothingOfNullInABareTableOfSqlite) {
  EXPECT_EQ(Points().CreateSql(kSqlite), "CREATE TABLE point (mark TEXT PRIMARY KEY, number INTEGER)");
  EXPECT_EQ(Points().ColumnsSql(Dialect::kPostgres),
            "\"mark\" text NOT NULL, \"number\" bigint NOT NULL DEFAULT 0");
}

TEST(RecordTest, UpdatesTheOneRowWithoutAKey) {
  EXPECT_EQ(Points().UpdateSql(kPostgres), "UPDATE public.\"point\" SET \"number\" = $2");
  EXPECT_EQ(Points().ReplaceSql(kSqlite),
            "INSERT OR REPLACE INTO \"point\" (\"mark\", \"number\") VALUES (?1, ?2)");
}

TEST(RecordTest, TakesTheNameThatATableHas) {
  const SqlOfMany update(Points(), Points().UpdateSql({Dialect::kPostgres}));
  EXPECT_EQ(update.Of("\"A\".\"p\""), "UPDATE \"A\".\"p\" SET \"number\" = $2");
  EXPECT_EQ(Points().SelectSql({.dialect = Dialect::kPostgres, .name = "\"A\".\"p\""}),
            "SELECT \"mark\", \"number\" FROM \"A\".\"p\" ");
}

TEST(RecordTest, TakesSqlInThePlaceOfAColumn) {
  EXPECT_EQ(Heads().Names({{"last", "now - last"}}), "\"one\", now - last");
  EXPECT_EQ(Heads().InsertSql(kSqlite, {{"last", "abs(?2)"}}),
            "INSERT INTO \"head\" (\"one\", \"last\") VALUES (?1, abs(?2))");
  EXPECT_EQ(Heads().SelectSql(kSqlite, "LIMIT 1"), "SELECT \"one\", \"last\" FROM \"head\" LIMIT 1");
}

TEST(RecordTest, AbsentPartsAndEmptyTextsOfThatKindAreNull) {
  const Fields fields = Rows().Write({.name = "", .mood = Mood::kAngry});
  std::vector<bool> nulls;
  for (std::size_t i = 0; i < fields.size(); ++i) nulls.push_back(fields[i].is_null());
  EXPECT_THAT(nulls,
              ElementsAre(false, false, false, false, false, true, true, true, true, false, false, true));
  EXPECT_EQ(fields[3].number(), 2);
}

TEST(RecordTest, OwnedFieldsOutliveTheirRow) {
  Fields fields = Rows().Write({.name = "a"});
  {
    Row row = {.name = std::string(100, 'x')};
    fields = Rows().Write(row);
    fields.Own();
  }
  EXPECT_EQ(fields[0].text(), std::string(100, 'x'));
}

class SqliteRecord : public testing::Test {
 protected:
  static absl::Status Explained(const sqlite::Failure& failure, std::string_view) {
    return absl::UnavailableError(failure.words);
  }
  void SetUp() override {
    auto opened = sqlite::Connection::Open(":memory:", {.mode = sqlite::OpenAs::Mode::kMake}, Explained);
    ASSERT_THAT(opened.status(), IsOk());
    database_ = *std::move(opened);
    ASSERT_THAT(database_->Execute(Rows().CreateSql(kSqlite)), IsOk());
  }
  absl::Status Write(const std::string& sql, const Row& row) {
    const Fields fields = Written(row);
    sqlite::Statement write = database_->Prepare(sql);
    return BindFields(write, fields).Run();
  }
  absl::StatusOr<std::vector<Row>> All() {
    sqlite::Statement read = database_->Prepare(Rows().SelectSql(kSqlite, "ORDER BY name"));
    return ReadRows(Rows(), read);
  }
  std::unique_ptr<sqlite::Connection> database_;
};

TEST_F(SqliteRecord, GivesRowsAsTheyWereWritten) {
  const Row full = FullRow(), empty = {.name = "b"};
  ASSERT_THAT(Write(Rows().InsertSql(kSqlite), full), IsOk());
  ASSERT_THAT(Write(Rows().UpsertSql(kSqlite), empty), IsOk());
  EXPECT_THAT(All(), IsOkAndHolds(ElementsAre(full, empty)));
  EXPECT_THAT(database_->Number("SELECT count(*) FROM seen WHERE nickname IS NULL AND rank = 4"),
              IsOkAndHolds(1));
}

TEST_F(SqliteRecord, ReplacesByKey) {
  ASSERT_THAT(Write(Rows().InsertSql(kSqlite), FullRow()), IsOk());
  Row changed = FullRow();
  changed.before.reset();
  changed.words = {"three"};
  ASSERT_THAT(Write(Rows().UpsertSql(kSqlite), changed), IsOk());
  EXPECT_THAT(All(), IsOkAndHolds(ElementsAre(changed)));
  ASSERT_THAT(Write(Rows().UpdateSql(kSqlite), FullRow()), IsOk());
  EXPECT_THAT(All(), IsOkAndHolds(ElementsAre(FullRow())));
}

TEST_F(SqliteRecord, SaysWhatATextThatCannotBeReadIs) {
  ASSERT_THAT(Write(Rows().InsertSql(kSqlite), FullRow()), IsOk());
  ASSERT_THAT(database_->Execute("UPDATE seen SET words = 'damaged'"), IsOk());
  EXPECT_THAT(All(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("words")));
}

class PostgresRecord : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    ASSERT_THAT(connection_->Execute(Rows().CreateSql(kPostgres)), IsOk());
    ASSERT_THAT(connection_->Execute(Heads().CreateSql(kPostgres)), IsOk());
  }
  absl::Status Write(const std::string& sql, const Row& row) {
    const Fields fields = Written(row);
    return connection_->Run(sql, ValuesOf(fields)).status();
  }
  absl::StatusOr<std::vector<Row>> All() {
    ASSIGN_OR_RETURN(const postgres::Rows rows,
                     connection_->Query(Rows().SelectSql(kPostgres, "ORDER BY name")));
    return ReadRows(Rows(), rows);
  }
};

TEST_F(PostgresRecord, GivesRowsAsTheyWereWritten) {
  const Row full = FullRow(), empty = {.name = "b"};
  ASSERT_THAT(Write(Rows().InsertSql(kPostgres), full), IsOk());
  ASSERT_THAT(Write(Rows().UpsertSql(kPostgres), empty), IsOk());
  EXPECT_THAT(All(), IsOkAndHolds(ElementsAre(full, empty)));
  Row changed = FullRow();
  changed.before.reset();
  ASSERT_THAT(Write(Rows().UpsertSql(kPostgres), changed), IsOk());
  EXPECT_THAT(All(), IsOkAndHolds(ElementsAre(changed, empty)));
  ASSERT_THAT(Write(Rows().UpdateSql(kPostgres), full), IsOk());
  EXPECT_THAT(All(), IsOkAndHolds(ElementsAre(full, empty)));
}

TEST_F(PostgresRecord, HasOneRowWhereOneMayBe) {
  for (const std::int64_t last : {7, 8}) {
    ASSERT_THAT(connection_->Run(Heads().UpsertSql(kPostgres), ValuesOf(Heads().Write({last}))).status(),
                IsOk());
  }
  EXPECT_THAT(connection_->Number("SELECT last FROM public.head"), IsOkAndHolds(8));
}

}  // namespace
}  // namespace mirror::record_test
