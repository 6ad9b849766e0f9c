// kill -9 of the real server at each step of what an operator does to a whole mirror: delete, restore and
// reset
// --all. After a restart the old state stands, or the new one, and nothing between; whose the mirror is, and
// that it is paused, stands in both.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/fake_source.h"
#include "tests/support/installation.h"
#include "tests/support/mirror_file.h"
#include "tests/support/places.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::operator_crash_test {
namespace {

namespace fs = std::filesystem;

constexpr int kRowsOfBackup = 12;
constexpr int kRowsNow = 20;

/// What is there before, and what a kill at each point leaves.
struct Verb {
  std::string name;
  bool deleted = false;  ///< The tenant was, before.
  bool damaged = false;  ///< Its mirror is quarantined.
  /// Arguments of mirrorctl, of a tenant and a backup of it.
  std::function<std::vector<std::string>(const std::string& tenant, const std::string& backup)> call;
  std::vector<std::string> leave_old, leave_new;
};

void PrintTo(const Verb& verb, std::ostream* out) { *out << verb.name; }

std::vector<std::string> Reset(const std::string& tenant, const std::string&) {
  return {"reset", tenant, "--all", "--confirm", tenant};
}
std::vector<std::string> Restore(const std::string& tenant, const std::string& backup) {
  return {"restore", tenant, backup, "--confirm", tenant};
}
std::vector<std::string> Delete(const std::string& tenant, const std::string&) {
  return {"delete", tenant, "--confirm", tenant};
}

std::vector<Verb> Verbs() {
  return {
      {.name = "Delete",
       .call = Delete,
       .leave_old = {"delete.before"},
       .leave_new = {"delete.marked", "delete.file_gone:1", "delete.file_gone:2", "delete.file_gone:3",
                     "delete.files_gone", "delete.after"}},
      {.name = "Restore",
       .call = Restore,
       .leave_old = {"restore.copied", "restore.before", "restore.kept", "restore.log_gone"},
       .leave_new = {"restore.after", "restore.ended"}},
      {.name = "RestoreOfADeletedOne",
       .deleted = true,
       .call = Restore,
       .leave_old = {"restore.copied", "restore.before", "restore.kept", "restore.log_gone"},
       .leave_new = {"restore.after", "restore.ended"}},
      {.name = "ResetAll",
       .call = Reset,
       .leave_old = {"backup.pages", "backup.synced", "backup.named", "reset.kept", "commit.begun",
                     "commit.before"},
       .leave_new = {"commit.after"}},
      {.name = "ResetAllOfADamagedOne",
       .damaged = true,
       .call = Reset,
       .leave_old = {"rebuild.before", "rebuild.kept", "rebuild.claimed"},
       .leave_new = {"rebuild.file_gone", "rebuild.aside", "building.complete", "building.emptied",
                     "building.synced", "building.named"}},
  };
}

class OperatorCrashTest : public testing::TestWithParam<Verb> {
 protected:
  void SetUp() override { here_ = Installation::Init({.bin_dir = BinDir(), .context_id = "Cust"}).value(); }
  void TearDown() override {
    if (HasFailure()) std::cerr << "--- the server's log\n" << here_->ServerLog() << "---\n";
  }

  void Start(const std::string& crash_at = "") {
    here_->set_environment(crash_at.empty() ? std::vector<std::string>()
                                            : std::vector<std::string>{"MIRROR_CRASH_AT=" + crash_at});
    ASSERT_THAT(here_->Start(), IsOk());
  }
  void Ctl(const std::vector<std::string>& arguments) {
    const Finished done = here_->Mirrorctl(arguments);
    ASSERT_EQ(done.exit_code, 0) << absl::StrJoin(arguments, " ") << ": " << done.errors;
  }
  std::string path() const { return here_->mirror_path(tenant_); }
  std::string backup() const { return here_->dir() + "/backup-" + tenant_ + ".db"; }
  std::vector<std::string> Call() const { return GetParam().call(tenant_, backup()); }

  /// A new tenant that is paused. Its backup is of before that, from the middle of a cycle that died.
  void Prepare() {
    tenant_ = absl::StrCat("Cust-", ++tenants_);
    source_ = std::make_unique<FakeSource>(static_cast<std::uint64_t>(tenants_));
    source_->CreateTable(People());
    for (int i = 0; i < kRowsOfBackup; ++i) source_->Put("people", {i, absl::StrCat("name ", i), i});
    ASSERT_NO_FATAL_FAILURE(Start());
    const std::unique_ptr<MirrorClient> client = here_->Client(tenant_).value();
    ASSERT_TRUE(source_->RunCycle(*client).AllDone());
    for (int i = kRowsOfBackup; i < kRowsNow; ++i) source_->Put("people", {i, "since", i});
    FakeCycleOptions dies;
    dies.die_before_request = 0;
    ASSERT_EQ(source_->RunCycle(*client, dies).end, FakeCycleReport::End::kDied);
    ASSERT_NO_FATAL_FAILURE(Ctl({"backup", tenant_, backup()}));
    ASSERT_EQ(MirrorFile(backup(), tenant_).Value("SELECT active FROM _mirror_tenant"), "1");
    ASSERT_TRUE(source_->RunCycle(*client).AllDone());
    if (GetParam().deleted) {
      ASSERT_NO_FATAL_FAILURE(Ctl({"delete", tenant_, "--confirm", tenant_}));
    } else {
      ASSERT_NO_FATAL_FAILURE(Ctl({"pause", tenant_, "--reason", "stocktaking"}));
    }
    here_->Kill();
    if (GetParam().damaged) WriteFileText(path() + ".quarantine", "0 0\nfor a test");
  }

