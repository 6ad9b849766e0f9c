#include "tests/support/mariadb/mariadb_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/connection.h"
#include "base/digest.h"
#include "tests/support/places.h"
#include "tests/support/processes.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

constexpr char kServer[] = "/usr/sbin/mariadbd";
constexpr char kInstaller[] = "/usr/bin/mariadb-install-db";

/// mariadbd refuses root.
std::string AsServerUser() {
  if (geteuid() != 0) return "";
  const char* const user = getpwnam("mysql") != nullptr ? "mysql" : "nobody";
  return absl::StrCat("setpriv --reuid=", user, " --regid=$(id -g ", user, ") --clear-groups ");
}

absl::Status RunShell(const std::string& command) {
  const Finished finished = RunProgram("/bin/sh", {"-c", command});
  if (finished.exit_code == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(command, ": ", finished.output, finished.errors));
}

/// Where a sync costs nothing, if there is room. unix sockets have paths of at most 107 bytes, whatever
/// TMPDIR says.
std::string NewServerFolder() {
  std::error_code none;
  const fs::space_info space = fs::space("/dev/shm", none);
  std::string folder = !none && space.available >= (1U << 30) ? "/dev/shm" : "/tmp";
  folder += "/mirror-maria-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) std::abort();
  return folder;
}

pid_t ServerOf(const std::string& folder) { return std::atoi(ReadFileText(folder + "/started").c_str()); }

/// Of processes that are alive, zombies aside.
bool IsServerThere(pid_t pid) {
  const std::string state = ReadFileText(absl::StrCat("/proc/", pid, "/stat"));
  const std::size_t end = state.rfind(')');
  return end != std::string::npos && state.compare(end, 3, ") Z") != 0;
}

