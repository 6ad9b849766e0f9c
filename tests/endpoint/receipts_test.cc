// Receipts on their way from the mirror's commit to the source's proof.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/receipt_book.h"
#include "client/receipt_check.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/agent_bench.h"

namespace mirror {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kTables[] =
    "PRAGMA journal_mode = WAL; CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT, photo BLOB, x);"
    "CREATE TABLE notes(note TEXT); INSERT INTO notes VALUES('n');"
    "INSERT INTO people VALUES(1, 'a', x'00ff', 1), (2, NULL, zeroblob(10), 'x'), (3, 'c', NULL, 2.5)";

class ReceiptsTest : public EndpointTest {
 protected:
  void Begin(const std::string& toml = "") {
    Install({.more_toml = toml});
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
    ASSERT_EQ(bench_->Sql(kTables), "");
    ASSERT_THAT(bench_->Install(), IsOk());
    Cycle();
  }
  CycleReport Cycle() {
    CycleReport report = bench_->Run();
    EXPECT_TRUE(report.Good()) << Summary(report);
    return report;
  }
  AgentConfig Written() const { return LoadAgentConfig(here_->dir() + "/mirror-agent.toml").value(); }
  std::string BookPath() const { return bench_->config().agent.state_dir + "/Cust.receipts.db"; }
  ReceiptVerdict Check() {
    const auto book = ReceiptBook::OpenToRead(bench_->config().agent.state_dir, "Cust").value();
    const AgentConfig config = Written();
    const PublicKey key = PublicKey::Load(config.identity.application_certificate).value();
    return CheckReceipts(*book, "Cust", config.identity.application_id, {&key}).value();
  }
  /// By hand, in the agent's book.
  void Damage(const std::string& sql) {
    const Finished run = RunProgram("/usr/bin/sqlite3", {BookPath(), sql});
    ASSERT_EQ(run.exit_code, 0) << run.errors;
  }
  std::string Change(int n) { return absl::StrCat("UPDATE people SET name = 'v", n, "' WHERE id = 1"); }
  void Changes(int n) {
    for (int i = 0; i < n; ++i) {
      ASSERT_EQ(bench_->Sql(Change(i)), "");
      Cycle();
    }
  }

