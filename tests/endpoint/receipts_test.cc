// Receipts on their way from the mirror's commit to the source's proof.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cycle/cycle_receipts.h"
#include "client/cycle/receipt_check.h"
#include "client/state/receipt_book.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/agent_bench.h"
#include "tests/support/places.h"

namespace mirror::receipts_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

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
  /// Texts in the agent's book, in their order.
  std::vector<std::string> Texts() {
    std::vector<std::string> texts;
    const auto book = ReceiptBook::OpenToRead(bench_->config().agent.state_dir, "Cust").value();
    const absl::Status read = book->ForEach([&](const ReceiptBook::Entry& entry) {
      texts.push_back(entry.text);
      return absl::OkStatus();
    });
    EXPECT_THAT(read, IsOk());
    return texts;
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
  bench_->on_rows = [&](const Work&) {
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
  EXPECT_THAT(verdict.notes, ElementsAre(HasSubstr("continues from receipt 2")));
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
  EXPECT_THAT(verdict.notes, ElementsAre(HasSubstr("continues from receipt 2")));
  EXPECT_EQ(std::to_string(verdict.last), here_->mirror().Value("SELECT max(number) FROM _mirror_receipts"));
  EXPECT_EQ(verdict.unsigned_tail, 0U);
  ASSERT_EQ(bench_->Sql(Change(10)), "");
  EXPECT_THAT(Cycle().notes, IsEmpty());
}

// The wrong backup first, then the right one: the chain goes on from where it once was.
TEST_F(ReceiptsTest, ARestoreThatIsUndoneIsNoFinding) {
  Begin();
  ASSERT_EQ(bench_->SaveMirror("old"), "");
  Changes(2);
  ASSERT_EQ(bench_->SaveMirror("new"), "");
  ASSERT_EQ(bench_->RestoreMirror("old", By::kBackup), "");
  Changes(1);
  ASSERT_EQ(bench_->RestoreMirror("new", By::kBackup), "");
  Cycle();
  EXPECT_THAT(Cycle().notes, IsEmpty()) << "it is told once";
  ASSERT_EQ(bench_->Sql(Change(9)), "");
  Cycle();
  const ReceiptVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_THAT(verdict.notes,
              ElementsAre(HasSubstr("continues from receipt 2"), HasSubstr("continues from receipt 4")));
  EXPECT_EQ(verdict.last, 6U);
  EXPECT_EQ(verdict.signed_to, 6U);
  EXPECT_EQ(verdict.receipts, 7U);
  EXPECT_EQ(verdict.never_signed, 0U);
}

// More than one answer of Authenticate brings, all of it before the cycle's own.
TEST_F(ReceiptsTest, WhoIsFarBehindCatchesUpBeforeTheCycle) {
  std::string tables = "PRAGMA journal_mode = WAL;", changes;
  for (int i = 0; i < 120; ++i) {
    absl::StrAppend(&tables, "CREATE TABLE t", i, "(id INTEGER PRIMARY KEY, v); INSERT INTO t", i,
                    " VALUES(1, 1);");
    absl::StrAppend(&changes, "UPDATE t", i, " SET v = v + 1;");
  }
  Install();
  bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
  ASSERT_EQ(bench_->Sql(tables), "");
  ASSERT_THAT(bench_->Install(), IsOk());
  Cycle();
  bench_->config().agent.receipts = false;
  for (int i = 0; i < 19; ++i) {
    ASSERT_EQ(bench_->Sql(changes), "");
    Cycle();
  }
  bench_->config().agent.receipts = true;
  ASSERT_EQ(bench_->Sql(changes), "");
  EXPECT_THAT(Cycle().notes, IsEmpty());
  const ReceiptVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_THAT(verdict.notes, IsEmpty());
  EXPECT_EQ(verdict.receipts, 120U * 21);
  EXPECT_EQ(verdict.signed_to, 120U * 21);
  EXPECT_EQ(verdict.compared, 240U) << "of those that came late nobody knows what was sent";
}

TEST_F(ReceiptsTest, WhatTheMirrorForgotIsAGapThatIsTold) {
  Begin();
  bench_->config().agent.receipts = false;
  Changes(6);
  bench_->config().agent.receipts = true;
  ASSERT_EQ(here_->mirror().Execute("DELETE FROM _mirror_receipts WHERE number <= 5"), "");
  ASSERT_EQ(bench_->Sql(Change(9)), "");
  EXPECT_THAT(Cycle().notes, ElementsAre(HasSubstr("no longer keeps the receipts before number 6")));
  const ReceiptVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_THAT(verdict.notes, ElementsAre(HasSubstr("the receipts before receipt 6 are missing")));
  EXPECT_EQ(verdict.receipts, 2U + 3 + 1);
  EXPECT_EQ(verdict.signed_to, 9U);
  Changes(1);
  EXPECT_THAT(Check().findings, IsEmpty());
}

TEST_F(ReceiptsTest, WhatIsNotOfWhatWasSentIsFoundAtOnceAndLater) {
  Begin();
  Changes(1);
  const auto book = ReceiptBook::Open(bench_->config().agent.state_dir, "Cust").value();
  CycleReceipts receipts(book.get());
  Job job;
  job.schema.name = "people";
  job.status.add_rules(v1::COLUMN_RULE_PLAIN);
  job.receipt = Texts().back();
  const Receipt given = ParseReceipt(job.receipt).value();
  job.sent = given.position;
  job.updates = given.updates;
  job.content = given.content;
  EXPECT_EQ(receipts.Take(job, given.cycle, "Cust"), "");
  for (const auto& change : std::vector<std::function<void(Job&)>>{
           [](Job& one) { one.updates += 1; }, [](Job& one) { one.content[0] ^= 1; },
           [](Job& one) { one.sent.lsn.value += 1; }, [](Job& one) { one.schema.name = "notes"; },
           [](Job& one) { one.receipt += "x"; }}) {
    Job other = job;
    change(other);
    EXPECT_THAT(receipts.Take(other, given.cycle, "Cust"), HasSubstr("does not match what was sent"));
  }
  EXPECT_NE(receipts.Take(job, given.cycle + 1, "Cust"), "");
  EXPECT_NE(receipts.Take(job, given.cycle, "Dust"), "");
  ReceiptBook::Entry entry{job.receipt, std::nullopt, 0};
  entry.wrong = true;
  ASSERT_THAT(book->Add({entry}, std::nullopt, book->ReadEnd().value()), IsOk());
  EXPECT_THAT(Check().findings, ElementsAre(HasSubstr("when it arrived, it did not match what was sent")));
}

// What nobody signed proves nothing, wherever it is put.
TEST_F(ReceiptsTest, AForgedBeginningAndAChangedMiddleAreFound) {
  Begin();
  ASSERT_EQ(bench_->Sql("UPDATE people SET x = 9 WHERE id = 1; INSERT INTO notes VALUES('o')"), "");
  Cycle();
  ASSERT_THAT(Check().findings, IsEmpty());
  const auto book = ReceiptBook::Open(bench_->config().agent.state_dir, "Cust").value();
  Receipt forged = ParseReceipt(Texts().at(2)).value();
  forged.inserts = 1'000;
  forged.number = 1;
  forged.previous.clear();
  const ReceiptBook::End end = book->ReadEnd().value();
  ASSERT_THAT(book->Add({{ReceiptText(forged), std::nullopt, 0}}, std::nullopt, end), IsOk());
  ReceiptVerdict verdict = Check();
  EXPECT_EQ(verdict.never_signed, 1U);
  EXPECT_EQ(verdict.tables["people"] + verdict.tables["notes"], 4U);
  Damage("DELETE FROM receipts WHERE id = (SELECT max(id) FROM receipts)");
  forged.number = 9;
  Damage(absl::StrCat("UPDATE receipts SET sent = NULL, receipt = '", ReceiptText(forged),
                      "' WHERE number = 3"));
  EXPECT_THAT(Check().findings, Contains(HasSubstr("does not name the receipt before it")));
}

TEST_F(ReceiptsTest, WhenTheEndIsRemovedWithItsSignatureItIsMissed) {
  Begin();
  Changes(2);
  Damage("DELETE FROM receipts WHERE number = 4; DELETE FROM signatures WHERE number = 4");
  EXPECT_THAT(Check().findings, ElementsAre(HasSubstr("the last receipt that arrived, number 4")));
}

TEST_F(ReceiptsTest, WithoutASignatureNothingIsProven) {
  Begin();
  Changes(2);
  Damage("DELETE FROM signatures WHERE number > 2");
  ReceiptVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, ElementsAre(HasSubstr("of 2 cycles, and none of them is signed")));
  EXPECT_EQ(verdict.unsigned_tail, 2U);
  EXPECT_EQ(verdict.signed_to, 2U);
  Damage("DELETE FROM signatures");
  verdict = Check();
  EXPECT_FALSE(verdict.Proven());
  EXPECT_EQ(verdict.signed_to, 0U);
}

