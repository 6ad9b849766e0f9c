#ifndef MIRROR_TESTS_SUPPORT_INSTALLATION_H_
#define MIRROR_TESTS_SUPPORT_INSTALLATION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/issue.h"
#include "client/wire/mirror_client.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "tests/support/mirror_file.h"
#include "tests/support/processes.h"

namespace mirror {

/// A key of mirror-server.toml that is not as 'mirrorctl init' writes it.
struct Setting {
  std::string section;  ///< "listen", of [listen]; of several [[issuer]] the first.
  std::string key;
  std::string value;  ///< As TOML: "\"text\"", "5", "true".
};

struct InstallationOptions {
  std::string bin_dir;              ///< BinDir() of the test.
  std::string context_id = "Cust";  ///< And "Cust-*".
  std::vector<Setting> settings;
  std::string more_toml;                 ///< Added at the end: more [[issuer]] blocks.
  std::vector<std::string> environment;  ///< Of the server: "MIRROR_CRASH_AT=...".
  bool postgres = false;                 ///< Mirrors are in a new database of PostgresServer::Shared().
};

/// What 'mirrorctl init' makes, in a folder of its own, and the real server on it, on free ports of loopback.
/// After a restart the ports are others: take new clients.
class Installation {
 public:
  /// Runs init and starts the server.
  static absl::StatusOr<std::unique_ptr<Installation>> Make(const InstallationOptions& options);
  /// Only init: for a server that is to refuse its start. One after the other in a process have the same keys
  /// and certificates; two that live at the same time never do.
  static absl::StatusOr<std::unique_ptr<Installation>> Init(const InstallationOptions& options);
  ~Installation();

  /// Errors: those of Process::WaitForLine, with what the server wrote.
  absl::Status Start();
  /// The same with another program that serves, from now on.
  absl::Status StartProgram(const std::string& name);
  /// SIGTERM; the exit code.
  absl::StatusOr<int> Stop();
  /// kill -9.
  void Kill();
  absl::Status Restart();  ///< Stop, which must succeed, and Start.

  /// The source of init, for any tenant; a channel of its own.
  absl::StatusOr<std::unique_ptr<MirrorClient>> Client(const std::string& context_id = "");
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Channel() const;
  /// Who init's source is; change it to be somebody else.
  absl::StatusOr<Identity> SourceIdentity() const;

  absl::StatusOr<std::shared_ptr<grpc::Channel>> AdminChannel(Role role) const;
  absl::StatusOr<std::unique_ptr<v1::MirrorAdmin::Stub>> Admin(Role role = Role::kOperator) const;
  /// 'mirrorctl --config mirrorctl.toml' and the arguments, against this server.
  Finished Mirrorctl(const std::vector<std::string>& arguments) const;

  /// Changes mirror-server.toml; the server reads it at its next start. Errors: kNotFound.
  absl::Status Set(const Setting& setting);
  /// For the next start.
  void set_environment(std::vector<std::string> environment) { environment_ = std::move(environment); }

  /// How many files the server may open at its next start; 0: as many as this process.
  void set_descriptor_limit(int limit) { descriptor_limit_ = limit; }

  const std::string& dir() const { return dir_; }
  std::string data_dir() const { return dir_ + "/data"; }
  std::string server_toml() const { return dir_ + "/mirror-server.toml"; }
  std::string mirror_path(const std::string& context_id = "") const;
  /// With PostgreSQL a copy of the mirror as it is now: 'mirrorctl backup' makes it.
  MirrorFile mirror(const std::string& context_id = "") const;
  /// Of the database with the mirrors, for libpq; empty: they are files.
  const std::string& conninfo() const { return conninfo_; }
  const std::string& context_id() const { return context_id_; }
  std::string address() const;
  std::string admin_address() const;
  Process& server() { return *server_; }
  std::string program(const std::string& name) const { return bin_dir_ + "/" + name; }
  /// What the server wrote on standard error, of all its runs.
  std::string ServerLog() const { return ReadFileText(folder_.path() + "/server.err"); }

 private:
  Installation() = default;

  TempFolder folder_;
  std::string dir_, bin_dir_, context_id_, conninfo_;
  mutable int copies_ = 0;
  std::vector<std::string> environment_;
  int port_ = 0, admin_port_ = 0;
  std::string server_program_ = "mirror-server";
  bool has_kept_keys_ = false;  // Those that another installation gets when this one has gone.
  int descriptor_limit_ = 0;
  std::unique_ptr<Process> server_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_INSTALLATION_H_
