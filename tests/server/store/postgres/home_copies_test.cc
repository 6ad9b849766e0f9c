#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/copy_contents.h"
#include "server/store/postgres/place/placement.h"
#include "tests/server/store/postgres/placed_homes.h"

// Copies of mirrors in PostgreSQL are files of SQLite's, and take a place in either.

namespace mirror::home_copies_test {
namespace {

using absl::StatusCode;
using testing::_;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using testing::StartsWith;

bool GoOnCopyingAll(std::uint64_t, std::uint64_t) { return true; }

class PostgresCopiesTest : public PlacedHomesTest {
 protected:
  /// One row, of this age, in the tenant's mirror, which is made if it is not there.
  void Put(const std::string& context_id, int age) {
    const std::unique_ptr<Store> store = Make(context_id);
    ASSERT_NE(store, nullptr);
    Write(*store, age);
  }
  static void Write(Store& store, int age) {
    Plan begin;
    begin.now_ms = 1'000;
    begin.tenant = store.records().ReadTenant().value();
    begin.tenant->issuer = "app";
    begin.tenant->cycle += 1;
    begin.tenant->active = true;
    ASSERT_THAT(store.Commit(begin), IsOk());
    const TestBatch made = MakeBatch(People(), {.rows = {{1, "Ada", age}}});
    Step step;
    step.table = "people";
    step.expected = store.records().ReadTable("people").value();
    step.record = step.expected.value_or(TableRecord{.table = "people"});
    step.record->seq += 1;
    step.record->cycle = begin.tenant->cycle;
    step.record->schema_hash = SchemaHash(People());
    if (!step.expected) step.actions = {CreateTable{People()}, AgreeSchema{People()}};
    step.actions.emplace_back(ApplyRows{made.schema.get(), &*made.batch, false, begin.tenant->cycle});
    Plan rows;
    rows.cycle = begin.tenant->cycle;
    rows.steps = {std::move(step)};
    const auto written = store.Commit(rows);
    ASSERT_THAT(written, IsOk());
    ASSERT_THAT(written->steps.front().status, IsOk());
  }
  static Rows AgesOf(Store& store) {
    Rows rows;
    const std::unique_ptr<Snapshot> snapshot = store.OpenSnapshot().value();
    const absl::Status read = snapshot->ReadRows(
        People(), {2}, {}, 1'000'000, [] { return true; },
        [&](RowBlock* block) {
          for (const std::int64_t age : block->columns[0].ints()) rows.push_back({age});
          return absl::OkStatus();
        });
    EXPECT_THAT(read, IsOk());
    return rows;
  }
  Rows AgesOf(const std::string& context_id) {
    const auto store = home_->Open(context_id, /*create=*/false, {});
    EXPECT_THAT(store.status(), IsOk());
    return store.ok() ? AgesOf(**store) : Rows();
  }
  std::string CopyOut(const std::string& context_id) {
    const std::string path = absl::StrCat(outside_.path(), "/", context_id, ".db");
    const auto store = home_->Open(context_id, /*create=*/false, {});
    EXPECT_THAT(store.status(), IsOk());
    const std::unique_ptr<Snapshot> snapshot = (*store)->OpenSnapshot().value();
    EXPECT_THAT(home_->CheckCopyOut(path), IsOk());
    const auto made = home_->CopyOut(context_id, *snapshot, path, GoOnCopyingAll);
    EXPECT_THAT(made.status(), IsOk());
    EXPECT_EQ(made.value_or(CopyReport{}).bytes, std::filesystem::file_size(path));
    return path;
  }
  std::unique_ptr<MirrorCopy> CopyOf(const std::string& context_id, const std::string& path) {
    EXPECT_THAT(home_->CheckCopyIn(path), IsOk());
    auto copy = home_->NewCopy(context_id);
    EXPECT_THAT(copy.status(), IsOk());
    EXPECT_THAT((*copy)->CopyOf(path), IsOk());
    return *std::move(copy);
  }
  std::vector<std::string> See(const std::string& sql) {
    const auto rows = connection_->Query(sql);
    EXPECT_THAT(rows, IsOk()) << sql;
    std::vector<std::string> lines;
    for (int row = 0; rows.ok() && row < rows->rows(); ++row) lines.push_back(rows->Text(row, 0));
    return lines;
  }
  /// Of others, on the mirror "Cust", its relations and columns, and by its default privileges.
  std::vector<std::string> RightsOnCust() {
    return See(R"(
WITH acls AS (SELECT 'schema' AS what, nspacl AS acl, nspname FROM pg_namespace
  UNION ALL SELECT c.relname, c.relacl, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  UNION ALL SELECT format('%s.%s', c.relname, a.attname), a.attacl, n.nspname FROM pg_attribute a
    JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
  UNION ALL SELECT format('new %s', defaclobjtype), defaclacl, n.nspname FROM pg_default_acl d
    JOIN pg_namespace n ON n.oid = defaclnamespace)
SELECT concat_ws(' ', what, x.privilege_type,
  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
  CASE WHEN is_grantable THEN 'and may grant it' END)
FROM acls, aclexplode(acl) x WHERE nspname = 'Mirror_Cust' AND grantee <> current_user::regrole ORDER BY 1)");
  }
  /// An import of the tenant "Cust" into p1 that got as far as the control database.
  Placement TakeCust() {
    auto taken = TakeForImport(*control_, "Cust", "p1", "Mirror_Cust");
    EXPECT_THAT(taken, IsOkAndHolds(Optional(_)));
    return taken.ok() && taken->has_value() ? **std::move(taken) : Placement{};
  }
  std::string StateOfCust() {
    return See("SELECT state FROM mirror_control.tenant WHERE context_id = 'Cust'").at(0);
  }
  /// Of schemas that an import or a copy makes.
  std::int64_t Left() { return Schemas("mirror\\_import\\_%"); }

