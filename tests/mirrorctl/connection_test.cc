// What mirrorctl says when it cannot reach the administration, or is not let in, or is configured wrongly.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mirror/v1/mirror_client.grpc.pb.h"
#include "tests/mirrorctl/admin_endpoint.h"
#include "tests/mirrorctl/relay.h"

namespace mirror::connection_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class Connection : public AdminEndpoint {
 protected:
  /// One line on standard error.
  void ExpectFailed(const Finished& run, int exit_code) {
    EXPECT_EQ(run.exit_code, exit_code);
    EXPECT_EQ(run.output, "");
    EXPECT_EQ(run.errors.find('\n'), run.errors.size() - 1) << run.errors;
    EXPECT_THAT(fake_.Calls(), IsEmpty());
  }
};

TEST_F(Connection, NobodyListens) {
  server_->Shutdown();
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"tenants"}, {"diagnose"}, {"events", "--follow"}}) {
    const Finished run = Run(command);
    ExpectFailed(run, 1);
    EXPECT_THAT(run.errors, AllOf(StartsWith("mirrorctl: no server answers at " + Address()),
                                  HasSubstr("check that mirror-server runs"), HasSubstr("[admin]"),
                                  HasSubstr("'" + Config() + "'"), HasSubstr("Connection refused")));
  }
}

TEST_F(Connection, NameIsUnknown) {
  for (const char* const name : {"no-such-host.invalid:7444", "hostname-of-tls-handshake.invalid:7444"}) {
    WriteConfig("ca.crt", "operator", name);
    const Finished run = Run({"tenants"});
    ExpectFailed(run, 1);
    EXPECT_THAT(run.errors, HasSubstr(absl::StrCat("no server answers at ", name)));
  }
}

TEST_F(Connection, OurCertificateIsAStrangers) {
  ASSERT_THAT(IssueCa(Pair("other-ca"), "Other CA", {}), IsOk());
  ASSERT_THAT(IssueAdmin(Pair("stranger"), Pair("other-ca"), "eve", Role::kOperator, {}), IsOk());
  WriteConfig("ca.crt", "stranger");
  const Finished run = Run({"tenants"});
  ExpectFailed(run, 1);
  EXPECT_THAT(run.errors, AllOf(HasSubstr("refused the TLS handshake"),
                                HasSubstr("'" + Path("stranger.crt") + "'"), HasSubstr("client_ca")));
}

TEST_F(Connection, AServerThatClosesAtOnceMayHaveNoPlace) {
  server_->Shutdown();
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(here);
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&here), size), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&here), &size), 0);
  std::thread closing([listener] {
    for (int one = 0; (one = accept(listener, nullptr, nullptr)) >= 0;) close(one);
  });
  WriteConfig("ca.crt", "operator", absl::StrCat("127.0.0.1:", ntohs(here.sin_port)));
  const Finished run = Run({"tenants"});
  shutdown(listener, SHUT_RDWR);
  closing.join();
  close(listener);
  ExpectFailed(run, 1);
  EXPECT_THAT(run.errors, HasSubstr("all its connections may be in use"));
}

TEST_F(Connection, ServersCertificateIsAStrangers) {
  ASSERT_THAT(IssueCa(Pair("other-ca"), "Other CA", {}), IsOk());
  WriteConfig("other-ca.crt", "operator");
  const Finished run = Run({"tenants"});
  ExpectFailed(run, 1);
  EXPECT_THAT(run.errors, AllOf(HasSubstr("is not trusted"), HasSubstr("'" + Path("other-ca.crt") + "'")));
}

TEST_F(Connection, ServersCertificateNamesAnotherHost) {
  server_->Shutdown();
  const auto credentials = MakeServerCredentials({Path("server.crt"), Path("server.key"), Path("ca.crt")});
  ASSERT_THAT(credentials, IsOk());
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.2:0", *credentials, &port_);
  builder.RegisterService(&fake_);
  server_ = builder.BuildAndStart();
  ASSERT_NE(server_, nullptr);
  WriteConfig("ca.crt", "operator", absl::StrCat("127.0.0.2:", port_));
  const Finished run = Run({"tenants"});
  ExpectFailed(run, 1);
  EXPECT_THAT(run.errors, AllOf(HasSubstr("is not trusted"), HasSubstr("name that host")));
}

