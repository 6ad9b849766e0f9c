#include "server/rpc/admin/audit.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/cut_message.h"
#include "base/file.h"
#include "base/human_text.h"
#include "base/iso_time.h"
#include "base/log_format.h"
#include "base/status_macros.h"
#include "server/watch/log_text.h"

namespace mirror {
namespace {

constexpr std::size_t kFieldBytesMax = 500;
/// Number of the chain's last records that are read: waiting records that a killed
/// server may have kept, and others after them.
constexpr std::uint32_t kLookedBack = 300;

/// Returns a client's text in one line of bounded length.
std::string Tidy(const std::string& text) { return CutMessage(OneLine(text), kFieldBytesMax); }

std::optional<AuditSeal> ReadHead(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  absl::StatusOr<AuditSeal> seal = ParseSeal(text.str());
  if (!seal.ok()) return std::nullopt;
  return *std::move(seal);
}

void LogRecord(const AuditRecord& record) {
  WriteLog(*spdlog::default_logger(), spdlog::level::info, {"audit", ""}, "audit ",
           absl::StrCat(record.who, ": ", record.call, ": ", record.outcome));
}

AuditRecord OwnRecord(const std::string& call) {
  AuditRecord record;
  record.who = kAuditServer;
  record.call = call;
  record.outcome = "OK";
  return record;
}

}  // namespace

AuditRecord AuditRecordOf(const std::string& who, const std::string& call, const absl::Status& outcome,
                          std::int64_t time_ms) {
  AuditRecord record;
  record.time_ms = time_ms;
  record.who = Tidy(who);
  record.call = Tidy(call);
  record.outcome = outcome.ok() ? "OK" : absl::StatusCodeToString(outcome.code());
  return record;
}

Audit::Audit(AuditLog& log, Events& events, AuditSigner signer, const Options& options)
    : log_(log), events_(events), signer_(std::move(signer)), options_(options) {}

void Audit::Begin() {
  const MutexLock lock(mutex_);
  waiting_ = WaitingRecords::Open(options_.dir + "/audit-waiting", kAuditPlaces);
  ReadPastAudit();
  KeepWaiting(NowMs());
}

void Audit::ReadPastAudit() {
  head_ = ReadHead(HeadPath());
  const absl::StatusOr<AuditState> state = log_.State();
  if (!state.ok()) {
    spdlog::error("the audit log cannot be read: {}", std::string(state.status().message()));
    return;
  }
  known_ = state->last;
  if (head_) {
    const AuditPoint former = head_->point;
    AuditPoint found = state->before;
    if (former.id > found.id) {
      const absl::StatusOr<std::vector<AuditRecord>> there = log_.After(former.id - 1, 1);
      found.id = there.ok() && !there->empty() ? there->front().id : 0;
      found.hash = there.ok() && !there->empty() ? there->front().hash : "";
    }
    // A signed record that was pruned since proves nothing.
    const bool pruned = former.chain == found.chain && former.id < found.id && former.id < state->before.id;
    if (found != former && !pruned) return Replaced(former);
  }
  if (known_->id > 0 && (!head_ || head_->point != *known_)) SealLocked();
}

AuditLog::MakeSeal Audit::Sealing(SealKind kind, std::optional<AuditPoint> point) const {
  return [this, kind, point](const AuditPoint& last, std::int64_t time_ms) -> absl::StatusOr<std::string> {
    AuditSeal seal{.kind = kind, .point = point ? *point : last, .time_ms = time_ms};
    RETURN_IF_ERROR(Sign(signer_, &seal));
    return FormatSeal(seal);
  };
}

bool Audit::Keep(AuditRecord record, const AuditLog::MakeSeal& seal) {
  bool is_unsigned = false;
  AuditLog::MakeSeal watched;
  if (seal) {
    watched = [&](const AuditPoint& last, std::int64_t time_ms) {
      absl::StatusOr<std::string> text = seal(last, time_ms);
      is_unsigned = !text.ok();
      return text;
    };
  }
  const absl::StatusOr<AuditLog::Added> added = log_.Add(std::move(record), watched);
  if (!added.ok()) {
    spdlog::error("this audit record was not kept: {}", std::string(added.status().message()));
    if (is_unsigned) return false;
    unkept_ms_ = NowMs();
    unkept_why_ = std::string(added.status().message());
    return false;
  }
  unkept_ms_ = 0;
  const std::optional<AuditPoint> former = std::exchange(known_, added->now);
  if (!former || *former == added->before) return true;
  if (const absl::StatusOr<bool> holds = log_.Holds(*former); !holds.ok() || !*holds) Replaced(*former);
  return true;
}

/// Handles a catalog from which records were taken, or that was replaced. Data about the former one goes into
/// the chain, so that the next signature does not hide it.
void Audit::Replaced(const AuditPoint& former) {
  std::error_code ignored;
  std::filesystem::rename(HeadPath(), absl::StrCat(HeadPath(), ".", NowMs()), ignored);
  head_.reset();
  known_.reset();
  sealed_.reset();
  Keep(OwnRecord("the log is another one than before"), Sealing(SealKind::kReplaced, former));
  events_.Add(
      "", Severity::kError, "audit.replaced",
      absl::StrCat("the audit log is not the one that this server knew up to record ", former.id,
                   ": the catalog was replaced, cut or made anew after damage. No mirrored row is affected. "
                   "'mirrorctl audit verify' says what is missing. With SQLite files look for "
                   "catalog.db.damaged-* in the data folder; with PostgreSQL, check whether the control "
                   "database was restored, or its schema mirror_control dropped"));
  SealLocked();
}

void Audit::SealLocked() {
  const absl::Status status = TrySeal();
  failed_ms_ = status.ok() ? 0 : NowMs();
  if (status.ok()) return;
  spdlog::error(
      "the audit log was not signed: {}. Its records are kept, and audit.head stays as it was; the server "
      "tries again in {} s",
      std::string(status.message()), kAuditRetryMs / 1'000);
}

absl::Status Audit::TrySeal() {
  // If only audit.head could not be written, the chain needs no further record.
  if (!known_ || sealed_ != known_) {
    if (!Keep(OwnRecord("signed all records before this one"), Sealing(SealKind::kSealed, std::nullopt))) {
      return absl::UnavailableError("its record was not kept");
    }
    sealed_ = known_;
  }
  AuditSeal head{.kind = SealKind::kSealed, .point = *known_, .time_ms = NowMs()};
  RETURN_IF_ERROR(Sign(signer_, &head));
  RETURN_IF_ERROR(
      WriteFileAtomically(HeadPath(), FormatSeal(head) + "\n", FileUse::kSecret, ExistingFile::kReplace));
  head_ = std::move(head);
  return absl::OkStatus();
}

void Audit::Prune() {
  const absl::StatusOr<std::optional<AuditLog::Added>> pruned =
      log_.Prune(options_.records_max, OwnRecord("removed the oldest records"),
                 [this](const AuditPoint& cut, std::int64_t time_ms) {
                   return Sealing(SealKind::kPruned, cut)(cut, time_ms);
                 });
  if (!pruned.ok()) {
    spdlog::error("the audit log was not pruned: {}", std::string(pruned.status().message()));
  } else if (*pruned) {
    known_ = (*pruned)->now;
  }
}

absl::Status Audit::Reserve() {
  const MutexLock lock(mutex_);
  if (waiting_ == nullptr)
    return absl::UnavailableError("this server is starting. Nothing was done; call again.");
  KeepWaiting(NowMs());
  // Without a file there is room as long as the catalog takes records.
  const bool has_room = waiting_->places() > 0 ? waiting_->free() > reserved_ : unkept_ms_ == 0;
  if (!has_room) {
    return absl::UnavailableError(absl::StrCat(
        "the audit log cannot be written", unkept_why_.empty() ? "" : absl::StrCat(" (", unkept_why_, ")"),
        ", and ", Counted(waiting_->count(), "record"),
        " wait for it already. Nothing was done. Make room on the disk of the data folder, or make its "
        "database answer; 'mirrorctl diagnose' checks both."));
  }
  ++reserved_;
  return absl::OkStatus();
}

void Audit::Add(const std::string& who, const std::string& call, const absl::Status& outcome) {
  AuditRecord record = AuditRecordOf(who, call, outcome, 0);
  LogRecord(record);
  const MutexLock lock(mutex_);
  if (reserved_ > 0) --reserved_;
  Record(std::move(record), 0);
}

void Audit::AddLate(const std::string& who, const std::string& call, const absl::Status& outcome) {
  AuditRecord record = AuditRecordOf(who, call, outcome, 0);
  LogRecord(record);
  const MutexLock lock(mutex_);
  Record(std::move(record), std::max(kAuditOperatorsPlaces, reserved_));
}

void Audit::Wait(AuditRecord record, std::size_t spared) {
  const std::int64_t now_ms = NowMs();
  record.time_ms = now_ms;
  absl::Status put = absl::ResourceExhaustedError("there is no place for one more waiting record");
  if (waiting_ != nullptr && waiting_->free() > spared) put = waiting_->Put(record);
  if (!put.ok()) {
    spdlog::error("this audit record is lost, and a signed record will say so: {}",
                  std::string(put.message()));
    if (waiting_ != nullptr) waiting_->NoteLost(now_ms);
  }
  if (std::exchange(is_told_, true)) return;
  events_.Add(
      "", Severity::kError, "audit.waits",
      absl::StrCat(
          "the audit log cannot be written: ", unkept_why_, ". Up to ", kAuditPlaces,
          " records wait in audit-waiting of the data folder until the log can be written; beyond that "
          "number, operators' calls are refused. Make room on the disk of the data folder, or make its "
          "database answer"));
}

/// Returns whether a killed server had kept it, and had not removed it from the waiting ones.
bool Audit::WasKept(const AuditRecord& record) {
  const absl::StatusOr<AuditState> state = log_.State();
  if (!state.ok()) return false;
  const std::uint64_t after = state->last.id > kLookedBack ? state->last.id - kLookedBack : 0;
  const absl::StatusOr<std::vector<AuditRecord>> last = log_.After(after, kLookedBack);
  return last.ok() && std::any_of(last->begin(), last->end(), [&record](const AuditRecord& one) {
           return one.time_ms == record.time_ms && one.who == record.who && one.call == record.call &&
                  one.outcome == record.outcome;
         });
}

void Audit::KeepLost() {
  const WaitingRecords::Lost lost = waiting_->lost();
  if (lost.records == 0) return;
  const std::string call = LostWords(lost, "record");
  lost_tried_ms_ = NowMs();
  if (Keep(OwnRecord(call), Sealing(SealKind::kGap, std::nullopt))) waiting_->ForgetLost();
}

bool Audit::KeepWaiting(std::int64_t now_ms) {
  if (waiting_ == nullptr) return true;
  // Lost records are reported in a signed record. If that cannot be signed, it is tried again after a while.
  const bool tells_lost =
      waiting_->lost().records > 0 && (now_ms < lost_tried_ms_ || now_ms - lost_tried_ms_ >= kAuditRetryMs);
  const std::size_t count = waiting_->count();
  if (count == 0 && !tells_lost) return true;
  if (IsResting(unkept_ms_, now_ms)) return false;
  if (count > 0 && !is_announced_) {
    const std::string what =
        absl::StrCat(Counted(count, "record"), " that could not be written since ",
                     Iso8601(waiting_->First()->time_ms), count == 1 ? " follows" : " follow");
    if (!Keep(OwnRecord(what))) return false;
    is_announced_ = true;
  }
  while (const AuditRecord* const first = waiting_->First()) {
    const bool was_kept = std::exchange(may_be_kept_, false) && WasKept(*first);
    if (!was_kept && !Keep(*first)) return false;
    CrashPoint("audit.flushed");
    waiting_->RemoveFirst();
  }
  if (tells_lost) KeepLost();
  if (unkept_ms_ != 0) return false;
  is_announced_ = is_told_ = false;
  SealLocked();
  events_.Add("", Severity::kInformation, "audit.kept",
              absl::StrCat("the audit log can be written again: ", Counted(count, "record"), " that waited ",
                           count == 1 ? "is" : "are", " in it"));
  return true;
}

void Audit::Record(AuditRecord record, std::size_t spared) {
  const std::int64_t now_ms = NowMs();
  // A catalog that does not answer is tried once in a while, and not for each call.
  if (!KeepWaiting(now_ms) || IsResting(unkept_ms_, now_ms) || !Keep(record))
    return Wait(std::move(record), spared);
  // The first record of a log is signed: later checks can compare with it.
  if (known_ && !head_ && failed_ms_ == 0) SealLocked();
  if (known_ && known_->id > options_.records_max && known_->id % kAuditPruneEvery == 0) Prune();
}

void Audit::KeepHouse(std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (!KeepWaiting(NowMs())) return;
  const bool signed_all = head_ && known_ && head_->point == *known_;
  if (!known_ || known_->id == 0 || signed_all) return;
  if (failed_ms_ != 0) {
    if (now_ms < failed_ms_ || now_ms - failed_ms_ >= kAuditRetryMs) SealLocked();
    return;
  }
  // A clock that was ahead must not delay it for ever.
  const bool due = !head_ || now_ms - head_->time_ms >= options_.seal_every_ms || now_ms < head_->time_ms;
  if (due) SealLocked();
}

void Audit::Seal() {
  const MutexLock lock(mutex_);
  if (!KeepWaiting(NowMs())) return;
  if (known_ && known_->id > 0 && !(head_ && head_->point == *known_)) SealLocked();
}

absl::StatusOr<AuditState> Audit::State() {
  const MutexLock lock(mutex_);
  absl::StatusOr<AuditState> state = log_.State();
  if (!state.ok()) return state.status();
  if (known_) state->last = *known_;
  state->sealed = head_;
  return state;
}

}  // namespace mirror
