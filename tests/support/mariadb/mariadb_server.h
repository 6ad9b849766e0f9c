#ifndef MIRROR_TESTS_SUPPORT_MARIADB_MARIADB_SERVER_H_
#define MIRROR_TESTS_SUPPORT_MARIADB_MARIADB_SERVER_H_

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// A MariaDB of a test's own: in a temporary folder, as an ordinary user, reached by a unix socket there. It
/// goes with its object, and with this process however that ends.
class MariadbServer {
 public:
  /// Empty: MariaDB is installed. Else which package is missing.
  static std::string WhyNot();
  /// One for all tests of this program, started when it is first asked for, without a binlog. Null: WhyNot(),
  /// or it does not start, which fails the test.
  static MariadbServer* Shared();
  /// The same, of another server whose binlog is as a source's is to be (BinlogOptions()).
  static MariadbServer* SharedWithBinlog();
  static std::vector<std::string> BinlogOptions();

  /// `options`: mariadbd's, "--name=value", over those that keep it small. Errors: with its log.
  static absl::StatusOr<std::unique_ptr<MariadbServer>> Start(const std::vector<std::string>& options = {});
  ~MariadbServer();
  MariadbServer(const MariadbServer&) = delete;
  MariadbServer& operator=(const MariadbServer&) = delete;

  /// Of mariadb::ConnectAs, as the superuser "root", who has no password.
  std::string Dsn(const std::string& database = "mysql", const std::string& user = "root") const;
  /// An empty database (utf8mb4) under a name that no other test of this server has: the name.
  std::string NewDatabase();
  const std::string& folder() const { return folder_; }
  std::string socket() const { return folder_ + "/socket"; }
  std::string data() const { return folder_ + "/data"; }

  /// `kill -9`, when it is gone.
  void Kill();
  /// After Kill() or Stop(): it recovers. `options` stand behind those of Start(). Errors: with its log.
  absl::Status StartAgain(const std::vector<std::string>& options = {});
  /// Ends as told by its own shutdown: all is on disk.
  void Stop();
  std::string Log() const;

 private:
  MariadbServer() = default;
  absl::Status MakeData();

  std::string folder_;
  std::vector<std::string> options_;
  FILE* keeper_ = nullptr;  ///< Ends what is left when this process is gone.
  int databases_ = 0;
};

}  // namespace mirror

/// First in a test, or in SetUp(): the test is left out where MariaDB is not installed.
#define SKIP_WITHOUT_MARIADB()                                                                      \
  do {                                                                                              \
    if (const std::string why = mirror::MariadbServer::WhyNot(); !why.empty()) GTEST_SKIP() << why; \
  } while (false)

#endif  // MIRROR_TESTS_SUPPORT_MARIADB_MARIADB_SERVER_H_
