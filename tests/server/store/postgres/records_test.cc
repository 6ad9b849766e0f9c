#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/transaction.h"
#include "proto/wire/receipt.h"
#include "server/store/mirror_records.h"
#include "server/store/postgres/place/session.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/rows/hook_rows.h"
#include "server/store/postgres/rows/ledger_rows.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/own_schema.h"
#include "server/store/postgres/rows/receipt_rows.h"
#include "server/store/postgres/rows/state_memory.h"
#include "server/store/postgres/rows/state_payload.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/rows/tenant_row.h"
#include "server/store/postgres/rows/time_rows.h"
#include "tests/support/postgres_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::records_test {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kContext[] = "crm";

TEST(StatePayload, WhatWasWrittenIsReadAndWhatWasNotIsEmpty) {
  const std::string bytes =
      PayloadWriter().Number(-7).Text(std::string(300, 'x')).Number(INT64_MAX).Text("").Take();
  PayloadReader reader(bytes);
  EXPECT_EQ(reader.Number(), -7);
  EXPECT_EQ(reader.Text(), std::string(300, 'x'));
  EXPECT_EQ(reader.Number(), INT64_MAX);
  EXPECT_EQ(reader.Text(), "");
  EXPECT_EQ(reader.Number(), 0);
  EXPECT_EQ(reader.Text(), "");
  EXPECT_TRUE(reader.is_whole());
}

TEST(StatePayload, WhatIsDamagedIsFound) {
  const std::string bytes = PayloadWriter().Number(1).Text("abc").Take();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    PayloadReader reader(std::string_view(bytes).substr(0, size));
    reader.Number();
    reader.Text();
    // Cut between two values it is one of an earlier version.
    EXPECT_EQ(reader.is_whole(), size == 1 || size == 10) << size;
  }
  PayloadReader longer("\1\xff\xff\xff\xff\xff\xff\x7f");
  EXPECT_EQ(longer.Text(), "");
  EXPECT_FALSE(longer.is_whole());
  PayloadReader later("\2\3abc");
  EXPECT_EQ(later.Text(), "");
  EXPECT_FALSE(later.is_whole());
}

/// The columns that are packed, by their places.
std::string PackedOf(const OwnTable& table) {
  return absl::StrJoin(table.packed(), " ",
                       [&](std::string* to, std::size_t at) { *to += table.columns()[at].name; });
}

TEST(StatePayload, APlaceNeverChanges) {
  EXPECT_EQ(PackedOf(AnswerTable()), "action table_name reason");
  EXPECT_EQ(PackedOf(CycleNoteTable()), "cycle seq table_name");
  EXPECT_EQ(PackedOf(CheckTable()), "wanted equality lsn checked_ms rows_differ table_name lineage");
  EXPECT_EQ(PackedOf(HoldTable()), "kind rows rows_before since_ms state table_name source_id reason");
  EXPECT_EQ(PackedOf(LossTable()), "committed at_ms planned rows rows_before");
  EXPECT_EQ(PackedOf(OpenReceiptTable()), "seq inserts updates deletes content");
}

TEST(StatePayload, APackedRowIsItsValuesOneBehindTheOther) {
  const CycleNoteRow note = {{CycleNoteKind::kRefused, "t", 3}, 7};
  const std::string bytes = PayloadWriter().Packed(CycleNoteTable(), note).Take();
  EXPECT_EQ(bytes, PayloadWriter().Number(7).Number(3).Text("t").Take());
  CycleNoteRow read;
  PayloadReader reader(bytes);
  ASSERT_THAT(reader.Packed(CycleNoteTable(), read), IsOk());
  EXPECT_TRUE(reader.is_whole());
  EXPECT_EQ(read.note, note.note);
  EXPECT_EQ(read.cycle, 7);
}

class PostgresRecords : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    connection_ = Connect();
    ASSERT_NE(connection_, nullptr);
    ASSERT_THAT(MakeOwnSchema(*connection_, kContext, names_, 4), IsOkAndHolds(Made::kHere));
  }
  /// As the store does.
  std::unique_ptr<postgres::Connection> Connect() const {
    auto opened =
        postgres::Connection::Open({.conninfo = conninfo_, .settings = SessionSettings(PlaceUse::kWrite)});
    EXPECT_THAT(opened.status(), IsOk());
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  void Send() { ASSERT_THAT(writes_.Send(*connection_), IsOk()); }
  void Do(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()); }

  const PostgresOwnTables names_{kContext, SchemaOf(kContext)};
  OwnWrites writes_;
};

