// What Debian's library has and its header shows only to those who ask.
#define SQLITE_ENABLE_SESSION 1
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include "tools/benchmarks/changesets.h"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/benchmarks/stopwatch.h"

namespace mirror::bench {
namespace {

struct EndSession {
  void operator()(sqlite3_session* session) const { sqlite3session_delete(session); }
};
struct Free {
  void operator()(void* memory) const { sqlite3_free(memory); }
};
struct Changeset {
  std::unique_ptr<void, Free> data;
  int size = 0;
};

int Refuse(void*, int, sqlite3_changeset_iter*) { return SQLITE_CHANGESET_ABORT; }

absl::Status Failed(const char* what, int code) {
  return absl::UnavailableError(absl::StrCat(what, ": ", sqlite3_errstr(code)));
}

absl::StatusOr<Changeset> Record(RawTable* source, const Step& step) {
  sqlite3_session* made = nullptr;
  int code = sqlite3session_create(source->database(), "main", &made);
  const std::unique_ptr<sqlite3_session, EndSession> session(made);
  if (code == SQLITE_OK) code = sqlite3session_attach(made, nullptr);
  if (code != SQLITE_OK) return Failed("beginning a session", code);
  if (const auto done = source->Run(step); !done.ok()) return done.status();
  void* data = nullptr;
  Changeset changeset;
  code = sqlite3session_changeset(made, &changeset.size, &data);
  changeset.data.reset(data);
  if (code != SQLITE_OK) return Failed("taking a changeset", code);
  return changeset;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Changesets>> Changesets::Open(const std::string& folder,
                                                             const BenchRows* rows) {
  auto made = std::make_unique<Changesets>();
  for (const auto& [table, name] :
       {std::pair(&made->source_, "/source.db"), std::pair(&made->receiver_, "/receiver.db")}) {
    ASSIGN_OR_RETURN(*table, RawTable::Open(folder + name, rows));
    const auto empty = (*table)->Run({Verb::kPopulate});
    if (!empty.ok()) return empty.status();
  }
  return made;
}

absl::StatusOr<StepTime> Changesets::Run(const Step& step) {
  if (step.order != Order::kAscending || step.pick != 0 || step.verb == Verb::kPopulate) {
    return absl::InvalidArgumentError("changesets are recorded of rows in key order only");
  }
  std::vector<Changeset> changesets;
  for (std::uint64_t from = 0; from < step.count; from += step.group) {
    Step part = step;
    part.from = step.from + static_cast<std::int64_t>(from);
    part.count = std::min<std::uint64_t>(step.group, step.count - from);
    ASSIGN_OR_RETURN(Changeset changeset, Record(source_.get(), part));
    changesets.push_back(std::move(changeset));
  }
  const Clock::time_point start = Clock::now();
  for (const Changeset& changeset : changesets) {
    const int code = sqlite3changeset_apply(receiver_->database(), changeset.size, changeset.data.get(),
                                            nullptr, Refuse, nullptr);
    if (code != SQLITE_OK) return Failed("applying a changeset", code);
  }
  return StepTime{step.count, std::chrono::duration<double>(Clock::now() - start).count(), {}};
}

}  // namespace mirror::bench