  std::unique_ptr<AgentBench> bench_;
};

TEST_F(ReceiptsTest, EachCommitIsComparedWithWhatWasSentAndSigned) {
  Begin();
  ReceiptVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_EQ(verdict.receipts, 2U);
  EXPECT_EQ(verdict.compared, 2U);
  EXPECT_EQ(verdict.signed_to, 2U);
  ASSERT_EQ(
      bench_->Sql("INSERT INTO people VALUES(4, 'd', NULL, NULL); DELETE FROM people WHERE id = 2; UPDATE "
                  "people SET x = NULL WHERE id = 1"),
      "");
  Cycle();
  verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_THAT(verdict.notes, IsEmpty());
  EXPECT_EQ(verdict.receipts, 3U);
  EXPECT_EQ(verdict.compared, 3U);
  EXPECT_EQ(verdict.signed_to, 3U);
  EXPECT_EQ(verdict.unsigned_tail, 0U);
  EXPECT_EQ(verdict.tables["people"], 2U);
  Cycle();
  EXPECT_EQ(Check().receipts, 3U) << "nothing was delivered";
}

TEST_F(ReceiptsTest, LargeValuesAndManyBatchesAreComparedToo) {
  Begin();
  bench_->config().agent.batch_bytes = 1'000;
  ASSERT_EQ(
      bench_->Sql("INSERT INTO people VALUES(9, 'large', randomblob(9000000), zeroblob(5000000));"
                  "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT "
                  "INTO people SELECT i, 'name ' || i, randomblob(i % 7), i / 3.0 FROM n"),
      "");
  Cycle();
  const CycleReport again = bench_->Run(/*repopulate=*/true);
  EXPECT_TRUE(again.Good()) << Summary(again);
  const ReceiptVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_EQ(verdict.receipts, 5U);
  EXPECT_EQ(verdict.compared, 5U);
}

TEST_F(ReceiptsTest, WhatTheAgentLostItAsksFor) {
  Begin();
  Changes(3);
  std::filesystem::remove(BookPath());
  std::filesystem::remove(BookPath() + "-wal");
  std::filesystem::remove(BookPath() + "-shm");
  Changes(1);
  const ReceiptVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_EQ(verdict.receipts, 6U);
  EXPECT_EQ(verdict.first, 1U);
  EXPECT_EQ(verdict.compared, 1U) << "of the others nobody knows any more what was sent";
  EXPECT_EQ(verdict.signed_to, 6U);
}

TEST_F(ReceiptsTest, ReceiptsOfACycleThatDiedAreSignedByTheNext) {
  Begin();
  ASSERT_EQ(bench_->Sql("UPDATE people SET x = 3; INSERT INTO notes VALUES('m')"), "");
  int tables = 0;
  bench_->config().agent.batch_bytes = 1'000;
  bench_->on_rows = [&](const Job&) {
    if (++tables > 1) throw AgentDies{};
  };
  CycleReport report;
  EXPECT_FALSE(bench_->RunUntilDeath(&report));
  bench_->on_rows = nullptr;
  Cycle();
  const ReceiptVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_EQ(verdict.unsigned_tail, 0U);
  EXPECT_EQ(std::to_string(verdict.signed_to),
            here_->mirror().Value("SELECT max(number) FROM _mirror_receipts"));
}

TEST_F(ReceiptsTest, ARestoredMirrorCannotHideIt) {
  Begin();
  ASSERT_EQ(bench_->SaveMirror("old"), "");
  Changes(2);
  ASSERT_EQ(bench_->RestoreMirror("old", By::kBackup), "");
  ASSERT_EQ(bench_->Sql(Change(9)), "");
  const CycleReport report = Cycle();
  EXPECT_THAT(report.notes, Contains(HasSubstr("set back to an older state")));
  const ReceiptVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_THAT(verdict.notes, ElementsAre(HasSubstr("goes on from receipt 2")));
  EXPECT_EQ(bench_->Difference(), "");
}

// The mirror was set back while another agent pushed, or this one's own book was: the numbers alone look as
// if the one went on from the other.
TEST_F(ReceiptsTest, WhereTheChainsPartTheAgentLearnsWhatItMissed) {
  Begin();
  ASSERT_EQ(bench_->SaveMirror("old"), "");
  Changes(2);
  Damage("PRAGMA journal_mode = DELETE");
  const std::string saved = BookPath() + ".saved";
  std::filesystem::copy_file(BookPath(), saved);
  ASSERT_EQ(bench_->RestoreMirror("old", By::kBackup), "");
  Changes(3);
  Damage("PRAGMA journal_mode = DELETE");
  std::filesystem::copy_file(saved, BookPath(), std::filesystem::copy_options::overwrite_existing);
  ASSERT_EQ(bench_->Sql(Change(9)), "");
  EXPECT_THAT(Cycle().notes, Contains(HasSubstr("set back to an older state")));
  const ReceiptVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_THAT(verdict.notes, ElementsAre(HasSubstr("goes on from receipt 2")));
  EXPECT_EQ(std::to_string(verdict.last), here_->mirror().Value("SELECT max(number) FROM _mirror_receipts"));
  EXPECT_EQ(verdict.unsigned_tail, 0U);
  ASSERT_EQ(bench_->Sql(Change(10)), "");
  EXPECT_THAT(Cycle().notes, IsEmpty());
}

TEST_F(ReceiptsTest, AMirrorThatIsMadeAnewBeginsANewChain) {
  Begin();
  Changes(2);
  const Finished deleted = here_->Mirrorctl({"delete", "Cust", "--confirm", "Cust"});
  ASSERT_EQ(deleted.exit_code, 0) << deleted.errors;
  Cycle();
  Changes(1);
  const ReceiptVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_THAT(verdict.notes, ElementsAre(HasSubstr("a new chain begins")));
  EXPECT_EQ(verdict.last, 3U);
  EXPECT_EQ(verdict.signed_to, 3U);
}

TEST_F(ReceiptsTest, WhatWasChangedRemovedOrSignedByAnotherIsFound) {
  Begin();
  Changes(4);
  ASSERT_THAT(Check().findings, IsEmpty());
  const std::string saved = BookPath() + ".saved";
  const auto with = [&](const std::string& sql) {
    std::filesystem::copy_file(saved, BookPath(), std::filesystem::copy_options::overwrite_existing);
    Damage(sql);
    return Check().findings;
  };
  Damage("PRAGMA journal_mode = DELETE");
  std::filesystem::copy_file(BookPath(), saved);
  EXPECT_THAT(
      with("UPDATE receipts SET receipt = replace(receipt, '\"updates\":1', '\"updates\":2') WHERE number "
           "= 4"),
      Contains(HasSubstr("does not follow")));
  EXPECT_THAT(with("DELETE FROM receipts WHERE number = 4"),
              Contains(HasSubstr("receipts 4 to 4 are not here")));
  EXPECT_THAT(with("UPDATE receipts SET sent = zeroblob(32) WHERE number = 4"),
              ElementsAre(HasSubstr("receipt 4 (table 'people', cycle ")));
  EXPECT_THAT(with("DELETE FROM receipts WHERE number = 6"), Contains(HasSubstr("signed receipt 6")));
  EXPECT_THAT(with("UPDATE receipts SET receipt = 'x' WHERE number = 4"),
              Contains(HasSubstr("cannot be read")));
  EXPECT_THAT(with("UPDATE signatures SET token = token || 'A' WHERE number = 6"),
              Contains(HasSubstr("not the application's")));
}

TEST_F(ReceiptsTest, WithHashedColumnsTheContentIsTheMirrorsOwn) {
  Begin(
      "[[tenant]]\ncontext_id = \"Cust\"\n[[tenant.table]]\nname = \"people\"\nmask = [\"name\"]\n"
      "[[tenant.table]]\nname = \"notes\"\nleave_out = [\"nothing\"]\n");
  Changes(1);
  const ReceiptVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_EQ(verdict.receipts, 3U);
  EXPECT_EQ(verdict.compared, 1U) << "that of the table without rules";
}

TEST_F(ReceiptsTest, ColumnsThatAreLeftOutAreNotInTheContent) {
  Begin("[[tenant]]\ncontext_id = \"Cust\"\n[[tenant.table]]\nname = \"people\"\nleave_out = [\"name\"]\n");
  ASSERT_EQ(bench_->Sql("UPDATE people SET x = 7 WHERE id = 1"), "");
  Cycle();
  const ReceiptVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_EQ(verdict.compared, 3U);
}

TEST_F(ReceiptsTest, ATenantMayHaveNone) {
  Begin("[[tenant]]\ncontext_id = \"C*\"\nreceipts = false\n");
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM _mirror_receipts"), "0");
  EXPECT_EQ(Check().receipts, 0U);
}

TEST_F(ReceiptsTest, TheCommandSaysWhatIsProven) {
  Begin();
  const std::string toml = here_->dir() + "/agent.toml";
  const AgentConfig config = Written();
  const std::string state = bench_->config().agent.state_dir;
  WriteFileText(
      toml, absl::StrCat("[endpoint]\naddress = \"localhost:1\"\n[identity]\nissuer = \"",
                         config.identity.issuer, "\"\nkey = \"", config.identity.key, "\"\nkey_id = \"",
                         config.identity.key_id, "\"\napplication_id = \"", config.identity.application_id,
                         "\"\napplication_certificate = \"", config.identity.application_certificate,
                         "\"\n[agent]\nstate_dir = \"", state,
                         "\"\n[[source]]\ncontext_id = \"Cust\"\nkind = \"sqlite\"\npath = \"",
                         bench_->path(), "\"\n"));
  const auto verify = [&](std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"receipts", "verify", "--config", toml};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProgram(MIRROR_BIN_DIR "/mirror-agent", arguments);
  };
  Finished run = verify();
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.output, HasSubstr("Cust: 2 receipts, numbers 1 to 2, of 2 tables; 2 compared with what was "
                                    "sent; signed up to 2 at "));
  run = verify({"--json"});
  const nlohmann::json json = nlohmann::json::parse(run.output);
  EXPECT_EQ(json["sources"][0]["signed_to"], 2);
  EXPECT_EQ(json["sources"][0]["tables"]["notes"], 1);
  Damage("UPDATE receipts SET sent = zeroblob(32) WHERE number = 1");
  run = verify();
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, HasSubstr("WRONG: receipt 1 "));
  EXPECT_EQ(verify({"--certificate", toml}).exit_code, 2);
  std::filesystem::remove(BookPath());
  run = verify();
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.errors, HasSubstr("there are no receipts"));
}

}  // namespace
}  // namespace mirror