TEST_F(Connection, ThatPortSpeaksNoTls) {
  server_->Shutdown();
  Listen(grpc::InsecureServerCredentials());
  WriteConfig("ca.crt", "operator");
  const Finished run = Run({"tenants"});
  ExpectFailed(run, 1);
  EXPECT_THAT(run.errors, HasSubstr("does not speak TLS"));
}

TEST_F(Connection, ServerWithoutThisService) {
  server_->Shutdown();
  const auto credentials = MakeServerCredentials({Path("server.crt"), Path("server.key"), Path("ca.crt")});
  ASSERT_THAT(credentials, IsOk());
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", *credentials, &port_);
  v1::MirrorClientService::Service another;
  builder.RegisterService(&another);
  server_ = builder.BuildAndStart();
  ASSERT_NE(server_, nullptr);
  WriteConfig("ca.crt", "operator");
  const Finished run = Run({"tenants"});
  server_->Shutdown();
  server_.reset();
  ExpectFailed(run, 1);
  EXPECT_THAT(run.errors, AllOf(HasSubstr("UNIMPLEMENTED"), HasSubstr("[admin] address and port")));
}

TEST_F(Connection, BreaksBeforeTheAnswer) {
  fake_.silent = true;
  const std::vector<std::pair<std::vector<std::string>, std::string>> commands = {
      {{"tenants"}, "nothing was changed"},
      {{"delete", "a", "--confirm", "a"}, "it is not known whether the command took effect"}};
  for (const auto& [command, words] : commands) {
    // Cuts the connection once the call has arrived.
    Relay relay(port_);
    WriteConfig("ca.crt", "operator", absl::StrCat("127.0.0.1:", relay.port()));
    const std::size_t before = fake_.Calls().size();
    std::jthread cutter([&] {
      const auto end = std::chrono::steady_clock::now() + kPatience;
      while (fake_.Calls().size() == before && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      relay.Cut();
    });
    const Finished run = Run(command);
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_THAT(run.errors, AllOf(HasSubstr("broke"), HasSubstr(words)));
  }
}

struct ConfigCase {
  std::string name, text;
  std::vector<std::string> words;  ///< Behind "FILE:".
  friend void PrintTo(const ConfigCase& test, std::ostream* out) { *out << test.name; }
};

class WrongConfig : public AdminEndpoint, public testing::WithParamInterface<ConfigCase> {};

TEST_P(WrongConfig, IsToldWithFileLineAndKey) {
  WriteFileText(Config(), GetParam().text);
  const Finished run = Run({"tenants"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(run.output, "");
  EXPECT_THAT(run.errors, StartsWith("mirrorctl: " + Config() + ":" + GetParam().words.front()));
  for (const std::string& word : GetParam().words) EXPECT_THAT(run.errors, HasSubstr(word));
  EXPECT_THAT(fake_.Calls(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Mirrorctl, WrongConfig,
    testing::Values(
        ConfigCase{"NotToml", "[endpoint]\n\naddress =\n", {"3: not TOML: "}},
        ConfigCase{"TwoLines", "[endpoint]\nca = \"a\x1b\n", {"2: not TOML: "}},
        ConfigCase{"UnknownTable",
                   "[endpoint]\n[endpoints]\n",
                   {"2: 'endpoints' is not a table", "did you mean 'endpoint'?"}},
        ConfigCase{"NoTable", "\nendpoint = 1\n", {"2: 'endpoint' must be a table"}},
        ConfigCase{"UnknownKey",
                   "[endpoint]\nadress = \"x\"\n",
                   {"2: [endpoint] 'adress' is not a key", "did you mean 'address'?"}},
        ConfigCase{"Number",
                   "[endpoint]\nca = \"x\"\naddress = 7444\n",
                   {"3: [endpoint] 'address' must be a text, not a whole number"}},
        ConfigCase{"NoPort",
                   "[endpoint]\naddress = \"127.0.0.1\"\n",
                   {"2: [endpoint] 'address' must be host:port", "not '127.0.0.1'"}},
        ConfigCase{"PortTooHigh",
                   "[endpoint]\naddress = \"h:70000\"\n",
                   {"2: [endpoint] 'address' must be", "65535"}},
        ConfigCase{
            "PortZero", "[endpoint]\naddress = \"h:0\"\n", {"2: [endpoint] 'address' must be", "65535"}},
        ConfigCase{"NoIpv4Address",
                   "[endpoint]\naddress = \"256.1.1.1:1\"\n",
                   {"2: [endpoint] 'address' must be", "'256.1.1.1'", "IPv4"}},
        ConfigCase{
            "PortNotANumber", "[endpoint]\naddress = \"h:744x\"\n", {"2: [endpoint] 'address' must be"}},
        ConfigCase{"Uri", "[endpoint]\naddress = \"https://h:7444\"\n", {"2: [endpoint] 'address' must be"}},
        ConfigCase{"BareIpv6", "[endpoint]\naddress = \"::1:7444\"\n", {"2: [endpoint] 'address' must be"}},
        ConfigCase{"EmptyPath", "[endpoint]\nca = \"\"\n", {"2: [endpoint] 'ca' must not be empty"}},
        ConfigCase{"MissingKey",
                   "# none\n[endpoint]\naddress = \"[::1]:7444\"\nca = \"ca.crt\"\n",
                   {"2: [endpoint] 'certificate' is missing", "MIRRORCTL_ENDPOINT_CERTIFICATE"}},
        ConfigCase{"Empty", "", {" [endpoint] 'address' is missing"}},
        ConfigCase{"NoSuchFile",
                   "[endpoint]\naddress = \"h:1\"\nca = \"none.crt\"\ncertificate = \"operator.crt\"\n"
                   "key = \"operator.key\"\n",
                   {" [endpoint]: ", "/none.crt"}}),
    [](const auto& test) { return test.param.name; });

TEST_F(Connection, KeyThatOthersMayReadIsRefused) {
  chmod(Path("operator.key").c_str(), 0644);
  const Finished run = Run({"tenants"});
  ExpectFailed(run, 2);
  EXPECT_THAT(run.errors, HasSubstr("operator.key"));
}

TEST_F(Connection, ConfigurationThatIsNotThereIsNamed) {
  std::filesystem::remove(Config());
  const Finished run = Run({"tenants"});
  ExpectFailed(run, 2);
  EXPECT_THAT(run.errors,
              AllOf(HasSubstr("'" + Config() + "' is not there"),
                    HasSubstr("another configuration with --config"), HasSubstr("mirrorctl init")));
  const Finished folder = RunProgram(kBinary, {"tenants", "--config", folder_.path()});
  ExpectFailed(folder, 2);
  EXPECT_THAT(folder.errors, HasSubstr("is a folder, and not a file"));
}

TEST_F(Connection, TheEnvironmentNamesTheConfigurationAndWinsOverItsKeys) {
  const std::string file = "MIRRORCTL_CONFIG=" + Config();
  EXPECT_EQ(RunProgram(kBinary, {"tenants"}, {file}).exit_code, 0);
  const Finished unreachable =
      RunProgram(kBinary, {"tenants"}, {file, "MIRRORCTL_ENDPOINT_ADDRESS=127.0.0.1:1"});
  EXPECT_EQ(unreachable.exit_code, 1);
  EXPECT_THAT(unreachable.errors, HasSubstr("no server answers at 127.0.0.1:1:"));
  const Finished wrong = RunProgram(kBinary, {"tenants"}, {file, "MIRRORCTL_ENDPOINT_ADDRESS=x"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.errors, StartsWith("mirrorctl: MIRRORCTL_ENDPOINT_ADDRESS must be host:port"));
  EXPECT_THAT(fake_.Calls(), ElementsAre(StartsWith("ListTenants")));
}

TEST_F(Connection, AProxyIsNotAsked) {
  EXPECT_EQ(RunProgram(kBinary, {"--config", Config(), "tenants"},
                       {"http_proxy=http://127.0.0.1:1", "https_proxy=http://127.0.0.1:1",
                        "grpc_proxy=http://127.0.0.1:1"})
                .exit_code,
            0);
}

}  // namespace
}  // namespace mirror::connection_test
