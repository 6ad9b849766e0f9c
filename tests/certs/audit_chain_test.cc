#include "certs/audit_chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "certs/issue.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::audit_chain_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kBeginMs = 1'800'000'000'000;

/// A log in memory, and what somebody does to it.
class AuditChainTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* const name : {"own", "other"}) {
      ASSERT_THAT(IssueSigningKey({Path(name, "crt"), Path(name, "key")}, name, Algorithm::kEs256, {}),
                  IsOk());
    }
    state_.before = AuditGenesis(NewAuditChain());
    state_.last = state_.before;
  }

  std::string Path(const std::string& name, const std::string& kind) const {
    return absl::StrCat(folder_.path(), "/", name, ".", kind);
  }

  AuditSigner Signer(const std::string& name) const {
    return [key = SigningKey::Load(Path(name, "key"), name).value()](
               std::string_view text) -> absl::StatusOr<KeySignature> {
      return KeySignature{key.key_id(), key.Sign(text).value()};
    };
  }

  void Append(AuditRecord record) {
    record.id = state_.last.id + 1;
    record.time_ms = kBeginMs + static_cast<std::int64_t>(record.id);
    record.hash = AuditHash(state_.last.hash, record);
    state_.last.id = record.id;
    state_.last.hash = record.hash;
    records_.push_back(record);
  }

  void Calls(int count) {
    for (int i = 0; i < count; ++i) Append({0, 0, "ada", absl::StrCat("ListTables Cust", i), "OK", "", ""});
  }

  void Seal(SealKind kind, const AuditPoint& point, const std::string& signer = "own") {
    AuditSeal seal{.kind = kind, .point = point, .time_ms = kBeginMs};
    ASSERT_THAT(Sign(Signer(signer), &seal), IsOk());
    Append({0, 0, kAuditServer, "sealed", "OK", FormatSeal(seal), ""});
  }
  void Seal() {
    Seal(SealKind::kSealed, state_.last);
    AuditSeal head{.kind = SealKind::kSealed, .point = state_.last, .time_ms = kBeginMs};
    ASSERT_THAT(Sign(Signer("own"), &head), IsOk());
    state_.sealed = head;
  }

  /// As somebody with the database but without the key would hide what he did.
  void HashAnew() {
    std::string previous = state_.before.hash;
    for (AuditRecord& record : records_) {
      record.hash = AuditHash(previous, record);
      previous = record.hash;
    }
  }

  AuditVerdict Check(std::optional<AuditPoint> receipt = std::nullopt, const std::string& chain = "") const {
    AuditChecker checker({PublicKey::Load(Path("own", "crt")).value()}, std::move(receipt), chain);
    checker.Begin(state_);
    for (const AuditRecord& record : records_) checker.Add(record);
    return checker.End();
  }

  TempFolder folder_;
  AuditState state_;
  std::vector<AuditRecord> records_;
};

TEST_F(AuditChainTest, AWholeLogHasNoFindings) {
  Calls(5);
  Seal();
  Calls(2);

  const AuditVerdict verdict = Check();

  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_EQ(verdict.records, 8U);
  EXPECT_EQ(verdict.sealed_id, 6U);
  EXPECT_EQ(verdict.last, state_.last);
}

TEST_F(AuditChainTest, AnEmptyLogIsWhole) { EXPECT_THAT(Check().findings, IsEmpty()); }