void WaitUntilServerIsGone(pid_t pid) {
  for (int i = 0; i < 6000 && IsServerThere(pid); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

/// Whether it greets who connects. Before that it does not hear signals either.
bool Greets(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path.c_str());
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  pollfd greeting{probe, POLLIN, 0};
  char byte = 0;
  const bool greets = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
                      poll(&greeting, 1, 60'000) == 1 && read(probe, &byte, 1) == 1;
  close(probe);
  return greets;
}

MariadbServer* KeepStarted(std::unique_ptr<MariadbServer>& server, const std::vector<std::string>& options) {
  if (!MariadbServer::WhyNot().empty()) return nullptr;
  absl::StatusOr<std::unique_ptr<MariadbServer>> started = MariadbServer::Start(options);
  EXPECT_TRUE(started.ok()) << started.status();
  if (started.ok()) server = *std::move(started);
  return server.get();
}

}  // namespace

std::string MariadbServer::WhyNot() {
  if (fs::exists(kServer) && fs::exists(kInstaller)) return "";
  return "MariaDB is not installed: tools/setup --also mariadb";
}

MariadbServer* MariadbServer::Shared() {
  static std::unique_ptr<MariadbServer> server;
  static MariadbServer* const started = KeepStarted(server, {});
  return started;
}

MariadbServer* MariadbServer::SharedWithBinlog() {
  static std::unique_ptr<MariadbServer> server;
  static MariadbServer* const started = KeepStarted(server, BinlogOptions());
  return started;
}

std::vector<std::string> MariadbServer::BinlogOptions() {
  return {"--log-bin=binlog", "--server-id=1", "--binlog-format=ROW", "--binlog-row-image=FULL",
          "--binlog-row-metadata=FULL"};
}

absl::Status MariadbServer::MakeData() {
  const std::string install =
      absl::StrCat(kInstaller, " --no-defaults --auth-root-authentication-method=normal --skip-test-db ",
                   "--skip-name-resolve --innodb-log-file-size=8M --innodb-buffer-pool-size=24M ",
                   "--innodb-use-native-aio=0");
  // It takes seconds, a copy of what it made a tenth; so that stands beside the test, for the next one.
  const std::string made = absl::StrCat(BinDir(), "/mariadb_data_", HexDigest(install).substr(0, 8));
  const int lock = open((made + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  flock(lock, LOCK_EX);
  absl::Status done;
  if (fs::exists(made)) {
    done = RunShell(absl::StrCat("cp -a '", made, "' ", data()));
  } else {
    done = RunShell(absl::StrCat(AsServerUser(), install, " --datadir=", data(), " > ", folder_,
                                 "/install 2>&1 && rm -rf '", made, ".new' && cp -a ", data(), " '", made,
                                 ".new' && mv '", made, ".new' '", made, "'"));
    if (!done.ok()) {
      done = absl::UnavailableError(
          absl::StrCat(std::string(done.message()), "\n", ReadFileText(folder_ + "/install")));
    }
  }
  if (lock >= 0) close(lock);
  return done;
}

absl::StatusOr<std::unique_ptr<MariadbServer>> MariadbServer::Start(const std::vector<std::string>& options) {
  if (!WhyNot().empty()) return absl::FailedPreconditionError(WhyNot());
  std::unique_ptr<MariadbServer> server(new MariadbServer);
  server->folder_ = NewServerFolder();
  server->options_ = {"--skip-networking",
                      "--skip-name-resolve",
                      "--performance-schema=OFF",
                      "--max-connections=60",
                      "--innodb-buffer-pool-size=24M",
                      "--innodb-log-file-size=8M",
                      "--innodb-use-native-aio=0",
                      "--innodb-buffer-pool-load-at-startup=OFF",
                      "--innodb-buffer-pool-dump-at-shutdown=OFF",
                      "--key-buffer-size=1M",
                      "--aria-pagecache-buffer-size=1M",
                      "--log-warnings=1"};
  server->options_.insert(server->options_.end(), options.begin(), options.end());
  // A shell of a session of its own, which no signal to this one's group reaches: it reads until nobody can
  // write to it any more.
  const std::string keep = absl::StrCat("cat > /dev/null; pid=$(head -n 1 ", server->folder_,
                                        "/started 2> /dev/null); if [ -n \"$pid\" ]; then kill -KILL $pid; ",
                                        "for i in $(seq 200); do grep -q \") [^Z]\" /proc/$pid/stat || ",
                                        "break; sleep 0.05; done; fi; rm -rf ", server->folder_);
  server->keeper_ = popen(absl::StrCat("exec setsid sh -c '", keep, "' > /dev/null 2>&1").c_str(), "we");
  const std::string owner =
      AsServerUser().empty() ? "true" : absl::StrCat("chown $(", AsServerUser(), "id -u) ", server->folder_);
  if (absl::Status owned = RunShell(owner); !owned.ok()) return owned;
  if (absl::Status made = server->MakeData(); !made.ok()) return made;
  if (absl::Status started = server->StartAgain(); !started.ok()) return started;
  return server;
}

absl::Status MariadbServer::StartAgain(const std::vector<std::string>& options) {
  std::error_code none;
  fs::remove(folder_ + "/pid", none);
  fs::remove(socket(), none);
  std::string command =
      absl::StrCat(AsServerUser(), kServer, " --no-defaults --datadir=", data(), " --socket=", socket(),
                   " --pid-file=", folder_, "/pid --tmpdir=", folder_, " --lc-messages-dir=/usr/share/mysql");
  for (const std::string& option : options_) absl::StrAppend(&command, " '", option, "'");
  for (const std::string& option : options) absl::StrAppend(&command, " '", option, "'");
  absl::Status begun = RunShell(absl::StrCat("setsid ", command, " < /dev/null >> ", folder_,
                                             "/log 2>&1 & echo $! > ", folder_, "/started"));
  if (!begun.ok()) return begun;
  const pid_t pid = std::atoi(ReadFileText(folder_ + "/started").c_str());
  for (int i = 0; i < 6000 && IsServerThere(pid); ++i) {
    if (Greets(socket())) return absl::OkStatus();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return absl::UnavailableError(absl::StrCat("MariaDB does not start\n", Log()));
}

MariadbServer::~MariadbServer() {
  if (keeper_ != nullptr) pclose(keeper_);
}

std::string MariadbServer::Dsn(const std::string& database, const std::string& user) const {
  return absl::StrCat("socket=", socket(), " dbname=", database, " user=", user);
}

std::string MariadbServer::NewDatabase() {
  const std::string name = absl::StrCat("test_", ++databases_);
  absl::StatusOr<std::unique_ptr<mariadb::Connection>> connection = mariadb::Connection::Open({.dsn = Dsn()});
  absl::Status made = connection.status();
  if (made.ok())
    made = (*connection)->Execute(absl::StrCat("CREATE DATABASE ", name, " CHARACTER SET utf8mb4"));
  EXPECT_TRUE(made.ok()) << made;
  return name;
}

void MariadbServer::Kill() {
  const pid_t pid = ServerOf(folder_);
  if (pid <= 0) return;
  kill(pid, SIGKILL);
  WaitUntilServerIsGone(pid);
  fs::remove(folder_ + "/started");
}

void MariadbServer::Stop() {
  const pid_t pid = ServerOf(folder_);
  if (pid <= 0) return;
  kill(pid, SIGTERM);
  WaitUntilServerIsGone(pid);
  fs::remove(folder_ + "/started");
}

std::string MariadbServer::Log() const { return ReadFileText(folder_ + "/log"); }

}  // namespace mirror