TEST_F(PostgresRecords, AMirrorIsMadeOnceHoweverManyMakeIt) {
  constexpr int kMakers = 6;
  const PostgresOwnTables names("race", SchemaOf("race"));
  std::vector<absl::StatusOr<Made>> made(kMakers, absl::UnknownError(""));
  std::vector<std::thread> makers;
  for (auto& one : made) {
    makers.emplace_back([&] {
      const auto connection = Connect();
      one = MakeOwnSchema(*connection, "race", names, 1);
      EXPECT_TRUE(connection->IsIdle());
    });
  }
  for (std::thread& maker : makers) maker.join();
  int here = 0;
  for (const auto& one : made) {
    ASSERT_THAT(one.status(), IsOk());
    if (*one == Made::kHere) ++here;
  }
  EXPECT_EQ(here, 1);
  EXPECT_THAT(FindLost(*connection_, "race", names), IsOkAndHolds(std::string()));
}

TEST_F(PostgresRecords, WhoWaitsForOneThatIsTakenBackMakesIt) {
  const PostgresOwnTables names("race", SchemaOf("race"));
  Do("BEGIN");
  Do(absl::StrCat("CREATE SCHEMA ", names.schema));
  const int first = connection_->server_pid();
  std::thread second([&] {
    const auto connection = Connect();
    EXPECT_THAT(MakeOwnSchema(*connection, "race", names, 1), IsOkAndHolds(Made::kHere));
  });
  const auto watcher = Connect();
  const auto waits = [&] {
    return watcher->Number("SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))",
                           {postgres::Value::Int4(first)});
  };
  for (absl::StatusOr<std::int64_t> now = waits(); now.ok() && *now == 0; now = waits()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  Do("ROLLBACK");
  second.join();
}

TEST_F(PostgresRecords, ASchemaOfSomebodyElseIsLeftAlone) {
  const PostgresOwnTables names("other", SchemaOf("other"));
  Do(absl::StrCat("CREATE SCHEMA ", names.schema));
  EXPECT_THAT(MakeOwnSchema(*connection_, "other", names, 1).status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("is not the mirror of 'other'")));
  // Two contexts that differ in case are two schemas; one under the other's name is not opened.
  EXPECT_THAT(MakeOwnSchema(*connection_, "CRM", names_, 1).status(),
              StatusIs(StatusCode::kFailedPrecondition));
}

TEST_F(PostgresRecords, TheLongestNameThatIsTakenFits) {
  const std::string context(kPostgresContextIdMax, 'c');
  const PostgresOwnTables names(context, SchemaOf(context));
  EXPECT_THAT(MakeOwnSchema(*connection_, context, names, 1), IsOkAndHolds(Made::kHere));
  EXPECT_THAT(FindLost(*connection_, context, names), IsOkAndHolds(std::string()));
}

TEST_F(PostgresRecords, WhatSomebodyDroppedIsNamed) {
  Do(absl::StrCat("ALTER TABLE ", names_.receipts, " DROP COLUMN \"offset\""));
  EXPECT_THAT(FindLost(*connection_, kContext, names_), IsOkAndHolds(std::string("_mirror_receipts.offset")));
  Do(absl::StrCat("DROP TABLE ", names_.state, " CASCADE"));
  EXPECT_THAT(FindLost(*connection_, kContext, names_), IsOkAndHolds(std::string("_mirror_state")));
  EXPECT_THAT(SelectAnswers(*connection_, names_).status(), StatusIs(StatusCode::kDataLoss));
  Do(absl::StrCat("DROP SCHEMA ", names_.schema, " CASCADE"));
  EXPECT_THAT(LockTenant(*connection_, names_).status(), StatusIs(StatusCode::kDataLoss));
}

TEST_F(PostgresRecords, ALaterLayoutIsLeftToALaterServer) {
  EXPECT_THAT(CheckLayout(kPostgresLayout, "9.0"), IsOk());
  EXPECT_THAT(CheckLayout(kPostgresLayout + 1, "9.0"),
              StatusIs(StatusCode::kUnavailable, HasSubstr("upgrade this server to 9.0")));
  const auto row = SelectTenant(*connection_, names_);
  ASSERT_THAT(row.status(), IsOk());
  EXPECT_EQ((*row)->layout, kPostgresLayout);
  EXPECT_EQ((*row)->program, MIRROR_VERSION);
}

