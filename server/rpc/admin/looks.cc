#include "server/rpc/admin/looks.h"

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/log_format.h"
#include "server/rpc/admin/audit.h"

namespace mirror {

void LookRate::CloseWindow(std::int64_t now_ms) {
  // A clock that was set back begins a new window, too.
  if (now_ms >= began_ms_ && now_ms - began_ms_ < options_.window_ms) return;
  left_out_.clear();
  for (const auto& [who, count] : counts_) {
    if (count.left_out > 0) left_out_.push_back({who, count.left_out});
  }
  counts_.clear();
  taken_ = 0;
  began_ms_ = now_ms;
}

bool LookRate::Take(const std::string& who, std::int64_t now_ms) {
  CloseWindow(now_ms);
  const bool known = counts_.contains(who) || counts_.size() < options_.names_max;
  Count& count = counts_[known ? who : std::string()];
  if (taken_ >= options_.of_all_max || count.taken >= options_.of_one_max) {
    ++count.left_out;
    return false;
  }
  ++count.taken;
  ++taken_;
  return true;
}

std::vector<LookRate::LeftOut> LookRate::TakeLeftOut(std::int64_t now_ms) {
  CloseWindow(now_ms);
  std::vector<LeftOut> left_out;
  left_out.swap(left_out_);
  return left_out;
}

Looks::Looks(LookLog& log, const std::string& path, const LookRate::Options& rate)
    : log_(log), rate_(rate), waiting_(WaitingRecords::Open(path, kLooksPlaces)) {}

void Looks::Add(const std::string& who, const std::string& call, const absl::Status& outcome,
                std::int64_t now_ms) {
  const AuditRecord look = AuditRecordOf(who, call, outcome, now_ms);
  bool kept = false;
  std::vector<LookRate::LeftOut> left_out;
  {
    const MutexLock lock(mutex_);
    kept = rate_.Take(look.who, now_ms);
    left_out = rate_.TakeLeftOut(now_ms);
  }
  TellLeftOut(left_out, now_ms);
  if (!kept) return;
  WriteLog(*spdlog::default_logger(), spdlog::level::info, {"look", ""}, "look ",
           absl::StrCat(look.who, ": ", look.call, ": ", look.outcome));
  Keep(look);
}

void Looks::KeepHouse(std::int64_t now_ms) {
  std::vector<LookRate::LeftOut> left_out;
  {
    const MutexLock lock(mutex_);
    left_out = rate_.TakeLeftOut(now_ms);
  }
  TellLeftOut(left_out, now_ms);
  const MutexLock lock(keeping_);
  KeepWaiting(now_ms);
}

void Looks::TellLeftOut(const std::vector<LookRate::LeftOut>& left_out, std::int64_t now_ms) {
  for (const LookRate::LeftOut& of : left_out) {
    const std::string call = absl::StrCat(of.looks, " more looks and refusals of ",
                                          of.who.empty() ? "others" : of.who, " are not listed one by one");
    spdlog::info("{}", call);
    Keep(AuditRecordOf(kAuditServer, call, absl::OkStatus(), now_ms));
  }
}

bool Looks::TryKeep(const AuditRecord& look) {
  const absl::Status status = log_.Add(look);
  if (!status.ok()) spdlog::error("this look was not kept: {}", std::string(status.message()));
  unkept_ms_ = status.ok() ? 0 : NowMs();
  return status.ok();
}

bool Looks::KeepWaiting(std::int64_t now_ms) {
  if (IsResting(unkept_ms_, NowMs())) return false;
  while (const AuditRecord* const first = waiting_->First()) {
    if (!TryKeep(*first)) return false;
    waiting_->RemoveFirst();
  }
  const WaitingRecords::Lost lost = waiting_->lost();
  if (lost.records == 0) return true;
  if (!TryKeep(AuditRecordOf(kAuditServer, LostWords(lost, "look"), absl::OkStatus(), now_ms))) return false;
  waiting_->ForgetLost();
  return true;
}

void Looks::Keep(const AuditRecord& look) {
  const MutexLock lock(keeping_);
  if (KeepWaiting(look.time_ms) && TryKeep(look)) return;
  if (const absl::Status put = waiting_->Put(look); !put.ok()) waiting_->NoteLost(look.time_ms);
}

}  // namespace mirror