TEST_F(ReceiptsTest, AMirrorThatIsMadeAnewBeginsANewChain) {
  Begin();
  Changes(2);
  const Finished deleted = here_->Mirrorctl({"delete", "Cust", "--confirm", "Cust"});
  ASSERT_EQ(deleted.exit_code, 0) << deleted.errors;
  ASSERT_EQ(here_->Mirrorctl({"allow", "Cust"}).exit_code, 0);
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
              Contains(HasSubstr("receipts 4 to 4 are missing")));
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
  const auto configure = [&](const std::string& certificate) {
    WriteFileText(
        toml, absl::StrCat("[endpoint]\naddress = \"localhost:1\"\n[identity]\nissuer = \"",
                           config.identity.issuer, "\"\nkey = \"", config.identity.key, "\"\nkey_id = \"",
                           config.identity.key_id, "\"\napplication_id = \"", config.identity.application_id,
                           "\"\napplication_certificate = \"", certificate, "\"\n[agent]\nstate_dir = \"",
                           state, "\"\n[[source]]\ncontext_id = \"Cust\"\nkind = \"sqlite\"\npath = \"",
                           bench_->path(), "\"\n"));
  };
  configure(config.identity.application_certificate);
  const auto verify = [&](std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"receipts", "verify", "--config", toml};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProgram(BinDir() + "/mirror-agent", arguments);
  };
  Finished run = verify();
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.output, HasSubstr("Cust: 2 receipts, numbers 1 to 2, of 2 tables; 2 compared with what was "
                                    "sent; signed up to 2 at "));
  run = verify({"--json"});
  const nlohmann::json json = nlohmann::json::parse(run.output);
  EXPECT_EQ(json["sources"][0]["signed_to"], 2);
  EXPECT_EQ(json["sources"][0]["tables"]["notes"], 1);
  // As behind a move to a server with another application key.
  configure(here_->dir() + "/issuers/development/source-1.crt");
  run = verify();
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, HasSubstr("--certificate FILE"));
  EXPECT_THAT(run.output, Not(HasSubstr("Sign it"))) << "what the signer would have to do";
  EXPECT_EQ(verify({"--certificate", config.identity.application_certificate}).exit_code, 0);
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
}  // namespace mirror::receipts_test
