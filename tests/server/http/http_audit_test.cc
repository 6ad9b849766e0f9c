#include "server/http/http_audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"

namespace mirror::http_audit_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class HttpAuditTest : public testing::Test {
 protected:
  static HttpAudit::Write Into(std::vector<std::string>* lines) {
    return [lines](const std::string& who, const std::string& what, const absl::Status& outcome) {
      lines->push_back(absl::StrCat(who, " | ", what, " | ", absl::StatusCodeToString(outcome.code())));
    };
  }
  HttpCall Call() {
    HttpCall call;
    auto key = std::make_shared<ApiKey>();
    key->name = "erp";
    call.key = key;
    return call;
  }
  std::vector<std::string> written_, looked_;
  HttpAudit audit_{Into(&written_), Into(&looked_)};
};

TEST_F(HttpAuditTest, UpsertsAreSummedUpByHowTheyEnded) {
  const HttpCall call = Call();
  audit_.AddUpsert(call, "Acme", {.inserts = 1, .updates = 2});
  audit_.AddUpsert(call, "Acme", {.inserts = 1, .failures = {{}}});
  audit_.AddUpsert(call, "Acme", {.status = absl::FailedPreconditionError("paused")});
  EXPECT_THAT(written_, IsEmpty());
  audit_.Flush();
  EXPECT_THAT(
      written_,
      UnorderedElementsAre("apikey:erp | http: upsert Acme: 2 calls, 2 inserts, 2 updates, 1 row failed | OK",
                           "apikey:erp | http: upsert Acme: 1 call refused | FAILED_PRECONDITION"));
}

TEST_F(HttpAuditTest, OnlyAJobThatIsFinishedIsOk) {
  ImportJob job;
  job.id = "Acme-000000000001";
  job.storage = "Acme";
  job.source = "default";
  job.key = "erp";
  for (const auto& [state, message, code] :
       {std::tuple(JobState::kFinished, "", "OK"), std::tuple(JobState::kDied, kJobCleared, "CANCELLED"),
        std::tuple(JobState::kDied, "the file is gone", "ABORTED"),
        std::tuple(JobState::kCouldNotStart, "", "FAILED_PRECONDITION")}) {
    job.state = state;
    job.message = message;
    audit_.AddEnd(job);
    EXPECT_EQ(written_.back(),
              absl::StrCat("apikey:erp | http: import job Acme-000000000001 in Acme/default ",
                           std::string(ToString(state)), ": 0 inserts, 0 updates, 0 rows failed | ", code));
  }
}

TEST_F(HttpAuditTest, WhoIsRefusedIsListedApart) {
  HttpHead head;
  head.peer = "192.0.2.7:4711";
  ApiKey key;
  key.name = "reader";
  audit_.AddRefused(head, &key, "deleteStorage", absl::PermissionDeniedError("its role"));
  audit_.AddRefused(head, nullptr, "no call", absl::UnauthenticatedError("none"));
  head.peer = "192.0.2.7:4712";
  audit_.AddRefused(head, nullptr, "no call", absl::UnauthenticatedError("none"));
  EXPECT_THAT(looked_, IsEmpty());
  audit_.Flush();
  EXPECT_THAT(looked_,
              ElementsAre("apikey:reader | http: deleteStorage from 192.0.2.7: 1 call | PERMISSION_DENIED",
                          "no API key | http: no call from 192.0.2.7: 2 calls | UNAUTHENTICATED"));
  EXPECT_THAT(written_, IsEmpty());
}

}  // namespace
}  // namespace mirror::http_audit_test