TEST_F(PostgresRecords, PublicGetsNothing) {
  Do("CREATE ROLE partner");
  for (const std::string& table : {names_.tenant, names_.metadata, names_.state, names_.hooks}) {
    EXPECT_THAT(connection_->Number("SELECT has_table_privilege('partner', $1, 'SELECT')::int", {table}),
                IsOkAndHolds(0));
  }
}

TEST_F(PostgresRecords, TheTenantsRowIsOneServersAtATime) {
  TenantRecord tenant{.context_id = kContext, .issuer = "i", .environment = "e", .source_id = "s"};
  tenant.cycle = 5;
  tenant.active = true;
  tenant.holder = "h";
  tenant.since_ms = 1;
  tenant.progress_ms = 2;
  tenant.completed_cycle = 3;
  tenant.completed_ms = 4;
  tenant.paused = true;
  tenant.pause_reason = "because";
  tenant.clock_ms = 6;
  tenant.announced = "a";
  tenant.touched = true;
  tenant.missed_cycle = 7;
  tenant.missed_ms = 8;
  tenant.scrub = true;
  tenant.source_accepted = true;
  postgres::Transaction transaction(*connection_);
  ASSERT_THAT(transaction.Begin(), IsOk());
  const auto locked = LockTenant(*connection_, names_);
  ASSERT_THAT(locked.status(), IsOk());
  EXPECT_EQ(locked->epoch, 4);
  EXPECT_EQ(locked->state, "serving");
  EXPECT_EQ(locked->timeline, locked->timeline_now);
  EXPECT_EQ(locked->self_oid, locked->self_oid_now);
  EXPECT_NE(locked->self_oid, 0U);
  UpdateTenant(writes_, names_, tenant);
  WriteRevisions(writes_, names_, 11, 12);
  Send();
  const auto other = Connect();
  ASSERT_THAT(other->Execute("BEGIN; SET LOCAL lock_timeout = '20ms'"), IsOk());
  EXPECT_THAT(LockTenant(*other, names_).status(), StatusIs(StatusCode::kUnavailable));
  ASSERT_THAT(other->Execute("ROLLBACK"), IsOk());
  ASSERT_THAT(transaction.Commit(), IsOk());
  const auto row = SelectTenant(*other, names_);
  ASSERT_THAT(row.status(), IsOk());
  EXPECT_EQ((*row)->tenant, tenant);
  EXPECT_EQ((*row)->rev, 11);
  EXPECT_EQ((*row)->state_rev, 12);
  Do(absl::StrCat("DELETE FROM ", names_.tenant));
  EXPECT_THAT(LockTenant(*connection_, names_).status(), StatusIs(StatusCode::kDataLoss));
}

TEST_F(PostgresRecords, MetadataRowsAreReadAsADbaLeftThem) {
  TableRecord record{.table = "Orders", .schema_hash = "h", .position = {Lsn{7}, std::string("l\0", 2)}};
  record.pending = Position{Lsn{9}, "p"};
  record.seq = 3;
  record.row_count = 4;
  record.cycle = 5;
  record.state = TableState::kPopulating;
  WriteRecord(writes_, names_, record);
  TableRecord customers{.table = "Customers"};
  WriteRecord(writes_, names_, customers);
  Send();
  EXPECT_THAT(SelectRecords(*connection_, names_), IsOkAndHolds(ElementsAre(customers, record)));
  record.table = "ORDERS";
  record.pending.reset();
  WriteRecord(writes_, names_, record);
  Send();
  EXPECT_THAT(SelectRecords(*connection_, names_, {"oRDERS"}), IsOkAndHolds(ElementsAre(record)));
  Do(absl::StrCat("UPDATE ", names_.metadata,
                  " SET lsn = -5, row_count = -3, state = 'what?' WHERE table_name = 'ORDERS'"));
  record.position = {};
  record.row_count = -1;
  record.state = TableState::kMirrored;
  EXPECT_THAT(SelectRecords(*connection_, names_, {"orders"}), IsOkAndHolds(ElementsAre(record)));
  RemoveRecord(writes_, names_, "orders");
  Send();
  EXPECT_THAT(SelectRecords(*connection_, names_), IsOkAndHolds(ElementsAre(customers)));
}

