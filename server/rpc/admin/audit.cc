#include "server/rpc/admin/audit.h"

#include <spdlog/spdlog.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/cut_message.h"
#include "base/file.h"
#include "base/log_format.h"
#include "server/watch/log_text.h"

namespace mirror {
namespace {

constexpr std::size_t kFieldBytesMax = 500;

/// What a client wrote, in one line of bounded length.
std::string Tidy(const std::string& text) { return CutMessage(OneLine(text), kFieldBytesMax); }

std::optional<AuditSeal> ReadHead(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  absl::StatusOr<AuditSeal> seal = ParseSeal(text.str());
  if (!seal.ok()) return std::nullopt;
  return *std::move(seal);
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
  LookBack();
}

void Audit::LookBack() {
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
    // What was pruned since it was signed says nothing.
    const bool pruned = former.chain == found.chain && former.id < found.id && former.id < state->before.id;
    if (found != former && !pruned) return Replaced(former);
  }
  if (known_->id > 0 && (!head_ || head_->point != *known_)) SealLocked();
}

AuditLog::MakeSeal Audit::Sealing(SealKind kind, std::optional<AuditPoint> point) const {
  return [this, kind, point](const AuditPoint& last, std::int64_t time_ms) -> absl::StatusOr<std::string> {
    AuditSeal seal{.kind = kind, .point = point ? *point : last, .time_ms = time_ms};
    if (absl::Status status = Sign(signer_, &seal); !status.ok()) return status;
    return FormatSeal(seal);
  };
}

bool Audit::Keep(AuditRecord record, const AuditLog::MakeSeal& seal) {
  const absl::StatusOr<AuditLog::Added> added = log_.Add(std::move(record), seal);
  if (!added.ok()) {
    spdlog::error("this audit record was not kept: {}", std::string(added.status().message()));
    return false;
  }
  const std::optional<AuditPoint> former = std::exchange(known_, added->now);
  if (!former || *former == added->before) return true;
  if (const absl::StatusOr<bool> holds = log_.Holds(*former); !holds.ok() || !*holds) Replaced(*former);
  return true;
}

/// Somebody took records away or put another catalog there. What was known of the former one goes into the
/// chain, so that the next signature does not hide it.
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
                   ": the catalog was replaced, cut or made anew after damage. No mirrored row is "
                   "affected. 'mirrorctl audit verify' says what is missing. With SQLite files look for "
                   "catalog.db.damaged-* in the data folder; with PostgreSQL, whether the control database "
                   "was restored, or its schema mirror_control dropped"));
  SealLocked();
}

void Audit::SealLocked() {
  const absl::Status status = TrySeal();
  failed_ms_ = status.ok() ? 0 : NowMs();
  if (status.ok()) return;
  spdlog::error(
      "the audit log was not signed: {}. Its records are kept, and audit.head stays as it was; it is tried "
      "again "
      "in {} s",
      std::string(status.message()), kAuditRetryMs / 1'000);
}

absl::Status Audit::TrySeal() {
  // Where only audit.head could not be written, the chain needs no further record.
  if (!known_ || sealed_ != known_) {
    if (!Keep(OwnRecord("signed all records before this one"), Sealing(SealKind::kSealed, std::nullopt))) {
      return absl::UnavailableError("its record was not kept");
    }
    sealed_ = known_;
  }
  AuditSeal head{.kind = SealKind::kSealed, .point = *known_, .time_ms = NowMs()};
  if (absl::Status status = Sign(signer_, &head); !status.ok()) return status;
  absl::Status status =
      WriteFileAtomically(HeadPath(), FormatSeal(head) + "\n", FileUse::kSecret, ExistingFile::kReplace);
  if (!status.ok()) return status;
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

void Audit::Add(const std::string& who, const std::string& call, const absl::Status& outcome) {
  AuditRecord record = AuditRecordOf(who, call, outcome, 0);
  WriteLog(*spdlog::default_logger(), spdlog::level::info, {"audit", ""}, "audit ",
           absl::StrCat(record.who, ": ", record.call, ": ", record.outcome));
  const MutexLock lock(mutex_);
  Keep(std::move(record));
  // The first of a log: from then on there is something that it can be held against.
  if (known_ && !head_ && failed_ms_ == 0) SealLocked();
  if (known_ && known_->id > options_.records_max && known_->id % kAuditPruneEvery == 0) Prune();
}

void Audit::KeepHouse(std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  const bool signed_all = head_ && known_ && head_->point == *known_;
  if (!known_ || known_->id == 0 || signed_all) return;
  if (failed_ms_ != 0) {
    if (now_ms < failed_ms_ || now_ms - failed_ms_ >= kAuditRetryMs) SealLocked();
    return;
  }
  // A clock that was ahead must not put it off for ever.
  const bool due = !head_ || now_ms - head_->time_ms >= options_.seal_every_ms || now_ms < head_->time_ms;
  if (due) SealLocked();
}

void Audit::Seal() {
  const MutexLock lock(mutex_);
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
