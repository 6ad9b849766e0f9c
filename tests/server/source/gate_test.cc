#include "server/source/gate.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <ctime>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/nonce.h"
#include "certs/issue.h"
#include "mirror/v1/mirror_client.grpc.pb.h"
#include "server/rpc/rpc_call.h"
#include "server/rpc/rpc_status.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::gate_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::SizeIs;

constexpr char kApplication[] = "app";

/// Two issuers, one of them in two environments, with a key each.
class GateTest : public testing::Test {
 protected:
  void SetUp() override {
    config_.application = {kApplication, folder_.path() + "/app.key", "app-1"};
    ASSERT_THAT(IssueSigningKey({folder_.path() + "/app.crt", config_.application.key}, "app-1",
                                Algorithm::kEs256, {}),
                IsOk());
    AddIssuer("Acme", "production", "acme-p", {"Cust*", "Special"});
    AddIssuer("Acme", "test", "acme-t", {"Test-*"});
    AddIssuer("Other", "production", "other-p", {"*-other"});
    auto gate = Gate::Open(config_);
    ASSERT_THAT(gate, IsOk());
    gate_ = *std::move(gate);
  }

  void AddIssuer(const std::string& name, const std::string& environment, const std::string& key_id,
                 const std::vector<std::string>& contexts) {
    const std::string keys = absl::StrCat(folder_.path(), "/", name, "-", environment);
    std::filesystem::create_directories(keys);
    IssueKey(keys, key_id);
    config_.issuers.push_back({name, environment, keys, contexts});
  }

  void IssueKey(const std::string& keys, const std::string& key_id) {
    ASSERT_THAT(IssueSigningKey({absl::StrCat(keys, "/", key_id, ".crt"), KeyPath(key_id)}, key_id,
                                Algorithm::kEs256, {}),
                IsOk());
  }

  std::string KeyPath(const std::string& key_id) const {
    return absl::StrCat(folder_.path(), "/", key_id, ".key");
  }

  std::string Token(TokenUse use, const std::string& issuer, const std::string& key_id,
                    const std::string& context_id) {
    const absl::StatusOr<SigningKey> key = SigningKey::Load(KeyPath(key_id), key_id);
    EXPECT_THAT(key, IsOk());
    const std::int64_t now_s = std::time(nullptr);
    Claims claims;
    claims.issuer = issuer;
    claims.audience = kApplication;
    claims.context_id = context_id;
    claims.nonce = NewNonce();
    claims.not_before = now_s - 120;
    claims.expires = now_s + 300;
    const absl::StatusOr<std::string> token = SignToken(*key, use, claims, config_.tokens.context_claim);
    EXPECT_THAT(token, IsOk());
    return *token;
  }
  std::string Header(const std::string& issuer, const std::string& key_id, const std::string& context_id) {
    return "Bearer " + Token(TokenUse::kCall, issuer, key_id, context_id);
  }

  TempFolder folder_;
  ServerConfig config_;
  std::unique_ptr<Gate> gate_;
};

TEST_F(GateTest, CallerIsWhatTheTokenAndTheKeysFolderSay) {
  const std::string token = Token(TokenUse::kAuthenticate, "Acme", "acme-t", "Test-1");

  const absl::StatusOr<Caller> caller = gate_->AdmitToken(token);

  ASSERT_THAT(caller, IsOk());
  EXPECT_EQ(caller->context_id, "Test-1");
  EXPECT_EQ(caller->issuer, "Acme");
  EXPECT_EQ(caller->environment, "test");
  EXPECT_EQ(caller->application_id, kApplication);
  EXPECT_THAT(caller->nonce, SizeIs(32));
  // Five minutes, and a minute of leeway.
  EXPECT_NEAR(static_cast<double>(caller->expires_ms),
              static_cast<double>((std::time(nullptr) + 360) * 1'000), 10'000);
}

struct Listed {
  std::string name, issuer, key_id, context_id;
  bool allowed;
};

class GateListTest : public GateTest, public testing::WithParamInterface<Listed> {};

TEST_P(GateListTest, TenantMustBeInTheListOfItsIssuerAndEnvironment) {
  const Listed& test = GetParam();

  const absl::StatusOr<Caller> caller = gate_->AdmitHeader(Header(test.issuer, test.key_id, test.context_id));
  const absl::StatusOr<Caller> beginner =
      gate_->AdmitToken(Token(TokenUse::kAuthenticate, test.issuer, test.key_id, test.context_id));

  if (test.allowed) {
    EXPECT_THAT(caller, IsOk());
    EXPECT_THAT(beginner, IsOk());
    return;
  }
  EXPECT_THAT(caller, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("not in the list of issuer")));
  EXPECT_THAT(beginner,
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("not in the list of issuer")));
}