TEST_F(PostgresRecords, WhatIsAgreedSaysWhetherItsTableIsThere) {
  PostgresAgreed agreed;
  agreed.schema.name = "Orders";
  agreed.schema.columns.resize(1);
  agreed.schema.columns[0].name = "id";
  agreed.schema.columns[0].type = Type::kInt64;
  agreed.schema.columns[0].key_position = 1;
  agreed.generation = 2;
  agreed.kinds = std::string("k\0", 2);
  WriteAgreed(writes_, names_, agreed);
  Send();
  const auto read = [&] {
    auto all = SelectAgreed(*connection_, names_, {"ORDERS"});
    EXPECT_THAT(all.status(), IsOk());
    return all.ok() && all->size() == 1 ? (*all)[0] : PostgresAgreed{};
  };
  EXPECT_EQ(read().schema, agreed.schema);
  EXPECT_EQ(read().generation, 2);
  EXPECT_EQ(read().kinds, agreed.kinds);
  EXPECT_FALSE(read().is_there);
  // A view is none, and another schema's table neither.
  Do(absl::StrCat("CREATE TABLE public.\"Orders\" (id bigint); CREATE VIEW ",
                  Qualified(names_.schema_name, "Orders"), " AS SELECT 1 AS id"));
  EXPECT_FALSE(read().is_there);
  Do(absl::StrCat("DROP VIEW ", Qualified(names_.schema_name, "Orders"), "; CREATE TABLE ",
                  Qualified(names_.schema_name, "Orders"), " (id bigint)"));
  EXPECT_TRUE(read().is_there);
  Do(absl::StrCat("UPDATE ", names_.definitions, " SET definition = 'damaged'"));
  EXPECT_THAT(SelectAgreed(*connection_, names_).status(), StatusIs(StatusCode::kDataLoss));
  RemoveAgreed(writes_, names_, "oRDERS");
  Send();
  EXPECT_THAT(SelectAgreed(*connection_, names_).value(), IsEmpty());
}

