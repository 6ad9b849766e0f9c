#include "certs/tls.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "certs/issue.h"
#include "certs/key.h"
#include "tests/certs/certificate_use.h"
#include "tests/certs/test_keys.h"
#include "tests/support/status_matchers.h"

namespace mirror::tls_test {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

// A server that answers nothing; a client that gets through the handshake is connected to it.
class Listener {
 public:
  explicit Listener(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port_);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
  }
  ~Listener() {
    if (server_) server_->Shutdown(std::chrono::system_clock::now());
  }
  // Whether a client with these files gets through within `limit`.
  bool Admits(const ClientTls& files, seconds limit = seconds(10)) const {
    const auto credentials = MakeChannelCredentials(files);
    EXPECT_THAT(credentials, IsOk());
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel =
        grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port_), *credentials, arguments);
    return channel->WaitForConnected(std::chrono::system_clock::now() + limit);
  }

 private:
  grpc::CallbackGenericService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(IssueCa(Pair("ca"), "CA", {}), IsOk());
    ASSERT_THAT(IssueCa(Pair("other-ca"), "Other CA", {}), IsOk());
    ASSERT_THAT(IssueServer(Pair("server"), Pair("ca"), "server", {}, {}), IsOk());
    ASSERT_THAT(IssueAdmin(Pair("operator"), Pair("ca"), "operator", Role::kOperator, {}), IsOk());
    ASSERT_THAT(IssueAdmin(Pair("stranger"), Pair("other-ca"), "stranger", Role::kOperator, {}), IsOk());
  }
  PairFiles Pair(const std::string& name) const { return {dir_ / (name + ".crt"), dir_ / (name + ".key")}; }
  ServerTls Server(const std::string& client_ca = "") const {
    return {dir_ / "server.crt", dir_ / "server.key", client_ca.empty() ? "" : dir_ / client_ca};
  }
  ClientTls Client(const std::string& ca, const std::string& name = "") const {
    if (name.empty()) return {dir_ / ca, "", ""};
    return {dir_ / ca, dir_ / (name + ".crt"), dir_ / (name + ".key")};
  }
  TempDir dir_;
};

TEST_F(TlsTest, AClientThatKnowsTheCaConnectsAndAnotherDoesNot) {
  const auto credentials = MakeServerCredentials(Server());
  ASSERT_THAT(credentials, IsOk());
  const Listener listener(*credentials);
  EXPECT_TRUE(listener.Admits(Client("ca.crt")));
  EXPECT_FALSE(listener.Admits(Client("other-ca.crt"), seconds(1)));
}

TEST_F(TlsTest, MutualTlsAdmitsOnlyCertificatesOfTheClientCa) {
  const auto credentials = MakeServerCredentials(Server("ca.crt"));
  ASSERT_THAT(credentials, IsOk());
  const Listener listener(*credentials);
  EXPECT_TRUE(listener.Admits(Client("ca.crt", "operator")));
  EXPECT_FALSE(listener.Admits(Client("ca.crt"), seconds(1)));
  EXPECT_FALSE(listener.Admits(Client("ca.crt", "stranger"), seconds(1)));
}

TEST_F(TlsTest, AClientsCertificateSaysThatItIsForClients) {
  const auto credentials = MakeServerCredentials(Server("ca.crt"));
  ASSERT_THAT(credentials, IsOk());
  const Listener listener(*credentials);
  struct Case {
    std::string use;
    bool is_admitted;
  };
  int number = 0;
  for (const auto& [use, is_admitted] : std::vector<Case>{{"", false},
                                                          {"serverAuth", false},
                                                          {"anyExtendedKeyUsage", false},
                                                          {"emailProtection,codeSigning", false},
                                                          {"clientAuth", true},
                                                          {"serverAuth,clientAuth", true}}) {
    const std::string name = "use" + std::to_string(++number);
    IssueForUse(Pair(name), Pair("ca"), use);
    EXPECT_EQ(listener.Admits(Client("ca.crt", name), is_admitted ? seconds(10) : seconds(1)), is_admitted)
        << use;
    const auto info = ReadCertificateInfo(Pair(name).certificate);
    ASSERT_THAT(info, IsOk());
    EXPECT_EQ(info->is_for_clients, is_admitted) << use;
  }
  // Many, one behind the other: the verifier keeps nothing of a connection.
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(listener.Admits(Client("ca.crt", "operator")));
  }
}

TEST_F(TlsTest, AReplacedCertificateIsServedWithoutARestart) {
  const auto credentials = MakeServerCredentials(Server());
  ASSERT_THAT(credentials, IsOk());
  const Listener listener(*credentials);
  ASSERT_TRUE(listener.Admits(Client("ca.crt")));
  IssueOptions replace;
  replace.replace = true;
  ASSERT_THAT(IssueServer(Pair("server"), Pair("other-ca"), "server", {}, replace), IsOk());
  bool admitted = false;
  for (int i = 0; i < 20 && !admitted; ++i) admitted = listener.Admits(Client("other-ca.crt"), seconds(1));
  EXPECT_TRUE(admitted);
}

TEST_F(TlsTest, AKeyOfAnotherPairIsRefused) {
  ServerTls files = Server();
  files.key = dir_ / "operator.key";
  EXPECT_THAT(MakeServerCredentials(files), StatusIs(absl::StatusCode::kInvalidArgument,
                                                     AllOf(HasSubstr("server.crt"), HasSubstr("operator.key"),
                                                           HasSubstr("are not a pair"))));
  const auto client = MakeChannelCredentials({dir_ / "ca.crt", dir_ / "operator.crt", dir_ / "stranger.key"});
  EXPECT_THAT(client.status().message(), AllOf(HasSubstr("issue-operator"), HasSubstr("issue-client")));
  EXPECT_THAT(CheckTlsPair(dir_ / "operator.crt", dir_ / "operator.key"), IsOk());
}

TEST_F(TlsTest, ACertificateInAKeysPlaceIsNamedAsOne) {
  EXPECT_THAT(CheckTlsPair(dir_ / "operator.crt", dir_ / "operator.crt"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is a certificate")));
}

TEST_F(TlsTest, AKeyThatOthersMayReadIsRefusedOnBothSides) {
  ASSERT_EQ(chmod((dir_ / "server.key").c_str(), 0640), 0);
  ASSERT_EQ(chmod((dir_ / "operator.key").c_str(), 0644), 0);
  EXPECT_THAT(MakeServerCredentials(Server()),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("chmod 600")));
  EXPECT_THAT(MakeChannelCredentials(Client("ca.crt", "operator")),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("chmod 600")));
}

TEST_F(TlsTest, MissingAndHalfGivenFilesAreNamed) {
  EXPECT_THAT(MakeServerCredentials({dir_ / "none.crt", dir_ / "server.key", ""}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none.crt")));
  EXPECT_THAT(MakeServerCredentials(Server("none.crt")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none.crt")));
  EXPECT_THAT(MakeChannelCredentials({dir_ / "ca.crt", dir_ / "operator.crt", ""}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("Give both or neither")));
  EXPECT_THAT(MakeChannelCredentials({dir_ / "ca.key", "", ""}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no X.509 certificate")));
}

TEST_F(TlsTest, AnExpiredPairIsRefused) {
  ASSERT_THAT(IssueServer(Pair("old"), Pair("ca"), "old", {}, At(std::time(nullptr) - 864'000, 1)), IsOk());
  EXPECT_THAT(CheckTlsPair(dir_ / "old.crt", dir_ / "old.key"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("is valid from"), HasSubstr("old.crt"))));
}

}  // namespace
}  // namespace mirror::tls_test
