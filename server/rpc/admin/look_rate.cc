#include "server/rpc/admin/look_rate.h"

namespace mirror {

void LookRate::CloseWindow(std::int64_t now_ms) {
  // A clock that was set back begins a new one, too.
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

}  // namespace mirror
