#include "tests/support/postgres_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "tests/support/places.h"
#include "tests/support/processes.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

constexpr char kRole[] = "mirror";

/// Of the newest version that is installed; empty: none is.
const std::string& ProgramFolder() {
  static const std::string found = [] {
    int newest = 0;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", none)) {
      if (fs::exists(entry.path() / "bin/initdb"))
        newest = std::max(newest, std::atoi(entry.path().filename().c_str()));
    }
    return newest == 0 ? std::string() : absl::StrCat("/usr/lib/postgresql/", newest, "/bin");
  }();
  return found;
}

/// initdb and postgres refuse root.
std::string AsUser() {
  if (geteuid() != 0) return "";
  const char* const user = getpwnam("postgres") != nullptr ? "postgres" : "nobody";
  return absl::StrCat("setpriv --reuid=", user, " --regid=$(id -g ", user, ") --clear-groups ");
}

std::string Quoted(const std::string& text) { return absl::StrCat("'", text, "'"); }

absl::Status Shell(const std::string& command) {
  const Finished finished = RunProgram("/bin/sh", {"-c", command});
  if (finished.exit_code == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(command, ": ", finished.output, finished.errors));
}

/// unix sockets have paths of at most 107 bytes, whatever TMPDIR says.
std::string NewFolder(const std::string& in) {
  std::string folder = in + "/mirror-pg-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) std::abort();
  return folder;
}

/// Where a sync costs nothing, if there is room.
std::string FastFolder() {
  std::error_code none;
  const fs::space_info space = fs::space("/dev/shm", none);
  return !none && space.available >= (1U << 30) ? "/dev/shm" : "/tmp";
}

/// Of processes that are alive, zombies aside.
bool IsThere(pid_t pid) {
  const std::string state = ReadFileText(absl::StrCat("/proc/", pid, "/stat"));
  const std::size_t end = state.rfind(')');
  return end != std::string::npos && state.compare(end, 3, ") Z") != 0;
}