  const ScratchFolder outside_;
};

TEST_F(PostgresCopiesTest, ABackupIsAFileOfSqlitesAndTakesTheMirrorsPlace) {
  FillSecondPlace();
  Put("Cust", 36);
  const std::string path = CopyOut("Cust");
  EXPECT_EQ(ReadMirror(path, People()), (Rows{{1, "Ada", 36}}));
  const auto other_server = OpenHome();
  const std::unique_ptr<Store> other = other_server->Open("Cust", /*create=*/false, {}).value();
  Put("Cust", 40);

  const std::unique_ptr<MirrorCopy> copy = CopyOf("Cust", path);
  EXPECT_EQ(copy->Bytes(), std::filesystem::file_size(path));
  {
    const auto opened = copy->Open();
    ASSERT_THAT(opened.status(), IsOk());
    EXPECT_EQ(AgesOf(**opened), (Rows{{36}}));
    Write(**opened, 37);
  }
  const auto replaced = copy->Replace(2'000, GoOnCopyingAll);
  ASSERT_THAT(replaced.status(), IsOk());
  EXPECT_THAT(replaced->kept, StartsWith("postgres://p1/mirror_aside_"));
  EXPECT_THAT(replaced->left_out, IsEmpty());
  EXPECT_EQ(AgesOf("Cust"), (Rows{{37}}));
  EXPECT_EQ(home_->Location("Cust"), "postgres://p1/Mirror_Cust");
  const std::string aside = replaced->kept.substr(std::string("postgres://p1/").size());
  EXPECT_EQ(Ask(absl::StrCat("SELECT age FROM ", aside, ".people")), 40);
  EXPECT_EQ(Ask("SELECT epoch FROM mirror_control.tenant"),
            Ask("SELECT epoch FROM \"Mirror_Cust\"._mirror_tenant"));
  EXPECT_EQ(Left(), 0);

  EXPECT_THAT(other->records().ReadTenant(), StatusIs(StatusCode::kUnavailable));
  EXPECT_THAT(other->Commit({}).status(), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(other->upkeep().WhyStale(), Stale::kMoved) << "a server that has it open opens it anew";
  Put("Cust", 38);
  EXPECT_EQ(AgesOf("Cust"), (Rows{{38}}));
}

TEST_F(PostgresCopiesTest, WhoHadRightsOnTheMirrorHasThemOnTheOneInItsPlace) {
  FillSecondPlace();
  Put("Cust", 36);
  Do("CREATE ROLE clerks; CREATE ROLE \"The boss\"; SET search_path TO \"Mirror_Cust\"; "
     "GRANT USAGE ON SCHEMA \"Mirror_Cust\" TO clerks, \"The boss\" WITH GRANT OPTION; "
     "GRANT SELECT ON people TO \"The boss\"; GRANT SELECT (name), REFERENCES (id) ON people TO clerks; "
     "GRANT SELECT ON _mirror_freshness TO clerks; GRANT SELECT ON \"Cust_mirroring\" TO PUBLIC; "
     "ALTER DEFAULT PRIVILEGES IN SCHEMA \"Mirror_Cust\" GRANT SELECT ON TABLES TO clerks; "
     "ALTER DEFAULT PRIVILEGES IN SCHEMA \"Mirror_Cust\" GRANT USAGE ON TYPES TO PUBLIC; "
     "ALTER DEFAULT PRIVILEGES GRANT UPDATE ON TABLES TO clerks; RESET search_path");
  const std::vector<std::string> before = RightsOnCust();
  EXPECT_EQ(before.size(), 9U) << testing::PrintToString(before);
  const std::string path = CopyOut("Cust");

  const auto replaced = CopyOf("Cust", path)->Replace(2'000, GoOnCopyingAll);
  ASSERT_THAT(replaced.status(), IsOk());
  EXPECT_THAT(replaced->left_out, IsEmpty());
  EXPECT_EQ(RightsOnCust(), before) << "and none that default privileges give";

  Do("DROP TABLE \"Mirror_Cust\".people");
  ASSERT_THAT(CopyOf("Cust", path)->Replace(3'000, GoOnCopyingAll).status(), IsOk());
  EXPECT_THAT(See("SELECT unnest(relacl)::text FROM pg_class WHERE oid = '\"Mirror_Cust\".people'::regclass"),
              testing::Contains(StartsWith("clerks=r")))
      << "by default privileges";

  TenantRecord owner;
  owner.context_id = "Cust";
  owner.issuer = "app";
  ASSERT_THAT(home_->SetAside("Cust", 4'000, owner).status(), IsOk());
  std::vector<std::string> left;
  for (const std::string& right : before) {
    if (right.substr(0, 6) != "people") left.push_back(right);
  }
  EXPECT_EQ(RightsOnCust(), left);
  Put("Cust", 41);
  EXPECT_EQ(Ask("SELECT has_table_privilege('clerks', '\"Mirror_Cust\".people', 'SELECT')::int"), 1);
  Do("DROP OWNED BY clerks; DROP ROLE clerks; DROP OWNED BY \"The boss\"; DROP ROLE \"The boss\"");
}

TEST_F(PostgresCopiesTest, WhatRowSecurityGuardedIsOpenToNobodyInTheMirrorThatComesInItsPlace) {
  FillSecondPlace();
  Put("Cust", 36);
  Do("CREATE ROLE buyers; GRANT USAGE ON SCHEMA \"Mirror_Cust\" TO buyers; "
     "GRANT SELECT ON \"Mirror_Cust\".people, \"Mirror_Cust\"._mirror_freshness TO buyers; "
     "ALTER DEFAULT PRIVILEGES IN SCHEMA \"Mirror_Cust\" GRANT SELECT ON TABLES TO buyers; "
     "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO buyers; "
     "ALTER TABLE \"Mirror_Cust\".people ENABLE ROW LEVEL SECURITY");
  const auto replaced = CopyOf("Cust", CopyOut("Cust"))->Replace(2'000, GoOnCopyingAll);
  ASSERT_THAT(replaced.status(), IsOk());
  EXPECT_THAT(replaced->left_out,
              ElementsAre("the row security of table 'people', so nobody has rights on it"));
  EXPECT_THAT(RightsOnCust(), ElementsAre("_mirror_freshness SELECT buyers", "schema USAGE buyers"));
  Do("DROP OWNED BY buyers; DROP ROLE buyers");
}

TEST_F(PostgresCopiesTest, WhoIsInATransactionIsWaitedForAndHisRowsAreSetAside) {
  Put("Cust", 36);
  const std::unique_ptr<MirrorCopy> copy = CopyOf("Cust", CopyOut("Cust"));
  const auto other_server = OpenHome();
  const std::unique_ptr<Store> other = other_server->Open("Cust", /*create=*/false, {}).value();
  {
    auto work = other->Begin({});
    ASSERT_THAT(work.status(), IsOk());
    EXPECT_THAT(copy->Replace(2'000, GoOnCopyingAll).status(), StatusIs(StatusCode::kUnavailable));
  }
  EXPECT_EQ(AgesOf("Cust"), (Rows{{36}}));
  EXPECT_EQ(Schemas("mirror\\_aside\\_%"), 0) << "the mirror is as it was";
  EXPECT_EQ(Left(), 0);
  ASSERT_THAT(copy->Replace(3'000, GoOnCopyingAll).status(), IsOk());
  EXPECT_EQ(AgesOf("Cust"), (Rows{{36}}));
}

TEST_F(PostgresCopiesTest, AResetWaitsForWhoIsInATransactionToo) {
  Put("Cust", 36);
  const TenantRecord owner{.context_id = "Cust", .issuer = "app"};
  const auto other_server = OpenHome();
  const std::unique_ptr<Store> other = other_server->Open("Cust", /*create=*/false, {}).value();
  {
    auto work = other->Begin({});
    ASSERT_THAT(work.status(), IsOk());
    EXPECT_THAT(home_->SetAside("Cust", 2'000, owner).status(), StatusIs(StatusCode::kUnavailable));
  }
  EXPECT_EQ(AgesOf("Cust"), (Rows{{36}})) << "the mirror is as it was";
  ASSERT_THAT(home_->SetAside("Cust", 3'000, owner).status(), IsOk());
  EXPECT_EQ(Schemas("mirror\\_aside\\_%"), 1);
}

TEST_F(PostgresCopiesTest, ABackupTakesThePlaceOfADamagedMirror) {
  Put("Cust", 36);
  const std::string path = CopyOut("Cust");
  const std::string where = home_->Location("Cust");
  const auto& connection = where.substr(0, 13) == "postgres://p1" ? connection_ : second_;
  ASSERT_THAT(connection->Execute("DROP VIEW \"Mirror_Cust\"._mirror_freshness; DROP TABLE "
                                  "\"Mirror_Cust\"._mirror_tenant, \"Mirror_Cust\"._mirror_state"),
              IsOk());
  const auto replaced = CopyOf("Cust", path)->Replace(2'000, GoOnCopyingAll);
  ASSERT_THAT(replaced.status(), IsOk());
  EXPECT_THAT(replaced->kept, HasSubstr("/mirror_aside_"));
  EXPECT_EQ(AgesOf("Cust"), (Rows{{36}}));
}

TEST_F(PostgresCopiesTest, ADeletedTenantHasItsBackupAgainAndIsAllowed) {
  Put("Cust", 36);
  const std::string path = CopyOut("Cust");
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  const std::unique_ptr<MirrorCopy> early = CopyOf("Cust", path);
  EXPECT_THAT(early->Replace(2'000, GoOnCopyingAll).status(),
              StatusIs(StatusCode::kUnavailable, HasSubstr("being deleted")));
  ASSERT_THAT(home_->FinishDeletion("Cust"), IsOk());
  EXPECT_EQ(Schemas("%irror\\_%"), 3) << "of the control database, and the marks of both places";

  EXPECT_THAT(CopyOf("Cust", path)->Replace(2'000, GoOnCopyingAll),
              IsOkAndHolds(testing::AllOf(Field(&ReplacedMirror::kept, ""),
                                          Field(&ReplacedMirror::was_deleted, true))));
  EXPECT_EQ(AgesOf("Cust"), (Rows{{36}}));
  EXPECT_THAT(home_->FindDeleted(), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(home_->Recover(), IsOkAndHolds(ElementsAre(Field(&StoreHome::Found::context_id, "Cust"))));
}

TEST_F(PostgresCopiesTest, WhatIsKeptBeforeAResetIsAFileBesideTheServersOthers) {
  Put("Cust", 36);
  const auto store = home_->Open("Cust", /*create=*/false, {});
  const std::unique_ptr<Snapshot> snapshot = (*store)->OpenSnapshot().value();
  const std::unique_ptr<MirrorCopy> copy = home_->NewCopy("Cust").value();
  ASSERT_THAT(copy->CopyOf(*snapshot, GoOnCopyingAll).status(), IsOk());
  const auto kept = copy->Keep(2'000);
  ASSERT_THAT(kept.status(), IsOk());
  EXPECT_THAT(*kept, StartsWith(folders_.back()->path()));
  EXPECT_EQ(ReadMirror(*kept, People()), (Rows{{1, "Ada", 36}}));
  EXPECT_THAT(home_->FindCopySpace(), IsOkAndHolds(Field(&StoreHome::Space::free_bytes, testing::Gt(0U))));
  EXPECT_THAT(home_->CheckCopyIn(*kept), StatusIs(StatusCode::kInvalidArgument))
      << "the server's folder is no place for backups";
  EXPECT_EQ(AgesOf("Cust"), (Rows{{36}}));
}

TEST_F(PostgresCopiesTest, WhatIsOthersIsNamedAndNotCopied) {
  FillSecondPlace();
  Put("Cust", 36);
  Do("CREATE SCHEMA reports; CREATE VIEW reports.v AS SELECT age FROM \"Mirror_Cust\".people; CREATE ROLE "
     "bi; "
     "GRANT USAGE ON SCHEMA \"Mirror_Cust\" TO bi; ALTER TABLE \"Mirror_Cust\".people ADD COLUMN note text, "
     "ADD CONSTRAINT young CHECK (age < 1000); ALTER TABLE \"Mirror_Cust\".people ENABLE ROW LEVEL SECURITY; "
     "CREATE POLICY grown ON \"Mirror_Cust\".people USING (age > 17); CREATE PUBLICATION abroad FOR TABLE "
     "\"Mirror_Cust\".people; CREATE PUBLICATION whole FOR TABLES IN SCHEMA \"Mirror_Cust\"; CREATE "
     "STATISTICS "
     "reports.related ON name, age FROM \"Mirror_Cust\".people; COMMENT ON TABLE \"Mirror_Cust\".people IS "
     "'ours'; COMMENT ON COLUMN \"Mirror_Cust\".people.age IS 'in years'; COMMENT ON TABLE "
     "\"Mirror_Cust\"._mirror_tenant IS 'hands off'");
  const auto store = home_->Open("Cust", /*create=*/false, {});
  const std::unique_ptr<Snapshot> snapshot = (*store)->OpenSnapshot().value();
  const auto made =
      home_->CopyOut("Cust", *snapshot, absl::StrCat(outside_.path(), "/copy.db"), GoOnCopyingAll);
  Do("REVOKE ALL ON SCHEMA \"Mirror_Cust\" FROM bi; DROP ROLE bi");
  ASSERT_THAT(made.status(), IsOk());
  EXPECT_THAT(made->left_out,
              testing::UnorderedElementsAre("column 'note' of table 'people'",
                                            "constraint 'young' of 'people'", "row security of 'people'",
                                            "policy 'grown' of 'people'", "publication 'abroad' of 'people'",
                                            "publication 'whole'", "statistics 'related' of 'people'",
                                            "comment of 'people'", "comment of column 'age' of 'people'",
                                            "rights of role 'bi'", "view 'reports.v' of 'people'"));
}

TEST_F(PostgresCopiesTest, AMirrorOfAnotherStoreComesWhereThereIsNone) {
  Put("Cust", 36);
  const std::unique_ptr<Store> from = home_->Open("Cust", /*create=*/false, {}).value();
  EXPECT_THAT(home_->NewImport("Cust").status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("there is a mirror of 'Cust'")));
  EXPECT_THAT(home_->NewImport(std::string(54, 'a')).status(), StatusIs(StatusCode::kInvalidArgument));

  const ScratchFolder folder;
  const auto files = OpenSqliteHome(folder.path(), SqliteOptions{}).value();
  const auto move = [](Store& store, StoreHome& to, bool whole) {
    const std::unique_ptr<Snapshot> snapshot = store.OpenSnapshot().value();
    const std::unique_ptr<MirrorImport> import = to.NewImport("Cust").value();
    return CopyContents(*snapshot, *import, [&](std::uint64_t, std::uint64_t) { return whole; }).status();
  };
  ASSERT_THAT(move(*from, *files, true), IsOk());
  ASSERT_THAT(home_->SetAside("Cust", 1'000, std::nullopt).status(), IsOk());
  const std::unique_ptr<Store> file = files->Open("Cust", /*create=*/false, nullptr).value();
  EXPECT_THAT(move(*file, *home_, false), StatusIs(StatusCode::kCancelled));
  EXPECT_FALSE(home_->Exists("Cust"));
  EXPECT_EQ(Left(), 0);
  ASSERT_THAT(move(*file, *home_, true), IsOk());
  EXPECT_TRUE(home_->Exists("Cust"));
  EXPECT_EQ(AgesOf("Cust"), (Rows{{36}}));
  EXPECT_EQ(Ask("SELECT count(*) FROM mirror_control.tenant WHERE state = 'serving'"), 1);
}

TEST_F(PostgresCopiesTest, AnImportGivesWayToAMirrorThatCameMeanwhile) {
  const std::unique_ptr<MirrorImport> import = home_->NewImport("Cust").value();
  MirrorContents contents;
  contents.tenant.context_id = "Cust";
  ASSERT_THAT(import->Begin(contents), IsOk());
  EXPECT_FALSE(home_->Exists("Cust"));
  Put("Cust", 36);
  EXPECT_THAT(import->Finish(), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(AgesOf("Cust"), (Rows{{36}}));
}

TEST_F(PostgresCopiesTest, WhileAMirrorIsImportedNobodyMakesOrDeletesOne) {
  FillSecondPlace();
  const auto importer = Connect(conninfo_);
  // As PostgresImport::Announce() does.
  ASSERT_THAT(importer->Execute("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('mirror-server imports "
                                "' || lower('Cust'), 0))"),
              IsOk());
  TakeCust();
  const auto imported = StatusIs(StatusCode::kUnavailable, HasSubstr("is being imported"));
  const auto other_server = OpenHome();
  for (StoreHome* const home : {home_.get(), other_server.get()}) {
    EXPECT_THAT(home->Open("Cust", /*create=*/true, {}).status(), imported);
    EXPECT_THAT(home->NewImport("Cust").status(), imported);
    EXPECT_THAT(home->BeginDeletion("Cust"), imported);
    EXPECT_THAT(home->Recover(), IsOkAndHolds(IsEmpty()));
    EXPECT_FALSE(home->Exists("Cust"));
  }
  EXPECT_EQ(Schemas("Mirror\\_%"), 0);
  EXPECT_EQ(StateOfCust(), "importing");
  // It is gone, and committed nothing.
  ASSERT_THAT(importer->Execute("ROLLBACK"), IsOk());
  ASSERT_NE(Make("Cust"), nullptr);
  EXPECT_EQ(StateOfCust(), "serving");
}

TEST_F(PostgresCopiesTest, AnImportThatWasCutOffIsTakenUpByTheNextOne) {
  Put("Cust", 36);
  const std::string path = CopyOut("Cust");
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  ASSERT_THAT(home_->FinishDeletion("Cust"), IsOk());
  TakeCust();
  EXPECT_EQ(StateOfCust(), "restoring");
  EXPECT_THAT(home_->IsDeleted("Cust"), IsOkAndHolds(true)) << "its source is kept away as before";
  EXPECT_EQ(StateOfCust(), "deleted");
  TakeCust();
  EXPECT_THAT(CopyOf("Cust", path)->PutWhereNoneIs("p2", GoOnCopyingAll),
              IsOkAndHolds(Field(&ReplacedMirror::was_deleted, true)));
  EXPECT_EQ(StateOfCust(), "serving");
  EXPECT_EQ(home_->Location("Cust"), "postgres://p2/Mirror_Cust");
  EXPECT_EQ(AgesOf("Cust"), (Rows{{36}}));
}

TEST_F(PostgresCopiesTest, AnImportThatWasCommittedIsServedThoughNobodyNotedIt) {
  Put("Cust", 36);
  for (const char* const state : {"importing", "restoring"}) {
    Do(absl::StrCat("UPDATE mirror_control.tenant SET state = '", state, "'"));
    const auto anew = OpenHome();
    EXPECT_THAT(anew->Recover(), IsOkAndHolds(ElementsAre(Field(&StoreHome::Found::context_id, "Cust"))));
    EXPECT_EQ(StateOfCust(), "serving");
    EXPECT_THAT(anew->IsDeleted("Cust"), IsOkAndHolds(false));
    EXPECT_EQ(AgesOf("Cust"), (Rows{{36}}));
  }
  // What stands there of an earlier epoch is not what was imported.
  Do("UPDATE mirror_control.tenant SET state = 'restoring', epoch = epoch + 1");
  EXPECT_THAT(home_->IsDeleted("Cust"), IsOkAndHolds(true));
  EXPECT_EQ(StateOfCust(), "deleted");
}

TEST_F(PostgresCopiesTest, OfTwoImportsThatEndAtOnceOneIsServed) {
  FillSecondPlace();
  const auto other_server = OpenHome();
  MirrorContents contents;
  contents.tenant.context_id = "Cust";
  std::vector<std::unique_ptr<MirrorImport>> imports;
  for (StoreHome* const home : {home_.get(), other_server.get()}) {
    imports.push_back(home->NewImport("Cust").value());
    ASSERT_THAT(imports.back()->Begin(contents), IsOk());
  }
  std::vector<absl::Status> ends(imports.size());
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < imports.size(); ++i) {
    running.emplace_back([&ends, &imports, i] {
      ends[i] = imports[i]->Finish();
      imports[i].reset();
    });
  }
  for (std::thread& thread : running) thread.join();
  EXPECT_NE(ends[0].ok(), ends[1].ok()) << ends[0] << ends[1];
  EXPECT_EQ(StateOfCust(), "serving");
  EXPECT_EQ(Schemas("Mirror\\_Cust"), 1);
  EXPECT_EQ(Left(), 0);
  EXPECT_THAT(home_->Open("Cust", /*create=*/false, {}).status(), IsOk());
}

TEST_F(PostgresCopiesTest, WhatIsToBeReplicatedIsNotServedBeforeAStandbyHasIt) {
  Put("Cust", 36);
  const std::string path = CopyOut("Cust");
  replicated_ = true;
  home_ = OpenHome();
  const auto at_no_standby = StatusIs(StatusCode::kUnavailable, HasSubstr("synchronous_standby_names"));
  EXPECT_THAT(CopyOf("Cust", path)->Replace(2'000, GoOnCopyingAll).status(), at_no_standby);
  ASSERT_THAT(home_->SetAside("Cust", 3'000, std::nullopt).status(), IsOk());
  EXPECT_THAT(CopyOf("Cust", path)->PutWhereNoneIs("p2", GoOnCopyingAll).status(), at_no_standby);
  EXPECT_THAT(home_->Open("Cust", /*create=*/true, {}).status(), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(StateOfCust(), "importing");
  // As when a DBA has named a standby, which has it then.
  replicated_ = false;
  home_ = OpenHome();
  EXPECT_EQ(AgesOf("Cust"), (Rows{{36}}));
  EXPECT_EQ(StateOfCust(), "serving");
}

TEST_F(PostgresCopiesTest, AnEmptySchemaOfItsNameStandsInNoImportsWay) {
  FillSecondPlace();
  Put("Cust", 36);
  const std::string path = CopyOut("Cust");
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  ASSERT_THAT(home_->FinishDeletion("Cust"), IsOk());
  Do("CREATE SCHEMA \"Mirror_Cust\"; CREATE FUNCTION \"Mirror_Cust\".f() RETURNS int LANGUAGE sql AS "
     "'SELECT 1'");
  EXPECT_THAT(CopyOf("Cust", path)->PutWhereNoneIs("p1", GoOnCopyingAll).status(),
              StatusIs(StatusCode::kFailedPrecondition))
      << "somebody's function is in it";
  EXPECT_EQ(Ask("SELECT \"Mirror_Cust\".f()::bigint"), 1);
  EXPECT_EQ(StateOfCust(), "deleted");
  Do("DROP FUNCTION \"Mirror_Cust\".f(); CREATE ROLE early; GRANT USAGE ON SCHEMA \"Mirror_Cust\" TO early");
  ASSERT_THAT(CopyOf("Cust", path)->PutWhereNoneIs("p1", GoOnCopyingAll).status(), IsOk());
  EXPECT_EQ(AgesOf("Cust"), (Rows{{36}}));
  EXPECT_THAT(RightsOnCust(), ElementsAre("schema USAGE early"));
  Do("DROP OWNED BY early; DROP ROLE early");
}

TEST_F(PostgresCopiesTest, ACopyThatIsCancelledOnItsWayInLeavesNothing) {
  Put("Cust", 36);
  const std::string path = CopyOut("Cust");
  const auto stop = [](std::uint64_t, std::uint64_t) { return false; };
  EXPECT_THAT(CopyOf("Cust", path)->Replace(2'000, stop).status(), StatusIs(StatusCode::kCancelled));
  EXPECT_EQ(AgesOf("Cust"), (Rows{{36}})) << "the mirror is as it was";
  ASSERT_THAT(home_->SetAside("Cust", 3'000, std::nullopt).status(), IsOk());
  EXPECT_THAT(CopyOf("Cust", path)->PutWhereNoneIs("", stop).status(), StatusIs(StatusCode::kCancelled));
  EXPECT_EQ(StateOfCust(), "gone");
  EXPECT_EQ(Left(), 0);
}

TEST_F(PostgresCopiesTest, WhatAMoveLeftGoesWithTheMirrorAndIsNeverTakenForIt) {
  FillSecondPlace();
  const auto leave_copy = [this] {
    Put("Cust", 36);
    const std::unique_ptr<Store> store = home_->Open("Cust", /*create=*/false, {}).value();
    const std::unique_ptr<Snapshot> snapshot = store->OpenSnapshot().value();
    const std::unique_ptr<PlaceMove> move = home_->places().NewMove("Cust", "p2").value();
    ASSERT_THAT(move->CopyOf(*snapshot, GoOnCopyingAll).status(), IsOk());
    ASSERT_EQ(Schemas("Mirror\\_Cust"), 2);
  };
  ASSERT_NO_FATAL_FAILURE(leave_copy());
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  ASSERT_THAT(home_->FinishDeletion("Cust"), IsOk());
  EXPECT_EQ(Schemas("Mirror\\_Cust"), 0);

  ASSERT_THAT(home_->AllowAgain("Cust"), IsOk());
  ASSERT_NO_FATAL_FAILURE(leave_copy());
  Do("DROP SCHEMA \"Mirror_Cust\" CASCADE; UPDATE mirror_control.tenant SET state = 'gone'");
  EXPECT_THAT(
      home_->Open("Cust", /*create=*/true, {}).status(),
      StatusIs(StatusCode::kFailedPrecondition, HasSubstr("the place 'p2' has a schema \"Mirror_Cust\"")));
  EXPECT_THAT(home_->NewImport("Cust").status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("a move or a removal left")));
  ASSERT_THAT(home_->BeginDeletion("Cust"), IsOk());
  ASSERT_THAT(home_->FinishDeletion("Cust"), IsOk());
  EXPECT_EQ(Schemas("Mirror\\_Cust"), 0);
}

}  // namespace
}  // namespace mirror::home_copies_test