INSTANTIATE_TEST_SUITE_P(Gate, GateListTest,
                         testing::Values(Listed{"ByPattern", "Acme", "acme-p", "Cust1", true},
                                         Listed{"ByName", "Acme", "acme-p", "Special", true},
                                         Listed{"Unlisted", "Acme", "acme-p", "Unknown", false},
                                         Listed{"OtherSpelling", "Acme", "acme-p", "cust1", false},
                                         Listed{"OfTheOtherEnvironment", "Acme", "acme-t", "Cust1", false},
                                         Listed{"OfTheOtherIssuer", "Other", "other-p", "Cust1", false},
                                         Listed{"OwnOfTheOtherIssuer", "Other", "other-p", "Cust1-other",
                                                true}),
                         [](const auto& test) { return test.param.name; });

TEST_F(GateTest, IssuerMustBeThatOfTheKey) {
  EXPECT_THAT(gate_->AdmitHeader(Header("Other", "acme-p", "Cust1-other")),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(GateTest, TokenOfTheOtherUseIsRefused) {
  EXPECT_THAT(gate_->AdmitToken(Token(TokenUse::kCall, "Acme", "acme-p", "Cust1")),
              StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(gate_->AdmitHeader("Bearer " + Token(TokenUse::kAuthenticate, "Acme", "acme-p", "Cust1")),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(GateTest, HeaderMustBeBearerAndToken) {
  const std::string token = Token(TokenUse::kCall, "Acme", "acme-p", "Cust1");
  for (const std::string& header :
       {std::string(), std::string("Bearer"), token, "bearer " + token, "Basic " + token, "Bearer  " + token,
        "Bearer " + token + " ", "Bearer " + token + ",Bearer " + token}) {
    EXPECT_THAT(gate_->AdmitHeader(header), StatusIs(absl::StatusCode::kUnauthenticated))
        << header.substr(0, 8) << header.size();
  }
}

TEST_F(GateTest, RemovedKeyIsRefusedAfterReloadAndNotRemembered) {
  const std::string header = Header("Acme", "acme-p", "Cust1");
  ASSERT_THAT(gate_->AdmitHeader(header), IsOk());
  ASSERT_THAT(gate_->AdmitHeader(header), IsOk()) << "from memory";
  std::filesystem::remove(config_.issuers[0].keys + "/acme-p.crt");
  ASSERT_THAT(gate_->AdmitHeader(header), IsOk()) << "nobody reloaded yet";

  EXPECT_THAT(gate_->Reload(config_), IsOkAndHolds(2U));

  EXPECT_THAT(gate_->AdmitHeader(header), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("acme-p")));
}

TEST_F(GateTest, ACallThatGoesOnEndsWithItsKeyAndNotWithItsToken) {
  const std::string header = Header("Acme", "acme-p", "Cust1");
  const absl::StatusOr<Caller> caller = gate_->AdmitHeader(header);
  ASSERT_THAT(caller, IsOk());
  const std::int64_t now_s = std::time(nullptr), long_after_s = now_s + 100'000;
  CallerStanding standing;
  EXPECT_THAT(gate_->AdmitHeaderAgain(header, *caller, now_s, &standing), IsOk());
  const CallerStanding first = standing;
  EXPECT_GT(first.key_until_s, long_after_s);
  EXPECT_THAT(gate_->AdmitHeaderAgain(header, *caller, long_after_s, &standing), IsOk());
  EXPECT_THAT(gate_->AdmitHeaderAgain(header, *caller, first.key_until_s - 1, &standing), IsOk());
  EXPECT_THAT(gate_->AdmitHeaderAgain(header, *caller, first.key_until_s, &standing),
              StatusIs(absl::StatusCode::kUnauthenticated, AllOf(HasSubstr("acme-p"), HasSubstr("expired"))));

  ASSERT_THAT(gate_->Reload(config_), IsOk());
  EXPECT_THAT(gate_->AdmitHeaderAgain(header, *caller, long_after_s, &standing), IsOk()) << "it is there";
  EXPECT_NE(standing.keys, first.keys);
  EXPECT_EQ(standing.key_until_s, first.key_until_s);

  std::filesystem::remove(config_.issuers[0].keys + "/acme-p.crt");
  EXPECT_THAT(gate_->AdmitHeaderAgain(header, *caller, now_s, &standing), IsOk()) << "nobody reloaded yet";
  ASSERT_THAT(gate_->Reload(config_), IsOk());
  EXPECT_THAT(gate_->AdmitHeaderAgain(header, *caller, now_s, &standing),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("acme-p")));
  EXPECT_THAT(gate_->AdmitHeaderAgain(header, *caller, long_after_s, &standing),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("acme-p")));
}

TEST_F(GateTest, ACallThatGoesOnEndsWhenItsKeyIsReplacedOrItsTenantLeavesTheList) {
  const std::string header = Header("Acme", "acme-p", "Cust1");
  const absl::StatusOr<Caller> caller = gate_->AdmitHeader(header);
  ASSERT_THAT(caller, IsOk());
  const std::int64_t now_s = std::time(nullptr);
  CallerStanding standing;
  ASSERT_THAT(gate_->AdmitHeaderAgain(header, *caller, now_s, &standing), IsOk());

  config_.issuers[0].contexts = {"Only"};
  ASSERT_THAT(gate_->Reload(config_), IsOk());
  EXPECT_THAT(gate_->AdmitHeaderAgain(header, *caller, now_s, &standing),
              StatusIs(absl::StatusCode::kPermissionDenied));

  config_.issuers[0].contexts = {"Cust*"};
  std::filesystem::remove(config_.issuers[0].keys + "/acme-p.crt");
  std::filesystem::remove(KeyPath("acme-p"));
  IssueKey(config_.issuers[0].keys, "acme-p");
  ASSERT_THAT(gate_->Reload(config_), IsOk());
  EXPECT_THAT(gate_->AdmitHeaderAgain(header, *caller, now_s, &standing),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(GateTest, NewKeyOfARolloverIsBelievedAfterReloadBesideTheOldOne) {
  IssueKey(config_.issuers[0].keys, "acme-p2");
  ASSERT_THAT(gate_->AdmitHeader(Header("Acme", "acme-p2", "Cust1")),
              StatusIs(absl::StatusCode::kUnauthenticated));

  EXPECT_THAT(gate_->Reload(config_), IsOkAndHolds(4U));

  EXPECT_THAT(gate_->AdmitHeader(Header("Acme", "acme-p2", "Cust1")), IsOk());
  EXPECT_THAT(gate_->AdmitHeader(Header("Acme", "acme-p", "Cust1")), IsOk());
}

TEST_F(GateTest, ReloadTakesTheNewListsAndRules) {
  config_.issuers[0].contexts = {"Only"};
  config_.tokens.algorithms = {"RS256"};
  ASSERT_THAT(gate_->Reload(config_), IsOk());
  EXPECT_THAT(gate_->AdmitHeader(Header("Acme", "acme-p", "Only")),
              StatusIs(absl::StatusCode::kUnauthenticated));

  config_.tokens.algorithms = {"ES256"};
  ASSERT_THAT(gate_->Reload(config_), IsOk());
  EXPECT_THAT(gate_->AdmitHeader(Header("Acme", "acme-p", "Only")), IsOk());
  EXPECT_THAT(gate_->AdmitHeader(Header("Acme", "acme-p", "Cust1")),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(GateTest, ReloadThatFailsLeavesTheOldKeysInForce) {
  const std::string header = Header("Acme", "acme-p", "Cust1");
  WriteFileText(config_.issuers[1].keys + "/broken.crt", "no certificate");

  EXPECT_THAT(gate_->Reload(config_), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("broken.crt")));

  EXPECT_THAT(gate_->AdmitHeader(header), IsOk());
  EXPECT_THAT(gate_->AdmitHeader(Header("Other", "other-p", "1-other")), IsOk());
}

TEST_F(GateTest, KeysAreListedWithTheApplicationsOwn) {
  const std::vector<KeyInfo> keys = gate_->keys();

  EXPECT_THAT(keys, SizeIs(4));
  EXPECT_THAT(keys, Contains(Field(&KeyInfo::key_id, "acme-t")));
  EXPECT_EQ(keys.back().issuer, kApplication);
  EXPECT_EQ(keys.back().key_id, "app-1");
}

TEST_F(GateTest, AnswerIsSignedAsTheApplicationNow) {
  const absl::StatusOr<PublicKey> key = PublicKey::Load(folder_.path() + "/app.crt");
  ASSERT_THAT(key, IsOk());
  Answer answer;
  answer.nonce = NewNonce();
  answer.context_id = "Cust1";
  answer.cycle = 7;

  const absl::StatusOr<std::string> token = gate_->Sign(answer);

  ASSERT_THAT(token, IsOk());
  answer.application_id = kApplication;
  const absl::StatusOr<Answer> verified = VerifyAnswer(*token, *key, answer, std::time(nullptr));
  ASSERT_THAT(verified, IsOk());
  EXPECT_EQ(verified->cycle, 7);
}

/// Only the gate, behind a real call: the headers are what gRPC makes of them.
class GateService final : public v1::MirrorClientService::Service {
 public:
  explicit GateService(const Gate& gate) : gate_(gate) {}
  grpc::Status Wipe(grpc::ServerContext* context, const v1::WipeRequest* /*request*/,
                    v1::WipeResponse* /*response*/) override {
    return ToRpcStatus(AdmitCall(gate_, *context).status());
  }

 private:
  const Gate& gate_;
};

TEST_F(GateTest, CallNeedsExactlyOneAuthorizationHeader) {
  GateService service(*gate_);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  const auto stub = v1::MirrorClientService::NewStub(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  const std::string header = Header("Acme", "acme-p", "Cust1");

  for (int headers = 0; headers <= 2; ++headers) {
    grpc::ClientContext context;
    for (int i = 0; i < headers; ++i) context.AddMetadata("authorization", header);
    v1::WipeResponse response;
    const grpc::Status status = stub->Wipe(&context, v1::WipeRequest(), &response);
    EXPECT_EQ(status.error_code(), headers == 1 ? grpc::OK : grpc::UNAUTHENTICATED) << headers;
    EXPECT_EQ(status.error_message().find("exactly one header") == std::string::npos, headers == 1)
        << headers;
  }
}

}  // namespace
}  // namespace mirror::gate_test
