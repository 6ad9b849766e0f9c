#include "server/store/postgres/place/postgres_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/transaction.h"
#include "server/store/postgres/home/place_marks.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/session.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/place/types.h"
#include "tests/support/postgres_database.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"

namespace mirror::place_test {
namespace {

using absl::StatusCode;
using postgres::Trouble;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class PlaceOfMirrors : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    options_.name = "p1";
    options_.conninfo = conninfo_;
  }
  void Do(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()); }

  PlaceOptions options_;
};

TEST_F(PlaceOfMirrors, ARoleWithoutTheRightsIsToldWhatToGrant) {
  Do("CREATE ROLE placer LOGIN");
  const std::string database = connection_->Query("SELECT current_database()::text")->Text(0, 0);
  options_.conninfo += " user=placer";
  EXPECT_THAT(
      PostgresPlace::Open(options_).status(),
      StatusIs(StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("place 'p1'"),
                     HasSubstr("GRANT SET ON PARAMETER session_replication_role TO \"placer\""),
                     HasSubstr(absl::StrCat("GRANT CREATE ON DATABASE \"", database, "\" TO \"placer\"")))));
  Do("GRANT SET ON PARAMETER session_replication_role TO \"placer\"");
  Do(absl::StrCat("GRANT CREATE ON DATABASE \"", database, "\" TO \"placer\""));
  const auto place = PostgresPlace::Open(options_);
  ASSERT_THAT(place.status(), IsOk());
  const auto lease = (*place)->Take(PlaceUse::kWrite);
  ASSERT_THAT(lease.status(), IsOk());
  EXPECT_EQ((*lease)->Query("SELECT current_setting('session_replication_role')")->Text(0, 0), "replica");
}

TEST_F(PlaceOfMirrors, ADatabaseThatWouldLoseRowsOrTextIsRefused) {
  Do("CREATE DATABASE plain_bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
  options_.conninfo = server_->Conninfo("plain_bytes");
  EXPECT_THAT(PostgresPlace::Open(options_).status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("its encoding is SQL_ASCII")));
  auto careless = PostgresServer::Start({"fsync=off"});
  ASSERT_THAT(careless.status(), IsOk());
  options_.conninfo = (*careless)->Conninfo();
  EXPECT_THAT(PostgresPlace::Open(options_).status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("fsync or full_page_writes is off")));
}

