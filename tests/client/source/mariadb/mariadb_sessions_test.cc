// Sessions of a MariaDB database of others: what they are told, and who waits for whom.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "client/source/mariadb/mariadb_sessions.h"
#include "client/source/mariadb/mariadb_staging.h"
#include "tests/client/source/mariadb/mariadb_source.h"

namespace mirror::mariadb_sessions_test {
namespace {

class MariadbSessionsTest : public MariadbDatabaseTest {
 protected:
  static std::int64_t IdleWithin(const MariadbLease& lease) {
    return lease->Number("SELECT @@idle_transaction_timeout", "asking").value_or(-1);
  }
};

TEST_F(MariadbSessionsTest, ASnapshotOutlastsTheWaitForTheBinlogThatIsReadUpToIt) {
  MariadbSessions sessions({.dsn = server_->Dsn(database_)});
  const auto rows = sessions.Take(MariadbUse::kRows);
  ASSERT_THAT(rows, IsOk());
  EXPECT_GT(std::chrono::seconds(IdleWithin(*rows)), MariadbStagingOptions().marker_within);
  const auto catalogs = sessions.Take(MariadbUse::kCatalogs);
  ASSERT_THAT(catalogs, IsOk());
  EXPECT_EQ(IdleWithin(*catalogs), 60);
}

/// Of a thread: S: it sleeps, as who waits for an answer; T: it was stopped.
bool IsIn(const std::string& state, const std::string& thread) {
  std::ifstream file(absl::StrCat(thread, "/stat"));
  std::string number, name, found;
  file >> number >> name >> found;
  return found == state;
}

/// Returns when none of its threads runs any more.
bool StopProcess(pid_t pid) {
  if (kill(pid, SIGSTOP) != 0) return false;
  for (int i = 0; i < 3'000; ++i) {
    bool all = true;
    for (const auto& thread : std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/task")))
      all = all && IsIn("T", thread.path());
    if (all) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(MariadbSessionsAlone, AServerThatDoesNotAnswerOneReaderHoldsUpNoOther) {
  SKIP_WITHOUT_MARIADB();
  const auto server = MariadbServer::Start();
  ASSERT_THAT(server, IsOk());
  const std::string dsn = (*server)->Dsn((*server)->NewDatabase());
  MariadbSessions sessions({.dsn = dsn});
  ASSERT_THAT(sessions.Take(MariadbUse::kCatalogs), IsOk());
  std::optional<MariadbLease> watch;
  {
    auto taken = sessions.Take(MariadbUse::kWatch);
    ASSERT_THAT(taken, IsOk());
    watch.emplace(*std::move(taken));
  }
  const auto file = (*watch)->Query("SELECT @@pid_file", "asking");
  ASSERT_THAT(file, IsOk());
  pid_t pid = 0;
  std::ifstream(file->Text(0, 0)) >> pid;
  ASSERT_GT(pid, 0);
  ASSERT_TRUE(StopProcess(pid));
  std::atomic<pid_t> asking = 0;
  std::thread look([&] {
    asking = gettid();
    EXPECT_THAT(sessions.Look(), IsOk());
  });
  const auto is_waiting = [&] {
    return asking != 0 && IsIn("S", absl::StrCat("/proc/self/task/", asking.load()));
  };
  for (int i = 0; i < 3'000 && !is_waiting(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(is_waiting());
  auto given_back = std::async(std::launch::async, [&] { watch.reset(); });
  EXPECT_EQ(given_back.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_EQ(kill(pid, SIGCONT), 0);
  look.join();
}

}  // namespace
}  // namespace mirror::mariadb_sessions_test