void WaitUntilGone(pid_t pid) {
  for (int i = 0; i < 6000 && IsThere(pid); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

pid_t PostmasterOf(const std::string& data) {
  return std::atoi(ReadFileText(data + "/postmaster.pid").c_str());
}

sockaddr_un AddressOf(const std::string& folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.5432", folder.c_str());
  return address;
}

std::string ConninfoOf(const std::string& folder, const std::string& database) {
  return absl::StrCat("host=", folder, " port=5432 user=", kRole, " dbname=", database);
}

}  // namespace

std::string PostgresServer::WhyNot() {
  if (!ProgramFolder().empty()) return "";
  return "PostgreSQL is not installed: tools/setup --also postgres";
}

PostgresServer* PostgresServer::Shared() {
  static const std::unique_ptr<PostgresServer> server = [] {
    absl::StatusOr<std::unique_ptr<PostgresServer>> started = absl::UnavailableError(WhyNot());
    if (WhyNot().empty()) {
      started = Start();
      EXPECT_TRUE(started.ok()) << started.status();
    }
    return started.ok() ? *std::move(started) : nullptr;
  }();
  return server.get();
}

absl::Status PostgresServer::MakeData() {
  const std::string initdb =
      absl::StrCat(ProgramFolder(), "/initdb -U ", kRole,
                   " -A trust -E UTF8 --no-locale --no-sync --wal-segsize=1 --no-instructions");
  // initdb takes a second, a copy of what it made a tenth; so it stands beside the test, for the next one.
  const std::string made = absl::StrCat(BinDir(), "/postgres_data_", HexDigest(initdb).substr(0, 8));
  const int lock = open((made + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  flock(lock, LOCK_EX);
  absl::Status done;
  if (fs::exists(made)) {
    done = Shell(absl::StrCat("cp -a ", Quoted(made), " ", data()));
  } else {
    const std::string half_made = Quoted(made + ".new");
    done = Shell(absl::StrCat(AsUser(), initdb, " -D ", data(), " > /dev/null && rm -rf ", half_made,
                              " && cp -a ", data(), " ", half_made, " && mv ", half_made, " ", Quoted(made)));
  }
  if (lock >= 0) close(lock);
  return done;
}

absl::StatusOr<std::unique_ptr<PostgresServer>> PostgresServer::Start(
    const std::vector<std::string>& settings) {
  if (!WhyNot().empty()) return absl::FailedPreconditionError(WhyNot());
  std::unique_ptr<PostgresServer> server(new PostgresServer);
  server->folder_ = NewFolder(FastFolder());
  server->settings_ = {"listen_addresses=",
                       "unix_socket_directories=" + server->folder_,
                       "shared_buffers=32MB",
                       "max_connections=60",
                       "max_locks_per_transaction=256",
                       "autovacuum=off",
                       "min_wal_size=8MB",
                       "max_wal_size=256MB",
                       "log_min_messages=warning"};
  server->settings_.insert(server->settings_.end(), settings.begin(), settings.end());
  // A shell of a session of its own, which no signal to this one's group reaches: it reads until nobody can
  // write to it any more.
  const std::string keep = absl::StrCat("cat > /dev/null; pid=$(head -n 1 ", server->data(),
                                        "/postmaster.pid 2> /dev/null); if [ -n \"$pid\" ]; then ",
                                        "kill -QUIT $pid; for i in $(seq 200); do grep -q \") [^Z]\" "
                                        "/proc/$pid/stat || break; sleep 0.05; done; fi; rm -rf ",
                                        server->folder_);
  server->keeper_ = popen(absl::StrCat("exec setsid sh -c '", keep, "' > /dev/null 2>&1").c_str(), "we");
  const std::string owner =
      AsUser().empty() ? "true" : absl::StrCat("chown $(", AsUser(), "id -u) ", server->folder_);
  if (absl::Status owned = Shell(owner); !owned.ok()) return owned;
  if (absl::Status made = server->MakeData(); !made.ok()) return made;
  if (absl::Status started = server->StartAgain(); !started.ok()) return started;
  return server;
}

absl::Status PostgresServer::StartAgain() {
  std::string options;
  for (const std::string& setting : settings_) absl::StrAppend(&options, " -c \"", setting, "\"");
  absl::Status started =
      Shell(absl::StrCat(AsUser(), ProgramFolder(), "/pg_ctl -D ", data(), " -l ", folder_,
                         "/log -t 60 -w -s -o '", options, "' start < /dev/null > /dev/null 2>&1"));
  if (started.ok()) return started;
  return absl::UnavailableError(absl::StrCat(std::string(started.message()), "\n", Log()));
}

PostgresServer::~PostgresServer() {
  if (keeper_ != nullptr) pclose(keeper_);
}

std::string PostgresServer::Conninfo(const std::string& database) const {
  return ConninfoOf(folder_, database);
}

std::string PostgresServer::NewDatabase() {
  const std::string name = absl::StrCat("test_", ++databases_);
  const absl::Status made =
      Shell(absl::StrCat(ProgramFolder(), "/createdb -h ", folder_, " -U ", kRole, " ", name));
  EXPECT_TRUE(made.ok()) << made;
  return Conninfo(name);
}

void PostgresServer::Kill() {
  const pid_t pid = PostmasterOf(data());
  if (pid <= 0) return;
  // Its children end themselves when it is gone; stopped, it starts none meanwhile.
  kill(pid, SIGSTOP);
  const std::string children = ReadFileText(absl::StrCat("/proc/", pid, "/task/", pid, "/children"));
  std::vector<pid_t> all = {pid};
  for (const char* at = children.c_str(); *at != '\0';) {
    char* end = nullptr;
    all.push_back(static_cast<pid_t>(std::strtol(at, &end, 10)));
    at = *end == ' ' ? end + 1 : end;
  }
  for (const pid_t one : all) kill(one, SIGKILL);
  for (const pid_t one : all) WaitUntilGone(one);
  // Where nobody waits for them the dead keep their numbers, and postgres takes that for a server.
  fs::remove(data() + "/postmaster.pid");
  fs::remove(folder_ + "/.s.PGSQL.5432.lock");
}

void PostgresServer::Stop() {
  const pid_t pid = PostmasterOf(data());
  if (pid <= 0) return;
  kill(pid, SIGINT);
  WaitUntilGone(pid);
}

absl::Status PostgresServer::StartAsStandby() {
  Stop();
  if (absl::Status noted = Shell(absl::StrCat("touch ", data(), "/standby.signal")); !noted.ok())
    return noted;
  return StartAgain();
}

std::string PostgresServer::Log() const { return ReadFileText(folder_ + "/log"); }

/// What the threads of a proxy know in common.
class PostgresProxy::Shared {
 public:
  void CutAt(const std::string& word, Cut cut) {
    const std::lock_guard lock(mutex_);
    word_ = word;
    cut_ = cut;
  }
  /// Whether this message is the one, once.
  bool IsTheOne(std::string_view message, Cut& cut) {
    const std::lock_guard lock(mutex_);
    if (word_.empty() || message.find(word_) == std::string_view::npos) return false;
    word_.clear();
    cut = cut_;
    return true;
  }
  void Note(std::string_view message) {
    const std::lock_guard lock(mutex_);
    if (keeps_) sent_ += message;
  }
  std::string TakeSent() {
    const std::lock_guard lock(mutex_);
    keeps_ = true;
    return std::exchange(sent_, {});
  }
  std::atomic<int> round_trips = 0;
  std::atomic<bool> swallows = false;
  std::atomic<bool> ends = false;

 private:
  std::mutex mutex_;
  std::string word_;
  Cut cut_ = Cut::kBeforeItArrives;
  bool keeps_ = false;
  std::string sent_;
};

namespace {

/// One connection, until one of its ends closes or it is cut.
template <typename State, typename CutAt>
void Pass(State& state, int client, int server, CutAt before_it_arrives) {
  bool is_cut = false, is_asked = false;
  char bytes[65536];
  while (!state.ends) {
    pollfd both[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    if (poll(both, 2, 20) <= 0 || state.swallows) {
      if (state.swallows) std::this_thread::sleep_for(std::chrono::milliseconds(20));
      continue;
    }
    if (both[1].revents != 0) {
      const ssize_t got = read(server, bytes, sizeof(bytes));
      if (got <= 0) break;
      if (is_cut) {
        // It may be the answer to something before that: the server does the rest, too, and meets the end.
        for (ssize_t more = 0; (more = recv(client, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0;)
          if (write(server, bytes, static_cast<std::size_t>(more)) != more) break;
        shutdown(server, SHUT_WR);
        while (read(server, bytes, sizeof(bytes)) > 0) {
        }
        break;
      }
      if (is_asked) ++state.round_trips;
      is_asked = false;
      if (write(client, bytes, static_cast<std::size_t>(got)) != got) break;
    }
    if (both[0].revents != 0) {
      const ssize_t got = read(client, bytes, sizeof(bytes));
      if (got <= 0) break;
      CutAt cut = before_it_arrives;
      state.Note(std::string_view(bytes, static_cast<std::size_t>(got)));
      if (state.IsTheOne(std::string_view(bytes, static_cast<std::size_t>(got)), cut)) {
        if (cut == before_it_arrives) break;
        is_cut = true;
      }
      is_asked = true;
      if (write(server, bytes, static_cast<std::size_t>(got)) != got) break;
    }
  }
  close(client);
  close(server);
}

}  // namespace

PostgresProxy::PostgresProxy(const PostgresServer& server)
    : folder_(NewFolder("/tmp")),
      shared_(std::make_shared<Shared>()),
      listener_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_un here = AddressOf(folder_), there = AddressOf(server.folder());
  EXPECT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&here), sizeof(here)), 0);
  EXPECT_EQ(listen(listener_, 16), 0);
  acceptor_ = std::thread([this, there, shared = shared_] {
    std::vector<std::thread> passing;
    while (!shared->ends) {
      pollfd one{listener_, POLLIN, 0};
      if (poll(&one, 1, 20) <= 0) continue;
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const int onward = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (client < 0 || connect(onward, reinterpret_cast<const sockaddr*>(&there), sizeof(there)) != 0) {
        close(client);
        close(onward);
        continue;
      }
      passing.emplace_back(
          [shared, client, onward] { Pass(*shared, client, onward, Cut::kBeforeItArrives); });
    }
    for (std::thread& one : passing) one.join();
  });
}

PostgresProxy::~PostgresProxy() {
  shared_->ends = true;
  acceptor_.join();
  close(listener_);
  fs::remove_all(folder_);
}

std::string PostgresProxy::Conninfo(const std::string& database) const {
  return ConninfoOf(folder_, database);
}

void PostgresProxy::CutAt(const std::string& word, Cut cut) { shared_->CutAt(word, cut); }

std::string PostgresProxy::TakeSent() { return shared_->TakeSent(); }

int PostgresProxy::RoundTrips() const { return shared_->round_trips; }

void PostgresProxy::Swallow() { shared_->swallows = true; }

}  // namespace mirror
