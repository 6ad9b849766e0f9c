#ifndef MIRROR_TESTS_MIRRORCTL_ADMIN_ENDPOINT_H_
#define MIRROR_TESTS_MIRRORCTL_ADMIN_ENDPOINT_H_

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "certs/issue.h"
#include "certs/tls.h"
#include "tests/mirrorctl/fake_admin.h"
#include "tests/support/places.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// A FakeAdmin behind mutual TLS on a port of loopback, with keys of its own in a temporary folder, and the
/// real mirrorctl with a configuration for it.
class AdminEndpoint : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(IssueCa(Pair("ca"), "Test CA", {}), IsOk());
    ASSERT_THAT(IssueServer(Pair("server"), Pair("ca"), "admin", {}, {}), IsOk());
    ASSERT_THAT(IssueAdmin(Pair("operator"), Pair("ca"), "ada", Role::kOperator, {}), IsOk());
    const auto credentials = MakeServerCredentials({Path("server.crt"), Path("server.key"), Path("ca.crt")});
    ASSERT_THAT(credentials, IsOk());
    Listen(*credentials);
    WriteConfig("ca.crt", "operator");
  }

  void Listen(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port_);
    builder.RegisterService(&fake_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  std::string Path(const std::string& name) const { return absl::StrCat(folder_.path(), "/", name); }
  PairFiles Pair(const std::string& stem) const { return {Path(stem + ".crt"), Path(stem + ".key")}; }
  std::string Address() const { return absl::StrCat("127.0.0.1:", port_); }
  std::string Config() const { return Path("mirrorctl.toml"); }

  /// Paths in it are relative: they are seen from its folder, not from where the program runs.
  void WriteConfig(const std::string& ca, const std::string& pair, const std::string& address = "") {
    WriteFileText(Config(), absl::StrCat("[endpoint]\naddress = \"", address.empty() ? Address() : address,
                                         "\"\nca = \"", ca, "\"\ncertificate = \"", pair, ".crt\"\nkey = \"",
                                         pair, ".key\"\n"));
  }

  Finished Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--config", Config()});
    return RunProgram(kBinary, arguments);
  }

  inline static const std::string kBinary = BinDir() + "/mirrorctl";
  TempFolder folder_;
  FakeAdmin fake_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_MIRRORCTL_ADMIN_ENDPOINT_H_
