// An endpoint that answers wrongly is found out, requirement by requirement; and the numbers of WRITING.md
// are right.

#include "tools/mirror_harness/conformance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/client/fake_endpoint.h"
#include "tests/support/places.h"

namespace mirror::harness::conformance_test {
namespace {

using testing::HasSubstr;

class FakeConformanceTest : public testing::Test {
 protected:
  Finding Examined(const std::string& id) {
    Exam exam(endpoint_.ToConnection(), "Cust");
    for (const Requirement& requirement : AllRequirements()) {
      if (requirement.id == id) return Examine(requirement, &exam);
    }
    ADD_FAILURE() << "no requirement " << id;
    return {};
  }
  void ExpectFail(const std::string& id, const std::string& words) {
    const Finding finding = Examined(id);
    EXPECT_EQ(finding.verdict, Verdict::kFail) << id;
    EXPECT_THAT(finding.reason, HasSubstr(words)) << id;
  }

  TempFolder folder_;
  FakeEndpoint endpoint_{folder_};
};

TEST_F(FakeConformanceTest, WhatIsRightPasses) {
  for (const char* id : {"handshake.signed", "handshake.cycle-grows", "tables.order"}) {
    const Finding finding = Examined(id);
    EXPECT_EQ(finding.verdict, Verdict::kPass) << id << ": " << finding.reason;
  }
}

TEST_F(FakeConformanceTest, ACycleThatWasNotSignedFails) {
  endpoint_.lie_about_cycle = true;
  ExpectFail("handshake.signed", "signed cycle");
}

TEST_F(FakeConformanceTest, ANonceThatIsTakenTwiceFails) {
  ExpectFail("handshake.nonce-once", "expected UNAUTHENTICATED, got OK");
}

TEST_F(FakeConformanceTest, AnotherHolderThatIsLetInFails) {
  ExpectFail("handshake.busy", "another holder's cycle began");
}

TEST_F(FakeConformanceTest, ANewTableThatIsRefusedFails) {
  endpoint_.actions["created"] = v1::TABLE_ACTION_REFUSED;
  ExpectFail("tables.created", "expected TABLE_ACTION_CREATED, got TABLE_ACTION_REFUSED");
}

TEST_F(FakeConformanceTest, ARepeatedAnnouncementThatIsAnsweredOtherwiseFails) {
  ExpectFail("tables.repeated", "another answer");
}

TEST_F(FakeConformanceTest, LimitsThatAreNotSaidFail) { ExpectFail("handshake.limits", ""); }

TEST_F(FakeConformanceTest, ACallThatIsNotThereFailsAndIsNamed) {
  ExpectFail("tables.names", "ReadRows was refused: UNIMPLEMENTED");
  ExpectFail("wipe.unknown", "UNIMPLEMENTED");
}

TEST_F(FakeConformanceTest, ReportsSayIdSentenceSectionAndReason) {
  ConformanceReport report;
  report.target = "somewhere:1";
  report.findings = {{"a.b", "It must.", "table.proto, Type", Verdict::kFail, "it did not", 0},
                     {"c.d", "It may.", "table.proto, Type", Verdict::kSkipped, "no time", 0}};
  EXPECT_FALSE(report.good());
  EXPECT_THAT(ConformanceText(report),
              HasSubstr("fail  a.b  It must. [table.proto, Type]\n      it did not\nskipped  c.d"));
  EXPECT_THAT(ConformanceText(report), HasSubstr("0 passed, 1 failed, 1 skipped of 2 requirements"));
  EXPECT_THAT(ConformanceJson(report), HasSubstr("\"verdict\": \"fail\""));
}

TEST(WritingTest, TheWorkedDigestHasTheNumbersThatTheDefinitionGives) {
  std::ifstream file(SourceDir() + "/proto/WRITING.md");
  std::ostringstream text;
  text << file.rdbuf();
  const TableSchema people = ExamPeople();
  const SentRow ada = {std::int64_t{1}, std::string("Ada"), std::int64_t{36}},
                bob = {std::int64_t{2}, std::string("Bob"), Null{}};
  for (const RangeDigest& digest :
       {DigestOf(people, {ada}), DigestOf(people, {bob}), DigestOf(people, {ada, bob})}) {
    EXPECT_THAT(text.str(), HasSubstr(absl::StrCat(digest.sum))) << digest.rows;
  }
  // The bytes of Ada's row, as the page shows them.
  EXPECT_THAT(
      text.str(),
      HasSubstr(
          "01 01 00 00 00 00 00 00 00 | 03 03 00 00 00 00 00 00 00 41 64 61 | 01 24 00 00 00 00 00 00 00"));
}

}  // namespace
}  // namespace mirror::harness::conformance_test
