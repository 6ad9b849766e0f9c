#include "client/cycle/cycle_begin.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/status_macros.h"
#include "client/cycle/announcement.h"
#include "proto/wire/exchange/ledger.h"
#include "proto/wire/refusal.h"

namespace mirror {
namespace {

/// An endpoint that did not end well asks at its next start for tokens of up to ten seconds later
/// (mirror_client.proto).
constexpr std::chrono::seconds kNewTokenWaitMax(12);

/// Endpoints of before do not say who it was.
bool IsWanted(v1::DoNotReplicateBy by) {
  return by == v1::DO_NOT_REPLICATE_BY_OPERATOR || by == v1::DO_NOT_REPLICATE_BY_UNSPECIFIED;
}

const char* Asker(v1::DoNotReplicateBy by) {
  switch (by) {
    case v1::DO_NOT_REPLICATE_BY_MISS:
      return "the mirror paused itself, and stands still until its operator resumes it: ";
    case v1::DO_NOT_REPLICATE_BY_HOOK:
      return "a hook of the mirror refused the cycle: ";
    case v1::DO_NOT_REPLICATE_BY_DELETED:
      return "an operator deleted the mirror: ";
    case v1::DO_NOT_REPLICATE_BY_MOVE:
      return "it takes nothing here: ";
    default:
      return "";
  }
}

/// `may_run`: a cycle of this agent may still run, here or at another endpoint. Its holder id is kept then,
/// so that a later run can take the cycle over.
absl::StatusOr<bool> NotAccepted(RunContext& run, const v1::AuthenticateResponse& answer, bool may_run) {
  if (!may_run) {
    RETURN_IF_ERROR(run.lock.End());
  }
  if (answer.has_busy()) {
    run.report.outcome = Outcome::kBusy;
    run.report.reason =
        answer.reason().empty()
            ? absl::StrCat("cycle ", answer.busy().cycle(), " of another agent is at work for tenant '",
                           run.client.context_id(), "'. Nothing was sent; try again later")
            : answer.reason();
    return false;
  }
  if (answer.do_not_replicate()) {
    const v1::DoNotReplicateBy by = answer.do_not_replicate_by();
    run.report.outcome = IsWanted(by) ? Outcome::kDoNotReplicate : Outcome::kStopped;
    run.report.reason = absl::StrCat(Asker(by), answer.reason());
    return false;
  }
  return absl::InternalError("the endpoint neither began a cycle nor said why. Nothing was sent");
}

/// Returns when tokens are new enough for the endpoint, which may be in the second that follows; at once if
/// that is more than kNewTokenWaitMax away: then the clocks differ.
void AwaitSecond(const absl::Cord& from_s) {
  std::int64_t second = 0;
  if (!absl::SimpleAtoi(std::string(from_s), &second)) return;
  const auto now = std::chrono::system_clock::now();
  const std::chrono::sys_seconds begin{std::chrono::seconds(second)};
  if (begin > now && begin <= now + kNewTokenWaitMax) std::this_thread::sleep_until(begin);
}

absl::StatusOr<v1::AuthenticateResponse> Authenticate(RunContext& run, const std::string& holder,
                                                      bool take_over,
                                                      const std::optional<KnownCycles>& cycles,
                                                      const std::string& announced_sha256) {
  const auto ask = [&] {
    return run.client.Authenticate(holder, take_over, /*probe=*/false, run.receipts.known(), cycles,
                                   announced_sha256);
  };
  absl::StatusOr<v1::AuthenticateResponse> answer = ask();
  // The endpoint came up while the token was on its way. The next one is new.
  if (const auto from_s = answer.status().GetPayload(kNewTokenPayload)) {
    AwaitSecond(*from_s);
    answer = ask();
  }
  if (answer.ok() && answer->accepted()) run.AddNote(run.receipts.Begin(*answer, run.client));
  return answer;
}

}  // namespace

absl::StatusOr<bool> BeginCycle(RunContext& run, Cycle& cycle) {
  ASSIGN_OR_RETURN(const LockFile::Holder holder, run.lock.Begin());
  CrashPoint("agent.locked");
  std::optional<KnownCycles> cycles;
  if (run.marks != nullptr) {
    ASSIGN_OR_RETURN(const CycleMarks::Cycles noted, run.marks->Read());
    cycles = {noted.completing, noted.completed};
    cycle.follows_broken = noted.broken();
  }
  // A cycle that died may have died of it.
  if (!holder.take_over) cycle.announced_sha256 = KnownAnnouncement(run);
  const auto authenticate = [&](bool take_over) {
    return Authenticate(run, holder.id, take_over, cycles, cycle.announced_sha256);
  };
  absl::StatusOr<v1::AuthenticateResponse> answer = authenticate(holder.take_over);
  const bool may_run = holder.take_over || (answer.ok() && answer->accepted());
  // Each answer has so many receipts, and the cycle's own are kept only behind all others.
  for (int i = 1; i < kReceiptAnswersMax && answer.ok() && answer->accepted() && run.receipts.behind(); ++i) {
    answer = authenticate(/*take_over=*/true);
  }
  if (!answer.ok()) return answer.status();
  if (!answer->accepted()) return NotAccepted(run, *answer, may_run);
  run.report.cycle = cycle.id = answer->cycle();
  cycle.limits = answer->limits();
  if (answer->has_announced()) cycle.announced = std::move(*answer->mutable_announced());
  if (run.marks != nullptr) run.marks->Begin(cycle.id);
  const auto& capabilities = answer->capabilities();
  const auto has = [&capabilities](const char* name) {
    return std::find(capabilities.begin(), capabilities.end(), name) != capabilities.end();
  };
  cycle.can_compare = has("digest_ranges");
  cycle.shows_unsent = has(kUnsentCapability);
  run.report.delivers = cycle.delivers = has("deliveries");
  if (!cycle.delivers) {
    // An endpoint without an exchange takes no table of such a name.
    std::erase_if(run.schema.tables,
                  [](const SourceTable& table) { return table.schema.name == kLedgerTable; });
  }
  return true;
}

}  // namespace mirror