TEST_F(AuditChainTest, ASealIsReadAsItWasWritten) {
  AuditSeal seal{SealKind::kPruned, {"00ff", 7, "hash\x01"}, 5, "key", "signature"};
  const auto read = ParseSeal(FormatSeal(seal));
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(SealText(*read), SealText(seal));
  EXPECT_EQ(read->signature, seal.signature);
  EXPECT_THAT(ParseSeal("{\"kind\": \"sealed\"}"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseSeal("nothing"), StatusIs(absl::StatusCode::kInvalidArgument));
}

struct Tampering {
  std::string name;
  std::function<void(std::vector<AuditRecord>&)> act;
  bool hashes_anew = false;
  std::string finding;
};

class TamperedChainTest : public AuditChainTest, public testing::WithParamInterface<Tampering> {};

TEST_P(TamperedChainTest, IsFoundWithTheFirstRecordThatIsWrong) {
  Calls(4);
  Seal();
  Calls(4);
  Seal();
  Calls(2);

  GetParam().act(records_);
  if (GetParam().hashes_anew) HashAnew();

  EXPECT_THAT(Check().findings, Contains(HasSubstr(GetParam().finding)));
}

void Change(std::vector<AuditRecord>& records, std::size_t at) { records[at].who = "eve"; }

INSTANTIATE_TEST_SUITE_P(
    AuditChain, TamperedChainTest,
    testing::Values(
        Tampering{"AWordChanged", [](auto& records) { Change(records, 2); }, false, "record 3 ("},
        Tampering{"ATimeChanged", [](auto& records) { records[6].time_ms -= 1; }, false, "record 7 ("},
        Tampering{"AWordChangedAndHashesMadeAnew", [](auto& records) { Change(records, 6); }, true,
                  "one of the records 6 to 9 was changed"},
        Tampering{"OneMissing", [](auto& records) { records.erase(records.begin() + 3); }, false,
                  "record 4 missing"},
        Tampering{"SeveralMissing",
                  [](auto& records) { records.erase(records.begin() + 5, records.begin() + 8); }, false,
                  "records 6 to 8 missing"},
        Tampering{"OneMissingAndNumbersMadeAnew",
                  [](auto& records) {
                    records.erase(records.begin() + 1);
                    for (std::size_t i = 0; i < records.size(); ++i) records[i].id = i + 1;
                  },
                  true, "one of the records 1 to 3 was changed"},
        Tampering{"ASignatureMissing", [](auto& records) { records.erase(records.begin() + 4); }, false,
                  "record 5 missing"},
        Tampering{"TheBeginningMissing",
                  [](auto& records) { records.erase(records.begin(), records.begin() + 2); }, false,
                  "records 1 to 2 missing"},
        Tampering{"TheTailBehindTheLastSignatureCut", [](auto& records) { records.resize(10); }, false,
                  "records 11 to 12 missing at the end: what the running server knows"},
        Tampering{"CutBeforeTheLastSignature", [](auto& records) { records.resize(7); }, false,
                  "records 8 to 10 missing at the end: what was signed at 2027"},
        Tampering{"ARecordPutIn", [](auto& records) { records.insert(records.begin() + 2, records[1]); },
                  false, "is there twice"}),
    [](const auto& test) { return test.param.name; });

TEST_F(AuditChainTest, AKillForgetsWhatTheServerKnewButNotTheReceiptOfAnEarlierCheck) {
  Calls(3);
  Seal();
  Calls(3);
  const AuditPoint receipt = Check().last;
  records_.resize(5);
  state_.last.id = 0;

  EXPECT_THAT(Check().findings, IsEmpty()) << "nothing that is left says that there was more";
  EXPECT_THAT(Check(receipt).findings,
              ElementsAre(HasSubstr("what an earlier check saw reaches to record 7")));
}

TEST_F(AuditChainTest, ASignatureOfAnotherKeyIsFound) {
  Calls(2);
  Seal(SealKind::kSealed, state_.last, "other");
  EXPECT_THAT(Check().findings,
              Contains(HasSubstr("signature in record 3 was not made with the application's key")));
}

TEST_F(AuditChainTest, ALogWithoutAnySignatureIsFound) {
  Calls(2);
  EXPECT_THAT(Check().findings, ElementsAre(HasSubstr("none of its records is signed")));
}

TEST_F(AuditChainTest, ALogMadeAnewUnderTheSameSignatureIsFoundUntilItIsAccepted) {
  Calls(3);
  Seal();
  const AuditPoint receipt = Check().last;
  const std::optional<AuditSeal> sealed = state_.sealed;
  records_.clear();
  state_.before = AuditGenesis(NewAuditChain());
  state_.last = state_.before;
  Calls(1);
  Seal();
  state_.sealed = sealed;  // audit.head was left alone.

  EXPECT_THAT(Check().findings, ElementsAre(AllOf(HasSubstr("the log was replaced"), HasSubstr("--chain"))));
  EXPECT_THAT(Check(receipt).findings, Contains(HasSubstr("what an earlier check saw is chain")));
  EXPECT_THAT(Check(receipt, state_.before.chain).findings, IsEmpty());
}

TEST_F(AuditChainTest, ALogThatSaysThatItReplacedAnotherIsFoundUntilItIsAccepted) {
  Calls(1);
  Seal(SealKind::kReplaced, {NewAuditChain(), 40, "some hash"});
  Seal();

  EXPECT_THAT(Check().findings, ElementsAre(HasSubstr("took the place of chain")));
  EXPECT_THAT(Check(std::nullopt, state_.before.chain).findings, IsEmpty());
}

TEST_F(AuditChainTest, ASignedGapIsFound) {
  Calls(3);
  AuditSeal seal{.kind = SealKind::kGap, .point = state_.last, .time_ms = kBeginMs};
  ASSERT_THAT(Sign(Signer("own"), &seal), IsOk());
  EXPECT_EQ(ParseSeal(FormatSeal(seal))->kind, SealKind::kGap);
  Append({0, 0, kAuditServer, "2 records were not kept", "OK", FormatSeal(seal), ""});
  Seal();
  EXPECT_THAT(Check().findings, ElementsAre(HasSubstr("record 4 (2")));
  EXPECT_THAT(Check().findings, ElementsAre(HasSubstr("2 records were not kept")));
  EXPECT_EQ(Check().sealed_id, 5U);
}

TEST_F(AuditChainTest, PrunedRecordsAreMissedUnlessTheServerSignedThatItPrunedThem) {
  Calls(6);
  const AuditPoint cut{state_.last.chain, 4, records_[3].hash};
  Seal(SealKind::kPruned, cut);
  Seal();
  records_.erase(records_.begin(), records_.begin() + 4);
  state_.before = cut;

  EXPECT_THAT(Check().findings, IsEmpty());
  EXPECT_EQ(Check().pruned_until, 4U);

  state_.before = {cut.chain, 5, records_[0].hash};
  records_.erase(records_.begin());
  EXPECT_THAT(Check().findings, Contains(HasSubstr("no signed record says that the server pruned them")));
}

}  // namespace
}  // namespace mirror::audit_chain_test
