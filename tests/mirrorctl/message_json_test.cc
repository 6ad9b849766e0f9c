// `--json` shows each message of the operator's door as it always did, byte for byte. message_json.txt beside
// this file has what is expected: it was printed by message_cases.h from one hand-written encoder for each
// kind of message, before reflection took their place. A field that is new adds lines to it; the test says
// which, and where it wrote all of them.

#include "tools/mirrorctl/admin/message_json.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tests/mirrorctl/message_cases.h"
#include "tests/support/places.h"

namespace mirror::message_json_test {
namespace {

using google::protobuf::DescriptorPool;

/// The lines of each kind of message, in their order.
std::map<std::string, std::vector<std::string>> Expected() {
  std::map<std::string, std::vector<std::string>> of_kind;
  std::ifstream file(SourceDir() + "/tests/mirrorctl/message_json.txt");
  for (std::string line; std::getline(file, line);) {
    of_kind[line.substr(0, line.find(' '))].push_back(line);
  }
  return of_kind;
}

std::vector<const google::protobuf::Message*> Kinds() {
  return {&v1::Tenant::default_instance(),
          &v1::TableInfo::default_instance(),
          &v1::ListIndexesResponse::default_instance(),
          &v1::Hold::default_instance(),
          &v1::BackupResponse::default_instance(),
          &v1::Event::default_instance(),
          &v1::KeyInfo::default_instance(),
          &v1::ServerInfo::default_instance(),
          &v1::DiagnoseResponse::default_instance(),
          &v1::StorageInfo::default_instance(),
          &v1::ImportJobInfo::default_instance(),
          &v1::ApiKeyInfo::default_instance(),
          &v1::HubState::default_instance(),
          &v1::ResumeHubResponse::default_instance(),
          &v1::HeldDelivery::default_instance(),
          &v1::ListHeldResponse::default_instance(),
          &v1::GoldenPreview::default_instance(),
          &v1::HubLoss::default_instance(),
          &v1::RefusedDelivery::default_instance(),
          &v1::ExplainGoldenResponse::default_instance(),
          &v1::Duplicate::default_instance(),
          &v1::Consequences::default_instance(),
          &v1::Change::default_instance(),
          &v1::ExplainRowResponse::default_instance(),
          &v1::ReadRowHistoryResponse::Version::default_instance(),
          &v1::RowDifference::default_instance(),
          &v1::VerifiedMoment::default_instance(),
          &v1::FrozenRecord::default_instance(),
          &v1::AuditRecord::default_instance(),
          &v1::TimeSeries::default_instance(),
          &v1::PastCycle::default_instance()};
}

TEST(MessageJsonTest, EachMessageIsShownAsItAlwaysWas) {
  const std::map<std::string, std::vector<std::string>> expected = Expected();
  ASSERT_EQ(expected.size(), Kinds().size());
  const std::filesystem::path shown = std::filesystem::path(testing::TempDir()) / "message_json.txt";
  std::ofstream all(shown);
  for (const google::protobuf::Message* kind : Kinds()) {
    const std::vector<std::string> lines = message_cases::LinesOf(*kind, ToJson);
    for (const std::string& line : lines) all << line << '\n';
    const auto of_it = expected.find(std::string(kind->GetDescriptor()->name()));
    ASSERT_NE(of_it, expected.end()) << kind->GetDescriptor()->name();
    EXPECT_THAT(lines, testing::ElementsAreArray(of_it->second)) << "all lines are in " << shown;
  }
}

TEST(MessageJsonTest, EachExceptionIsOfAFieldThatIsThere) {
  for (const std::string& name : JsonExceptions()) {
    EXPECT_NE(DescriptorPool::generated_pool()->FindFieldByName(absl::StrCat("mirror.v1.", name)), nullptr)
        << name;
  }
}

}  // namespace
}  // namespace mirror::message_json_test