TEST_F(PlaceOfMirrors, ATryWritesMoreThanFitsIntoPagesThatAreFree) {
  const auto position = [&] {
    return connection_->Number("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").value();
  };
  const std::int64_t before = position();
  ASSERT_THAT(TryWriting(*connection_, "public"), IsOk());
  EXPECT_GT(position() - before, 300'000);
  EXPECT_THAT(connection_->Number("SELECT count(*) FROM pg_class WHERE relname LIKE 'write\\_test%'"),
              IsOkAndHolds(0));
}

TEST_F(PlaceOfMirrors, WithoutAPoolerEachConnectionHasASessionForItself) {
  EXPECT_THAT(IsPooled({.conninfo = conninfo_}), IsOkAndHolds(false));
  EXPECT_THAT(IsPooled({.conninfo = conninfo_ + " user=nobody_there"}).status(),
              StatusIs(StatusCode::kPermissionDenied));
}

TEST_F(PlaceOfMirrors, WhoReadsCannotWriteAndHasConnectionsOfItsOwn) {
  options_.connections = 1;
  // A connection is made within it, too, on a machine that is busy.
  options_.patience = std::chrono::milliseconds(1'000);
  const auto place = PostgresPlace::Open(options_);
  ASSERT_THAT(place.status(), IsOk());
  const auto writing = (*place)->Take(PlaceUse::kWrite);
  ASSERT_THAT(writing.status(), IsOk());
  ASSERT_THAT((*writing)->Execute("CREATE TABLE public.t (a bigint)"), IsOk());
  EXPECT_THAT((*place)->Take(PlaceUse::kWrite).status(),
              StatusIs(StatusCode::kUnavailable, HasSubstr("place 'p1', writing")));
  for (const PlaceUse use : {PlaceUse::kRead, PlaceUse::kScan}) {
    const auto reading = (*place)->Take(use);
    ASSERT_THAT(reading.status(), IsOk());
    EXPECT_THAT((*reading)->Number("SELECT setting::bigint FROM pg_settings WHERE name = "
                                   "'client_connection_check_interval'"),
                IsOkAndHolds(10'000))
        << "a statement ends with the server that it was for";
    EXPECT_THAT((*reading)->Number("SELECT count(*) FROM public.t"), IsOkAndHolds(0));
    const absl::Status refused = (*reading)->Execute("INSERT INTO public.t VALUES (1)");
    EXPECT_EQ(postgres::TroubleOf(refused), Trouble::kReadOnly) << refused;
  }
}

TEST_F(PlaceOfMirrors, TriggersOfPartnersStaySilentAndTheirFunctionsAreNotFound) {
  Do("CREATE TABLE public.t (a bigint)");
  Do("CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.a := 7; RETURN NEW; "
     "END'");
  Do("CREATE TRIGGER spoil BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.spoil()");
  Do("CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS 'SELECT ''taken over'''");
  const auto place = PostgresPlace::Open(options_);
  ASSERT_THAT(place.status(), IsOk());
  const auto lease = (*place)->Take(PlaceUse::kWrite);
  ASSERT_THAT(lease.status(), IsOk());
  EXPECT_THAT((*lease)->Run("INSERT INTO public.t VALUES (1)"), IsOkAndHolds(1));
  EXPECT_THAT((*lease)->Number("SELECT a FROM public.t"), IsOkAndHolds(1));
  EXPECT_EQ((*lease)->Query("SELECT lower('A')")->Text(0, 0), "a");
}

TEST_F(PlaceOfMirrors, ErrorsHaveTheCodesOfAStore) {
  Do("CREATE TABLE public.t (a bigint PRIMARY KEY, b text CONSTRAINT positive CHECK (b <> 'no'))");
  Do("CREATE VIEW public.v AS SELECT a FROM public.t");
  Do("CREATE VIEW public.counted AS SELECT count(*) AS n FROM public.t");
  const struct {
    const char* sql;
    StatusCode of_own, of_mirrored;
    const char* words;
  } kCases[] = {
      {"SELECT 1 FROM public.gone", StatusCode::kDataLoss, StatusCode::kFailedPrecondition, "dropped"},
      {"SELECT gone FROM public.t", StatusCode::kDataLoss, StatusCode::kFailedPrecondition, "changed"},
      {"INSERT INTO public.t VALUES (1, 'b') ON CONFLICT (b) DO NOTHING", StatusCode::kDataLoss,
       StatusCode::kFailedPrecondition, "changed"},
      {"INSERT INTO public.counted VALUES (1)", StatusCode::kFailedPrecondition,
       StatusCode::kFailedPrecondition, "changed"},
      {"CREATE TABLE public.t (a int)", StatusCode::kFailedPrecondition, StatusCode::kFailedPrecondition,
       "rename or drop it"},
      {"ALTER TABLE public.t ADD CONSTRAINT positive CHECK (a > 0)", StatusCode::kFailedPrecondition,
       StatusCode::kFailedPrecondition, "rename or drop it"},
      {"ALTER TABLE public.t ALTER COLUMN a TYPE int", StatusCode::kFailedPrecondition,
       StatusCode::kFailedPrecondition, "a view, a rule"},
      {"SET LOCAL transaction_read_only = on; CREATE TABLE public.w (a int)", StatusCode::kUnavailable,
       StatusCode::kUnavailable, "is a standby now"},
      {"ALTER TABLE public.t DROP COLUMN a", StatusCode::kFailedPrecondition, StatusCode::kFailedPrecondition,
       ""},
      {"INSERT INTO public.t VALUES (1, 'no')", StatusCode::kFailedPrecondition,
       StatusCode::kFailedPrecondition, "positive"},
      {"INSERT INTO public.t VALUES ('secret')", StatusCode::kInvalidArgument, StatusCode::kInvalidArgument,
       ""},
      {"SET LOCAL lock_timeout = '10ms'; LOCK TABLE public.t", StatusCode::kUnavailable,
       StatusCode::kUnavailable, ""},
      {"SET LOCAL statement_timeout = '10ms'; SELECT pg_sleep(5)", StatusCode::kUnavailable,
       StatusCode::kUnavailable, "again is safe"},
  };
  auto other = postgres::Connection::Open({.conninfo = options_.conninfo});
  ASSERT_THAT(other.status(), IsOk());
  for (const auto& one : kCases) {
    SCOPED_TRACE(one.sql);
    const bool waits = std::string(one.sql).find("LOCK TABLE") != std::string::npos;
    ASSERT_THAT((*other)->Execute(waits ? "BEGIN; LOCK TABLE public.t" : "BEGIN"), IsOk());
    const absl::Status status = connection_->Execute(one.sql);
    EXPECT_THAT(ToStoreStatus(status, TableOwner::kOwnTable), StatusIs(one.of_own));
    const absl::Status told = ToStoreStatus(status, TableOwner::kMirroredTable);
    EXPECT_THAT(told, StatusIs(one.of_mirrored, AllOf(HasSubstr(one.words), Not(HasSubstr("secret")))));
    EXPECT_EQ(postgres::TroubleOf(told), postgres::TroubleOf(status));
    EXPECT_EQ(ToStoreStatus(ToStoreStatus(told, TableOwner::kOwnTable), TableOwner::kMirroredTable), told)
        << "on its way up it may come there more than once";
    EXPECT_FALSE(MayTryAgain(told));
    ASSERT_THAT((*other)->Execute("ROLLBACK"), IsOk());
  }
  EXPECT_THAT(ToStoreStatus(absl::AbortedError("ours"), TableOwner::kOwnTable),
              StatusIs(StatusCode::kAborted, HasSubstr("ours")));
}

TEST_F(PlaceOfMirrors, RowSecurityThatBindsTheOwnerTooIsToldAsThat) {
  Do("CREATE ROLE guarded_owner; CREATE TABLE public.g (a bigint); ALTER TABLE public.g OWNER TO "
     "guarded_owner; ALTER TABLE public.g ENABLE ROW LEVEL SECURITY; SET ROLE guarded_owner");
  EXPECT_THAT(connection_->Execute("INSERT INTO public.g VALUES (1)"), IsOk());
  Do("ALTER TABLE public.g FORCE ROW LEVEL SECURITY");
  for (const char* const sql : {"INSERT INTO public.g VALUES (2)", "SELECT a FROM public.g"}) {
    const absl::Status status = connection_->Execute(sql);
    EXPECT_THAT(status, StatusIs(StatusCode::kPermissionDenied));
    EXPECT_THAT(ToStoreStatus(status, TableOwner::kMirroredTable),
                StatusIs(StatusCode::kFailedPrecondition, AllOf(HasSubstr("NO FORCE ROW LEVEL SECURITY"),
                                                                Not(HasSubstr("needs all rights")))));
  }
  EXPECT_THAT(
      ToStoreStatus(connection_->Execute("CREATE TABLE public.h (a int)"), TableOwner::kMirroredTable),
      StatusIs(StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("needs all rights"), HasSubstr("GRANT ALL ON SCHEMA"))));
  Do("RESET ROLE; DROP TABLE public.g; DROP ROLE guarded_owner");
}

TEST_F(PlaceOfMirrors, WhoWasInEachOthersWayMayTryAgain) {
  Do("CREATE TABLE public.t (a bigint)");
  Do("INSERT INTO public.t VALUES (1)");
  auto other = postgres::Connection::Open({.conninfo = options_.conninfo});
  ASSERT_THAT(other.status(), IsOk());
  ASSERT_THAT((*other)->Execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM public.t"), IsOk());
  Do("UPDATE public.t SET a = 2");
  const absl::Status status = (*other)->Execute("UPDATE public.t SET a = 3");
  EXPECT_TRUE(MayTryAgain(status)) << status;
  EXPECT_THAT(ToStoreStatus(status, TableOwner::kMirroredTable),
              StatusIs(StatusCode::kUnavailable, HasSubstr("again is safe")));
}

Column Of(Type type, std::uint32_t precision, std::uint32_t key_position) {
  Column column;
  column.name = "c";
  column.type = type;
  column.precision = precision;
  column.key_position = key_position;
  return column;
}

TEST_F(PlaceOfMirrors, AColumnIsDeclaredWithTheTypeThatItsValuesAreSentIn) {
  const struct {
    Column column;
    const char* declared;
    PostgresForm form;
  } kCases[] = {
      {Of(Type::kBool, 0, 1), "boolean", PostgresForm::kBool},
      {Of(Type::kInt16, 0, 0), "bigint", PostgresForm::kInt},
      {Of(Type::kInt64, 0, 1), "bigint", PostgresForm::kInt},
      {Of(Type::kFloat, 0, 0), "double precision", PostgresForm::kReal},
      {Of(Type::kDecimal, 10, 0), "numeric", PostgresForm::kNumeric},
      {Of(Type::kDecimal, 10, 1), "text COLLATE \"C\"", PostgresForm::kTextForm},
      {Of(Type::kText, 0, 0), "text", PostgresForm::kText},
      {Of(Type::kText, 0, 2), "text COLLATE \"C\"", PostgresForm::kText},
      {Of(Type::kBytes, 0, 1), "bytea", PostgresForm::kBytes},
      {Of(Type::kDate, 0, 1), "date", PostgresForm::kDate},
      {Of(Type::kTime, 6, 1), "time", PostgresForm::kTime},
      {Of(Type::kTime, 7, 1), "text COLLATE \"C\"", PostgresForm::kTextForm},
      {Of(Type::kTimestamp, 6, 0), "timestamp", PostgresForm::kTimestamp},
      {Of(Type::kTimestampTz, 3, 0), "timestamptz", PostgresForm::kTimestamp},
      {Of(Type::kTimestampTz, 7, 0), "text", PostgresForm::kTextForm},
      {Of(Type::kUuid, 0, 1), "uuid", PostgresForm::kUuid},
      {Of(Type::kAny, 0, 0), "text", PostgresForm::kAny},
  };
  for (const auto& one : kCases) {
    SCOPED_TRACE(one.declared);
    EXPECT_EQ(DeclaredType(one.column), one.declared);
    EXPECT_EQ(PostgresFormOf(one.column), one.form);
    Do(absl::StrCat("DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (c ", DeclaredType(one.column),
                    ")"));
    EXPECT_THAT(
        connection_->Number("SELECT atttypid FROM pg_attribute WHERE attrelid = 'public.t'::regclass AND "
                            "attname = 'c'"),
        IsOkAndHolds(static_cast<std::int64_t>(ElementType(one.column))));
    postgres::Array values(ElementType(one.column));
    values.Add(postgres::Value::Null(ElementType(one.column)));
    EXPECT_THAT(
        connection_->Run(
            absl::StrCat("INSERT INTO public.t SELECT * FROM unnest($1::", ElementName(one.column), "[])"),
            {values.value()}),
        IsOkAndHolds(1));
  }
}

TEST(PostgresNames, ATableThatCannotBeHeldIsRefusedByName) {
  TableSchema table;
  table.name = "Orders";
  table.columns = {Of(Type::kInt64, 0, 1), Of(Type::kAny, 0, 0)};
  table.columns[1].name = "any";
  EXPECT_THAT(CheckHoldable(table, "crm"), IsOk());
  const auto refused = [&table](const auto& change, const char* words) {
    TableSchema changed = table;
    change(changed);
    EXPECT_THAT(CheckHoldable(changed, "crm"), StatusIs(StatusCode::kInvalidArgument, HasSubstr(words)));
  };
  refused([](TableSchema& t) { t.name = "_mirror_state"; }, "begin with '_mirror_'");
  refused([](TableSchema& t) { t.name = "CRM_mirroring"; }, "metadata table");
  refused([](TableSchema& t) { t.name = std::string(64, 'n'); }, "at most 63 bytes");
  refused([](TableSchema& t) { t.preserve_target = true; }, "preserve_target");
  refused([](TableSchema& t) { t.deletes = Deletes::kMark; }, "MARK");
  refused([](TableSchema& t) { t.columns[1].key_position = 2; }, "column 'any' is part of the key");
  refused([](TableSchema& t) { t.columns[1].name = std::string(64, 'n'); }, "at most 63");
  refused([](TableSchema& t) { t.columns[1].name = "xmin"; }, "column 'xmin'");
  refused([](TableSchema& t) { t.columns[1].name = kKindsColumn; }, "one of the mirror's own");
  refused(
      [](TableSchema& t) {
        while (t.columns.size() < 1'600) t.columns.push_back(Of(Type::kText, 0, 0));
      },
      "1601 columns");
  table.deletes = Deletes::kIgnore;
  EXPECT_THAT(CheckHoldable(table, "crm"), IsOk());
  EXPECT_THAT(CheckContextFits(std::string(53, 'c')), IsOk());
  EXPECT_THAT(CheckContextFits(std::string(54, 'c')),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("53")));
  EXPECT_EQ(PostgresOwnTables("crm", SchemaOf("crm")).metadata, "\"Mirror_crm\".\"crm_mirroring\"");
}

}  // namespace
}  // namespace mirror::place_test