  /// As everybody sees it whom it concerns; a server runs.
  std::string State() {
    std::string state;
    const auto has = [&](const std::string& name) { return fs::exists(here_->data_dir() + "/" + name); };
    // A log without its file would be taken for that of the next one; a mirror that was begun removes it.
    const bool nobodys = !fs::exists(path()) && !fs::exists(path() + ".claim");
    for (const char* suffix : {"-wal", "-shm"}) {
      if (nobodys && fs::exists(path() + suffix)) absl::StrAppend(&state, "a stray log; ");
    }
    if (has("Mirror_" + tenant_ + ".deleting")) absl::StrAppend(&state, "half deleted; ");
    if (has("Mirror_" + tenant_ + ".deleted")) absl::StrAppend(&state, "deleted; ");
    const auto answer = here_->Client(tenant_).value()->Authenticate("somebody", false, /*probe=*/true);
    absl::StrAppend(
        &state, answer.ok() ? absl::StrCat("told not to: ", answer->do_not_replicate(), " ", answer->reason())
                            : absl::StatusCodeToString(answer.status().code()));
    // Asked before its file has its name, a mirror that was begun is an empty one.
    const MirrorFile mirror = here_->mirror(tenant_);
    const bool tables = fs::exists(path()) && !mirror.Tables().empty();
    absl::StrAppend(&state, "; ", tables ? mirror.Value("SELECT count(*) FROM people") : "no", " rows");
    if (!fs::exists(path())) return state;
    absl::StrAppend(&state, "; cycle runs: ", mirror.Value("SELECT active FROM _mirror_tenant"), ", ",
                    mirror.Value("PRAGMA integrity_check"));
    return state;
  }
  /// What a mirror that was begun has not to show yet.
  static std::string Essence(std::string state) {
    const std::size_t file = state.find("; cycle runs: 0, ok");
    if (absl::StrContains(state, "no rows") && file != std::string::npos) state.erase(file);
    return state;
  }

  /// Whether it died there.
  bool DieAt(const std::string& point) {
    Start(point);
    const Finished done = here_->Mirrorctl(Call());
    const absl::StatusOr<int> code = here_->server().Wait(std::chrono::seconds(20));
    EXPECT_NE(done.exit_code, 0) << "nobody can have been told that it was done";
    return code.ok() && *code == 128 + SIGKILL;
  }

  /// After all, the source mirrors again.
  void ExpectGood() {
    if (!GetParam().deleted) here_->Mirrorctl({"resume", tenant_});
    here_->Mirrorctl({"allow", tenant_});
    source_->Put("people", {1'000, "at last", 1});
    const std::unique_ptr<MirrorClient> client = here_->Client(tenant_).value();
    const FakeCycleReport report = source_->RunCycle(*client);
    EXPECT_TRUE(report.AllDone()) << report.Summary();
    EXPECT_EQ(Difference(*source_, here_->mirror(tenant_)), "");
    EXPECT_EQ(here_->mirror(tenant_).Value("PRAGMA integrity_check"), "ok");
  }

  std::unique_ptr<Installation> here_;
  std::unique_ptr<FakeSource> source_;
  std::string tenant_;
  int tenants_ = 0;
};

TEST_P(OperatorCrashTest, LeavesTheOldStateOrTheNewOneAndNothingBetween) {
  // As it is without a kill.
  ASSERT_NO_FATAL_FAILURE(Prepare());
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::string was = Essence(State());
  ASSERT_NO_FATAL_FAILURE(Ctl(Call()));
  const std::string becomes = Essence(State());
  ASSERT_NE(was, becomes);
  ExpectGood();
  here_->Kill();
  std::vector<std::pair<std::string, bool>> points;
  for (const std::string& point : GetParam().leave_old) points.emplace_back(point, false);
  for (const std::string& point : GetParam().leave_new) points.emplace_back(point, true);
  for (const auto& [point, is_new] : points) {
    SCOPED_TRACE("MIRROR_CRASH_AT=" + point);
    ASSERT_NO_FATAL_FAILURE(Prepare());
    ASSERT_TRUE(DieAt(point)) << "it is never passed";
    ASSERT_NO_FATAL_FAILURE(Start());
    EXPECT_EQ(Essence(State()), is_new ? becomes : was);
    if (!is_new) {
      ASSERT_NO_FATAL_FAILURE(Ctl(Call()));
      EXPECT_EQ(Essence(State()), becomes) << "the same once more";
    }
    ExpectGood();
    here_->Kill();
    if (HasFailure()) return;
  }
  std::cout << GetParam().name << ": died at " << points.size() << " points; before: " << was
            << "; after: " << becomes << "\n";
}

INSTANTIATE_TEST_SUITE_P(Verb, OperatorCrashTest, testing::ValuesIn(Verbs()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace mirror::operator_crash_test