TEST_F(PostgresRecords, AnswersNotesAndNoncesAreKept) {
  // Of tables that are refused, whatever their names are.
  std::string name(12'000, 'p');
  name += std::string("\0q", 2);
  const std::vector<SchemaAnswer> answers = {{"Customers", 2, "why"}, {"Orders", 1, ""}, {name, 2, name}};
  WriteAnswers(writes_, names_, {{"Gone", 1, ""}});
  WriteAnswers(writes_, names_, answers);
  CycleNoteChanges changes;
  changes.written = {{CycleNoteKind::kRefused, "Orders", 4}, {CycleNoteKind::kMiss, "", 0}};
  WriteCycleNotes(writes_, names_, 3, changes);
  InsertNonce(writes_, names_, {.value = "n1", .expires_ms = 10});
  InsertNonce(writes_, names_, {.value = "n2", .expires_ms = 20});
  Send();
  EXPECT_THAT(SelectAnswers(*connection_, names_), IsOkAndHolds(answers));
  EXPECT_THAT(SelectCycleNotes(*connection_, names_, 3),
              IsOkAndHolds(ElementsAre(changes.written[1], changes.written[0])));
  EXPECT_THAT(SelectCycleNotes(*connection_, names_, 4).value(), IsEmpty());
  CycleNoteChanges later;
  later.forgotten = {{CycleNoteKind::kRefused, "ORDERS", 0}};
  later.written = {{CycleNoteKind::kUnannounced, "Orders", 0}};
  WriteCycleNotes(writes_, names_, 4, later);
  ForgetCycleNotes(writes_, names_, 4);
  ForgetNonces(writes_, names_, 20);
  Send();
  EXPECT_THAT(ReadState(*connection_, names_, StateKind::kCycleNote).value().size(), 1U);
  EXPECT_THAT(SelectCycleNotes(*connection_, names_, 4), IsOkAndHolds(later.written));
  const auto count = CountNonces(*connection_, names_, "n2");
  ASSERT_THAT(count.status(), IsOk());
  EXPECT_EQ(count->all, 1U);
  EXPECT_TRUE(count->has_this);
  EXPECT_FALSE(CountNonces(*connection_, names_, "N2")->has_this);
  Do(absl::StrCat("UPDATE ", names_.state, " SET payload = 'x' WHERE kind = 1"));
  EXPECT_THAT(SelectAnswers(*connection_, names_).status(), StatusIs(StatusCode::kDataLoss));
}

TEST_F(PostgresRecords, ChecksAreForgottenButForWhatAnOperatorAskedFor) {
  TableCheck check{.table = "Orders", .equality = Equality::kDiffers, .position = {Lsn{5}, "lineage"}};
  check.checked_ms = 6;
  check.rows_differ = 7;
  check.wanted = true;
  WriteCheck(writes_, names_, check);
  Send();
  EXPECT_THAT(SelectChecks(*connection_, names_), IsOkAndHolds(ElementsAre(check)));
  ForgetCheck(writes_, names_, "ORDERS");
  Send();
  EXPECT_THAT(SelectChecks(*connection_, names_),
              IsOkAndHolds(ElementsAre(TableCheck{.table = "Orders", .wanted = true})));
}

TEST_F(PostgresRecords, HoldsKeepTheirIdsAndNoneIsGivenTwice) {
  Hold deletes{.kind = HoldKind::kDeletes, .table = "Orders", .rows = 1, .rows_before = 2};
  deletes.since_ms = 3;
  deletes.reason = "many";
  deletes.keys = {"1", "2"};
  Hold tables{.kind = HoldKind::kTables, .tables = {"a", "b"}, .source_id = "s"};
  for (const Hold& hold : {deletes, tables}) WriteHold(writes_, names_, hold);
  Send();
  deletes.id = 1;
  tables.id = 2;
  EXPECT_THAT(SelectHolds(*connection_, names_), IsOkAndHolds(ElementsAre(deletes, tables)));
  deletes.table = "ORDERS";
  deletes.state = HoldState::kCommit;
  WriteHold(writes_, names_, deletes);
  RemoveHold(writes_, names_, 2);
  SettleHolds(writes_, names_, "");
  Send();
  EXPECT_THAT(SelectHolds(*connection_, names_), IsOkAndHolds(ElementsAre(deletes)));
  SettleHolds(writes_, names_, "orders");
  WriteHold(writes_, names_, tables);
  Send();
  tables.id = 3;
  EXPECT_THAT(SelectHolds(*connection_, names_), IsOkAndHolds(ElementsAre(tables)));
  EXPECT_THAT(TakeId(*connection_, names_), IsOkAndHolds(4));
}

TEST_F(PostgresRecords, WhatSomebodyMovedToAnotherKeyCountsAsRemovedAndIsWrittenAnew) {
  const TableCheck check{.table = "Orders", .equality = Equality::kEqual, .position = {Lsn{5}, "lineage"}};
  Hold hold{.kind = HoldKind::kDeletes, .table = "Orders", .rows = 1, .rows_before = 2};
  for (const char* const key : {"another", "zzz"}) {
    SCOPED_TRACE(key);
    WriteCheck(writes_, names_, check);
    WriteHold(writes_, names_, hold);
    Send();
    Do(absl::StrCat("UPDATE ", names_.state, " SET table_key = '", key, "' WHERE table_key = 'orders'"));
    EXPECT_THAT(SelectChecks(*connection_, names_), IsOkAndHolds(IsEmpty()));
    EXPECT_THAT(SelectHolds(*connection_, names_), IsOkAndHolds(IsEmpty()));
  }
  TableCheck differs = check;
  differs.equality = Equality::kDiffers;
  WriteCheck(writes_, names_, differs);
  WriteHold(writes_, names_, hold);
  Send();
  EXPECT_THAT(SelectChecks(*connection_, names_), IsOkAndHolds(ElementsAre(differs)));
  hold.id = 3;
  EXPECT_THAT(SelectHolds(*connection_, names_), IsOkAndHolds(ElementsAre(hold)));
}

TEST_F(PostgresRecords, LossesAddUpAndAreForgottenOnceCommitted) {
  Loss loss{.cycle = 2, .at_ms = 10, .planned = 5, .rows_before = 100};
  AddLoss(writes_, names_, "Orders", loss, 3);
  MarkLossesCommitted(writes_, names_, "orders");
  loss.at_ms = 20;
  loss.planned = 50;
  loss.rows_before = 97;
  AddLoss(writes_, names_, "ORDERS", loss, 4);
  AddLoss(writes_, names_, "Orders", {.cycle = 3, .at_ms = 30, .rows_before = 93}, 1);
  Send();
  const Loss first{.cycle = 2, .at_ms = 20, .planned = 5, .rows = 7, .rows_before = 100};
  Loss second{.cycle = 3, .at_ms = 30, .rows = 1, .rows_before = 93};
  EXPECT_THAT(SelectLosses(*connection_, names_, "orders"), IsOkAndHolds(ElementsAre(first, second)));
  ForgetLosses(writes_, names_, 1'000);
  MarkLossesCommitted(writes_, names_, "orders");
  ForgetLosses(writes_, names_, 30);
  Send();
  second.committed = true;
  EXPECT_THAT(SelectLosses(*connection_, names_, "orders"), IsOkAndHolds(ElementsAre(second)));
  ForgetLedger(writes_, names_, "ORDERS");
  Send();
  EXPECT_THAT(SelectLosses(*connection_, names_, "orders").value(), IsEmpty());
}

TEST_F(PostgresRecords, TheChainOfReceiptsHasItsLastOneAsItsHead) {
  EXPECT_EQ(SelectReceiptHead(*connection_, names_).value(), ReceiptHead{});
  for (std::uint64_t i = 1; i <= 3; ++i) InsertReceipt(writes_, names_, i, absl::StrCat("receipt ", i));
  const OpenReceipt open{.cycle = 1, .seq = 2, .content = std::string(32, '\0'), .inserts = 3, .deletes = 5};
  WriteOpenReceipt(writes_, names_, "Orders", {.cycle = 1});
  WriteOpenReceipt(writes_, names_, "ORDERS", open);
  Send();
  EXPECT_EQ(SelectReceiptHead(*connection_, names_).value(), (ReceiptHead{3, HashOf("receipt 3")}));
  EXPECT_THAT(SelectReceipts(*connection_, names_, 1, 1), IsOkAndHolds(ElementsAre("receipt 2")));
  EXPECT_THAT(SelectReceipts(*connection_, names_, UINT64_MAX, 1).value(), IsEmpty());
  EXPECT_EQ(SelectOpenReceipt(*connection_, names_, "orders").value(), open);
  ForgetOpenReceipt(writes_, names_, "oRDERS");
  RemoveReceipts(writes_, names_, 2);
  Send();
  EXPECT_EQ(SelectOpenReceipt(*connection_, names_, "orders").value(), std::nullopt);
  EXPECT_THAT(SelectReceipts(*connection_, names_, 0, 9), IsOkAndHolds(ElementsAre("receipt 3")));
}

TEST_F(PostgresRecords, HookNotesWaitInTheirOrder) {
  const auto note = [](const char* hook, std::int64_t at_ms) {
    return HookNote{.hook = hook, .event = "completed", .cycle = 1, .at_ms = at_ms, .json = "{}"};
  };
  AddHooks(writes_, names_, {note("a", 1), note("b", 2), note("a", 3)}, {"a", "b"}, 9);
  Send();
  HookNote first = note("a", 1);
  first.id = 1;
  EXPECT_EQ(SelectHook(*connection_, names_, "a").value(), first);
  RemoveHooks(writes_, names_, {1});
  Send();
  EXPECT_EQ(SelectHook(*connection_, names_, "a").value()->at_ms, 3);
  AddHooks(writes_, names_, {note("a", 4)}, {"a"}, 2);
  Send();
  EXPECT_EQ(SelectHook(*connection_, names_, "b").value()->at_ms, 2) << "not for long enough";
  AddHooks(writes_, names_, {}, {"a"}, 3);
  Send();
  EXPECT_EQ(SelectHook(*connection_, names_, "b").value(), std::nullopt);
  EXPECT_THAT(TrimHooks(*connection_, names_, 1), IsOkAndHolds(1U));
  EXPECT_EQ(SelectHook(*connection_, names_, "a").value()->id, 4);
  AddHooks(writes_, names_, {}, {}, 9);
  Send();
  EXPECT_EQ(SelectHook(*connection_, names_, "a").value(), std::nullopt);
}

TEST_F(PostgresRecords, APartnerSeesHowOldTheTablesAre) {
  for (const char* table : {"Fresh", "Old", "Unknown"}) WriteRecord(writes_, names_, {.table = table});
  const auto now = connection_->Number("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint");
  ASSERT_THAT(now.status(), IsOk());
  Freshness next;
  next.all_ms = *now;
  next.tables = {{"old", *now - 100'000}, {"unknown", std::nullopt}};
  next.targets = {.all_ms = 60'000, .tables = {{"unknown", 0}}};
  WriteTimes(writes_, names_, {}, next);
  WriteTargets(writes_, names_, next.targets);
  Send();
  EXPECT_THAT(SelectFreshness(*connection_, names_), IsOkAndHolds(next));
  const auto view = connection_->Query(
      absl::StrCat("SELECT table_name, age_seconds, target_seconds, missed, source_time IS NULL FROM ",
                   names_.freshness, " ORDER BY table_name"));
  ASSERT_THAT(view.status(), IsOk());
  ASSERT_EQ(view->rows(), 3);
  EXPECT_LT(view->Real(0, 1), 60);
  EXPECT_FALSE(view->Bool(0, 3));
  EXPECT_GE(view->Real(1, 1), 100);
  EXPECT_EQ(view->Real(1, 2), 60);
  EXPECT_TRUE(view->Bool(1, 3));
  EXPECT_TRUE(view->IsNull(2, 1));
  EXPECT_TRUE(view->IsNull(2, 2));
  EXPECT_FALSE(view->Bool(2, 3));
  EXPECT_TRUE(view->Bool(2, 4));
  Freshness later = next;
  later.tables = {{"old", *now}};
  WriteTimes(writes_, names_, next, later);
  Send();
  EXPECT_THAT(SelectFreshness(*connection_, names_), IsOkAndHolds(later));
}

/// A memory that knows all, and one that knows nothing, read the same behind each write.
TEST_F(PostgresRecords, WhatATransactionRemembersIsWhatIsThere) {
  OwnWrites writes;
  StateMemory memory(*connection_, names_, writes);
  const auto expect_same = [&](const std::string& behind) {
    SCOPED_TRACE(behind);
    std::vector<std::vector<StateRow>> remembered;
    for (int kind = 1; kind <= kStateKindMax; ++kind)
      remembered.push_back(ReadState(memory, names_, static_cast<StateKind>(kind)).value());
    ASSERT_THAT(writes.Send(*connection_), IsOk());
    for (int kind = 1; kind <= kStateKindMax; ++kind) {
      EXPECT_EQ(remembered[static_cast<std::size_t>(kind - 1)],
                ReadState(*connection_, names_, static_cast<StateKind>(kind)).value())
          << kind;
    }
  };
  const Loss loss{.cycle = 4, .at_ms = 50, .rows = 2, .rows_before = 9};
  expect_same("nothing");
  WriteAnswers(writes, names_, {{"b", 5, "why"}, {"a", 3, ""}});
  WriteCycleNotes(writes, names_, 4, {.written = {{CycleNoteKind::kRefused, "a", 3}}});
  expect_same("answers and notes");
  WriteCheck(writes, names_, {.table = "a", .equality = Equality::kEqual, .wanted = true});
  WriteHold(writes, names_, {.kind = HoldKind::kDeletes, .table = "a"});
  AddLoss(writes, names_, "a", loss, 2);
  expect_same("a ledger");
  ForgetCheck(writes, names_, "A");
  AddLoss(writes, names_, "A", loss, 3);
  MarkLossesCommitted(writes, names_, "a");
  WriteTimes(writes, names_, {}, {.all_ms = 7, .tables = {{"a", 8}, {"b", std::nullopt}}});
  expect_same("changes");
  EXPECT_THAT(SelectLosses(memory, names_, "a").value(), SizeIs(1));
  ForgetLosses(writes, names_, 60);
  ForgetCycleNotes(writes, names_, 5);
  InsertNonce(writes, names_, {"n", 70, 8});
  ForgetLedger(writes, names_, "a");
  ForgetTime(writes, names_, "b");
  WriteAnswers(writes, names_, {{"c", 1, ""}});
  expect_same("less");
  EXPECT_TRUE(memory.HasPut(StateKind::kAnswer));
  EXPECT_FALSE(memory.HasPut(StateKind::kGarbage));
  EXPECT_TRUE(writes.moves_state());
}

TEST_F(PostgresRecords, AWriteThatFailsFailsAllAndLeavesNoneQueued) {
  WriteRecord(writes_, names_, {.table = "Orders"});
  InsertReceipt(writes_, names_, 1, "one");
  InsertReceipt(writes_, names_, 1, "again");
  EXPECT_THAT(writes_.Send(*connection_), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_TRUE(writes_.empty());
  EXPECT_THAT(SelectRecords(*connection_, names_).value(), IsEmpty());
}

}  // namespace
}  // namespace mirror::records_test
